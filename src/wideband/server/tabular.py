"""Rows as files: CSV and Parquet, for whoever takes the data API's figures elsewhere."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wideband.site.cells import sheet
from wideband.store.engine import connect
from wideband.wire import jsons

Row = Mapping[str, Any]

MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def csv_of(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """Return rows as CSV with a line of names; nothing is written for None, and no text is a spreadsheet's formula."""
    return sheet(columns, ([row.get(name) for name in columns] for row in rows)).encode()


def parquet_of(rows: Sequence[Row], columns: Mapping[str, str]) -> bytes:
    """Return rows as a Parquet file; `columns` are names and DuckDB's types. Takes tens of milliseconds."""
    with tempfile.TemporaryDirectory(prefix="wideband-") as folder:
        spool, file = Path(folder, "rows.ndjson"), Path(folder, "rows.parquet")
        spool.write_bytes(b"\n".join(jsons.encode({name: row.get(name) for name in columns}) for row in rows))
        with connect(threads=1, memory_limit="256MB", temp_directory=folder) as db:
            relation = db.read_json(str(spool), format="newline_delimited", columns=dict(columns))
            relation.write_parquet(str(file), compression="zstd")
        return file.read_bytes()
