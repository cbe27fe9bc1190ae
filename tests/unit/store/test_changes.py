"""Changed rows: each is read once, and none is lost."""

import apsw
import pytest

from wideband.store.changes import Changes
from wideband.store.database import next_revision, opened
from wideband.store.ledger import LocalLedger
from wideband.store.versions import Versions

NAMED = "SELECT revision, slug FROM preset WHERE revision > ?"


def name(ledger: LocalLedger, versions: Versions, slug: str) -> None:
    with opened(ledger.home) as db:
        db.execute(
            "INSERT INTO preset (account_id, slug, version, newest, created_ns, updated_ns, revision)"
            " VALUES ('local', ?, 1, 1, 0, 0, ?)",
            (slug, next_revision(db)),
        )
    versions.bump()


async def test_every_change_is_read_once(ledger: LocalLedger) -> None:
    versions = Versions(ledger.home)
    changes = Changes(ledger.home, versions, NAMED)
    assert (changes.are_any, changes.take(), changes.are_any) == (True, [], False)
    name(ledger, versions, "one")
    name(ledger, versions, "two")
    assert (changes.are_any, changes.take(), changes.are_any) == (True, [("one",), ("two",)], False)
    name(ledger, versions, "three")
    assert changes.take() == [("three",)]
    changes.close()
    versions.close()


async def test_what_could_not_be_read_is_read_the_next_time(
    ledger: LocalLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(ledger.home)
    changes = Changes(ledger.home, versions, NAMED)
    changes.take()
    name(ledger, versions, "one")
    with monkeypatch.context() as broken:
        broken.setattr(changes, "_select", "SELECT nothing FROM nowhere WHERE revision > ?")
        with pytest.raises(apsw.Error):
            changes.take()
    assert (changes.are_any, changes.take()) == (True, [("one",)])
    changes.close()
    versions.close()
