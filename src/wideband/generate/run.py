"""Draws a world's records day by day, several days at once, and puts them where a server's would be."""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING

import msgspec

from wideband.generate.rhythm import day_over, spread_days
from wideband.generate.rows import World
from wideband.generate.steps import statements
from wideband.generate.tables import fill
from wideband.store.engine import connect
from wideband.store.tables import RECORD, derived, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DAY_S = 86_400
# More sittings are drawn than are expected to be needed.
_SPARE = 1.3


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
    """Draws days of one world; each has a database in memory, so several can work at once."""

    def __init__(self, world: World, wanted: Wanted) -> None:
        self._wanted = wanted
        self._turns = _mean_turns(world)
        self._steps = statements("day")
        self._db = connect(memory_limit="1GB", threads=1)
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

    def write(self, day: Day, path: Path) -> None:
        """Draw a day and write it, in the order of time, with the columns of sealed records."""
        db = self._db
        sittings = math.ceil(day.records / self._turns * _SPARE) + 60
        variables = {
            "salt": self._wanted.seed * 1_000_003 + day.number,
            "day": day.number,
            "weekday": day.date.weekday(),
            "sofar": day.number / max(1, self._wanted.days - 1),
            "records": day.records,
            "sittings": sittings,
            "start_ns": _start_s(day.date) * 1_000_000_000,
            "cap_ms": day.cap_s * 1000,
        }
        for name, value in variables.items():
            _set(db, name, value)
        for step in self._steps:
            db.execute(step)
        columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in RECORD.items())
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        db.execute(written(_COPY, columns=columns, derived=derived(), path=str(part).replace("'", "''")))
        part.replace(path)

    def close(self) -> None:
        self._db.close()


_COPY = """
    COPY (SELECT *, {derived} FROM (SELECT {columns} FROM drawn) ORDER BY created_ns, id)
    TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def _set(db: "DuckDBPyConnection", name: str, value: object) -> None:
    db.execute(written("SET VARIABLE {name} = $1", name=name), [value])


def _start_s(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _mean_turns(world: World) -> float:
    """Return how many turns a sitting has at least, on average, whatever the mix of the day."""
    weights = [sum(kind.share) for kind in world.kinds]
    return sum(w * kind.turns for w, kind in zip(weights, world.kinds, strict=True)) / sum(weights) * 0.8


def write_days(
    world: World, wanted: Wanted, path_of: Callable[[date], Path], done: Callable[[Day], None], jobs: int | None = None
) -> None:
    """Write the file of every day; `done` is told of each, from the calling thread."""
    jobs = min(jobs or max(1, len(os.sched_getaffinity(0))), wanted.days)
    own = local()
    makers: list[Maker] = []

    def make(day: Day) -> Day:
        if not hasattr(own, "maker"):
            own.maker = Maker(world, wanted)
            makers.append(own.maker)
        own.maker.write(day, path_of(day.date))
        return day

    # The largest days come last: so they are begun first.
    waiting = sorted(days(wanted), key=lambda day: -day.records)
    try:
        with ThreadPoolExecutor(jobs, thread_name_prefix="generate") as pool:
            running: set[Future[Day]] = {pool.submit(make, day) for day in waiting}
            while running:
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ready:
                    done(future.result())
    finally:
        for maker in makers:
            maker.close()
