"""How fast models answered, and what they were asked for: prompt lengths and kinds of work."""

from collections.abc import Sequence

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, Period
from wideband.analytics.rankings import COUNTED, MOST_NAMED, Bars, Past, Volume, coarse, first_s, spoken, volume
from wideband.analytics.use import SPEEDS, Speeds, speeds_by, words

# Bucket -> how it is written; prompts of the bucket are shorter than its name.
CONTEXTS = {
    "1K": "under 1K",
    "10K": "1K to 10K",
    "100K": "10K to 100K",
    "1M": "100K to 1M",
    "10M": "1M and more",
}
# Fewer timed answers than these say little of a model's speed.
LEAST_TIMED = 20
MOST_MODELS = 60
# What is older says little of how fast a model is.
SPEED_DAYS = 30

_AMONG = f"{COUNTED} AND list_contains($4::VARCHAR[], model)"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one model answered, from how many timed answers and providers, and what its tokens cost."""

    model: str
    timed: int
    requests: int
    tokens: int
    cost_nano: int
    providers: int
    speeds: Speeds

    @property
    def price(self) -> float | None:
        """What a million tokens, in and out together, were charged at, in nano-dollars."""
        return self.cost_nano * 1_000_000 / self.tokens if self.tokens else None


class TaskUse(Volume, frozen=True, kw_only=True):
    """What one kind of work used, and the models used most for it."""

    tag: str
    models: tuple[str, ...]


PACES = Query(
    "workloads.paces",
    """
    SELECT model, sum(timed)::BIGINT, sum(requests - failed)::BIGINT, sum(tokens)::BIGINT, sum(cost_nano)::BIGINT,
        count(DISTINCT nullif(provider, ''))
    FROM usage_{grain} WHERE {counted} GROUP BY model HAVING sum(timed) > 0
    ORDER BY 2 DESC, model
    """,
)
CONTEXT_BARS = Query(
    "workloads.context_bars",
    "SELECT context_bucket, {bucket} AS bar, {volume} FROM context_{grain} WHERE {counted}"
    " GROUP BY context_bucket, bar",
)
TASKS = Query(
    "workloads.tasks",
    """
    WITH by_model AS (
        SELECT task_tag, model, sum(requests - failed) AS requests, sum(tokens) AS tokens, sum(cost_nano) AS cost_nano
        FROM task_{grain} WHERE {counted} AND task_tag <> '' GROUP BY task_tag, model
    )
    SELECT task_tag, sum(requests)::BIGINT, sum(tokens)::BIGINT, sum(cost_nano)::BIGINT,
        list(model ORDER BY requests DESC, model) FILTER (requests > 0)
    FROM by_model GROUP BY task_tag HAVING sum(requests) > 0 ORDER BY 2 DESC, task_tag
    """,
)
TASK_BARS = Query(
    "workloads.task_bars",
    "SELECT task_tag, {bucket} AS bar, {volume} FROM task_{grain} WHERE {counted}"
    " AND task_tag <> '' GROUP BY task_tag, bar",
)
TASKS_BEFORE = Query(
    "workloads.tasks_before",
    "SELECT task_tag, {volume} FROM task_{grain} WHERE {counted} AND task_tag <> '' GROUP BY task_tag",
)


def recent(period: Period) -> Period:
    """Return what of a period speeds are told of: its last thirty days."""
    start_s = period.end_s - SPEED_DAYS * DAY_S
    start_s -= start_s % DAY_S
    return period if period.start_s >= start_s else Period(start_s, period.end_s, "day")


async def paces(reader: Reader, period: Period, *, simulated: bool) -> tuple[list[Pace], int]:
    """Return the models with enough timed answers, fastest first, and how many have too few."""
    span = recent(period)
    bounds = (span.start_s, span.end_s, simulated)
    rows = await PACES.ask(reader, *bounds, **spoken(grain=span.grain))
    enough = [row for row in rows if row[1] >= LEAST_TIMED]
    # Histograms are read of those only that are shown.
    names = [row[0] for row in enough[:MOST_MODELS]]
    told = words(span, keys="model", where=_AMONG)
    speeds = speeds_by(await SPEEDS.ask(reader, *bounds, names, **told)) if names else {}
    found = [_pace(row, speeds.get(row[0], Speeds())) for row in enough[:MOST_MODELS]]
    found.sort(key=lambda pace: (-(pace.speeds.speed_p50 or 0), pace.model))
    return found, len(rows) - len(enough)


async def context_bars(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> tuple[Period, Bars]:
    """Return the volumes of each length of prompts, bar by bar, and the bars' period: hours or wider."""
    span = coarse(period, now_s)
    rows = await CONTEXT_BARS.ask(reader, span.start_s, span.end_s, simulated, **spoken(**span.words))
    return span, _bars(span, rows)


async def tasks(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> list[TaskUse]:
    """Return each kind of work with the models that did it most, the most requests first; what is unknown is out."""
    span = coarse(period, now_s)
    rows = await TASKS.ask(reader, span.start_s, span.end_s, simulated, **spoken(grain=span.grain))
    return [
        TaskUse(tag=tag, requests=requests, tokens=tokens, cost_nano=cost, models=tuple(models[:MOST_NAMED]))
        for tag, requests, tokens, cost, models in rows
    ]


async def task_bars(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> tuple[Period, Bars]:
    """Return the volumes of each kind of work, bar by bar, and the bars' period: hours or wider."""
    span = coarse(period, now_s)
    rows = await TASK_BARS.ask(reader, span.start_s, span.end_s, simulated, **spoken(**span.words))
    return span, _bars(span, rows)


async def tasks_before(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> Past:
    """Return each kind of work in the period before, for comparing shares: no factor is needed for those."""
    span = coarse(period, now_s)
    earlier = coarse(Period(2 * span.start_s - span.end_s, span.start_s, span.width), now_s)
    # Where only days are kept, the day in which the period begins is none of the days before.
    end_s = earlier.end_s - (earlier.end_s % DAY_S if earlier.grain == "day" else 0)
    rows = await TASKS_BEFORE.ask(reader, earlier.start_s, end_s, simulated, **spoken(grain=earlier.grain))
    oldest_s = await first_s(reader)
    known = oldest_s is not None and oldest_s <= earlier.start_s
    return Past({tag: volume(rest) for tag, *rest in rows}, 1.0 if known else None)


def _pace(row: tuple[str, int, int, int, int, int], speeds: Speeds) -> Pace:
    model, timed, requests, tokens, cost_nano, providers = row
    return Pace(
        model=model,
        timed=timed,
        requests=requests,
        tokens=tokens,
        cost_nano=cost_nano,
        providers=providers,
        speeds=speeds,
    )


def _bars(span: Period, rows: Sequence[tuple[str, int, int, int, int]]) -> Bars:
    return Bars(span.starts, {(name, at): volume(rest) for name, at, *rest in rows})
