"""Provider keys of accounts: sealed in the ledger's database, open in memory, as new as the newest change."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from wideband.accounts.keys import label
from wideband.accounts.ownkeys import OwnKey
from wideband.canon.faults import Faulted, invalid
from wideband.clock import now_ns
from wideband.ids import row_id
from wideband.store.changes import Changes
from wideband.store.database import demand_account, next_revision, opened, transaction
from wideband.store.vault import Vault
from wideband.store.versions import Versions

log = logging.getLogger("wideband.store")

# A shorter one could not be blotted out of what providers say of it.
MIN_SECRET_CHARS = 8
MAX_SECRET_CHARS = 16_384

_FIELDS = OwnKey.__struct_fields__
_KEPT = (
    "SELECT id, account_id, provider, label, sealed, created_ns, name, disabled, fallback, always, updated_ns"
    " FROM own_key WHERE NOT deleted AND account_id = coalesce(?, account_id)"
)
_CHANGED = (
    "SELECT revision, deleted, id, account_id, provider, label, sealed, created_ns, name, disabled, fallback, always,"
    " updated_ns FROM own_key WHERE revision > ?"
)
_WRITE = (
    "INSERT OR REPLACE INTO own_key (id, account_id, provider, label, sealed, created_ns, name, disabled, fallback,"
    " always, updated_ns, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class OwnKeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's provider key; UNSET leaves a field as it is. A `secret` replaces the old one."""

    name: str | msgspec.UnsetType | None = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    fallback: bool | msgspec.UnsetType = msgspec.UNSET
    always: bool | msgspec.UnsetType = msgspec.UNSET
    secret: str | msgspec.UnsetType = msgspec.UNSET

    def __repr__(self) -> str:
        """Show no secret."""
        return "OwnKeyChange(...)"


class OwnKeyRoom:
    """The provider keys of a home's accounts, for one process."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._vault = Vault(home)
        self._versions = Versions(home)
        self._changes = Changes(home, self._versions, _CHANGED)
        self._rows: dict[str, OwnKey] = {}
        self._usable: dict[str, tuple[OwnKey, ...]] = {}
        self._secrets: dict[str, str] = {}

    def close(self) -> None:
        """Close the connection and the counter."""
        self._changes.close()
        self._versions.close()

    # -- the request path ----------------------------------------------------------------------------------------

    def of(self, account_id: str) -> tuple[OwnKey, ...]:
        """Return the keys an account can use, oldest first, as of the newest change by any process."""
        if self._changes.are_any:
            self._reload()
        return self._usable.get(account_id, ())

    def secret(self, key_id: str) -> str | None:
        """Return the secret of a usable key, None when it is none any more."""
        if self._changes.are_any:
            self._reload()
        return self._secrets.get(key_id)

    def _reload(self) -> None:
        rows = self._changes.take()
        for deleted, *fields in rows:
            key = _row(fields)
            self._rows.pop(key.id, None)
            self._secrets.pop(key.id, None)
            if not deleted:
                self._rows[key.id] = key
                self._open(key)
        if rows:
            self._usable = {}
            for key in sorted(self._rows.values(), key=_age):
                if key.id in self._secrets:
                    self._usable[key.account_id] = (*self._usable.get(key.account_id, ()), key)

    def _open(self, key: OwnKey) -> None:
        if key.disabled:
            return
        try:
            self._secrets[key.id] = self._vault.unseal(key.sealed, _owner(key))
        except Faulted as error:
            log.warning("the key %s at %s is left out: %s", key.label, key.provider, error.fault.message)

    # -- looking things up and changing them: these wait for the disk, call them from a thread -------------------

    def kept(self, account_id: str | None = None) -> list[OwnKey]:
        """Return the keys of an account, or all, oldest first."""
        with opened(self._home) as db:
            return _kept(db, account_id)

    def add(self, key: OwnKey, secret: str) -> OwnKey:
        """Add a key; its id, label and times are given here. Raises `Faulted` (invalid_request, not_found)."""
        secret = _checked(key, secret)
        key = msgspec.structs.replace(key, id=row_id(), label=label(secret), created_ns=now_ns())
        key = msgspec.structs.replace(key, sealed=self._vault.seal(secret, _owner(key)))
        with opened(self._home) as db, transaction(db):
            demand_account(db, key.account_id)
            _write(db, key)
        self._versions.bump()
        return key

    def change(self, account_id: str, key_id: str, change: OwnKeyChange) -> OwnKey | None:
        """Change a key; return what it is then, None when there is none. Raises `Faulted` (invalid_request)."""
        wanted = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
        secret: str | None = wanted.pop("secret", None)
        with opened(self._home) as db, transaction(db):
            key = next((each for each in _kept(db, account_id) if each.id == key_id), None)
            if key is None:
                return None
            key = msgspec.structs.replace(key, **wanted, updated_ns=now_ns())
            if secret is not None:
                secret = _checked(key, secret)
                sealed = self._vault.seal(secret, _owner(key))
                key = msgspec.structs.replace(key, sealed=sealed, label=label(secret))
            _check_use(key)
            _write(db, key)
        self._versions.bump()
        return key

    def remove(self, account_id: str, key_id: str) -> bool:
        """Remove a key and its secret; return whether there was one."""
        with opened(self._home) as db, transaction(db):
            gone = db.execute(
                "UPDATE own_key SET deleted = TRUE, sealed = x'', updated_ns = ?, revision = ?"
                " WHERE account_id = ? AND id = ? AND NOT deleted RETURNING 1",
                (now_ns(), next_revision(db), account_id, key_id),
            ).fetchall()
        self._versions.bump()
        return bool(gone)


@contextmanager
def open_own_keys(home: Path) -> Iterator[OwnKeyRoom]:
    """Open the provider keys of a home beside whatever server runs there."""
    with opened(home):
        room = OwnKeyRoom(home)
    try:
        yield room
    finally:
        room.close()


def _kept(db: apsw.Connection, account_id: str | None) -> list[OwnKey]:
    return sorted(map(_row, db.execute(_KEPT, (account_id,))), key=_age)


def _write(db: apsw.Connection, key: OwnKey) -> None:
    db.execute(_WRITE, (*(getattr(key, field) for field in _FIELDS), next_revision(db)))


def _row(fields: Any) -> OwnKey:
    return msgspec.convert(dict(zip(_FIELDS, fields, strict=True)), OwnKey, strict=False)


def _age(key: OwnKey) -> tuple[int, str]:
    return key.created_ns, key.id


def _owner(key: OwnKey) -> str:
    return f"{key.id}\n{key.account_id}\n{key.provider}"


def _checked(key: OwnKey, secret: str) -> str:
    """Return a secret as it can stand in a header. Raises `Faulted` (invalid_request)."""
    secret = secret.strip()
    if not MIN_SECRET_CHARS <= len(secret) <= MAX_SECRET_CHARS or not (secret.isascii() and secret.isprintable()):
        raise invalid("A provider's key is one line of at least 8 plain characters.", "key")
    _check_use(key)
    return secret


def _check_use(key: OwnKey) -> None:
    if key.fallback and key.always:
        message = "A fallback key comes after the exchange's own endpoints, which `is_byok_only` would leave out."
        raise invalid(message, "is_fallback")
