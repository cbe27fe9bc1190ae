"""Changes of keys by one process are seen at once by all others of the home."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.unit.store.money import make_hold, make_key, settle_hold

from wideband.accounts.rows import Account
from wideband.canon.faults import Faulted
from wideband.store import database
from wideband.store.base import KeyChange
from wideband.store.keyring import open_keyring
from wideband.store.ledger import LocalLedger
from wideband.store.versions import Versions

REVOKE = """
import sys
from pathlib import Path
from wideband.store.base import KeyChange
from wideband.store.keyring import open_keyring

with open_keyring(Path(sys.argv[1])) as keyring:
    keyring.change(sys.argv[2], KeyChange(disabled=True))
"""


async def test_a_key_revoked_by_another_process_is_revoked_here_when_that_process_ends(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    before = ledger.key_for(key.hash)
    assert before is not None
    assert not before.disabled
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", REVOKE, str(ledger.home), key.hash], check=True, timeout=30
    )
    after = ledger.key_for(key.hash)
    assert after is not None
    assert after.disabled


async def test_a_grant_by_another_process_can_be_spent_at_once(ledger: LocalLedger) -> None:
    with open_keyring(ledger.home) as keyring:
        keyring.open_account(Account(id="acme", name="acme", created_ns=0, prepaid=True))
        key = make_key(account_id="acme")
        keyring.create(key)
        assert await ledger.hold(make_hold(key, 5)) is not None
        keyring.grant("acme", 5)
        assert await ledger.hold(make_hold(key, 5)) is None
        with pytest.raises(Faulted, match="exists already"):
            keyring.open_account(Account(id="acme", name="acme", created_ns=0, prepaid=True))
        with pytest.raises(Faulted, match="more than nothing"):
            keyring.grant("acme", 0)
        with pytest.raises(Faulted, match="`wideband credits open nobody`"):
            keyring.grant("nobody", 5)


@pytest.mark.parametrize("expires_ns", [-1, 2**63])
async def test_a_time_that_no_row_can_hold_is_refused(ledger: LocalLedger, expires_ns: int) -> None:
    with pytest.raises(Faulted) as caught:
        await ledger.create_key(msgspec.structs.replace(make_key(), expires_ns=expires_ns))
    assert caught.value.fault.param == "expires_at"


async def test_a_change_gets_its_turn_while_the_server_writes_without_pause(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    stop = False

    async def requests() -> None:
        while not stop:
            hold = make_hold(key)
            await ledger.hold(hold)
            await ledger.settle(settle_hold(hold, 1))

    def change() -> float:
        began = time.monotonic()
        with open_keyring(ledger.home) as keyring:
            for number in range(5):
                keyring.change(key.hash, KeyChange(name=f"name {number}"))
        return time.monotonic() - began

    busy = [asyncio.ensure_future(requests()) for _ in range(50)]
    took_s = await asyncio.to_thread(change)
    stop = True
    await asyncio.gather(*busy)
    assert took_s < 5
    changed = ledger.key_for(key.hash)
    assert changed is not None
    assert changed.name == "name 4"
    assert (await ledger.balance())["balanced"] is True


def test_the_counter_is_shared_and_survives(tmp_path: Path) -> None:
    one, other = Versions(tmp_path), Versions(tmp_path)
    one.bump()
    other.bump()
    assert one.current == other.current == 2
    one.close()
    other.close()
    again = Versions(tmp_path)
    assert again.current == 2
    again.close()


def test_no_secret_and_nothing_readable_by_others_is_in_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_keyring(home) as keyring:
        keyring.create(make_key())
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in home.iterdir() if path.stat().st_mode & 0o077} == set()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = database.connect(tmp_path)
    applied = [str(name) for (name,) in db.execute("SELECT name FROM migration ORDER BY number").fetchall()]
    db.close()
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    for name in applied:
        (migrations / name).write_text("applied already, so it is not read")
    (migrations / "9998_good.sql").write_text("CREATE TABLE good (id TEXT); CREATE TABLE better (id TEXT);")
    (migrations / "9999_bad.sql").write_text("CREATE TABLE bad (id TEXT); THIS IS NOT SQL;")
    monkeypatch.setattr(database, "_MIGRATIONS", migrations)
    with pytest.raises(apsw.SQLError):
        database.connect(tmp_path)
    reader = database.connect_reader(tmp_path)
    assert not reader.table_exists(None, "good")
    reader.close()
    (migrations / "9999_bad.sql").unlink()
    db = database.connect(tmp_path)
    assert [name for (name,) in db.execute("SELECT name FROM migration ORDER BY number").fetchall()] == [
        *applied,
        "9998_good.sql",
    ]
    db.close()
