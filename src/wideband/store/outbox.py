"""Records that are durable and not yet in the analytics database; it shares nothing but the writer with the ledger."""

import threading
from pathlib import Path
from typing import Any

import apsw

from wideband.store.database import connect_reader, transaction
from wideband.store.writer import Writer


class Outbox:
    """The records of a home in the order of their commit. Its methods wait for the disk: call them from a thread."""

    def __init__(self, home: Path, writer: Writer) -> None:
        self._db = connect_reader(home)
        self._lock = threading.Lock()
        self._writer = writer

    def batch(self, limit: int) -> list[tuple[int, bytes]]:
        """Return the oldest records with their numbers."""
        with self._lock:
            rows: list[Any] = self._db.execute(
                "SELECT seq, payload FROM outbox ORDER BY seq LIMIT ?", (limit,)
            ).fetchall()
            return rows

    def find(self, generation_id: str) -> bytes | None:
        with self._lock:
            payload: bytes | None = self._db.execute("SELECT payload FROM outbox WHERE id = ?", (generation_id,)).get
            return payload

    def discard(self, last_seq: int) -> None:
        """Drop the records up to a number, which are safe elsewhere. Raises `apsw.Error`."""

        def drop(db: apsw.Connection) -> None:
            with transaction(db):
                db.execute("DELETE FROM outbox WHERE seq <= ?", (last_seq,))
                db.execute("UPDATE meta SET value = ? WHERE name = 'outbox_seq' AND value < ?", (last_seq, last_seq))

        self._writer.call(drop).result()

    def close(self) -> None:
        with self._lock:
            self._db.close()
