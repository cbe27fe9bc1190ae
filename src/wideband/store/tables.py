"""The tables of the analytics database: a column for each field of a record, and those that records gain there."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec
from msgspec import inspect

from wideband.metering.record import Generation, Try
from wideband.store.cubes import DERIVED, TRY_AT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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


def _sql_type(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        kind = next(option for option in kind.types if not isinstance(option, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        return f"{_sql_type(kind.item_type)}[]"
    if isinstance(kind, inspect.DictType):
        return "JSON"  # read in half the time of a MAP
    if isinstance(kind, inspect.StructType):
        return f"STRUCT({', '.join(f'{quoted(name)} {sql}' for name, sql in _columns(kind.cls).items())})"
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


def quoted(name: str) -> str:
    """Write a column's name."""
    return f'"{name}"'


RECORD = _columns(Generation)
GENERATION = {name: kind for name, kind in RECORD.items() if name != "tries"}
TRY_FIELDS = _columns(Try)
TRY = {"generation_id": "VARCHAR", "number": "BIGINT"} | TRY_FIELDS | {"at": "TIMESTAMP"}
GENERATION_ZEROS = _zeros(Generation)
TRY_ZEROS = _zeros(Try)
# A row of `"try"` as one value.
PACK = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in TRY_FIELDS)
DERIVED_TYPES = {name: kind for name, (kind, _) in DERIVED.items()}


def filled(row: dict[str, Any], zeros: dict[str, Any]) -> dict[str, Any]:
    """Return a row's values; those that are empty come from `zeros` or, where they are not in it, have a default."""
    return zeros | {name: value for name, value in row.items() if value is not None}


def text(value: str) -> str:
    """Write a text."""
    return "'" + value.replace("'", "''") + "'"


def derived() -> str:
    """Write the derived columns, for a SELECT over rows with `tries`."""
    return ", ".join(f"({sql})::{kind} AS {quoted(name)}" for name, (kind, sql) in DERIVED.items())


def listed(names: Iterable[str]) -> str:
    """Write columns one after the other."""
    return ", ".join(map(quoted, names))


def written(text: str, **words: str) -> str:
    """Write a statement: its words are ours, never a caller's."""
    return text.format(**words)


_UPDATE_GENERATION = """
    UPDATE generation AS g SET {filling} FROM (
        SELECT id, {derived} FROM (
            FROM (SELECT {columns} FROM generation WHERE "at" IS NULL) AS old LEFT JOIN (
                SELECT generation_id, list(struct_pack({fields}) ORDER BY number) AS tries FROM "try" GROUP BY 1
            ) ON generation_id = old.id
        )
    ) AS new WHERE g.id = new.id
"""
_UPDATE_TRY = """
    UPDATE "try" AS t SET "at" = {at} FROM generation AS g WHERE g.id = t.generation_id AND t."at" IS NULL
"""


def prepare(db: "DuckDBPyConnection") -> bool:
    """Make the tables and the columns that records have gained since; return whether there were no tables yet."""
    found: dict[str, set[str]] = {}
    for table, column in db.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall():
        found.setdefault(table, set()).add(column)
    for table, columns in (("generation", GENERATION | DERIVED_TYPES), ("try", TRY)):
        if table not in found:
            shape = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
            db.execute(f"CREATE TABLE {quoted(table)} ({shape})")
            continue
        for name in columns.keys() - found[table]:
            db.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} {columns[name]}")
    if db.execute('SELECT 1 FROM generation WHERE "at" IS NULL LIMIT 1').fetchall():
        filling = ", ".join(f"{quoted(name)} = new.{quoted(name)}" for name in DERIVED)
        db.execute(
            written(_UPDATE_GENERATION, filling=filling, derived=derived(), columns=listed(GENERATION), fields=PACK)
        )
        db.execute(written(_UPDATE_TRY, at=TRY_AT))
    return "generation" not in found


_BATCH = """
    CREATE OR REPLACE TEMP TABLE batch AS SELECT *, {derived} FROM (
        SELECT * REPLACE ({whole}) FROM read_json(
            {path}, format = 'newline_delimited', ignore_errors = true, maximum_object_size = {size},
            columns = {{{columns}}}
        )
    )
"""
_FILE = """
    CREATE OR REPLACE TEMP TABLE batch AS SELECT *, {derived} FROM (
        SELECT {columns} FROM read_parquet({path}, hive_partitioning = false)
    )
"""
BATCH_SPAN = "SELECT min(created_ns), max(created_ns), count(*) > count(DISTINCT id) FROM batch"
# Only the record's own time can hold its twin, and DuckDB skips whole blocks by time.
DROP_TWINS = "DELETE FROM batch WHERE id IN (SELECT id FROM generation WHERE created_ns >= ?)"
DROP_OWN_TWINS = "DELETE FROM batch WHERE rowid NOT IN (SELECT min(rowid) FROM batch GROUP BY id)"
_DROP_SEALED_TWINS = "DELETE FROM batch WHERE id IN (SELECT id FROM {files})"
# Puts the table `batch` where it belongs.
ADD_BATCH = (
    written(
        """
        INSERT INTO "try" BY NAME SELECT * EXCLUDE (created_ns), {at} AS "at" FROM (
            SELECT generation_id, created_ns, number, unnest(tries) FROM (
                SELECT id AS generation_id, created_ns, unnest(tries) AS tries,
                    generate_subscripts(tries, 1) - 1 AS number FROM batch
            )
        )
        """,
        at=TRY_AT,
    ),
    "INSERT INTO generation BY NAME SELECT * EXCLUDE (tries) FROM batch",
    "DROP TABLE batch",
)


def read_batch(spool: Path, largest_bytes: int) -> str:
    """Write the statement that reads a spool into the table `batch`.

    A value that fits no column (a provider counted 10^30 tokens) is left empty: it must not hold up all that follow.
    """
    return written(
        _BATCH,
        derived=derived(),
        whole=", ".join(f"coalesce({name}, {value}) AS {name}" for name, value in _defaults(Generation).items()),
        path=text(str(spool)),
        size=str(max(_MIN_OBJECT_BYTES, 2 * largest_bytes)),
        columns=", ".join(f"{quoted(name)}: '{kind}'" for name, kind in RECORD.items()),
    )


def read_file(path: Path) -> str:
    """Write the statement that reads a Parquet file of records into the table `batch`."""
    columns = ", ".join(f"{quoted(name)}::{kind} AS {quoted(name)}" for name, kind in RECORD.items())
    return written(_FILE, derived=derived(), columns=columns, path=text(str(path)))


def drop_sealed_twins(files: str) -> str:
    """Write the statement that leaves out of the table `batch` what is in files."""
    return written(_DROP_SEALED_TWINS, files=files)
