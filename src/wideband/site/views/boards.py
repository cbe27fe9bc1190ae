"""The sections of the rankings: each asks its queries once, for the page and for its CSV file alike."""

import asyncio
import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from markupsafe import Markup

from wideband.analytics import forecasts, rankings, workloads
from wideband.analytics.named import Reader
from wideband.analytics.periods import Period
from wideband.analytics.rankings import AppsAsked, AppUse, Bars, Metric, ModelUse, Named, Past, Told, Volume
from wideband.analytics.workloads import CONTEXTS, Pace
from wideband.catalog.rows import Model
from wideband.routing.tags import TAGS, display_name
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series, Unit
from wideband.site.charts.plot import OTHERS
from wideband.site.charts.ranked import ranked
from wideband.site.charts.scatter import scatter
from wideband.site.charts.spark import spark

UNITS: dict[Metric, Unit] = {"tokens": "tokens", "requests": "tokens", "spend": "usd"}
NAMES: dict[Metric, str] = {"tokens": "Tokens", "requests": "Requests", "spend": "Spend"}
TOP, WITH_SPARK, TOP_AUTHORS, TOP_TASKS, DRAWN = 9, 100, 8, 12, 12
WEIGHTS = {"open": "Open weights", "closed": "Closed weights", "": "Not known"}
MACROS = {"code": "Code", "data": "Data", "agent": "Agent", "general": "General"}


class Asked(msgspec.Struct, frozen=True):
    """What a reader of the rankings wants to see."""

    period: Period
    now_s: int
    by: Metric = "tokens"
    simulated: bool = True
    trending: bool = False

    @property
    def axis(self) -> Axis:
        return axis_of(self.period)

    @property
    def unit(self) -> Unit:
        return UNITS[self.by]

    @property
    def apis(self) -> dict[str, str]:
        """Return where the data API tells the same by whole days, by section."""
        first, last = (
            datetime.fromtimestamp(at_s, UTC).date() for at_s in (self.period.start_s, self.period.end_s - 1)
        )
        span = f"start_date={first}&end_date={last}"
        daily = f"/api/v1/datasets/rankings-daily?{span}"
        return {
            "models": f"{daily}&period={'week' if self.period.width == 'week' else 'day'}",
            "apps": f"/api/v1/datasets/app-rankings?{span}" + ("&sort=trending" if self.trending else ""),
            "context": f"{daily}&context_bucket=100K",
            "tools": f"{daily}&modality=tool_calling",
            "tasks": "/api/v1/classifications/task?window=7d",
        }


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a ranking. `shares` are of tokens, requests and spend; `change` is a share, None when not known."""

    name: str
    volume: Volume
    shares: tuple[float | None, float | None, float | None] = (None, None, None)
    author: str = ""
    change: float | None = None
    is_new: bool = False
    spark: Markup | None = None
    simulated: bool = False
    models: tuple[str, ...] = ()


class Board(msgspec.Struct, frozen=True):
    """A section: its rows, and its chart."""

    rows: list[Row]
    figure: Figure | None = None
    known_before: bool = True


class ToolRow(msgspec.Struct, frozen=True):
    """How one model called tools: `share` of its requests did, `valid` of what was judged was as the schema asks."""

    model: str
    calls: int
    requests: int
    share: float
    judged: int
    valid: float | None


def axis_of(period: Period) -> Axis:
    """Return the axis of a period's charts."""
    return Axis(period.starts, period.width, period.end_s)


async def kinds(reader: Reader, asked: Asked, found: Sequence[ModelUse]) -> tuple[int, int]:
    """Return how many requests were real and how many simulated, whichever of them are counted."""
    if not asked.simulated:
        return await rankings.kinds(reader, asked.period)
    simulated = sum(row.simulated for row in found)
    return sum(row.requests for row in found) - simulated, simulated


def ordered(asked: Asked, found: Sequence[ModelUse]) -> list[ModelUse]:
    """Return models, those that come first first."""
    return sorted(found, key=lambda row: (-row.by(asked.by), -row.requests, row.model))


def author_names(asked: Asked, found: Sequence[ModelUse]) -> list[str]:
    """Return authors, those that come first first."""
    used = rankings.authors(found)
    return sorted(used, key=lambda name: (-used[name].by(asked.by), -used[name].requests, name))


async def told(
    reader: Reader, asked: Asked, found: Sequence[ModelUse], known: Mapping[str, Model], most: int | None = WITH_SPARK
) -> Told:
    """Return what is drawn over time of the first models (`most`), the first authors, weights and tool calls."""
    flags = {row.model: known[row.model].open_weights if row.model in known else None for row in found}
    names = Named(
        models=[row.model for row in ordered(asked, found)[: most or WITH_SPARK]],
        authors=author_names(asked, found)[:TOP_AUTHORS],
        opened=[name for name, flag in flags.items() if flag is True],
        closed=[name for name, flag in flags.items() if flag is False],
    )
    return await rankings.told(reader, asked.period, names, simulated=asked.simulated)


async def models(reader: Reader, asked: Asked, found: Sequence[ModelUse], past: Past, bars: Bars) -> Board:
    """Return the leaderboard, and the volumes of its first nine over time."""
    rows = model_rows(asked, found, past, bars)
    names = [row.name for row in rows[:TOP]]
    ahead = await forecasts.forecast(reader, asked.period, bars, asked.by, now_s=asked.now_s, simulated=asked.simulated)
    title = f"{NAMES[asked.by]} by model"
    series = topped(bars, names, asked.by, {name: f"/models/{name}" for name in names})
    line = Series("forecast", (*[None] * (len(bars.starts) - 1), ahead.value)) if ahead else None
    figure = stacked_bars(title, asked.axis, series, asked.unit, line=line)
    return Board(rows, noted(figure, foretold(ahead, asked.period)), past.factor is not None)


def model_rows(asked: Asked, found: Sequence[ModelUse], past: Past, bars: Bars | None = None) -> list[Row]:
    """Return the lines of the leaderboard; those that `bars` tells apart with a sparkline."""
    whole, told = total(found), {name for name, _ in bars.volumes} if bars else set[str]()
    return [
        Row(
            name=row.model,
            author=row.author,
            volume=row,
            shares=shares(row, whole),
            change=past.change(row.model, row, asked.by),
            is_new=past.is_new(row.model),
            spark=spark(bars.values(row.model, asked.by), f"{NAMES[asked.by]} of {row.model} over the period")
            if bars and row.model in told
            else None,
            simulated=row.simulated == row.requests,
        )
        for row in ordered(asked, found)
    ]


def authors(asked: Asked, found: Sequence[ModelUse], past: Past, bars: Bars) -> Board:
    """Return what each author's models have of the whole, and their shares over time."""
    series = topped(bars, author_names(asked, found)[:TOP_AUTHORS], asked.by, {})
    figure = stacked_bars(f"Share of {asked.by} by author", asked.axis, series, asked.unit, share=True)
    return Board(author_rows(asked, found, past), figure, past.factor is not None)


def author_rows(asked: Asked, found: Sequence[ModelUse], past: Past) -> list[Row]:
    """Return what each author's models have of the whole."""
    past, used, whole = rankings.by_author(past), rankings.authors(found), total(found)
    return [_row(name, used[name], whole, past, asked.by) for name in author_names(asked, found)]


def weights(asked: Asked, found: Sequence[ModelUse], bars: Bars) -> Board | None:
    """Return open and closed weights over time; None when the catalogue knows of no model here which it has."""
    volumes = {label: summed(bars, name) for name, label in WEIGHTS.items()}
    if not any(name in ("open", "closed") for name, _ in bars.volumes):
        return None
    whole = total(found)
    rows = [Row(name=label, volume=own, shares=shares(own, whole)) for label, own in volumes.items() if own.requests]
    series = [Series(label, bars.values(name, asked.by)) for name, label in WEIGHTS.items() if volumes[label].requests]
    figure = stacked_bars(f"Share of {asked.by} by weights", asked.axis, series, asked.unit, share=True)
    return Board(rows, figure)


async def apps(reader: Reader, asked: Asked) -> tuple[list[Row], bool]:
    """Return the first apps, and whether the span before them is known."""
    wanted = AppsAsked(asked.by, asked.trending, asked.simulated)
    found, factor = await rankings.apps(reader, asked.period, asked.now_s, wanted)
    return [_app(row, factor, asked.by) for row in found], factor is not None


def _app(row: AppUse, factor: float | None, by: Metric) -> Row:
    return Row(
        name=row.app,
        volume=row,
        change=rankings.changed(row.by(by), row.before.by(by), factor),
        is_new=factor is not None and not row.before.requests,
        models=row.models,
    )


def fastest(found: Sequence[Pace]) -> Figure:
    """Draw speed against price, of the models with the most answers."""
    points = [
        (pace.model, pace.price, pace.speeds.speed_p50, f"/models/{pace.model}")
        for pace in sorted(found, key=lambda pace: -pace.timed)[:DRAWN]
        if pace.price is not None and pace.speeds.speed_p50 is not None
    ]
    return scatter("Speed against price", points, "usd", "speed", "a million tokens, as charged", "tokens a second")


async def contexts(reader: Reader, asked: Asked) -> Board:
    """Return how long prompts were, over time."""
    span, bars = await workloads.context_bars(reader, asked.period, asked.now_s, simulated=asked.simulated)
    volumes = {bucket: summed(bars, bucket) for bucket in CONTEXTS}
    whole = total(volumes.values())
    rows = [
        Row(name=CONTEXTS[bucket], volume=volume, shares=shares(volume, whole))
        for bucket, volume in volumes.items()
        if volume.requests
    ]
    series = [
        Series(CONTEXTS[bucket], bars.values(bucket, asked.by)) for bucket in CONTEXTS if volumes[bucket].requests
    ]
    title = f"{NAMES[asked.by]} by length of the prompt"
    return Board(rows, stacked_bars(title, axis_of(span), series, asked.unit, share=True))


def tools(asked: Asked, calls: tuple[int, ...]) -> Figure:
    """Draw tool calls over time."""
    return stacked_bars("Tool calls", asked.axis, [Series("tool calls", calls)], "tokens")


def tool_rows(found: Sequence[ModelUse]) -> list[ToolRow]:
    """Return who called tools and how well, the most calls first."""
    return [
        ToolRow(
            row.model,
            row.tool_calls,
            row.tool_requests,
            row.tool_requests / row.requests,
            row.tools_judged,
            row.tools_valid / row.tools_judged if row.tools_judged else None,
        )
        for row in sorted(found, key=lambda row: (-row.tool_calls, row.model))
        if row.tool_calls
    ]


async def tasks(reader: Reader, asked: Asked) -> tuple[Board, Figure]:
    """Return the kinds of work in order, with the change of their shares in points, and the areas of work over time."""
    scope = (reader, asked.period, asked.now_s)
    found, past, (span, bars) = await asyncio.gather(
        workloads.tasks(*scope, simulated=asked.simulated),
        workloads.tasks_before(*scope, simulated=asked.simulated),
        workloads.task_bars(*scope, simulated=asked.simulated),
    )
    whole, whole_before = total(found), total(past.volumes.values())
    rows = [
        Row(
            name=display_name(row.tag),
            author=MACROS.get(macro(row.tag), ""),
            volume=row,
            shares=shares(row, whole),
            change=_points(row, whole, past.volumes.get(row.tag, Volume()), whole_before, asked.by),
            is_new=past.is_new(row.tag),
            models=row.models,
        )
        for row in sorted(found, key=lambda row: (-row.by(asked.by), row.tag))
    ]
    order = ranked(
        f"{NAMES[asked.by]} by kind of work",
        [(row.name, row.volume.by(asked.by), row.author, None) for row in rows[:TOP_TASKS]],
        asked.unit,
    )
    series = [
        Series(label, tuple(map(sum, zip(*columns, strict=True))))
        for key, label in MACROS.items()
        if (columns := [bars.values(row.tag, asked.by) for row in found if macro(row.tag) == key])
    ]
    area = stacked_bars(f"Share of {asked.by} by area of work", axis_of(span), series, asked.unit, share=True)
    return Board(rows, order, past.factor is not None), area


def macro(tag: str) -> str:
    """Return the area that a kind of work belongs to: its own, or what its name begins with."""
    if tag in TAGS:
        return TAGS[tag].macro
    return tag.partition(":")[0] if ":" in tag else "general"


def topped(bars: Bars, names: Sequence[str], by: Metric, hrefs: Mapping[str, str]) -> list[Series]:
    """Return the series of some names, and what is left of each bar as "others"."""
    series = [Series(name, bars.values(name, by), hrefs.get(name)) for name in names]
    named = [sum(each.values[index] or 0 for each in series) for index in range(len(bars.starts))]
    rest = tuple(whole - own for whole, own in zip(bars.totals(by), named, strict=True))
    return [*series, *([Series(OTHERS, rest)] if any(rest) else ())]


def foretold(ahead: forecasts.Forecast | None, period: Period) -> str | None:
    """Say how the forecast of the running bar was made."""
    if ahead is None:
        return None
    bar = "week" if period.width == "week" else "day"
    parts = "days" if bar == "week" else "hours"
    if ahead.weeks:
        return (
            f"The dot is where this {bar} may end, if it spreads over its {parts} as in the {ahead.weeks} weeks before."
        )
    return (
        f"The dot is where this {bar} may end, if it goes on as it began: four weeks of records say nothing better yet."
    )


def noted(figure: Figure, note: str | None) -> Figure:
    """Return a figure with a note."""
    return msgspec.structs.replace(figure, note=note) if note and figure.rows else figure


def total(rows: Iterable[Volume]) -> Volume:
    """Add volumes up."""
    return functools.reduce(Volume.plus, rows, Volume())


def summed(bars: Bars, name: str) -> Volume:
    """Return a name's volume over all bars."""
    return total([volume for (own, _), volume in bars.volumes.items() if own == name])


def shares(part: Volume, whole: Volume) -> tuple[float | None, float | None, float | None]:
    """Return a volume's shares of tokens, requests and spend."""
    return (
        _share(part.tokens, whole.tokens),
        _share(part.requests, whole.requests),
        _share(part.cost_nano, whole.cost_nano),
    )


def _row(name: str, volume: Volume, whole: Volume, past: Past, by: Metric) -> Row:
    return Row(
        name=name,
        volume=volume,
        shares=shares(volume, whole),
        change=past.change(name, volume, by),
        is_new=past.is_new(name),
    )


def _points(now: Volume, whole: Volume, before: Volume, whole_before: Volume, by: Metric) -> float | None:
    """Return by how much a share changed; None when nothing was done before."""
    share, share_before = _share(now.by(by), whole.by(by)), _share(before.by(by), whole_before.by(by))
    return None if share is None or share_before is None else share - share_before


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
