"""What has changed in a home's database since somebody last looked, whichever process changed it."""

from pathlib import Path
from typing import Any

from wideband.store.database import connect_reader
from wideband.store.versions import Versions


class Changes:
    """The changed rows of a table, for who keeps all of it in memory.

    `select` reads what came after a revision, which is its one argument and its first column.
    """

    def __init__(self, home: Path, versions: Versions, select: str) -> None:
        self.db = connect_reader(home)
        self._versions, self._select = versions, select
        self._seen = self._revision = -1

    @property
    def are_any(self) -> bool:
        """Whether anything of the home has changed. Costs no system call."""
        return self._versions.current != self._seen

    def take(self) -> list[tuple[Any, ...]]:
        """Return what has changed since the last call, without the revisions.

        Raises `apsw.Error`; the next call then returns it.
        """
        # Read before the rows: a change that comes in between is looked for again instead of lost.
        seen = self._versions.current
        rows: list[Any] = self.db.execute(self._select, (self._revision,)).fetchall()
        self._revision = max([self._revision, *(row[0] for row in rows)])
        self._seen = seen
        return [row[1:] for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self.db.close()
