"""Keys in memory, as new as the newest change by any process of the home."""

from pathlib import Path

from wideband.accounts.rows import Account, Key
from wideband.store.database import connect_reader
from wideband.store.keyring import account_rows, key_row
from wideband.store.versions import Versions


class KeyCache:
    """Every key by hash. Ask `stale` before each look-up, and `reload` when it says so; that reads only changes."""

    def __init__(self, home: Path, versions: Versions) -> None:
        self.keys: dict[str, Key] = {}
        self.deleted: set[str] = set()
        self._versions = versions
        self._db = connect_reader(home)
        self._seen = -1
        self._revision = -1

    @property
    def stale(self) -> bool:
        return self._versions.current != self._seen

    def reload(self) -> None:
        """Take over what has changed since the last time."""
        # Read before the rows: a change that comes in between makes it stale again instead of lost.
        self._seen = self._versions.current
        rows = self._db.execute(
            "SELECT revision, deleted, hash, account_id, name, label, created_ns, disabled, management, limit_nano,"
            " limit_reset, expires_ns, updated_ns FROM key WHERE revision > ?",
            (self._revision,),
        )
        for revision, deleted, *row in rows:
            self._revision = max(self._revision, revision)
            key = key_row(tuple(row))
            if deleted:
                self.keys.pop(key.hash, None)
                self.deleted.add(key.hash)
            else:
                self.keys[key.hash] = key

    def accounts(self) -> list[tuple[Account, int, int]]:
        """Return every account with what it was granted and charged, in nano-dollars."""
        return account_rows(self._db)

    def close(self) -> None:
        """Close the connection; what is in memory stays readable."""
        self._db.close()
