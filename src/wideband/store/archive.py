"""The analytics database of a home: a copy of every record in DuckDB, made for reading."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.metering.record import Generation
from wideband.store.base import Table
from wideband.store.folding import views
from wideband.store.tables import ADD_BATCH, GENERATION_ZEROS, TRY_ZEROS, filled, prepare, read_batch
from wideband.wire import jsons

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = "analytics.duckdb"

# Only execute().fetchall() is used: it is what DuckDB 1.5 and 2.0 have in common.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "threads": 1,
    "autoinstall_known_extensions": False,
}

T = TypeVar("T")


class Archive:
    """The file, opened when it is first needed. Its methods wait for the disk: call them from a thread.

    Any failure of DuckDB is raised as `Faulted` (unavailable) and closes the file, so that the next call starts anew.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._spool = home / "run" / "batch.ndjson"
        self.lock = threading.RLock()
        self._db: DuckDBPyConnection | None = None

    def append(self, payloads: Sequence[bytes]) -> None:
        """Add records, all or none; those that are there already stay as they are."""

        def add(db: "DuckDBPyConnection") -> None:
            self._spool.parent.mkdir(mode=0o700, exist_ok=True)
            self._spool.touch(mode=0o600)
            self._spool.write_bytes(b"\n".join(payloads))
            db.execute("BEGIN")
            db.execute(read_batch(self._spool, max(map(len, payloads))))
            # Only the record's own time can hold its twin, and DuckDB skips whole blocks by time.
            since = db.execute("SELECT min(created_ns) FROM batch").fetchall()[0]
            db.execute("DELETE FROM batch WHERE id IN (SELECT id FROM generation WHERE created_ns >= ?)", since)
            for statement in ADD_BATCH:
                db.execute(statement)
            db.execute("COMMIT")
            self._spool.unlink()

        self._use(add)

    def find(self, generation_id: str) -> bytes | None:
        """Return a record as JSON, or None."""

        def look(db: "DuckDBPyConnection") -> bytes | None:
            found = db.execute("SELECT g FROM generation AS g WHERE id = ?", (generation_id,)).fetchall()
            if not found:
                return None
            tries = db.execute('SELECT t FROM "try" AS t WHERE generation_id = ? ORDER BY number', (generation_id,))
            fields = filled(found[0][0], GENERATION_ZEROS)
            fields["rates"] = jsons.decode(fields["rates"] or "{}")
            fields["tries"] = [filled(row, TRY_ZEROS) for (row,) in tries.fetchall()]
            return jsons.encode(msgspec.convert(fields, Generation))

        return self._use(look)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> Table:
        """Run one statement that changes nothing."""

        def look(db: "DuckDBPyConnection") -> Table:
            found = db.execute(sql, parameters)
            return Table(tuple(column[0] for column in found.description or ()), found.fetchall())

        return self._use(look)

    def spent_by_task(self, since_ns: int) -> list[tuple[str, str, int, int, int]]:
        """Return of each kind of work and model since then: requests, cost in nano-dollars and tokens, dearest first.

        Simulated answers count as well: they are all the traffic that a sandbox has.
        """

        def add_up(db: "DuckDBPyConnection") -> list[tuple[str, str, int, int, int]]:
            return db.execute(
                "SELECT task_tag, model, count(*), sum(cost_nano)::BIGINT,"
                " sum(prompt_tokens + completion_tokens)::BIGINT"
                " FROM generation WHERE created_ns >= ? AND task_tag IS NOT NULL AND endpoint_id IS NOT NULL"
                " GROUP BY ALL ORDER BY 4 DESC, 3 DESC, 1, 2",
                (since_ns,),
            ).fetchall()

        return self._use(add_up)

    def totals(self, besides: list[str]) -> tuple[int, int, int]:
        """Return how many records there are, how many of them twice, and the cost in nano-dollars.

        Records with an id in `besides` are left out of the count and of the cost.
        """

        def add_up(db: "DuckDBPyConnection") -> tuple[int, int, int]:
            ((count, cost),) = db.execute(
                "SELECT count(*), coalesce(sum(cost_nano), 0)::HUGEINT FROM generation"
                " WHERE id NOT IN (SELECT unnest(?::VARCHAR[]))",
                (besides,),
            ).fetchall()
            ((twice,),) = db.execute("SELECT count(*) - count(DISTINCT id) FROM generation").fetchall()
            return int(count), int(twice), int(cost)

        return self._use(add_up)

    def close(self) -> None:
        with self.lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    def _use(self, work: "Callable[[DuckDBPyConnection], T]") -> T:
        import duckdb  # noqa: PLC0415  it takes 0.1 s to load, which is a tenth of the time that a start may take

        with self.lock:
            try:
                if self._db is None:
                    self._db = duckdb.connect(str(self._path), config=_SETTINGS)
                    _open(self._db)
                return work(self._db)
            except (duckdb.Error, OSError) as error:
                with suppress(duckdb.Error):
                    self.close()
                message = f"The analytics database `{self._path}` cannot be used: {error}"
                raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message)) from error


def _open(db: "DuckDBPyConnection") -> None:
    db.execute("BEGIN")
    prepare(db)
    for view in views():
        db.execute(view)
    db.execute("COMMIT")
