"""Records of a span of time as a file for other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wideband.store.archive import Archive
from wideband.store.days import Span, State, whole_records
from wideband.store.tables import DERIVED_TYPES, RECORD, listed, quoted, text, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COPY = "COPY (SELECT {columns} FROM {records} ORDER BY created_ns, id) TO {path} ({options})"
_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}


def export_records(archive: Archive, start_s: int, end_s: int, path: Path, kind: Literal["csv", "parquet"]) -> int:
    """Write the records of a half-open span; return how many. In CSV, lists are JSON. Raises `Faulted`."""
    names = RECORD | DERIVED_TYPES
    columns = listed(names)
    if kind == "csv":
        columns = ", ".join(
            f"to_json({quoted(name)}) AS {quoted(name)}" if sql.endswith("[]") else quoted(name)
            for name, sql in names.items()
        )

    def copy(db: "DuckDBPyConnection", state: State) -> int:
        source = whole_records(state, Span(start_s, end_s))
        sql = written(_COPY, columns=columns, records=source, path=text(str(path)), options=_OPTIONS[kind])
        ((count,),) = db.execute(sql).fetchall()
        return int(count)

    return archive.look(copy)
