"""Keys and accounts, changed through one connection in short transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import apsw
import msgspec

from wideband.accounts.rows import Account, Key, LimitReset
from wideband.canon.faults import invalid
from wideband.clock import now_ns
from wideband.ids import row_id
from wideband.store.base import KeyChange
from wideband.store.database import MAX_INTEGER, demand_account, next_revision, opened, transaction
from wideband.store.versions import Versions

_KEYS = (
    "SELECT hash, account_id, name, label, created_ns, disabled, management, limit_nano, limit_reset, expires_ns,"
    " updated_ns FROM key WHERE NOT deleted"
)
_FIELDS = Key.__struct_fields__


def key_row(row: tuple[Any, ...]) -> Key:
    """Make a key of the columns that `Key` names, in its order."""
    return msgspec.convert(dict(zip(_FIELDS, row, strict=True)), Key, strict=False)


class Keyring:
    """Changes keys and accounts. Each change is one transaction, and every process of the home sees it at once."""

    def __init__(self, db: apsw.Connection, versions: Versions) -> None:
        self._db = db
        self._versions = versions

    def create(self, key: Key) -> None:
        """Add a key. Raises `Faulted`: not_found without its account, invalid_request when the hash is taken."""
        _check(key)
        with transaction(self._db):
            demand_account(self._db, key.account_id)
            if self._db.execute("SELECT 1 FROM key WHERE hash = ?", (key.hash,)).get:
                raise invalid(f"the key `{key.label}` exists already")
            self._db.execute(
                "INSERT INTO key (revision, hash, account_id, name, label, created_ns, disabled, management,"
                " limit_nano, limit_reset, expires_ns, updated_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (next_revision(self._db), *(getattr(key, field) for field in _FIELDS)),
            )
        self._versions.bump()

    def change(self, key_hash: str, change: KeyChange) -> Key | None:
        """Change a key; return what it is then, or None when there is none. Raises `Faulted` (invalid_request)."""
        wanted = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
        with transaction(self._db):
            key = self.find(key_hash)
            if key is None or not wanted:
                return key
            key = msgspec.structs.replace(key, **wanted, updated_ns=now_ns())
            _check(key)
            self._db.execute(
                "UPDATE key SET name = ?, disabled = ?, limit_nano = ?, limit_reset = ?, updated_ns = ?, revision = ?"
                " WHERE hash = ?",
                (
                    *(key.name, key.disabled, key.limit_nano, key.limit_reset, key.updated_ns),
                    *(next_revision(self._db), key_hash),
                ),
            )
        self._versions.bump()
        return key

    def delete(self, key_hash: str) -> bool:
        """Make a key unknown; its row stays for the sums. Return whether there was one."""
        with transaction(self._db):
            if self.find(key_hash) is None:
                return False
            self._db.execute(
                "UPDATE key SET deleted = TRUE, updated_ns = ?, revision = ? WHERE hash = ?",
                (now_ns(), next_revision(self._db), key_hash),
            )
        self._versions.bump()
        return True

    def find(self, key_hash: str) -> Key | None:
        row = self._db.execute(_KEYS + " AND hash = ?", (key_hash,)).fetchone()
        return None if row is None else key_row(row)

    def keys(self, account_id: str | None = None) -> list[Key]:
        """Return the keys of an account, or all, oldest first."""
        rows = self._db.execute(
            _KEYS + " AND account_id = coalesce(?, account_id) ORDER BY created_ns, hash", (account_id,)
        )
        return [key_row(row) for row in rows]

    def charged(self) -> dict[str, int]:
        """Return what each key was ever charged, in nano-dollars, by hash."""
        rows: list[Any] = self._db.execute("SELECT hash, charged_nano FROM key").fetchall()
        return dict(rows)

    def open_account(self, account: Account) -> None:
        """Add an account. Raises `Faulted` (invalid_request) when its id is taken."""
        with transaction(self._db):
            if self._db.execute("SELECT 1 FROM account WHERE id = ?", (account.id,)).get:
                raise invalid(f"the account `{account.id}` exists already")
            self._db.execute(
                "INSERT INTO account (id, name, created_ns, prepaid) VALUES (?, ?, ?, ?)",
                (account.id, account.name, account.created_ns, account.prepaid),
            )
        self._versions.bump()

    def accounts(self) -> list[tuple[Account, int, int]]:
        """Return every account with what it was granted and charged, in nano-dollars."""
        return account_rows(self._db)

    def grant(self, account_id: str, amount_nano: int, note: str | None = None) -> None:
        """Put money into an account. Raises `Faulted`: not_found, or invalid_request when it is not an amount."""
        if not 0 < amount_nano <= MAX_INTEGER:
            raise invalid("a grant has to be more than nothing")
        with transaction(self._db):
            demand_account(self._db, account_id)
            self._db.execute(
                "INSERT INTO ledger (id, kind, account_id, amount_nano, at_ns, note) VALUES (?, 'grant', ?, ?, ?, ?)",
                (row_id(), account_id, amount_nano, now_ns(), note),
            )
            self._db.execute(
                "UPDATE account SET granted_nano = granted_nano + ? WHERE id = ?", (amount_nano, account_id)
            )
        self._versions.bump()


@contextmanager
def open_keyring(home: Path) -> Iterator[Keyring]:
    """Open the keyring of a home beside whatever server runs there."""
    with opened(home) as db:
        versions = Versions(home)
        try:
            yield Keyring(db, versions)
        finally:
            versions.close()


def account_rows(db: apsw.Connection) -> list[tuple[Account, int, int]]:
    """Read every account with what it was granted and charged, in nano-dollars."""
    rows = db.execute("SELECT id, name, created_ns, prepaid, granted_nano, charged_nano FROM account ORDER BY id")
    return [
        (Account(id=account_id, name=name, created_ns=created_ns, prepaid=bool(prepaid)), granted, charged)
        for account_id, name, created_ns, prepaid, granted, charged in rows
    ]


def _check(key: Key) -> None:
    if key.limit_nano is not None and not 0 <= key.limit_nano <= MAX_INTEGER:
        raise invalid("a limit has to be an amount of zero or more", "limit")
    if key.expires_ns is not None and not 0 <= key.expires_ns <= MAX_INTEGER:
        raise invalid("a key expires before 2262, or never: then leave the time out", "expires_at")
    if key.limit_reset not in (None, *get_args(LimitReset)):
        raise invalid("limit_reset has to be daily, weekly, monthly or null", "limit_reset")
