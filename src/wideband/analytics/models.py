"""What was used of models and how it went: all of them, and one by endpoint and over time."""

import asyncio

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import HOUR_S, Period
from wideband.analytics.use import (
    ALL_SPEEDS_TWICE,
    TOKENS_A_SECOND,
    Speeds,
    Use,
    bin_step_s,
    speeds_by,
    speeds_twice,
    words,
)

MOST_APPS = 10

_BY_MODEL = Query("models.use", "SELECT model, {sums} FROM usage_{grain} WHERE {span} GROUP BY model")
_TOKENS_OVER_TIME = Query(
    "models.tokens_over_time",
    "SELECT model, $1::BIGINT + ({bucket} - $1::BIGINT) // $3 * $3 AS step, sum(tokens)::BIGINT"
    " FROM usage_{grain} WHERE {span} GROUP BY ALL",
)
_ONE = Query(
    "model.use",
    "SELECT provider, endpoint_id, {bucket}, {sums} FROM usage_{grain} WHERE {span} AND model = $3 GROUP BY ALL",
)
_APPS = Query(
    "model.apps",
    "SELECT app, sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(cost_nano)::BIGINT"
    " FROM app_{grain} WHERE {span} AND model = $3 GROUP BY app ORDER BY tokens DESC, requests DESC, app",
)
_TASKS = Query(
    "model.tasks",
    "SELECT task_tag, sum(requests)::BIGINT AS requests, sum(tokens)::BIGINT AS tokens, sum(cost_nano)::BIGINT"
    " FROM task_{grain} WHERE {span} AND model = $3 GROUP BY task_tag ORDER BY tokens DESC, requests DESC, task_tag",
)


class Part(msgspec.Struct, frozen=True):
    """What one app or one kind of work used of a model; the name is '' where it is not known."""

    name: str
    requests: int
    tokens: int
    cost_nano: int


class Cell(msgspec.Struct, frozen=True):
    """Where and when something was used: '' for provider and endpoint when nobody answered."""

    provider: str
    endpoint_id: str
    at_s: int


class ModelHistory(msgspec.Struct, frozen=True):
    """One model's use by endpoint and bar, and its speeds: by endpoint, and by provider and the start of a bin."""

    uses: dict[Cell, Use]
    by_endpoint: dict[str, Speeds]
    by_bin: dict[tuple[str, int], Speeds]

    @property
    def providers(self) -> list[str]:
        """Return who answered, the most used first."""
        requests: dict[str, int] = {}
        for cell, use in self.uses.items():
            if cell.provider:
                requests[cell.provider] = requests.get(cell.provider, 0) + use.requests
        return sorted(requests, key=lambda slug: (-requests[slug], slug))


async def use_by_model(reader: Reader, period: Period) -> dict[str, tuple[Use, Speeds]]:
    """Return what was used of each model that was asked for, and its tokens a second."""
    asked = (period.start_s, period.end_s)
    rows, found = await asyncio.gather(
        _BY_MODEL.ask(reader, *asked, **words(period)),
        TOKENS_A_SECOND.ask(reader, *asked, **words(period, keys="model", where="{span}")),
    )
    speeds = speeds_by(found)
    return {row[0]: (Use(*row[1:]), speeds.get(row[0], Speeds())) for row in rows}


async def tokens_over_time(reader: Reader, period: Period) -> dict[str, tuple[int, ...]]:
    """Return each model's tokens by the bars of a period, as many at once as keep them few."""
    step_s = bin_step_s(period)
    rows = await _TOKENS_OVER_TIME.ask(reader, period.start_s, period.end_s, step_s, **words(period))
    steps = period.starts if step_s == 1 else range(period.start_s, period.end_s, step_s)
    by_model: dict[str, dict[int, int]] = {}
    for model, at_s, tokens in rows:
        if model not in by_model:
            by_model[model] = dict.fromkeys(steps, 0)
        by_model[model][at_s] = tokens
    return {model: tuple(bars.values()) for model, bars in by_model.items()}


async def history(reader: Reader, period: Period, model: str) -> ModelHistory:
    """Return what was used of one model."""
    asked = (period.start_s, period.end_s, model)
    told = words(
        period,
        keys="endpoint_id",
        others="struct_pack(p := provider, b := {bin})",
        where="{span} AND model = $3",
    )
    speeds, rows = await asyncio.gather(
        ALL_SPEEDS_TWICE.ask(reader, *asked, **told), _ONE.ask(reader, *asked, **words(period))
    )
    by_endpoint, by_bin = speeds_twice(speeds)
    return ModelHistory({Cell(*row[:3]): Use(*row[3:]) for row in rows}, by_endpoint, by_bin)


async def apps(reader: Reader, period: Period, model: str) -> list[Part]:
    """Return the apps that used a model, most tokens first."""
    return await _parts(_APPS, reader, period, model)


async def tasks(reader: Reader, period: Period, model: str) -> list[Part]:
    """Return the kinds of work that a model did, most tokens first."""
    return await _parts(_TASKS, reader, period, model)


async def _parts(query: Query, reader: Reader, period: Period, model: str) -> list[Part]:
    # These are kept by hours: a span of minutes is told from the hour on in which it begins.
    start_s = period.start_s - period.start_s % HOUR_S
    grain = "day" if period.grain == "day" else "hour"
    told = words(period) | {"grain": grain}
    return [Part(*row) for row in await query.ask(reader, start_s, period.end_s, model, **told)]
