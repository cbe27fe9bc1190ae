"""Records that come after their hour was folded: what was folded of it is thrown away, to be folded again."""

from typing import TYPE_CHECKING

from wideband.store.cubes import CUBES
from wideband.store.days import DAY_S, HOUR_S, Span, State, day_of, month_of
from wideband.store.folding import clear

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HOURS = """
    SELECT DISTINCT epoch(date_trunc('hour', "at"))::BIGINT AS hour_s FROM batch
    WHERE created_ns >= ? AND created_ns < ? ORDER BY 1
"""
_SECOND_NS = 1_000_000_000


def mark(db: "DuckDBPyConnection", state: State) -> bool:
    """Throw away what the records of the table `batch` change; return whether there was any.

    In a day that is still open that is an hour, else the whole day, and its month. What is older than all records that
    are left stays as it was added up.
    """
    span = (state.floor_s * _SECOND_NS, state.hour_s * _SECOND_NS)
    hours = [hour_s for (hour_s,) in db.execute(_HOURS, span).fetchall()]
    spans = {
        Span(hour_s, hour_s + HOUR_S) if hour_s >= state.day_s else Span(day_of(hour_s), day_of(hour_s) + DAY_S)
        for hour_s in hours
    } - set(state.stale)
    months = {month_of(hour_s) for hour_s in hours if hour_s < state.month_s}
    # Part of a month cannot be added up anew.
    months = {month for month in months if month.start_s >= state.floor_s} - set(state.stale_months)
    for stale in spans:
        for cube in CUBES:
            for width in cube.keep_s:
                if width in {"minute", "hour"} or (width == "day" and stale.start_s < state.day_s):
                    db.execute(clear(cube, width, stale))
        db.execute("INSERT INTO stale VALUES ('hour', ?, ?)", (stale.start_s, stale.end_s))
    for month in months:
        for cube in CUBES:
            if "month" in cube.keep_s:
                db.execute(clear(cube, "month", month))
        db.execute("INSERT INTO stale VALUES ('month', ?, ?)", (month.start_s, month.end_s))
    return bool(spans or months)
