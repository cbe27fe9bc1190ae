"""Cubes: records added up by minute, hour, day and month, and the views that queries read.

Folding writes rows into `folded_<cube>_<width>`. All statements are pure functions of the records of a span, so a span
can be folded again at any time. A view is what is folded and, added up as it is read, what is not: each record once.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wideband.store.cubes import CUBES, Cube
from wideband.store.days import FOREVER_S, Span, State, months_from, records, stamp, tries
from wideband.store.tables import quoted, written
from wideband.wire import jsons

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_RAW = """
    SELECT date_trunc('{width}', "at") AS "at", {dimensions}, {measures} FROM {source} WHERE {span} GROUP BY ALL
"""
_MONTHS = """
    SELECT date_trunc('month', "at") AS "at", {dimensions}, {sums} FROM {table} WHERE {span} GROUP BY ALL
"""
_COARSER = """
    SELECT * REPLACE (date_trunc('{width}', "at") AS "at") FROM {table}
    WHERE "at" >= (SELECT {width}_at FROM unfolded)
"""
# The day of the oldest record, from as little as can tell: finer rows are a part of it, and younger than none.
_BEGINNING = """
    SELECT min("at") AS "at" FROM (
        SELECT min("at") AS "at" FROM folded_usage_day
        UNION ALL SELECT date_trunc('day', min("at")) FROM folded_usage_hour
        UNION ALL SELECT date_trunc('day', min("at")) FROM unfolded_record
    )
"""
_DELETE = "DELETE FROM {table} WHERE {span}"
_INSERT = "INSERT INTO {table} BY NAME {select}"
_EMPTY = "CREATE TABLE {table} AS FROM ({select}) LIMIT 0"
_NO_MAP = "MAP {}::MAP(INTEGER, BIGINT)"
# What a column that a cube gained is in rows that cannot be folded again.
_NOTHING = {"BIGINT": "0", "VARCHAR": "''", "BOOLEAN": "FALSE", "MAP(INTEGER, BIGINT)": _NO_MAP}


def table(cube: Cube, width: str) -> str:
    """Return the name of the table of folded rows."""
    return f"folded_{cube.name}_{width}"


def raw(cube: Cube, width: str, state: State, span: Span) -> str:
    """Write the rows of a cube, added up from the records of a span."""
    source = records if cube.source == "generation" else tries
    return _added_up(cube, width, source(state, span), span.sql)


def _added_up(cube: Cube, width: str, source: str, which: str) -> str:
    sums = [f"coalesce({sql}, 0)::BIGINT AS {quoted(name)}" for name, sql in cube.sums.items()]
    maps = [
        f"coalesce(histogram({sql})::MAP(INTEGER, BIGINT), {_NO_MAP}) AS {quoted(name)}"
        for name, sql in cube.histograms.items()
    ]
    return written(
        _RAW,
        width=width,
        dimensions=", ".join(f"{sql} AS {quoted(name)}" for name, sql in cube.dimensions.items()),
        measures=", ".join(sums + maps),
        source=source,
        span=which,
    )


def fold(cube: Cube, width: str, state: State, span: Span) -> Iterator[str]:
    """Write how the rows of a span are made anew."""
    yield clear(cube, width, span)
    yield written(_INSERT, table=table(cube, width), select=raw(cube, width, state, span))


def fold_month(cube: Cube, span: Span) -> Iterator[str]:
    """Write how the rows of months are made from those of their days."""
    yield clear(cube, "month", span)
    select = written(
        _MONTHS,
        dimensions=", ".join(map(quoted, cube.dimensions)),
        sums=", ".join(f"sum({quoted(name)})::BIGINT AS {quoted(name)}" for name in cube.sums),
        table=table(cube, "day"),
        span=span.sql,
    )
    yield written(_INSERT, table=table(cube, "month"), select=select)


def clear(cube: Cube, width: str, span: Span) -> str:
    """Write how the rows of a span are thrown away."""
    return written(_DELETE, table=table(cube, width), span=span.sql)


def standing_views() -> Iterator[str]:
    """Write the views of the cubes. They read those below, and need not be made again when something is folded."""
    for cube in CUBES:
        for width in cube.keep_s:
            parts = [f"FROM {table(cube, width)}", *_unfolded(cube, width)]
            yield f"CREATE OR REPLACE VIEW {cube.name}_{width} AS {' UNION ALL BY NAME '.join(parts)}"
    yield f"CREATE OR REPLACE VIEW beginning AS {_BEGINNING}"


def moving_views(state: State) -> Iterator[str]:
    """Write the view of all records, and those that say how far they are sealed and what is not folded."""
    yield f"CREATE OR REPLACE VIEW record AS FROM {records(state, Span(0, FOREVER_S))}"
    yield f'CREATE OR REPLACE VIEW sealed_until AS SELECT {stamp(state.sealed_until_s)} AS "at"'
    since = f"{stamp(state.day_s)} AS day_at, {stamp(state.month_s)} AS month_at"
    yield f"CREATE OR REPLACE VIEW unfolded AS SELECT {since}"
    hours = [Span(state.hour_s, FOREVER_S), *state.stale]
    # Where only whole days are folded, only whole ones are stale.
    spans = [Span(state.day_s, FOREVER_S), *(span for span in state.stale if span.start_s < state.day_s)]
    for name, source, which in (
        ("unfolded_record", records, hours),
        ("unfolded_try", tries, hours),
        ("unfolded_record_of_days", records, spans),
        ("unfolded_record_of_months", records, state.stale_months or [Span(0, 0)]),
    ):
        parts = [f"FROM {source(state, span)} WHERE {span.sql}" for span in which]
        yield f"CREATE OR REPLACE VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}"


def _unfolded(cube: Cube, width: str) -> Iterator[str]:
    """Write the rows that are not in the table of a width."""
    source = "unfolded_record" if cube.source == "generation" else "unfolded_try"
    if width == "month":
        yield f"FROM ({written(_COARSER, width=width, table=f'{cube.name}_day')})"
        source = "unfolded_record_of_months"
    elif width == "day" and "hour" in cube.keep_s:
        yield f"FROM ({written(_COARSER, width=width, table=table(cube, 'hour'))})"
    elif width == "day":
        source = "unfolded_record_of_days"
    yield _added_up(cube, width, source, "true")


def prepare(db: "DuckDBPyConnection", state: State) -> bool:
    """Make the tables of folded rows; return whether rows mean something else now: all is to be folded again."""
    found: dict[str, dict[str, str]] = {}
    for name, column, kind in db.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall():
        found.setdefault(name, {})[column] = kind
    shape = hashlib.sha256(jsons.encode(CUBES)).hexdigest()
    changed = db.execute("FROM folded_as").fetchall() != [(shape,)]
    if changed:
        db.execute("DELETE FROM folded_as")
        db.execute("INSERT INTO folded_as VALUES (?)", (shape,))
    for cube in CUBES:
        select = raw(cube, "day", state, Span(FOREVER_S - 1, FOREVER_S))
        wanted = {row[0]: row[1] for row in db.execute(f"DESCRIBE {select}").fetchall()}
        for width in cube.keep_s:
            name = table(cube, width)
            if name not in found:
                db.execute(written(_EMPTY, table=name, select=select))
                continue
            for column in wanted.keys() - found[name].keys():
                kind = wanted[column]
                db.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(column)} {kind} DEFAULT {_NOTHING[kind]}")
            for column in found[name].keys() - wanted.keys():
                db.execute(f"ALTER TABLE {name} DROP COLUMN {quoted(column)}")
    return changed


def reset(db: "DuckDBPyConnection", state: State) -> None:
    """Throw away all that can be folded again."""
    since_s = state.floor_s
    month_s = min(state.month_s, months_from(since_s)) if since_s else 0
    for cube in CUBES:
        for width in cube.keep_s:
            db.execute(clear(cube, width, Span(month_s if width == "month" else since_s, FOREVER_S)))
    db.execute("DELETE FROM stale")
    db.execute("UPDATE folded_until SET hour_s = ?, day_s = ?, month_s = ?", (since_s, since_s, month_s))
