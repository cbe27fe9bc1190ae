"""Provider keys of accounts: sealed on the disk, open in memory, followed by every process."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wideband.accounts.ownkeys import OwnKey
from wideband.canon.faults import Faulted, FaultKind
from wideband.store.database import FILE as LEDGER, LOCAL_ACCOUNT
from wideband.store.ownkeys import OwnKeyChange, OwnKeyRoom, open_own_keys
from wideband.store.vault import FILE, Vault

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


def row(provider: str = "openai", *, account_id: str = LOCAL_ACCOUNT, **fields: Any) -> OwnKey:
    return OwnKey(id="", account_id=account_id, provider=provider, label="", sealed=b"", created_ns=0, **fields)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OwnKeyRoom]:
    with open_own_keys(tmp_path) as made:
        yield made


def test_a_key_is_usable_at_once_and_its_secret_is_what_was_given(room: OwnKeyRoom) -> None:
    key = room.add(row(), f"  {SECRET}\n")
    assert room.of(LOCAL_ACCOUNT) == (key,)
    assert room.secret(key.id) == SECRET
    assert key.label == "sk-proj-abc...789"
    assert room.of("another") == ()


def test_neither_the_database_nor_a_repr_holds_the_secret(room: OwnKeyRoom, tmp_path: Path) -> None:
    key = room.add(row(), SECRET)
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in repr(key)
    assert SECRET not in repr(OwnKeyChange(secret=SECRET))


def test_the_key_of_the_home_is_its_owners_alone(room: OwnKeyRoom, tmp_path: Path) -> None:
    room.add(row(), SECRET)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / LEDGER).stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex((tmp_path / FILE).read_text())) == 32


def test_no_key_file_is_made_before_it_is_needed(room: OwnKeyRoom, tmp_path: Path) -> None:
    assert room.of(LOCAL_ACCOUNT) == ()
    assert not (tmp_path / FILE).exists()


def test_another_process_sees_a_change_at_once(room: OwnKeyRoom, tmp_path: Path) -> None:
    with open_own_keys(tmp_path) as other:
        assert other.of(LOCAL_ACCOUNT) == ()
        key = room.add(row(), SECRET)
        assert [each.id for each in other.of(LOCAL_ACCOUNT)] == [key.id]
        assert other.secret(key.id) == SECRET
        room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(disabled=True))
        assert other.of(LOCAL_ACCOUNT) == ()
        assert other.secret(key.id) is None
        room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(disabled=False))
        assert other.secret(key.id) == SECRET
        room.remove(LOCAL_ACCOUNT, key.id)
        assert other.of(LOCAL_ACCOUNT) == ()
        assert other.secret(key.id) is None


def test_keys_come_oldest_first(room: OwnKeyRoom) -> None:
    keys = [room.add(row(), f"{SECRET}-{at}") for at in range(3)]
    assert [each.id for each in room.of(LOCAL_ACCOUNT)] == [each.id for each in keys]
    room.change(LOCAL_ACCOUNT, keys[0].id, OwnKeyChange(name="renamed"))
    assert [each.id for each in room.of(LOCAL_ACCOUNT)] == [each.id for each in keys]


def test_a_change_changes_only_what_it_names(room: OwnKeyRoom) -> None:
    key = room.add(row(), SECRET)
    changed = room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(fallback=True, name="mine"))
    assert changed is not None
    assert (changed.fallback, changed.name, changed.disabled, changed.label) == (True, "mine", False, key.label)
    assert changed.updated_ns is not None
    assert room.secret(key.id) == SECRET


def test_a_new_secret_takes_the_old_ones_place(room: OwnKeyRoom) -> None:
    key = room.add(row(), SECRET)
    changed = room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(secret="sk-other-abcdefghijklmnopqrstuvw"))
    assert changed is not None
    assert changed.label == "sk-other-abc...uvw"
    assert room.secret(key.id) == "sk-other-abcdefghijklmnopqrstuvw"


def test_a_removed_keys_secret_is_off_its_row(room: OwnKeyRoom) -> None:
    key = room.add(row(), SECRET)
    assert room.remove(LOCAL_ACCOUNT, key.id)
    assert not room.remove(LOCAL_ACCOUNT, key.id)
    assert room.kept() == []
    assert room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(disabled=False)) is None


def test_accounts_cannot_touch_each_others_keys(room: OwnKeyRoom) -> None:
    key = room.add(row(), SECRET)
    assert room.change("another", key.id, OwnKeyChange(disabled=True)) is None
    assert not room.remove("another", key.id)
    assert room.kept("another") == []


def test_an_account_has_to_exist(room: OwnKeyRoom) -> None:
    with pytest.raises(Faulted) as caught:
        room.add(row(account_id="nobody"), SECRET)
    assert caught.value.fault.kind is FaultKind.NOT_FOUND


@pytest.mark.parametrize("secret", ["", "   ", "two\nlines", "ключ", "x" * 20_000])
def test_what_cannot_stand_in_a_header_is_refused(room: OwnKeyRoom, secret: str) -> None:
    with pytest.raises(Faulted) as caught:
        room.add(row(), secret)
    assert caught.value.fault.param == "key"


def test_a_fallback_cannot_be_the_only_way(room: OwnKeyRoom) -> None:
    with pytest.raises(Faulted):
        room.add(row(fallback=True, always=True), SECRET)
    key = room.add(row(always=True), SECRET)
    with pytest.raises(Faulted):
        room.change(LOCAL_ACCOUNT, key.id, OwnKeyChange(fallback=True))


def test_without_the_key_file_keys_are_left_out_and_said(
    room: OwnKeyRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room.add(row(), SECRET)
    (tmp_path / FILE).write_text("00" * 32)
    with caplog.at_level(logging.WARNING), open_own_keys(tmp_path) as other:
        assert other.of(LOCAL_ACCOUNT) == ()
        assert len(other.kept()) == 1
    assert "is left out" in caplog.text
    assert SECRET not in caplog.text


def test_a_sealed_secret_does_not_open_for_another_row(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed = vault.seal(SECRET, "one")
    assert vault.unseal(sealed, "one") == SECRET
    assert vault.seal(SECRET, "one") != sealed
    for broken, owner in ((sealed, "two"), (sealed[:-1], "one"), (bytes([sealed[0] ^ 1]) + sealed[1:], "one")):
        with pytest.raises(Faulted):
            vault.unseal(broken, owner)


@pytest.mark.parametrize("becomes", [None, "ab" * 32], ids=["lost", "another"])
def test_what_is_sealed_after_the_key_left_the_disk_can_be_read_later(tmp_path: Path, becomes: str | None) -> None:
    vault = Vault(tmp_path)
    before = vault.seal(SECRET, "o")
    (tmp_path / FILE).unlink()
    if becomes is not None:
        (tmp_path / FILE).write_text(becomes)
    after = vault.seal(SECRET, "o")
    assert Vault(tmp_path).unseal(after, "o") == SECRET
    with pytest.raises(Faulted, match="is not the key it was sealed with"):
        vault.unseal(before, "o")


def test_processes_that_make_the_key_together_agree_on_one(tmp_path: Path) -> None:
    vaults = [Vault(tmp_path) for _ in range(8)]
    sealed: list[bytes] = []
    threads = [threading.Thread(target=lambda v=vault: sealed.append(v.seal(SECRET, "o"))) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Vault(tmp_path).unseal(each, "o") for each in sealed] == [SECRET] * 8
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
