"""What this exchange's callers spent by kind of work: added up from the archive, left in a file for every process."""

from pathlib import Path

import msgspec

from wideband.clock import now_ns
from wideband.routing.auto import TaskRow
from wideband.store.archive import Archive
from wideband.store.files import write_whole
from wideband.wire import jsons

WINDOW_NS = 7 * 24 * 3600 * 1_000_000_000


class TaskShares(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of seven days by kind of work and model, as of `made_ns` (unix)."""

    made_ns: int = 0
    since_ns: int = 0
    rows: tuple[TaskRow, ...] = ()


class ShareFile:
    """The file of a home. The process that owns the home writes it; who reads it looks whether it is a new one."""

    def __init__(self, home: Path) -> None:
        self.path = home / "cache" / "task_shares.json"
        self._seen: tuple[int, int] | None = None
        self._held = TaskShares()

    def read(self) -> TaskShares:
        """Return what the file says, read anew only when it was written anew; nothing when there is none."""
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._held = jsons.decode_as(self.path.read_bytes(), TaskShares)
                self._seen = seen
        except (OSError, jsons.DecodeError):
            self._held, self._seen = TaskShares(), None
        return self._held

    def renew(self, archive: Archive) -> TaskShares:
        """Add the last seven days up and write the file. Waits for the disk: call it from a thread.

        Raises `Faulted` (unavailable) when the archive cannot be read, `OSError` when the file cannot be written.
        """
        at_ns = now_ns()
        rows = tuple(TaskRow(*row) for row in archive.spent_by_task(at_ns - WINDOW_NS))
        shares = TaskShares(made_ns=at_ns, since_ns=at_ns - WINDOW_NS, rows=rows)
        write_whole(self.path, jsons.encode(shares))
        return shares
