"""Sealing: the records of a day that is over, in one Parquet file that other tools can read as well.

A file counts once `sealed` names it, which happens in the transaction that takes its records out of the hot table.
Until then, and once it is replaced, `unwanted` names it: whatever is killed when, no record is lost or there twice.
"""

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wideband.store.days import DAY_S, Day, Span, State, is_whole, parquet, stamp, whole_records
from wideband.store.tables import text, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COPY = """
    COPY (FROM {records}) TO {path} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 60000)
"""
_ORDERED = "{} ORDER BY created_ns, id"
_AT_ONCE = 50_000
_COUNT = """
    SELECT count(*), count(*) FILTER (usage_source IS DISTINCT FROM 'generated'),
        coalesce(sum(cost_nano) FILTER (usage_source IS DISTINCT FROM 'generated'), 0)::HUGEINT,
        min(created_ns), max(created_ns)
    FROM {source}
"""
_HOT = "(FROM generation WHERE {span})"
_DELETE = "DELETE FROM {table} WHERE {span}"
_DELETE_TWINS = "DELETE FROM {table} WHERE {span} AND {id} IN (SELECT id FROM {files})"
_HOT_DAYS = """
    SELECT DISTINCT epoch(date_trunc('day', "at"))::BIGINT FROM generation WHERE "at" < {until} ORDER BY 1
"""
_FILE = re.compile(r"d=(\d{4}-\d\d-\d\d)/records(?:-(\d+))?\.parquet")


def hot_days(db: "DuckDBPyConnection", until_s: int) -> list[int]:
    """Return the days before an instant that have records in the hot table."""
    return [day_s for (day_s,) in db.execute(written(_HOT_DAYS, until=stamp(until_s))).fetchall()]


def hot_count(db: "DuckDBPyConnection", day_s: int) -> int:
    """Return how many records of a day are in the hot table."""
    source = written(_HOT, span=Span(day_s, day_s + DAY_S).sql)
    ((count, *_),) = db.execute(written(_COUNT, source=source)).fetchall()
    return int(count)


def next_file(state: State, day_s: int) -> str:
    """Return the name of a day's next file."""
    folder = f"d={datetime.fromtimestamp(day_s, UTC).date().isoformat()}"
    number = max((_number(path) for path in (state.folder / folder).glob("records*.parquet")), default=0) + 1
    return f"{folder}/records.parquet" if number == 1 else f"{folder}/records-{number}.parquet"


def write(db: "DuckDBPyConnection", state: State, day_s: int, file: str) -> int:
    """Write a day's file, whole or not at all; return how many of its records were in the hot table."""
    path = state.folder / file
    part = path.with_suffix(".part")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.touch(mode=0o600)
    hot = hot_count(db, day_s)
    day = Span(day_s, day_s + DAY_S)
    rows = hot + sum(sealed.rows for sealed in state.sealed(day))
    step_s = DAY_S // min(24, rows // _AT_ONCE + 1)
    # What does not fit into the memory at once is put into order piece by piece.
    pieces = [path.with_suffix(f".{start_s}.part") for start_s in range(day_s, day.end_s, step_s)]
    for start_s, piece in zip(range(day_s, day.end_s, step_s), pieces, strict=True):
        span = Span(start_s, min(start_s + step_s, day.end_s))
        db.execute(written(_COPY, records=_ORDERED.format(whole_records(state, span)), path=text(str(piece))))
    if len(pieces) == 1:
        pieces[0].replace(part)
    else:
        db.execute(written(_COPY, records=parquet(pieces), path=text(str(part))))
    settle(part, path)
    for piece in pieces:
        piece.unlink(missing_ok=True)
    return hot


def settle(part: Path, path: Path) -> None:
    """Give a written file its name, so that it is there after a power failure too."""
    _flush(part)
    part.replace(path)
    _flush(path.parent)


def take_over(db: "DuckDBPyConnection", state: State, day_s: int, file: str) -> None:
    """Let a day's new file count instead of its old one and of its records in the hot table."""
    span = Span(day_s, day_s + DAY_S)
    for table in ("generation", '"try"'):
        db.execute(written(_DELETE, table=table, span=span.sql))
    enter(db, state, day_s, file)


def enter(db: "DuckDBPyConnection", state: State, day_s: int, file: str) -> None:
    """Let a file be the one of its day."""
    path = state.folder / file
    ((rows, counted, cost_nano, *_),) = db.execute(written(_COUNT, source=parquet([path]))).fetchall()
    db.execute("INSERT INTO unwanted SELECT file FROM sealed WHERE day_s = ? AND file <> ?", (day_s, file))
    db.execute("DELETE FROM unwanted WHERE file = ?", (file,))
    db.execute("DELETE FROM sealed WHERE day_s = ?", (day_s,))
    columns = [row[0] for row in db.execute(f"DESCRIBE FROM {parquet([path])}").fetchall()]
    size_bytes = path.stat().st_size
    db.execute(
        "INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?)", (day_s, file, columns, rows, counted, cost_nano, size_bytes)
    )


def span_of(db: "DuckDBPyConnection", path: Path) -> Span | None:
    """Return from which to which second a file's records are; None when it has none."""
    ((rows, _, _, first_ns, last_ns),) = db.execute(written(_COUNT, source=parquet([path]))).fetchall()
    return Span(first_ns // 1_000_000_000, last_ns // 1_000_000_000 + 1) if rows else None


def sweep(db: "DuckDBPyConnection", folder: Path) -> None:
    """Delete the files that count for nothing."""
    for (file,) in db.execute("FROM unwanted").fetchall():
        path = folder / file
        for part in path.parent.glob(f"{path.stem}.*part"):
            part.unlink()
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
        db.execute("DELETE FROM unwanted WHERE file = ?", (file,))


def adopt(db: "DuckDBPyConnection", state: State) -> list[int]:
    """Let the files count that no table knows, as after the loss of the database; return their days.

    Of several files of a day the newest has all that the others have; one that was cut short has nothing.
    """
    known = {day.day_s for day in state.days}
    newest: dict[int, Path] = {}
    older: list[str] = []
    for path in sorted(state.folder.glob("d=*/records*.parquet"), key=_number):
        found = _FILE.fullmatch(str(path.relative_to(state.folder)))
        if found is not None and is_whole(path):
            begun = datetime.combine(date.fromisoformat(found[1]), datetime.min.time(), UTC)
            day_s = int(begun.timestamp())
            if day_s in newest:
                older.append(str(newest[day_s].relative_to(state.folder)))
            newest[day_s] = path
    adopted = sorted(newest.keys() - known)
    if not known:
        for file in older:
            db.execute("INSERT INTO unwanted VALUES (?)", (file,))
    for day_s in adopted:
        files, span = parquet([newest[day_s]]), Span(day_s, day_s + DAY_S).sql
        for table, key in (('"try"', "generation_id"), ("generation", "id")):
            db.execute(written(_DELETE_TWINS, table=table, span=span, id=key, files=files))
        enter(db, state, day_s, str(newest[day_s].relative_to(state.folder)))
    return adopted


def drop(db: "DuckDBPyConnection", state: State, before_s: int) -> int:
    """Let go of the records of the days before an instant; what they added up to is kept. Returns how many days.

    What is not folded, or has to be folded again, waits for that: without its records there would be nothing to fold.
    """
    if state.stale or state.stale_months:
        return 0
    before_s = min(before_s, state.day_s)
    old = {day.day_s: day for day in state.days if day.day_s < before_s}
    hot = hot_days(db, before_s)
    gone = sorted({*hot, *(day_s for day_s, day in old.items() if day.file is not None)})
    for day_s in gone:
        span = Span(day_s, day_s + DAY_S)
        ((rows, counted, cost_nano, *_),) = db.execute(written(_COUNT, source=written(_HOT, span=span.sql))).fetchall()
        kept = old.get(day_s, Day(day_s, None, (), 0, 0, 0, 0))
        if kept.file is not None:
            db.execute("INSERT INTO unwanted VALUES (?)", (kept.file,))
        db.execute("DELETE FROM sealed WHERE day_s = ?", (day_s,))
        db.execute(
            "INSERT INTO sealed VALUES (?, NULL, [], ?, ?, ?, 0)",
            (day_s, kept.rows + rows, kept.counted + counted, kept.cost_nano + cost_nano),
        )
        for table in ("generation", '"try"'):
            db.execute(written(_DELETE, table=table, span=span.sql))
    return len(gone)


def _number(path: Path) -> int:
    found = _FILE.fullmatch(f"{path.parent.name}/{path.name}")
    return int(found[2] or 1) if found else 0


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
