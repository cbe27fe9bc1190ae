"""Models side by side."""

import asyncio
import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from starlette.responses import Response

from wideband.analytics import comparison, reliability
from wideband.analytics.comparison import DEFAULT_MODELS, MOST_MODELS, Compared
from wideband.analytics.periods import Period, period_of
from wideband.analytics.use import Speeds, Use
from wideband.catalog.rows import NANO, Catalogue
from wideband.routing.variants import LONGEST_NAME, find_model
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series, Unit
from wideband.site.charts.lines import lines
from wideband.site.views.offers import book
from wideband.site.views.sides import Side, by_price, effective, groups
from wideband.site.visit import Page, Visit

NEAREST = 3
DEFAULT_PERIOD = "30d"


class Unknown(NamedTuple):
    """A name that nothing bears, and the nearest there are."""

    name: str
    near: list[str]


async def show(visit: Visit) -> Response:
    """Show up to four models side by side: those named, or the most used ones."""
    period = visit.period(DEFAULT_PERIOD)
    catalogue = book(visit.house.exchange)
    wished = [name.strip() for name in visit.request.query_params.getlist("model") if name.strip()]
    chosen, unknown = await _chosen(visit, period, catalogue, wished)
    told = await comparison.compare(visit.house.reader, period, chosen[:MOST_MODELS], visit.now_s)
    sides = await _sides(visit, catalogue, told)
    return await visit.page(
        "compare.html",
        404 if unknown else 200,
        period=period,
        sides=sides,
        groups=groups(sides, visit.now_s * NANO),
        figures=charts(told, period),
        unknown=unknown,
        left_out=chosen[MOST_MODELS:],
        most=MOST_MODELS,
        is_default=not wished,
        known=sorted(name for name in catalogue.models if catalogue.endpoints.get(name)),
    )


async def _chosen(
    visit: Visit, period: Period, catalogue: Catalogue, wished: Sequence[str]
) -> tuple[list[str], list[Unknown]]:
    """Return the models that names stand for, without repeats, and the names that stand for none."""
    if not wished:
        used = await comparison.most_used(visit.house.reader, period)
        return used or list(visit.house.exchange.catalogue.endpoints)[:DEFAULT_MODELS], []
    chosen: list[str] = []
    unknown: list[Unknown] = []
    for name in dict.fromkeys(wished):
        named = find_model(name, catalogue)
        model = named.model if named else await _remembered(visit, period, name)
        if model is None:
            unknown.append(Unknown(name[:LONGEST_NAME], nearest(name, catalogue)))
        elif model not in chosen:
            chosen.append(model)
    return chosen, unknown


async def _remembered(visit: Visit, period: Period, name: str) -> str | None:
    """Return a model that the catalogue no longer has, but that answered in the period."""
    return name if await comparison.answered(visit.house.reader, period, name) else None


def nearest(name: str, catalogue: Catalogue) -> list[str]:
    """Return the ids most like a name, compared whole and without their author."""
    slugs = {id_.partition("/")[2]: id_ for id_ in catalogue.models}
    wanted = name[:LONGEST_NAME].lower()
    whole = difflib.get_close_matches(wanted, catalogue.models, NEAREST, 0.5)
    parts = difflib.get_close_matches(wanted.rpartition("/")[2], slugs, NEAREST, 0.5)
    return list(dict.fromkeys([*whole, *(slugs[part] for part in parts)]))[:NEAREST]


async def _sides(visit: Visit, catalogue: Catalogue, told: Sequence[Compared]) -> list[Side]:
    models = [each.model for each in told]
    day, month = (period_of({"period": name}, visit.now_s) for name in ("24h", "30d"))
    by_day, by_month = await asyncio.gather(
        *(reliability.uptime(visit.house.reader, span, "model", models=models) for span in (day, month))
    )
    at_ns = visit.now_s * NANO
    served = visit.house.exchange.catalogue.endpoints
    return [
        Side(
            model=each.model,
            row=catalogue.models.get(each.model),
            endpoints=by_price(served.get(each.model) or catalogue.endpoints.get(each.model, ()), at_ns),
            reachable=bool(served.get(each.model)),
            told=each,
            day=by_day.get(each.model),
            month=by_month.get(each.model),
        )
        for each in told
    ]


class Chart(NamedTuple):
    """A line for each model: what it is of, and in which unit."""

    title: str
    unit: Unit
    value: Callable[[Use, Speeds], float | None]


CHARTS = (
    Chart("Speed, median tokens a second", "speed", lambda _, speeds: speeds.speed_p50),
    Chart("Time to first token, median", "ms", lambda _, speeds: speeds.ttft_p50),
    Chart("Effective price of a million tokens", "usd", lambda use, _: effective(use)),
)


def charts(told: Sequence[Compared], period: Period) -> list[Figure]:
    """Return speed, waiting, price and tokens over time."""
    axis = Axis(period.starts, period.width, period.end_s)
    used = [_series(each, tuple(each.uses.get(at_s, Use()).tokens for at_s in axis.starts)) for each in told]
    return [*(_chart(chart, told, axis) for chart in CHARTS), stacked_bars("Tokens", axis, used, "tokens")]


def _chart(chart: Chart, told: Sequence[Compared], axis: Axis) -> Figure:
    series = [_series(each, tuple(_value(chart, each, at_s) for at_s in axis.starts)) for each in told]
    return lines(chart.title, axis, series, chart.unit)


def _series(told: Compared, values: tuple[float | None, ...]) -> Series:
    return Series(told.model, values, f"/models/{told.model}")


def _value(chart: Chart, told: Compared, at_s: int) -> float | None:
    return chart.value(told.uses.get(at_s, Use()), told.speeds.get(at_s, Speeds()))


PAGES: tuple[Page, ...] = (Page("/compare", show, label="Compare"),)
