"""The analytics database of a home: a copy of every record in DuckDB, made for reading."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import inspect

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.metering.record import Generation, Try
from wideband.store.base import Table
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

_SQL_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "VARCHAR",
    inspect.IntType: "BIGINT",
    inspect.FloatType: "DOUBLE",
    inspect.BoolType: "BOOLEAN",
}
# What is read where a column is empty and the record needs a value: the column is younger than the row, or the value
# was none that fits a column.
_ZEROS: dict[str, Any] = {"VARCHAR": "", "BIGINT": 0, "DOUBLE": 0.0, "BOOLEAN": False}
_MIN_OBJECT_BYTES = 16 * 1024 * 1024

T = TypeVar("T")


def _sql_type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        kind = next(option for option in kind.types if not isinstance(option, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        return f"{_sql_type(kind.item_type)}[]"
    if isinstance(kind, inspect.DictType):
        return "JSON"  # read in half the time of a MAP
    if isinstance(kind, inspect.StructType):
        return f"STRUCT({', '.join(f'{name} {sql}' for name, sql in _columns(kind.cls).items())})"
    return _SQL_TYPES[type(kind)]


def _columns(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the column of each field of a struct and its type."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.name: _sql_type(field.type) for field in info.fields}


def _zeros(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what fields without a default are read as when their column is empty."""
    columns, hints = _columns(struct), get_type_hints(struct)
    return {
        field.name: None if type(None) in get_args(hints[field.name]) else _ZEROS.get(columns[field.name])
        for field in msgspec.structs.fields(struct)
        if field.required
    }


def _defaults(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return, in SQL, what records leave out of the columns that queries count and compare."""
    columns = _columns(struct)
    return {
        field.name: str(field.default).upper()
        for field in msgspec.structs.fields(struct)
        if columns[field.name] in {"BIGINT", "BOOLEAN"} and isinstance(field.default, int)
    }


_RECORD = _columns(Generation)
_GENERATION = {name: kind for name, kind in _RECORD.items() if name != "tries"}
_TRY = {"generation_id": "VARCHAR", "number": "BIGINT"} | _columns(Try)
_GENERATION_ZEROS = _zeros(Generation)
_TRY_ZEROS = _zeros(Try)


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
            db.execute(_read_batch(self._spool, max(map(len, payloads))))
            # Only the record's own time can hold its twin, and DuckDB skips whole blocks by time.
            since = db.execute("SELECT min(created_ns) FROM batch").fetchall()[0]
            db.execute("DELETE FROM batch WHERE id IN (SELECT id FROM generation WHERE created_ns >= ?)", since)
            db.execute(
                'INSERT INTO "try" BY NAME SELECT id AS generation_id, number, unnest(tries) FROM '
                "(SELECT id, unnest(tries) AS tries, generate_subscripts(tries, 1) - 1 AS number FROM batch)"
            )
            db.execute("INSERT INTO generation BY NAME SELECT * EXCLUDE (tries) FROM batch")
            db.execute("DROP TABLE batch")
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
            fields = _filled(found[0][0], _GENERATION_ZEROS)
            fields["rates"] = jsons.decode(fields["rates"] or "{}")
            fields["tries"] = [_filled(row, _TRY_ZEROS) for (row,) in tries.fetchall()]
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
                    _prepare(self._db)
                return work(self._db)
            except (duckdb.Error, OSError) as error:
                with suppress(duckdb.Error):
                    self.close()
                message = f"The analytics database `{self._path}` cannot be used: {error}"
                raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message)) from error


def _filled(row: dict[str, Any], zeros: dict[str, Any]) -> dict[str, Any]:
    """Return a row's values; those that are empty come from `zeros` or, where they are not in it, have a default."""
    return zeros | {name: value for name, value in row.items() if value is not None}


def _prepare(db: "DuckDBPyConnection") -> None:
    """Make the tables, and the columns that records have gained since."""
    for table, columns in (("generation", _GENERATION), ('"try"', _TRY)):
        shape = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({shape})")
        for name, kind in columns.items():
            db.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {kind}")


def _read_batch(spool: Path, largest_bytes: int) -> str:
    """Write the statement that reads a spool into the table `batch`.

    A value that fits no column (a provider counted 10^30 tokens) is left empty: it must not hold up all that follow.
    """
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _RECORD.items())
    path = str(spool).replace("'", "''")
    whole = ", ".join(f"coalesce({name}, {value}) AS {name}" for name, value in _defaults(Generation).items())
    return (
        f"CREATE OR REPLACE TEMP TABLE batch AS FROM read_json('{path}', format = 'newline_delimited',"
        f" ignore_errors = true, maximum_object_size = {max(_MIN_OBJECT_BYTES, 2 * largest_bytes)},"
        f" columns = {{{columns}}}) SELECT * REPLACE ({whole})"
    )
