"""What was asked and answered, word for word, where the settings ask for it: one SQLite file, apart from the ledger.

Requests never wait for it: what is kept goes through a queue to a thread of its own. When the queue is full or the file
cannot be written, contents are dropped and counted.
"""

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.store.database import transaction

FILE = "content.db"

QUEUE_ROWS, QUEUE_BYTES = 1_000, 64 * 1024 * 1024
# How long content may outstay its days while nobody asks anything.
TIDY_S = 600.0
_DAY_NS = 86_400_000_000_000
_BUSY_TIMEOUT_MS = 5_000
_WAL_LIMIT_BYTES = 16 * 1024 * 1024
_FAST = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS content (
  id      TEXT PRIMARY KEY,
  at_ns   BIGINT NOT NULL,
  is_cut  BOOLEAN NOT NULL,
  request BLOB NOT NULL,
  answer  BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS content_at ON content (at_ns);
"""
_ONE, _OLD = "DELETE FROM content WHERE id = ?", "DELETE FROM content WHERE at_ns < ?"

log = logging.getLogger("wideband.store")

T = TypeVar("T")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request as it came, and the bytes of its answer as they were sent, by the id of its record.

    `is_cut` says that one of them was longer than is kept. `at_ns` is when the answer ended, unix nanoseconds.
    """

    id: str
    at_ns: int
    request: bytes
    answer: bytes
    is_cut: bool = False

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return len(self.request) + len(self.answer)


class Contents:
    """The file. `put` returns at once; all other methods wait for the disk: call them from a thread.

    They raise `Faulted` (unavailable) where the file cannot be used. The file is made when there is something to keep.
    """

    def __init__(self, home: Path, days: int, clock: Callable[[], int] = now_ns) -> None:
        self._path = home / FILE
        self._days, self._clock = days, clock
        self._db: apsw.Connection | None = None
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._waiting: deque[Content] = deque()
        self._waiting_bytes = 0
        self._news = threading.Condition()
        self._closed = False
        self._failing = False
        self._tidy_ns = 0
        self._thread: threading.Thread | None = None
        self.dropped = self._told = 0

    def start(self) -> None:
        """Begin to write what is put, and to drop what is old. Keeping begins this by itself."""
        with self._news:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="contents", daemon=True)
                self._thread.start()

    def put(self, content: Content) -> None:
        """Have content written soon; drops it where too much waits."""
        if self._thread is None:
            self.start()
        with self._news:
            if self._closed or len(self._waiting) >= QUEUE_ROWS or self._waiting_bytes + content.size > QUEUE_BYTES:
                self.dropped += 1
                return
            self._waiting.append(content)
            self._waiting_bytes += content.size
            self._news.notify()

    def find(self, generation_id: str) -> Content | None:
        """Return what is kept of a request, if it is not older than content may be."""
        with self._news:
            waiting = next((one for one in self._waiting if one.id == generation_id), None)
        if waiting is not None:
            return waiting

        def look(db: apsw.Connection) -> Content | None:
            row = db.execute(
                "SELECT at_ns, is_cut, request, answer FROM content WHERE id = ? AND at_ns >= ?",
                (generation_id, self._oldest_ns),
            ).fetchone()
            if row is None:
                return None
            at_ns, is_cut, request, answer = row
            return Content(
                id=generation_id,
                at_ns=at_ns,
                is_cut=bool(is_cut),
                request=zlib.decompress(request),
                answer=zlib.decompress(answer),
            )

        return self._use(look) if self._path.exists() else None

    def drop(self, generation_id: str) -> bool:
        """Forget what is kept of one request; say whether there was anything."""
        self.flush()
        return self._delete(_ONE, generation_id) > 0

    def drop_before(self, at_ns: int) -> int:
        """Forget what is older than an instant; return of how many requests."""
        self.flush()
        return self._delete(_OLD, at_ns)

    def flush(self) -> None:
        """Write what waits."""
        with self._flushing:
            with self._news:
                batch = [*self._waiting]
            if not batch:
                return
            self._use(lambda db: _write(db, batch))
            with self._news:
                for content in batch:
                    self._waiting.popleft()
                    self._waiting_bytes -= content.size

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._news:
            self._closed = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    @property
    def _oldest_ns(self) -> int:
        return self._clock() - self._days * _DAY_NS

    def _run(self) -> None:
        while True:
            with self._news:
                if not self._waiting and not self._closed:
                    self._news.wait(TIDY_S)
                ends = self._closed
            self._tidy()
            if ends:
                return

    def _tidy(self) -> None:
        """Write what waits and drop what is old. What cannot be written is lost: memory is not for keeping it."""
        try:
            self.flush()
            if self._clock() >= self._tidy_ns:
                self._delete(_OLD, self._oldest_ns)
                self._tidy_ns = self._clock() + int(TIDY_S * 1e9)
            if self.dropped > self._told:
                log.warning("%d contents were dropped: more came than could be written", self.dropped - self._told)
                self._told = self.dropped
        except Faulted as error:
            with self._flushing, self._news:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                self._told = self.dropped
            if not self._failing:
                log.warning("contents are not kept: %s", error)
            self._failing = True
        else:
            self._failing = False

    def _delete(self, sql: str, value: str | int) -> int:
        def out(db: apsw.Connection) -> int:
            with transaction(db):
                db.execute(sql, (value,))
                count = db.changes()
            if count:
                # The log of what was written holds the words too. While somebody reads it, it cannot be emptied.
                with suppress(apsw.BusyError):
                    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return count

        return self._use(out) if self._path.exists() else 0

    def _use(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._lock:
            try:
                if self._db is None:
                    self._db = _opened(self._path)
                return work(self._db)
            except (apsw.Error, OSError, zlib.error) as error:
                db, self._db = self._db, None
                if db is not None:
                    db.close(True)
                message = f"The kept contents `{self._path}` cannot be used: {error}"
                raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message)) from error


def _write(db: apsw.Connection, batch: list[Content]) -> None:
    with transaction(db):
        for one in batch:
            row = (one.id, one.at_ns, one.is_cut, zlib.compress(one.request, _FAST), zlib.compress(one.answer, _FAST))
            db.execute("INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?)", row)


def _opened(path: Path) -> apsw.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    db = apsw.Connection(str(path))
    db.set_busy_timeout(_BUSY_TIMEOUT_MS)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "normal")
    db.pragma("journal_size_limit", _WAL_LIMIT_BYTES)
    # What is deleted is somebody's words: they do not stay in the file.
    db.pragma("secure_delete", True)
    with transaction(db):
        db.execute(_TABLES)
    return db
