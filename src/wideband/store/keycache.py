"""Keys in memory, as new as the newest change by any process of the home."""

from pathlib import Path

from wideband.accounts.rows import Account, Key
from wideband.store.changes import Changes
from wideband.store.keyring import account_rows, key_row
from wideband.store.versions import Versions

_CHANGED = (
    "SELECT revision, deleted, hash, account_id, name, label, created_ns, disabled, management, limit_nano,"
    " limit_reset, expires_ns, updated_ns FROM key WHERE revision > ?"
)


class KeyCache:
    """Every key by hash. Ask `stale` before each look-up, and `reload` when it says so; that reads only changes."""

    def __init__(self, home: Path, versions: Versions) -> None:
        self.keys: dict[str, Key] = {}
        self.deleted: set[str] = set()
        self._changes = Changes(home, versions, _CHANGED)

    @property
    def stale(self) -> bool:
        return self._changes.are_any

    def reload(self) -> None:
        """Take over what has changed since the last time."""
        for deleted, *row in self._changes.take():
            key = key_row(tuple(row))
            if deleted:
                self.keys.pop(key.hash, None)
                self.deleted.add(key.hash)
            else:
                self.keys[key.hash] = key

    def accounts(self) -> list[tuple[Account, int, int]]:
        """Return every account with what it was granted and charged, in nano-dollars."""
        return account_rows(self._changes.db)

    def close(self) -> None:
        """Close the connection; what is in memory stays readable."""
        self._changes.close()
