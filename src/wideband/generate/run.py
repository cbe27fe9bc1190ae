"""Draws a world's records day by day, several days at once, and puts them where a server's would be."""

import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import msgspec

from wideband.generate.rhythm import day_over, spread_days
from wideband.generate.rows import World
from wideband.generate.steps import statements
from wideband.generate.tables import fill
from wideband.store.engine import connect
from wideband.store.tables import RECORD, derived, written
from wideband.wire import jsons

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DAY_S = 86_400
# More sittings are drawn than are expected to be needed.
_SPARE = 1.3
# What is drawn in one go: planning the statements takes as long as drawing some thousand records.
_BATCH_RECORDS = 60_000
_BATCH_PEOPLE = 400_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How many records over how many days, the last of which is over at `until_s` (unix seconds)."""

    records: int
    days: int
    seed: int
    until_s: int

    @property
    def first(self) -> date:
        """Return the first day."""
        return datetime.fromtimestamp(self.until_s - 1, UTC).date() - timedelta(days=self.days - 1)

    @property
    def last_day_s(self) -> int:
        """Return how many seconds of the last day are over."""
        return (self.until_s - 1) % _DAY_S + 1

    def counts(self) -> list[int]:
        """Return how many records each day has."""
        return spread_days(self.records, self.first, self.days, day_over(self.last_day_s), self.seed)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day's part: how many days after the first, and how many records."""

    number: int
    date: date
    records: int
    cap_s: int


def days(wanted: Wanted) -> Iterator[Day]:
    """Return the days that have records, the first one first."""
    for number, records in enumerate(wanted.counts()):
        cap_s = wanted.last_day_s if number == wanted.days - 1 else _DAY_S
        if records:
            yield Day(number=number, date=wanted.first + timedelta(days=number), records=records, cap_s=cap_s)


class Maker:
    """Draws days of one world; each has a database in memory, so several can work at once.

    What does not fit there goes into the folder `spill`; DuckDB's own choice is the folder that one stands in.
    """

    def __init__(self, world: World, wanted: Wanted, spill: Path | None = None) -> None:
        self._wanted = wanted
        self._turns = _mean_turns(world)
        self._steps = statements("day")
        self._db = connect(memory_limit="512MB", threads=1, temp_directory=str(spill or ""))
        self._db.execute("SET enable_progress_bar = false")
        # The order they are written in is right: by its guess, each record is joined with all providers first.
        self._db.execute("SET disabled_optimizers = 'join_order'")
        for name, value in {
            "seed": wanted.seed,
            "days": wanted.days,
            "people": world.people,
            "first": wanted.first.isoformat(),
            "fee_permille": world.byok_fee_permille,
        }.items():
            _set(self._db, name, value)
        for macro in statements("macros"):
            self._db.execute(macro)
        fill(self._db, world)
        for statement in statements("people"):
            self._db.execute(statement)

    def write(self, batch: Sequence[Day], folder: Path) -> None:
        """Draw some days and write `d=DATE/data_0.parquet` of each, in the order of time, as sealed ones are."""
        db = self._db
        _set(db, "today", jsons.encode([self._today(day) for day in batch]).decode())
        db.execute(_TODAY)
        for step in self._steps:
            db.execute(step)
        columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in RECORD.items())
        db.execute(written(_COPY, columns=columns, derived=derived(), folder=str(folder).replace("'", "''")))

    def _today(self, day: Day) -> dict[str, Any]:
        return {
            "day": day.number,
            "date": day.date.isoformat(),
            "weekday": day.date.weekday(),
            "sofar": day.number / max(1, self._wanted.days - 1),
            "records": day.records,
            "sittings": math.ceil(day.records / self._turns * _SPARE) + 60,
            "start_ns": _start_s(day.date) * 1_000_000_000,
            "cap_ms": day.cap_s * 1000,
        }

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask about the world's tables."""
        return self._db.execute(sql).fetchall()

    def close(self) -> None:
        self._db.close()


_TODAY = """
    CREATE OR REPLACE TEMP TABLE today AS SELECT unnest(from_json(getvariable('today')::JSON, '[{
        "day": "BIGINT", "date": "VARCHAR", "weekday": "BIGINT", "sofar": "DOUBLE", "records": "BIGINT",
        "sittings": "BIGINT", "start_ns": "BIGINT", "cap_ms": "BIGINT"
    }]'), max_depth := 2)
"""
_COPY = """
    COPY (
        SELECT *, {derived} FROM (SELECT date AS d, {columns} FROM drawn JOIN today USING (day)) ORDER BY created_ns, id
    ) TO '{folder}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 60000, PARTITION_BY (d))
"""


def _set(db: "DuckDBPyConnection", name: str, value: object) -> None:
    db.execute(written("SET VARIABLE {name} = $1", name=name), [value])


def _start_s(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _mean_turns(world: World) -> float:
    """Return how many turns a sitting has at least, on average, whatever the mix of the day."""
    weights = [sum(kind.share) for kind in world.kinds]
    return sum(w * kind.turns for w, kind in zip(weights, world.kinds, strict=True)) / sum(weights) * 0.8


def _batches(wanted: Wanted, people: int) -> list[list[Day]]:
    """Put days together that are worth one go, the newest first: they are the largest."""
    batches: list[list[Day]] = []
    most_days = max(1, _BATCH_PEOPLE // people)
    most_records = min(_BATCH_RECORDS, max(wanted.records // 4, _BATCH_RECORDS // 4))
    for day in sorted(days(wanted), key=lambda day: -day.number):
        last = batches[-1] if batches else None
        if last and len(last) < most_days and sum(each.records for each in last) + day.records <= most_records:
            last.append(day)
        else:
            batches.append([day])
    return batches


def write_days(
    world: World, wanted: Wanted, folder: Path, done: Callable[[int, int], None], jobs: int | None = None
) -> None:
    """Write the file of every day, `DATE.parquet` in a folder; `done` is told of records and days as they come."""
    batches = _batches(wanted, world.people)
    jobs = min(jobs or len(os.sched_getaffinity(0)), len(batches))
    own = local()
    makers: list[Maker] = []

    def make(number: int) -> list[Day]:
        if not hasattr(own, "maker"):
            own.maker = Maker(world, wanted, folder / f"spill-{number}")
            makers.append(own.maker)
        parts = folder / f"part-{number}"
        own.maker.write(batches[number], parts)
        for day in batches[number]:
            (parts / f"d={day.date}" / "data_0.parquet").replace(folder / f"{day.date}.parquet")
        shutil.rmtree(parts)
        return batches[number]

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ThreadPoolExecutor(jobs, thread_name_prefix="generate") as pool:
            for future in as_completed([pool.submit(make, number) for number in range(len(batches))]):
                made = future.result()
                done(sum(day.records for day in made), len(made))
    finally:
        for maker in makers:
            maker.close()
