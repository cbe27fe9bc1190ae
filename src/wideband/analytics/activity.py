"""Spend, tokens and requests over time, split by one dimension and bounded by others."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Grain, Period
from wideband.analytics.rankings import changed, first_s, floored
from wideband.canon.faults import invalid

By = Literal["model", "key", "app", "provider", "author"]
BYS: tuple[By, ...] = ("model", "key", "app", "provider", "author")

# Questions that no cube answers are asked of the records, of so many days at most.
MOST_RECORD_DAYS = 31

_MEASURES = ("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_nano")


class Volume(msgspec.Struct, frozen=True):
    """What was used. `completion_tokens` holds the reasoning, `prompt_tokens` what was cached."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_nano: int = 0

    @property
    def tokens(self) -> int:
        """Return the tokens of both directions."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def nano_per_million(self) -> float | None:
        """Return what a million tokens cost, in nano-dollars."""
        return self.cost_nano * 1_000_000 / self.tokens if self.tokens else None

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(*(getattr(self, name) + getattr(other, name) for name in _MEASURES))

    def __sub__(self, other: "Volume") -> "Volume":
        return Volume(*(getattr(self, name) - getattr(other, name) for name in _MEASURES))


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Whose activity is asked for; None leaves a matter open."""

    account: str | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    app: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Return the bounds that are set, by dimension."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class Activity(msgspec.Struct, frozen=True):
    """Volumes by the start of a bar (unix seconds) and group, and what the span before came to in all.

    `factor` makes the sums before comparable: they are of whole hours or days. None: records do not reach back so far.
    """

    cells: Mapping[tuple[int, str], Volume]
    before: Volume
    factor: float | None

    def change(self, measure: str) -> float | None:
        """Return by what share a sum changed."""
        return changed(getattr(self.total, measure), getattr(self.before, measure), self.factor)

    @property
    def total(self) -> Volume:
        """Return the sum of everything."""
        return added(self.cells.values())

    @property
    def groups(self) -> dict[str, Volume]:
        """Return what each group came to, the dearest first, then the one with the most tokens."""
        sums: dict[str, Volume] = {}
        for (_, group), volume in self.cells.items():
            sums[group] = sums.get(group, Volume()) + volume
        return _ordered(sums)


class Overview(msgspec.Struct, frozen=True):
    """What the groups used that come first: `cells` by bar and group, of all others `rest` by bar.

    `groups` are the first ones in order, more than are in `cells`, `count` is how many there are in all, and `before`
    and `factor` are those of `Activity`.
    """

    cells: Mapping[tuple[int, str], Volume]
    rest: Mapping[int, Volume]
    groups: Mapping[str, Volume]
    count: int
    total: Volume
    before: Volume
    factor: float | None

    @property
    def others(self) -> Volume:
        """Return what the groups came to that are not in `groups`."""
        return self.total - added(self.groups.values())

    def change(self, measure: str) -> float | None:
        """Return by what share a sum changed."""
        return changed(getattr(self.total, measure), getattr(self.before, measure), self.factor)


class _Source(msgspec.Struct, frozen=True):
    """Where volumes are read from: a cube, with its dimensions as columns, and for how long each grain is kept."""

    table: str
    columns: Mapping[str, str]
    keep_s: Mapping[Grain, int | None]


_WIDTHS_S: dict[Grain, int] = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}
_AUTHOR = "regexp_extract(model, '^[^/]+')"
_COARSE: dict[Grain, int | None] = {"hour": 8 * DAY_S, "day": None}
_CUBES = (
    _Source(
        "usage_{grain}",
        {"model": "model", "author": "author", "provider": "provider"},
        {"minute": 2 * DAY_S, "hour": 92 * DAY_S, "day": None},
    ),
    _Source(
        "key_{grain}",
        {"model": "model", "author": _AUTHOR, "provider": "provider", "key": "key_hash", "account": "account_id"},
        _COARSE,
    ),
    _Source("app_{grain}", {"model": "model", "author": _AUTHOR, "app": "app"}, _COARSE),
)
_RECORDS = _Source(
    "record",
    {
        "model": "model",
        "author": "author",
        "provider": "coalesce(provider, '')",
        "key": "key_hash",
        "account": "account_id",
        "app": "coalesce(app, '')",
    },
    {},
)

_SQL = """
SELECT {group}, {measures} FROM {table}
WHERE "at" >= make_timestamp($1::BIGINT * 1000000) AND "at" < make_timestamp($2::BIGINT * 1000000){conditions}
GROUP BY ALL
"""
# Groups in the order of `Activity.groups`. A row without a bar tells of a group in all, one without a name of the rest.
_RANKED = """
WITH cell AS MATERIALIZED (FROM ({cells}) AS found(bar, name, {names})),
ranked AS MATERIALIZED (
    SELECT name, {sums}, row_number() OVER (
        ORDER BY sum(cell.cost_nano) DESC, sum(cell.prompt_tokens + cell.completion_tokens) DESC,
            sum(cell.requests) DESC, name
    ) AS place FROM cell GROUP BY name
)
SELECT bar, CASE WHEN place <= {drawn} THEN name END AS shown, 1, {added}
FROM cell JOIN (SELECT name, place FROM ranked) USING (name) GROUP BY bar, shown
UNION ALL
SELECT NULL, CASE WHEN place <= {listed} THEN name END AS shown, count(*), {added} FROM ranked GROUP BY shown
"""
_RANKED_WORDS = {
    "names": ", ".join(_MEASURES),
    "sums": ", ".join(f"sum(cell.{name})::BIGINT AS {name}" for name in _MEASURES),
    "added": ", ".join(f"sum({name})::BIGINT" for name in _MEASURES),
}


async def activity(reader: Reader, by: By, bounds: Bounds, period: Period, now_s: int) -> Activity:
    """Return the volumes of a period. Raises `Faulted` (invalid_request) where only too many records could tell."""
    source = _source({by, *bounds.given}, period.grain, period.start_s, now_s)
    cells: dict[tuple[int, str], Volume] = {}
    for start_s, group, *figures in await _ask(reader, source, period, bounds, by):
        cells[start_s, group] = Volume(*figures)
    return Activity(cells, *await _before(reader, bounds, period, now_s))


async def overview(
    reader: Reader, by: By, bounds: Bounds, period: Period, now_s: int, most: tuple[int, int]
) -> Overview:
    """Return the first groups of a period: `most` is how many of them bar by bar, and how many in all.

    Raises `Faulted` (invalid_request) where only too many records could tell.
    """
    source = _source({by, *bounds.given}, period.grain, period.start_s, now_s)
    rows, before = await asyncio.gather(
        _ask(reader, source, period, bounds, by, most), _before(reader, bounds, period, now_s)
    )
    cells: dict[tuple[int, str], Volume] = {}
    rest: dict[int, Volume] = {}
    groups: dict[str, Volume] = {}
    total, count = Volume(), 0
    for bar, name, groups_in, *figures in rows:
        volume = Volume(*figures)
        if bar is None:
            total, count = total + volume, count + groups_in
            if name is not None:
                groups[name] = volume
        elif name is None:
            rest[bar] = volume
        else:
            cells[bar, name] = volume
    return Overview(cells, rest, _ordered(groups), count, total, *before)


async def _before(reader: Reader, bounds: Bounds, period: Period, now_s: int) -> tuple[Volume, float | None]:
    """Return what the span before came to, and the factor that makes it comparable: see `Activity`."""
    volume, span = await _earlier(reader, bounds, period, now_s)
    oldest_s = await first_s(reader)
    reaches = oldest_s is not None and oldest_s <= span.start_s
    return volume, (period.end_s - period.start_s) / (span.end_s - span.start_s) if reaches else None


async def _earlier(reader: Reader, bounds: Bounds, period: Period, now_s: int) -> tuple[Volume, Period]:
    """Return what the span of the same length before came to, from the finest cube that still has it, and that span."""
    before = period.before()
    minutes: tuple[Grain, ...] = ("minute",) if period.grain == "minute" else ()
    grains: tuple[Grain, ...] = (*minutes, "hour", "day")
    for grain in grains:
        source = _cube(set(bounds.given), grain, before.start_s, now_s)
        if source is not None:
            start_s, end_s = floored(before.start_s, grain), floored(before.end_s, grain)
            whole = Period(start_s, max(end_s, start_s + _WIDTHS_S[grain]), before.width)
            return await _sum(reader, source, grain, whole, bounds), whole
    if before.end_s - before.start_s > MOST_RECORD_DAYS * DAY_S:
        return Volume(), before
    return await _sum(reader, _RECORDS, "day", before, bounds), before


async def _sum(reader: Reader, source: _Source, grain: Grain, period: Period, bounds: Bounds) -> Volume:
    width = Period(period.start_s, period.end_s, grain)
    return added(Volume(*figures) for _, _, *figures in await _ask(reader, source, width, bounds, None))


async def _ask(
    reader: Reader,
    source: _Source,
    period: Period,
    bounds: Bounds,
    by: By | None,
    most: tuple[int, int] | None = None,
) -> list[tuple[Any, ...]]:
    """Ask for each bar and group; with `most`, for those rows of `_RANKED`."""
    parameters: list[Any] = [period.start_s, period.end_s]
    conditions = ""
    for name, value in bounds.given.items():
        parameters.append(value)
        conditions += f" AND {source.columns[name]} = ${len(parameters)}"
    summed = {name: f"coalesce(sum({name}), 0)::BIGINT" for name in _MEASURES}
    if source is _RECORDS:
        summed["requests"] = "count(*)"
    group = "0, ''" if by is None else f"{{bucket}}, {source.columns[by]}"
    sql = _SQL.format(group=group, measures=", ".join(summed.values()), table=source.table, conditions=conditions)
    if most is not None:
        sql = _RANKED.format(cells=sql, drawn=most[0], listed=most[1], **_RANKED_WORDS)
    return await Query("activity", sql).ask(reader, *parameters, **period.words)


def _source(asked: Collection[str], grain: Grain, start_s: int, now_s: int) -> _Source:
    found = _cube(asked, grain, start_s, now_s)
    if found is not None:
        return found
    if now_s - start_s > MOST_RECORD_DAYS * DAY_S and grain == "day":
        words = ", ".join(f"`{name}`" for name in sorted(asked))
        message = (
            f"Activity by {words} together is known for the last {MOST_RECORD_DAYS} days only: pick a shorter period,"
            " or fewer filters."
        )
        raise invalid(message, "period")
    return _RECORDS


def _cube(asked: Collection[str], grain: Grain, start_s: int, now_s: int) -> _Source | None:
    """Return the first cube that has the dimensions, and still has the grain since then."""
    for cube in _CUBES:
        if grain not in cube.keep_s or not cube.columns.keys() >= set(asked):
            continue
        keep_s = cube.keep_s[grain]
        # An hour of margin: what is about to be dropped may be gone already.
        if keep_s is None or now_s - start_s <= keep_s - HOUR_S:
            return cube
    return None


def _ordered(groups: Mapping[str, Volume]) -> dict[str, Volume]:
    """Return groups with the dearest first, then the one with the most tokens."""
    order = sorted(groups.items(), key=lambda one: (-one[1].cost_nano, -one[1].tokens, -one[1].requests, one[0]))
    return dict(order)


def added(volumes: Iterable[Volume]) -> Volume:
    """Return the sum of volumes."""
    total = Volume()
    for volume in volumes:
        total += volume
    return total
