"""Which days are sealed, how far records are folded, and where the records of a span of time lie."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wideband.store.cubes import DERIVED, TRY_AT
from wideband.store.tables import PACK, quoted, text, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HOUR_S, DAY_S = 3600, 86_400
_END = b"PAR1"
FOREVER_S = 253_402_300_800  # the year 10000

TABLES = (
    # The truth about which files count. Without a file the records are gone, and what they added up to is left.
    """CREATE TABLE IF NOT EXISTS sealed (
        day_s BIGINT, file VARCHAR, columns VARCHAR[], rows BIGINT, counted BIGINT, cost_nano HUGEINT, size_bytes BIGINT
    )""",
    # Files that count for nothing: half made, or replaced.
    "CREATE TABLE IF NOT EXISTS unwanted (file VARCHAR)",
    # All that is older is folded by hour, day and month, but for what is stale.
    "CREATE TABLE IF NOT EXISTS folded_until (hour_s BIGINT, day_s BIGINT, month_s BIGINT)",
    "INSERT INTO folded_until SELECT 0, 0, 0 WHERE NOT EXISTS (FROM folded_until)",
    # What cubes were when they were folded: another shape has all folded again.
    "CREATE TABLE IF NOT EXISTS folded_as (shape VARCHAR)",
    # Spans whose folded rows were thrown away, because records came late: hours of the open day, else days; months.
    "CREATE TABLE IF NOT EXISTS stale (width VARCHAR, start_s BIGINT, end_s BIGINT)",
)


class Span(msgspec.Struct, frozen=True):
    """A half-open span of time in unix seconds."""

    start_s: int
    end_s: int

    @property
    def sql(self) -> str:
        """Write the condition that `at` lies in it."""
        until = f' AND "at" < {stamp(self.end_s)}' if self.end_s < FOREVER_S else ""
        return f'"at" >= {stamp(self.start_s)}{until}'


class Day(msgspec.Struct, frozen=True):
    """A sealed UTC day: its file below `analytics/` (None: deleted), its columns, and what the audit counts of it."""

    day_s: int
    file: str | None
    columns: tuple[str, ...]
    rows: int
    counted: int
    cost_nano: int
    size_bytes: int


class State(msgspec.Struct, frozen=True):
    """What is folded and sealed at one moment; `folder` is where the files of days are."""

    folder: Path
    hour_s: int
    day_s: int
    month_s: int
    stale: tuple[Span, ...]
    stale_months: tuple[Span, ...]
    days: tuple[Day, ...]

    @property
    def floor_s(self) -> int:
        """Return since when there are records; what was folded of older ones can never be folded again."""
        return max((day.day_s + DAY_S for day in self.days if day.file is None), default=0)

    @property
    def sealed_until_s(self) -> int:
        """Return since when no record is sealed."""
        return max((day.day_s + DAY_S for day in self.days), default=0)

    def sealed(self, span: Span) -> list[Day]:
        """Return the days of a span that have a file."""
        return [
            day
            for day in self.days
            if day.file is not None and day.day_s < span.end_s and day.day_s + DAY_S > span.start_s
        ]

    def path(self, day: Day) -> Path:
        """Return where a day's file is."""
        return self.folder / (day.file or "")


def load(db: "DuckDBPyConnection", folder: Path) -> State:
    """Read how things stand. A file that somebody took away, or cut short, is treated as deleted."""
    ((hour_s, day_s, month_s),) = db.execute("FROM folded_until").fetchall()
    stale = db.execute("SELECT width, start_s, end_s FROM stale ORDER BY ALL").fetchall()
    days = [
        Day(
            begun_s,
            file if file and is_whole(folder / file, size) else None,
            tuple(columns),
            rows,
            counted,
            int(cost),
            size,
        )
        for begun_s, file, columns, rows, counted, cost, size in db.execute("FROM sealed ORDER BY day_s").fetchall()
    ]
    return State(
        folder,
        hour_s,
        day_s,
        month_s,
        tuple(Span(start_s, end_s) for width, start_s, end_s in stale if width == "hour"),
        tuple(Span(start_s, end_s) for width, start_s, end_s in stale if width == "month"),
        tuple(days),
    )


def lost(db: "DuckDBPyConnection", state: State) -> list[Path]:
    """Return the files that ought to be there."""
    have = {day.file for day in state.days}
    named = db.execute("SELECT file FROM sealed WHERE file IS NOT NULL ORDER BY day_s").fetchall()
    return [state.folder / file for (file,) in named if file not in have]


def is_whole(path: Path, size_bytes: int = 0) -> bool:
    """Say whether a day's file is there with its end; others than ours may have written it anew."""
    try:
        if path.stat().st_size == size_bytes:
            return True
        with path.open("rb") as file:
            file.seek(-len(_END), os.SEEK_END)
            return file.read() == _END
    except OSError:
        return False


def stamp(at_s: int) -> str:
    """Write an instant."""
    return f"make_timestamp({at_s * 1_000_000})"


def day_of(at_s: int) -> int:
    """Return when the UTC day began."""
    return at_s - at_s % DAY_S


def month_of(at_s: int) -> Span:
    """Return the UTC month that holds an instant."""
    start = datetime.fromtimestamp(at_s, UTC).replace(day=1, hour=0, minute=0, second=0)
    after = datetime.fromtimestamp(start.timestamp() + 32 * DAY_S, UTC).replace(day=1)
    return Span(int(start.timestamp()), int(after.timestamp()))


def months_from(at_s: int) -> int:
    """Return when the first month begins that lies wholly behind an instant."""
    month = month_of(at_s)
    return at_s if at_s == month.start_s else month.end_s


def records(state: State, span: Span) -> str:
    """Write what to select the records of a span from, without their tries; the span is still to be asked for."""
    parts = ["FROM generation", *_sealed(state, span, "SELECT * EXCLUDE (tries){derived} FROM {files}")]
    return f"({' UNION ALL BY NAME '.join(parts)})" if len(parts) > 1 else "generation"


def whole_records(state: State, span: Span) -> str:
    """Write what to select the records of a span from, with their tries; bounded already."""
    parts = [
        written(_HOT, span=span.sql, pack=PACK),
        *_sealed(state, span, written("SELECT *{{derived}} FROM {{files}} WHERE {span}", span=span.sql)),
    ]
    return f"({' UNION ALL BY NAME '.join(parts)})"


def tries(state: State, span: Span) -> str:
    """Write what to select the tries of the records of a span from."""
    parts = ['FROM "try"', *_sealed(state, span, written(_SEALED_TRIES, at=TRY_AT))]
    return f"({' UNION ALL BY NAME '.join(parts)})" if len(parts) > 1 else '"try"'


_HOT = """
    SELECT hot.*, coalesce(own.tries, []) AS tries FROM (FROM generation WHERE {span}) AS hot LEFT JOIN (
        SELECT generation_id, list(struct_pack({pack}) ORDER BY number) AS tries FROM "try" WHERE {span} GROUP BY 1
    ) AS own ON own.generation_id = hot.id
"""
_SEALED_TRIES = """
    SELECT * EXCLUDE (created_ns), {at} AS "at" FROM (
        SELECT generation_id, created_ns, number, unnest(tries) FROM (
            SELECT id AS generation_id, created_ns, unnest(tries) AS tries,
                generate_subscripts(tries, 1) - 1 AS number FROM {{files}}
        )
    )
"""


def _sealed(state: State, span: Span, select: str) -> Iterator[str]:
    """Write a SELECT for all files of one shape: they lack the columns that are younger than they are."""
    shapes: dict[tuple[str, ...], list[Day]] = {}
    for day in state.sealed(span):
        shapes.setdefault(day.columns, []).append(day)
    for columns, days in shapes.items():
        derived = "".join(
            f", ({sql})::{kind} AS {quoted(name)}" for name, (kind, sql) in DERIVED.items() if name not in columns
        )
        yield written(select, derived=derived, files=parquet([state.path(day) for day in days]))


def parquet(paths: list[Path]) -> str:
    """Write a table function that reads files of one shape."""
    return f"read_parquet([{', '.join(text(str(path)) for path in paths)}], hive_partitioning = false)"
