"""Who used what, and how much: models, authors and apps.

What failed does not count as a request: names that nobody serves are asked for too. Simulated traffic counts unless it
is left out. Change compares a period with the one before, by what both would be in the same time: the running period is
not over yet.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, Grain, Period

Metric = Literal["tokens", "requests", "spend"]

# How long the hours of apps, tasks and prompt lengths are kept, and those of models, less a margin.
_COARSE_HOURS_S, _HOURS_S, _MINUTES_S = 7 * DAY_S + 12 * HOUR_S, 91 * DAY_S, 47 * HOUR_S
_GRAIN_S: dict[Grain, int] = {"minute": 60, "hour": HOUR_S, "day": DAY_S}
TRENDING_SPANS = 3
MOST_APPS, MOST_NAMED = 20, 3
# $1 and $2 are the span's ends in unix seconds, $3 says whether simulated traffic counts.
_SPAN = '"at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000)'
COUNTED = f"{_SPAN} AND ($3 OR NOT simulated)"
_VOLUME = "sum(requests - failed)::BIGINT, sum(tokens)::BIGINT, sum(cost_nano)::BIGINT"
_MEASURE = "CASE $4 WHEN 'requests' THEN requests - failed WHEN 'spend' THEN cost_nano ELSE tokens END"
_WORDS = {"span": _SPAN, "counted": COUNTED, "volume": _VOLUME, "measured": _MEASURE}


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of use; the fields are measures of every cube by their names."""

    requests: int = 0
    tokens: int = 0
    cost_nano: int = 0

    def by(self, metric: Metric) -> int:
        """Return one of the three."""
        return self.cost_nano if metric == "spend" else self.requests if metric == "requests" else self.tokens

    def plus(self, other: "Volume") -> "Volume":
        """Add another."""
        return Volume(
            requests=self.requests + other.requests,
            tokens=self.tokens + other.tokens,
            cost_nano=self.cost_nano + other.cost_nano,
        )


class ModelUse(Volume, frozen=True, kw_only=True):
    """What one model was used for in a period, simulated or not."""

    model: str = ""
    author: str = ""
    simulated: int = 0
    tool_requests: int = 0
    tool_calls: int = 0
    tools_judged: int = 0
    tools_valid: int = 0


class AppUse(Volume, frozen=True, kw_only=True):
    """What one app used: `growth` is its measure beyond the mean of the spans before (three, for those that trend).

    `before` is the last one of them.
    """

    app: str
    before: Volume
    growth: float
    models: tuple[str, ...]


class Past(msgspec.Struct, frozen=True):
    """The period before: `factor` makes its sums comparable, None when records do not reach back that far."""

    volumes: dict[str, Volume]
    factor: float | None

    def change(self, name: str, now: Volume, metric: Metric) -> float | None:
        """Return the change as a share; None for what was not there or cannot be known."""
        return changed(now.by(metric), self.volumes.get(name, Volume()).by(metric), self.factor)

    def is_new(self, name: str) -> bool:
        """Say whether nobody used it before, as far as records tell."""
        return self.factor is not None and not self.volumes.get(name, Volume()).requests


class Bars(msgspec.Struct, frozen=True):
    """Volumes by name and bar; the name '' is everything that is not named apart."""

    starts: tuple[int, ...]
    volumes: dict[tuple[str, int], Volume]

    def values(self, name: str, metric: Metric) -> tuple[int, ...]:
        """Return a name's measure, bar by bar."""
        return tuple(self.volumes.get((name, at), Volume()).by(metric) for at in self.starts)

    def totals(self, metric: Metric) -> tuple[int, ...]:
        """Return every bar's measure of all names."""
        totals = dict.fromkeys(self.starts, 0)
        for (_, at), volume in self.volumes.items():
            totals[at] = totals.get(at, 0) + volume.by(metric)
        return tuple(totals[at] for at in self.starts)


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told apart bar by bar: models, authors, and which models have open weights and which closed ones."""

    models: Sequence[str] = ()
    authors: Sequence[str] = ()
    opened: Sequence[str] = ()
    closed: Sequence[str] = ()


class Told(msgspec.Struct, frozen=True):
    """A period bar by bar: by model, by author, by weights (`open`, `closed`, '' for the rest), and calls of tools."""

    models: Bars
    authors: Bars
    weights: Bars
    tool_calls: tuple[int, ...]


MODELS = Query(
    "rankings.models",
    """
    SELECT {volume}, model, min(author),
        coalesce(sum(requests - failed) FILTER (simulated), 0)::BIGINT, sum(tool_requests)::BIGINT,
        sum(tool_calls)::BIGINT, sum(tools_judged)::BIGINT, sum(tools_valid)::BIGINT
    FROM usage_{grain} WHERE {counted} GROUP BY model HAVING sum(requests - failed) > 0 ORDER BY model
    """,
)
MODELS_BEFORE = Query(
    "rankings.models_before",
    "SELECT model, {volume} FROM usage_{grain} WHERE {counted} GROUP BY model",
)
# Everything that is told bar by bar, of one look at the cube.
BARS = Query(
    "rankings.bars",
    """
    WITH cell AS MATERIALIZED (
        SELECT {bucket} AS bar, model, author, {volume}, sum(tool_calls)::BIGINT
        FROM usage_{grain} WHERE {counted} GROUP BY bar, model, author
    ), told(bar, model, author, requests, tokens, cost_nano, tool_calls) AS (FROM cell)
    SELECT 'models' AS kind, CASE WHEN list_contains($4::VARCHAR[], model) THEN model ELSE '' END AS name, bar, {sums}
    FROM told GROUP BY name, bar
    UNION ALL
    SELECT 'authors', CASE WHEN list_contains($5::VARCHAR[], author) THEN author ELSE '' END AS name, bar, {sums}
    FROM told GROUP BY name, bar
    UNION ALL
    SELECT 'weights', CASE WHEN list_contains($6::VARCHAR[], model) THEN 'open'
        WHEN list_contains($7::VARCHAR[], model) THEN 'closed' ELSE '' END AS name, bar, {sums}
    FROM told GROUP BY name, bar
    """,
)
_BAR_SUMS = ", ".join(f"sum({name})::BIGINT" for name in ("requests", "tokens", "cost_nano", "tool_calls"))
# $1 is where the oldest of the spans starts, $5 where the one asked for does, $6 where the one before it does.
APPS = Query(
    "rankings.apps",
    """
    SELECT app,
        coalesce(sum(requests - failed) FILTER (is_now), 0)::BIGINT AS requests,
        coalesce(sum(tokens) FILTER (is_now), 0)::BIGINT,
        coalesce(sum(cost_nano) FILTER (is_now), 0)::BIGINT,
        coalesce(sum(requests - failed) FILTER (is_before), 0)::BIGINT,
        coalesce(sum(tokens) FILTER (is_before), 0)::BIGINT,
        coalesce(sum(cost_nano) FILTER (is_before), 0)::BIGINT,
        coalesce(sum({measured}) FILTER (is_now), 0)::DOUBLE AS measure,
        measure - coalesce(sum({measured}) FILTER (NOT is_now), 0)::DOUBLE * $7::DOUBLE AS growth
    FROM (
        SELECT *, "at" >= make_timestamp($5::BIGINT * 1000000) AS is_now,
            "at" < make_timestamp($5::BIGINT * 1000000) AND "at" >= make_timestamp($6::BIGINT * 1000000) AS is_before
        FROM app_{grain} WHERE {counted} AND app <> ''
    )
    GROUP BY app HAVING sum(requests - failed) FILTER (is_now) > 0
    ORDER BY CASE WHEN $8 THEN growth ELSE measure END DESC, app
    LIMIT $9
    """,
)
# What the first apps used: there are far more pairs of apps and models than apps.
APP_MODELS = Query(
    "rankings.app_models",
    """
    SELECT app, list(model ORDER BY measure DESC, model)[:{most}] FROM (
        SELECT app, model, sum({measured}) AS measure FROM app_{grain}
        WHERE {counted} AND app IN (SELECT unnest($5::VARCHAR[]))
        GROUP BY app, model HAVING sum(requests - failed) > 0
    ) GROUP BY app
    """,
)
NAMELESS = Query(
    "rankings.nameless",
    "SELECT coalesce(sum(requests - failed), 0)::BIGINT FROM app_{grain} WHERE {counted} AND app = ''",
)
KINDS = Query(
    "rankings.kinds",
    """
    SELECT coalesce(sum(requests - failed) FILTER (NOT simulated), 0)::BIGINT,
        coalesce(sum(requests - failed) FILTER (simulated), 0)::BIGINT
    FROM usage_{grain} WHERE {span}
    """,
)
FIRST = Query("rankings.first", 'SELECT epoch("at")::BIGINT FROM beginning')


async def kinds(reader: Reader, period: Period) -> tuple[int, int]:
    """Return how many requests of a period were real and how many were simulated."""
    ((real, simulated),) = await KINDS.ask(reader, period.start_s, period.end_s, **spoken(**period.words))
    return real, simulated


async def models(reader: Reader, period: Period, *, simulated: bool) -> list[ModelUse]:
    """Return every model that was asked for in a period; in the order of their names."""
    rows = await MODELS.ask(reader, period.start_s, period.end_s, simulated, **spoken(**period.words))
    return [ModelUse(**dict(zip(_MODEL_FIELDS, row, strict=True))) for row in rows]


_MODEL_FIELDS = (
    *Volume.__struct_fields__,
    *(name for name in ModelUse.__struct_fields__ if name not in Volume.__struct_fields__),
)


async def models_before(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> Past:
    """Return what models were used for in the period before."""
    end_s, age_s = period.start_s, now_s - period.start_s
    length_s = period.end_s - period.start_s
    grain = _finest(age_s + length_s)
    start_s = floored(end_s - length_s, grain)
    rows = await MODELS_BEFORE.ask(reader, start_s, end_s, simulated, **spoken(grain=grain))
    volumes = {name: volume(row) for name, *row in rows}
    return Past(volumes, _factor(length_s, end_s - start_s, start_s, await first_s(reader)))


def by_author(past: Past) -> Past:
    """Return the same by the models' authors."""
    return Past(_by_author((name.partition("/")[0], volume) for name, volume in past.volumes.items()), past.factor)


def authors(found: Sequence[ModelUse]) -> dict[str, Volume]:
    """Return what each author's models were used for."""
    return _by_author((row.author, row) for row in found)


async def told(reader: Reader, period: Period, named: Named, *, simulated: bool) -> Told:
    """Return what was used bar by bar, of those that are named and of all others together."""
    names = [list(each) for each in (named.models, named.authors, named.opened, named.closed)]
    words = spoken(**period.words, sums=_BAR_SUMS)
    rows = await BARS.ask(reader, period.start_s, period.end_s, simulated, *names, **words)
    parts: dict[str, dict[tuple[str, int], Volume]] = {"models": {}, "authors": {}, "weights": {}}
    calls = dict.fromkeys(period.starts, 0)
    for kind, name, at, *sums, tool_calls in rows:
        parts[kind][name, at] = volume(sums)
        if kind == "weights":
            calls[at] = calls.get(at, 0) + tool_calls
    bars = {kind: Bars(period.starts, volumes) for kind, volumes in parts.items()}
    return Told(**bars, tool_calls=tuple(calls[at] for at in period.starts))


async def first_s(reader: Reader) -> int | None:
    """Return the day of the oldest record, or None."""
    rows = await FIRST.ask(reader)
    found: int | None = rows[0][0] if rows else None
    return found


def coarse(period: Period, now_s: int) -> Period:
    """Return a period as the cubes of apps, tasks and prompt lengths can tell it: by hours, or else by whole days."""
    if period.width in ("minute", "hour"):
        if now_s - period.start_s <= _COARSE_HOURS_S:
            return Period(floored(period.start_s, "hour"), period.end_s, "hour", period.name)
        return Period(floored(period.start_s, "day"), period.end_s, "day", period.name)
    return period


class AppsAsked(msgspec.Struct, frozen=True):
    """Which apps: by what, whether those come first that grew most, and whether their models are told."""

    metric: Metric = "tokens"
    trending: bool = False
    simulated: bool = True
    most: int = MOST_APPS
    models: bool = True


async def apps(reader: Reader, period: Period, now_s: int, asked: AppsAsked) -> tuple[list[AppUse], float | None]:
    """Return the first apps, and the factor that makes the span before comparable (see `Past`).

    Spans are hours where those are kept, else whole days.
    """
    span = coarse(period, now_s)
    length_s = span.end_s - span.start_s
    grain: Grain = span.grain
    if now_s - span.start_s + TRENDING_SPANS * length_s > _COARSE_HOURS_S:
        grain, span = "day", Period(floored(span.start_s, "day"), span.end_s, "day", span.name)
        length_s = span.end_s - span.start_s
    width_s = _GRAIN_S[grain]
    # Spans before are whole ones: what is left of the running one is made up for by the factor.
    whole_s = -(-length_s // width_s) * width_s
    spans = TRENDING_SPANS if asked.trending else 1
    before_s, oldest_s = span.start_s - whole_s, span.start_s - spans * whole_s
    factor = length_s / whole_s
    parameters = (oldest_s, span.end_s, asked.simulated, asked.metric, span.start_s, before_s)
    rest = (factor / spans, asked.trending, asked.most)
    rows = await APPS.ask(reader, *parameters, *rest, **spoken(grain=grain))
    which = (span.start_s, span.end_s, asked.simulated, asked.metric, [row[0] for row in rows])
    told = spoken(grain=grain, most=str(MOST_NAMED))
    models = dict(await APP_MODELS.ask(reader, *which, **told)) if rows and asked.models else {}
    found = [
        AppUse(
            app=row[0],
            requests=row[1],
            tokens=row[2],
            cost_nano=row[3],
            before=volume(row[4:7]),
            growth=row[8],
            models=tuple(models.get(row[0], ())),
        )
        for row in rows
    ]
    return found, _factor(length_s, whole_s, oldest_s, await first_s(reader))


async def nameless(reader: Reader, period: Period, now_s: int, *, simulated: bool) -> int:
    """Return how many requests named no app."""
    span = coarse(period, now_s)
    ((requests,),) = await NAMELESS.ask(reader, span.start_s, span.end_s, simulated, **spoken(grain=span.grain))
    return int(requests)


def changed(now: float, before: float, factor: float | None) -> float | None:
    """Return the change against `before` times `factor`, as a share."""
    return now / (before * factor) - 1 if factor and before else None


def spoken(**words: str) -> dict[str, str]:
    """Return what the texts of queries here and in `workloads` leave open, beside words of a period's."""
    return _WORDS | words


def volume(row: Sequence[int]) -> Volume:
    """Return the sums of a row that `{volume}` gave."""
    requests, tokens, cost_nano = row
    return Volume(requests=requests, tokens=tokens, cost_nano=cost_nano)


def _by_author(rows: Iterable[tuple[str, Volume]]) -> dict[str, Volume]:
    found: dict[str, Volume] = {}
    for author, volume in rows:
        found[author] = found.get(author, Volume()).plus(volume)
    return found


def _finest(reach_s: int) -> Grain:
    return "minute" if reach_s <= _MINUTES_S else "hour" if reach_s <= _HOURS_S else "day"


def floored(at_s: int, grain: Grain) -> int:
    """Return when the minute, hour or day began."""
    return at_s - at_s % _GRAIN_S[grain]


def _factor(length_s: int, before_s: int, start_s: int, oldest_s: int | None) -> float | None:
    """Return what the sums of the span before are to be multiplied by; None when records do not reach its start."""
    if oldest_s is None or oldest_s > start_s:
        return None
    return length_s / before_s
