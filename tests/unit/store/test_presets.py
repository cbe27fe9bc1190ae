"""Presets of accounts: versions on the disk, the active one in every process at once."""

from pathlib import Path

import pytest

from wideband.canon.faults import Faulted
from wideband.catalog.presets import Preset, Shelf
from wideband.store.database import opened
from wideband.store.ledger import LocalLedger
from wideband.store.presets import PresetRoom

SHELVED = Preset(slug="house", model="acme/house")


def room(ledger: LocalLedger) -> PresetRoom:
    return PresetRoom(ledger.home, Shelf({"house": SHELVED}))


async def test_a_new_version_is_seen_by_another_process_at_its_next_look(ledger: LocalLedger) -> None:
    one, other = room(ledger), room(ledger)
    assert other.find("local", "support") is None
    for version, model in ((1, "acme/m1"), (2, "acme/m2")):
        assert one.put("local", Preset(slug="support", model=model), "key").version == version
        found = other.find("local", "support")
        assert found is not None
        assert found.model == model
    assert one.remove("local", "support")
    assert other.find("local", "support") is None
    one.close()
    other.close()


async def test_versions_are_kept_and_an_earlier_one_can_be_used_again(ledger: LocalLedger) -> None:
    presets = room(ledger)
    presets.put("local", Preset(slug="support", model="acme/m1"), "key")
    presets.put("local", Preset(slug="support", model="acme/m2"), "key")
    assert presets.use("local", "support", 1)
    assert not presets.use("local", "support", 9)
    found = presets.find("local", "support")
    assert found is not None
    assert found.model == "acme/m1"
    assert [(each.version, each.is_active) for each in presets.versions("local", "support")] == [(2, False), (1, True)]
    assert [each.version for each in presets.kept("local")] == [1]
    assert presets.put("local", Preset(slug="support"), "key").version == 3
    presets.close()


async def test_a_removed_preset_leaves_no_version_and_its_numbers_are_not_given_again(ledger: LocalLedger) -> None:
    presets = room(ledger)
    presets.put("local", Preset(slug="support"), "key")
    assert presets.remove("local", "support")
    assert not presets.remove("local", "support")
    assert presets.versions("local", "support") == []
    assert presets.put("local", Preset(slug="support"), "key").version == 2
    presets.close()


async def test_an_account_keeps_a_bounded_number_of_presets_and_of_versions(
    ledger: LocalLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wideband.store.presets.MOST_PRESETS", 2)
    monkeypatch.setattr("wideband.store.presets.MOST_VERSIONS", 3)
    presets = room(ledger)
    for slug in ("one", "two", "two", "two"):
        presets.put("local", Preset(slug=slug), "key")
    with pytest.raises(Faulted, match="keeps 2 presets"):
        presets.put("local", Preset(slug="three"), "key")
    with pytest.raises(Faulted, match="has 3 versions"):
        presets.put("local", Preset(slug="two"), "key")
    assert presets.remove("local", "two")
    assert presets.put("local", Preset(slug="three"), "key").version == 1
    presets.close()


async def test_an_accounts_own_preset_comes_before_the_files_and_is_nobody_elses(ledger: LocalLedger) -> None:
    presets = room(ledger)
    assert presets.find("local", "house") is SHELVED
    presets.put("local", Preset(slug="house", model="acme/mine"), "key")
    own = presets.find("local", "house")
    assert own is not None
    assert own.model == "acme/mine"
    assert presets.find("other", "house") is SHELVED
    assert (set(presets.names("local")), set(presets.names("other"))) == ({"house"}, {"house"})
    presets.close()


async def test_a_preset_needs_an_account(ledger: LocalLedger, tmp_path: Path) -> None:
    presets = room(ledger)
    with pytest.raises(Faulted, match="nobody"):
        presets.put("nobody", Preset(slug="support"), "key")
    presets.close()


async def test_a_preset_that_cannot_be_read_any_more_is_left_out_and_keeps_no_other_away(
    ledger: LocalLedger, caplog: pytest.LogCaptureFixture
) -> None:
    presets = room(ledger)
    for slug in ("broken", "support"):
        presets.put("local", Preset(slug=slug), "key")
    with opened(ledger.home) as db:
        db.execute("UPDATE preset_version SET payload = ? WHERE slug = 'broken'", (b'{"slug": 7}',))
    assert presets.find("local", "broken") is None
    assert presets.find("local", "support") is not None
    assert "`broken` of the account `local` is left out" in caplog.text
    presets.close()
