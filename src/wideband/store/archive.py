"""The analytics database of a home: a copy of every record in DuckDB, made for reading."""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.metering.record import Generation
from wideband.store import days, folding, sealing, staleness, tables
from wideband.store.base import Table
from wideband.store.days import Day, Span, State
from wideband.store.engine import connect, engine
from wideband.store.keeping import Keeping
from wideband.store.values import table as plain_table
from wideband.wire import jsons

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

log = logging.getLogger("wideband.store")

FILE = "analytics.duckdb"
FOLDER = "analytics"

_SECOND_NS = 1_000_000_000
_ID = re.compile(r"gen-(\d{1,11})-")
# How far the time in an id is from that of its record, at most.
_APART_S = 3600
_REFUSED = "Only one statement that reads can be asked."

# What `wideband analytics generate` makes was never charged, and is no traffic.
_BY_TASK = """
    SELECT task_tag, model, count(*), sum(cost_nano)::BIGINT, sum(prompt_tokens + completion_tokens)::BIGINT
    FROM record WHERE {span} AND created_ns >= ? AND task_tag IS NOT NULL AND endpoint_id IS NOT NULL
        AND usage_source IS DISTINCT FROM 'generated'
    GROUP BY ALL ORDER BY 4 DESC, 3 DESC, 1, 2
"""
_TOTALS = """
    SELECT count(*), coalesce(sum(cost_nano), 0)::HUGEINT FROM {source}
    WHERE usage_source IS DISTINCT FROM 'generated' AND {which}
"""
_FIND = "SELECT r FROM {source} AS r WHERE id = ?"
_BESIDE = "id IN (SELECT unnest(?::VARCHAR[]))"

T = TypeVar("T")
Work = Callable[["DuckDBPyConnection", State], T]


class Archive:
    """The file, opened when it is first needed. Its methods wait for the disk: call them from a thread.

    Whoever writes holds `lock`; whoever reads has a cursor of its own and waits for nobody. Any failure of DuckDB is
    raised as `Faulted` (unavailable); one of writing closes the file, so that the next call starts anew.
    """

    def __init__(self, home: Path, keeping: Keeping | None = None) -> None:
        self.keeping = keeping or Keeping()
        self.folder = home / FOLDER
        self.path = home / FILE
        self._spool = home / "run" / "batch.ndjson"
        self.lock = threading.RLock()
        self._opening = threading.Lock()
        self._db: DuckDBPyConnection | None = None
        self._state: State | None = None

    # -- writing -------------------------------------------------------------------------------------------------

    def append(self, payloads: Sequence[bytes]) -> None:
        """Add records, all or none; those that are there already stay as they are."""

        def add(db: "DuckDBPyConnection", state: State) -> None:
            self._spool.parent.mkdir(mode=0o700, exist_ok=True)
            self._spool.touch(mode=0o600)
            self._spool.write_bytes(b"\n".join(payloads))
            db.execute("BEGIN")
            db.execute(tables.read_batch(self._spool, max(map(len, payloads))))
            self._add_batch(db, state)
            self._spool.unlink()

        self._write(add)

    def take(self, path: Path) -> None:
        """Add the records of a Parquet file that has their columns; those that are there already stay as they are."""

        def add(db: "DuckDBPyConnection", state: State) -> None:
            db.execute("BEGIN")
            db.execute(tables.read_file(path))
            self._add_batch(db, state)

        self._write(add)

    def _add_batch(self, db: "DuckDBPyConnection", state: State) -> None:
        """Move the table `batch` to where it belongs, and end the transaction."""
        ((first_ns, last_ns, has_twins),) = db.execute(tables.BATCH_SPAN).fetchall()
        if first_ns is None:
            db.execute("COMMIT")
            return
        if has_twins:
            db.execute(tables.DROP_OWN_TWINS)
        db.execute(tables.DROP_TWINS, (first_ns,))
        if first_ns < state.sealed_until_s * _SECOND_NS:
            span = Span(first_ns // _SECOND_NS, last_ns // _SECOND_NS + 1)
            for day in state.sealed(span):
                db.execute(tables.drop_sealed_twins(days.parquet([state.path(day)])))
        is_late = first_ns < state.hour_s * _SECOND_NS and staleness.mark(db, state)
        for statement in tables.ADD_BATCH:
            db.execute(statement)
        state = self._renew(db) if is_late else state
        db.execute("COMMIT")
        self._state = state

    def change(self, work: Work[T]) -> T:
        """Do something in one transaction; the views are those of how things stand after it."""

        def do(db: "DuckDBPyConnection", state: State) -> T:
            db.execute("BEGIN")
            result = work(db, state)
            state = self._renew(db)
            db.execute("COMMIT")
            self._state = state
            return result

        return self._write(do)

    def _renew(self, db: "DuckDBPyConnection") -> State:
        state = days.load(db, self.folder)
        for view in folding.moving_views(state):
            db.execute(view)
        return state

    def write(self, work: Work[T]) -> T:
        """Do something that changes neither what is folded nor what is sealed."""
        return self._write(work)

    # -- reading -------------------------------------------------------------------------------------------------

    def find(self, generation_id: str) -> bytes | None:
        """Return a record as JSON, or None."""

        def look(db: "DuckDBPyConnection", _: State) -> bytes | None:
            # What is sealed is asked of the same moment as what is not.
            fields = _hot(db, generation_id) or _sealed(db, days.load(db, self.folder), generation_id)
            if fields is None:
                return None
            fields = tables.filled(fields, tables.GENERATION_ZEROS)
            fields["rates"] = jsons.decode(fields["rates"] or "{}")
            fields["tries"] = [tables.filled(row, tables.TRY_ZEROS) for row in fields["tries"]]
            return jsons.encode(msgspec.convert(fields, Generation))

        return self.look(look)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> Table:
        """Run one statement that changes nothing; `Table` says what its values are."""
        statements = self._understood(sql)
        if len(statements) != 1 or statements[0].type != engine().StatementType.SELECT:
            raise self._fault(_REFUSED)
        return self.look(lambda db, _: plain_table(db.execute(statements[0], parameters)))

    def _understood(self, sql: str) -> list[Any]:
        try:
            return list(engine().extract_statements(sql))
        except engine().Error as error:
            raise self._fault(str(error)) from error

    def spent_by_task(self, since_ns: int) -> list[tuple[str, str, int, int, int]]:
        """Return of each kind of work and model since then: requests, cost in nano-dollars and tokens, dearest first.

        Simulated answers count as well: they are all the traffic that a sandbox has.
        """
        span = Span(since_ns // _SECOND_NS, days.FOREVER_S)
        sql = tables.written(_BY_TASK, span=span.sql)
        return self.look(lambda db, _: db.execute(sql, (since_ns,)).fetchall())

    def totals(self, besides: list[str]) -> tuple[int, int, int]:
        """Return how many records there are, how many of them twice, and the cost in nano-dollars.

        Records with an id in `besides` are left out of the count and of the cost.
        """

        def add_up(db: "DuckDBPyConnection", state: State) -> tuple[int, int, int]:
            hot = tables.written(_TOTALS, source="generation", which=f"NOT {_BESIDE}")
            ((count, cost),) = db.execute(hot, (besides,)).fetchall()
            ((twice,),) = db.execute("SELECT count(*) - count(DISTINCT id) FROM generation").fetchall()
            count += sum(day.counted for day in state.days)
            cost += sum(day.cost_nano for day in state.days)
            if files := [state.path(day) for day in _near(state, besides)]:
                sealed = tables.written(_TOTALS, source=days.parquet(files), which=_BESIDE)
                ((sealed_count, sealed_cost),) = db.execute(sealed, (besides,)).fetchall()
                count, cost = count - sealed_count, cost - sealed_cost
            return int(count), int(twice), int(cost)

        return self.look(add_up)

    @property
    def state(self) -> State:
        """Return how things stand."""
        return self.look(lambda _, state: state)

    def look(self, work: Work[T]) -> T:
        """Read as of one moment, beside whoever writes."""

        def attempt() -> T:
            with self._opening:
                db, state = self._opened()
            cursor = db.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                return work(cursor, state)
            finally:
                cursor.close()

        duckdb = engine()
        try:
            try:
                return attempt()
            except duckdb.IOException:
                return attempt()  # the file of a day was replaced meanwhile
        except (duckdb.Error, OSError) as error:
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                self.close()
            raise self._fault(str(error)) from error

    # -- the file ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        with self.lock, self._opening:
            db, self._db, self._state = self._db, None, None
            if db is not None:
                db.close()

    def put_aside(self) -> Path | None:
        """Give the file another name, so that one is made anew from the files of days; return it, None without one."""
        with self.lock:
            self.close()
            if not self.path.exists():
                return None
            number = len(list(self.path.parent.glob(f"{FILE}.aside-*"))) + 1
            aside = self.path.with_name(f"{FILE}.aside-{number}")
            log_path = self.path.with_name(f"{FILE}.wal")
            if log_path.exists():
                log_path.replace(aside.with_name(f"{aside.name}.wal"))
            return self.path.replace(aside)

    def _write(self, work: Work[T]) -> T:
        with self.lock:
            try:
                with self._opening:
                    db, state = self._opened()
                return work(db, state)
            except (engine().Error, OSError) as error:
                with suppress(engine().Error):
                    self.close()
                raise self._fault(str(error)) from error

    def _opened(self) -> "tuple[DuckDBPyConnection, State]":
        if self._db is None or self._state is None:
            db = connect(
                str(self.path),
                memory_limit=f"{self.keeping.memory_limit_mb}MB",
                threads=self.keeping.threads,
                autoinstall_known_extensions=False,
            )
            try:
                self._state = self._prepared(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db, self._state

    def _prepared(self, db: "DuckDBPyConnection") -> State:
        db.execute("BEGIN")
        is_new = tables.prepare(db)
        for statement in days.TABLES:
            db.execute(statement)
        if is_new:
            sealing.adopt(db, days.load(db, self.folder))
        state = days.load(db, self.folder)
        for path in days.lost(db, state):
            log.error("the records of a day are missing: `%s` is not there or broken; its sums are kept", path)
        if folding.prepare(db, state):
            folding.reset(db, state)
        state = self._renew(db)
        for view in folding.standing_views():
            db.execute(view)
        db.execute("COMMIT")
        sealing.sweep(db, self.folder)
        return state

    def _fault(self, why: str) -> Faulted:
        message = f"The analytics database `{self.path}` cannot be used: {why}"
        return Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message))


def _hot(db: "DuckDBPyConnection", generation_id: str) -> dict[str, Any] | None:
    """Return a record's values from the hot tables."""
    found = db.execute("SELECT g FROM generation AS g WHERE id = ?", (generation_id,)).fetchall()
    if not found:
        return None
    tries = db.execute('SELECT t FROM "try" AS t WHERE generation_id = ? ORDER BY number', (generation_id,))
    return {**found[0][0], "tries": [row for (row,) in tries.fetchall()]}


def _sealed(db: "DuckDBPyConnection", state: State, generation_id: str) -> dict[str, Any] | None:
    """Return a record's values from the day that its id names."""
    for day in _near(state, [generation_id]):
        source = days.parquet([state.path(day)])
        found = db.execute(tables.written(_FIND, source=source), (generation_id,)).fetchall()
        if found:
            values: dict[str, Any] = found[0][0]
            return {**values, "tries": values["tries"] or []}
    return None


def _near(state: State, ids: Sequence[str]) -> list[Day]:
    """Return the sealed days in which records with these ids can be."""
    at = {int(found[1]) for one in ids if (found := _ID.match(one))}
    spans = {days.day_of(at_s + apart) for at_s in at for apart in (-_APART_S, 0, _APART_S)}
    return [day for day in state.days if day.file is not None and day.day_s in spans]
