"""A few models side by side: what was used of each, how fast it was, and who used it."""

import asyncio
from collections.abc import Sequence

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import Period
from wideband.analytics.rankings import coarse
from wideband.analytics.use import ANY, SPEEDS_TWICE, Speeds, Use, speeds_twice, total_use, words

MOST_MODELS, DEFAULT_MODELS, MOST_APPS = 4, 3, 3

_THESE = "{span} AND list_contains($3::VARCHAR[], model)"

USES = Query("comparison.uses", "SELECT model, {bucket}, {sums} FROM usage_{grain} WHERE {these} GROUP BY ALL")
APPS = Query(
    "comparison.apps",
    """
    SELECT model, app, sum(requests)::BIGINT AS asked, sum(tokens)::BIGINT AS used
    FROM app_{grain} WHERE {these} AND app <> '' GROUP BY model, app
    QUALIFY row_number() OVER (PARTITION BY model ORDER BY used DESC, asked DESC, app) <= $4
    ORDER BY model, used DESC, asked DESC, app
    """,
)
MOST_USED = Query(
    "comparison.most_used",
    "SELECT model FROM usage_{grain} WHERE {span} GROUP BY model ORDER BY sum(tokens) DESC, model LIMIT $3",
)


class AppTokens(msgspec.Struct, frozen=True):
    """What one app used of a model."""

    name: str
    requests: int
    tokens: int


class Compared(msgspec.Struct, frozen=True):
    """One model in a period: sums and distributions of all of it, and by the starts of its bars."""

    model: str
    uses: dict[int, Use]
    speeds: dict[int, Speeds]
    speed: Speeds = Speeds()
    apps: tuple[AppTokens, ...] = ()

    @property
    def use(self) -> Use:
        """Return the sums over the period."""
        return total_use(self.uses.values())


async def compare(reader: Reader, period: Period, models: Sequence[str], now_s: int) -> list[Compared]:
    """Return each of some models, in the order given; those without records too."""
    asked = (period.start_s, period.end_s, list(models))
    told = words(period, keys="model", others="struct_pack(m := model, b := {bucket})", where=_THESE)
    # Apps are kept by hours, or by days.
    span = coarse(period, now_s)
    rows, uses, apps = await asyncio.gather(
        SPEEDS_TWICE.ask(reader, *asked, **told),
        USES.ask(reader, *asked, **words(period, these=_THESE)),
        APPS.ask(reader, span.start_s, span.end_s, list(models), MOST_APPS, **words(span, these=_THESE)),
    )
    whole, speeds = speeds_twice(rows)
    return [
        Compared(
            model,
            {at_s: Use(*sums) for name, at_s, *sums in uses if name == model},
            {at_s: found for (name, at_s), found in speeds.items() if name == model},
            whole.get(model, Speeds()),
            tuple(AppTokens(*rest) for name, *rest in apps if name == model),
        )
        for model in models
    ]


async def answered(reader: Reader, period: Period, model: str) -> bool:
    """Tell whether a model answered anything in a period."""
    told = words(period, whose="model = $3 AND ok > 0")
    return bool(await ANY.ask(reader, period.start_s, period.end_s, model, **told))


async def most_used(reader: Reader, period: Period, most: int = DEFAULT_MODELS) -> list[str]:
    """Return the models with the most tokens in a period."""
    rows = await MOST_USED.ask(reader, period.start_s, period.end_s, most, **words(period))
    return [model for (model,) in rows]
