"""The response cache of a home: answers that callers asked to have kept, in one SQLite file for all workers.

Losing it costs nothing but the next provider's price, so nothing is made durable, and a damaged file is begun anew.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from wideband.clock import now_ns
from wideband.store.database import transaction

FILE = Path("cache") / "replies.db"

_BUSY_TIMEOUT_MS = 2_000
# Requests do not queue up behind a file that cannot be used: it is left alone for so long.
REST_NS = 5_000_000_000
_WAL_LIMIT_BYTES = 4 * 1024 * 1024
# What a row takes beside its answer.
_ROW_BYTES = 256
# No answer may push out nearly all others.
_LARGEST_SHARE = 8
_OUT_AT_ONCE = 16

_TABLES = """
CREATE TABLE IF NOT EXISTS reply (
  key        BLOB PRIMARY KEY,
  at_ns      BIGINT NOT NULL,
  expires_ns BIGINT NOT NULL,
  size       BIGINT NOT NULL,
  answer     BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS reply_at ON reply (at_ns);
CREATE INDEX IF NOT EXISTS reply_expires ON reply (expires_ns);
CREATE TABLE IF NOT EXISTS total (only BOOLEAN PRIMARY KEY, bytes BIGINT NOT NULL);
INSERT OR IGNORE INTO total VALUES (TRUE, 0);
CREATE TRIGGER IF NOT EXISTS reply_in AFTER INSERT ON reply BEGIN UPDATE total SET bytes = bytes + NEW.size; END;
CREATE TRIGGER IF NOT EXISTS reply_out AFTER DELETE ON reply BEGIN UPDATE total SET bytes = bytes - OLD.size; END;
"""
_EXPIRE = "DELETE FROM reply WHERE expires_ns <= ?"

log = logging.getLogger("wideband.store")

T = TypeVar("T")


class Found(msgspec.Struct, frozen=True):
    """An answer that was kept, since when and until when (unix nanoseconds)."""

    answer: bytes
    at_ns: int
    expires_ns: int


class Replies:
    """Answers by key, `max_bytes` of them at most, the oldest out first.

    Its methods wait for the disk: call them from a thread. They raise nothing: what cannot be read is not found.
    """

    def __init__(self, home: Path, max_bytes: int, clock: Callable[[], int] = now_ns) -> None:
        self._path = home / FILE
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._db: apsw.Connection | None = None
        self._inode = 0
        self._failed_ns: int | None = None

    def find(self, key: bytes) -> Found | None:
        """Return what is kept under a key and has not expired."""

        def look(db: apsw.Connection) -> Found | None:
            row = db.execute(
                "SELECT answer, at_ns, expires_ns FROM reply WHERE key = ? AND expires_ns > ?", (key, self._clock())
            ).fetchone()
            return None if row is None else Found(*row)

        return self._use(look)

    def keep(self, key: bytes, answer: bytes, ttl_s: int) -> None:
        """Keep an answer in place of what was there; what has expired goes, and the oldest where there is no room."""
        size, now = len(answer) + _ROW_BYTES, self._clock()

        def put(db: apsw.Connection) -> None:
            with transaction(db):
                db.execute("DELETE FROM reply WHERE key = ?", (key,))
                db.execute(_EXPIRE, (now,))
                row = (key, now, now + ttl_s * 1_000_000_000, size, answer)
                db.execute("INSERT INTO reply VALUES (?, ?, ?, ?, ?)", row)
                while db.execute("SELECT bytes FROM total").get > self._max_bytes:
                    db.execute(
                        "DELETE FROM reply WHERE key IN (SELECT key FROM reply ORDER BY at_ns, key LIMIT ?)",
                        (_OUT_AT_ONCE,),
                    )

        if size <= self._max_bytes // _LARGEST_SHARE:
            self._use(put)

    def drop(self, key: bytes) -> None:
        """Forget what is kept under a key."""

        def out(db: apsw.Connection) -> None:
            db.execute("DELETE FROM reply WHERE key = ?", (key,))

        self._use(out)

    def close(self) -> None:
        with self._lock:
            self._shut()

    def _use(self, work: Callable[[apsw.Connection], T]) -> T | None:
        with self._lock:
            if self._failed_ns is not None and 0 <= self._clock() - self._failed_ns < REST_NS:
                return None
            for _ in range(2):
                try:
                    done = work(self._opened())
                except (apsw.CorruptError, apsw.NotADBError) as error:
                    log.warning("the response cache `%s` is damaged and begins anew: %s", self._path, error)
                    self._begin_anew()
                except (apsw.Error, OSError) as error:
                    self._shut()
                    if self._failed_ns is None:
                        log.warning("the response cache `%s` cannot be used: %s", self._path, error)
                    self._failed_ns = self._clock()
                    return None
                else:
                    self._failed_ns = None
                    return done
            return None

    def _opened(self) -> apsw.Connection:
        """Return the connection to the file that is there now: another process may have begun a new one."""
        if self._db is not None and self._path.exists() and self._path.stat().st_ino == self._inode:
            return self._db
        self._shut()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._inode = self._path.stat().st_ino
        db = self._db = apsw.Connection(str(self._path))
        db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "off")
        db.pragma("journal_size_limit", _WAL_LIMIT_BYTES)
        # What is deleted is somebody's answer: it does not stay in the file.
        db.pragma("secure_delete", True)
        with transaction(db):
            db.execute(_TABLES)
            db.execute(_EXPIRE, (self._clock(),))
        return db

    def _begin_anew(self) -> None:
        self._shut()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _shut(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close(True)
