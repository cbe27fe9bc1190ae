"""What providers served and how well: all of them, and one over time, over the day and by what failed."""

import asyncio

import msgspec

from wideband.analytics.named import Query, Reader
from wideband.analytics.periods import DAY_S, HOUR_S, Period
from wideband.analytics.reliability import CAUSES
from wideband.analytics.use import SPEEDS, SPEEDS_TWICE, Speeds, Use, merged_speeds, speeds_by, speeds_twice, words

HOURS_A_DAY, DAYS_A_WEEK = 24, 7
# So many weeks tell what an hour of the week is like.
PATTERN_S = 28 * DAY_S

_BY_PROVIDER = Query(
    "providers.use",
    "SELECT provider, {sums} FROM usage_{grain} WHERE {span} AND provider <> '' GROUP BY provider",
)
_MODELS = Query(
    "provider.use",
    "SELECT model, endpoint_id, {bucket}, {sums} FROM usage_{grain} WHERE {span} AND provider = $3 GROUP BY ALL",
)
_CAUSES = Query(
    "provider.causes",
    "SELECT {bucket}, sum(tries)::BIGINT, {causes}, sum(limited)::BIGINT"
    " FROM tries_{grain} WHERE {span} AND provider = $3 GROUP BY ALL",
)


class Served(msgspec.Struct, frozen=True):
    """What was served, at which endpoint and when."""

    model: str
    endpoint_id: str
    at_s: int


class ProviderHistory(msgspec.Struct, frozen=True):
    """One provider's use by endpoint and bar, and its speeds: by endpoint, and by the start of a bin."""

    uses: dict[Served, Use]
    by_endpoint: dict[str, Speeds]
    by_bin: dict[int, Speeds]

    @property
    def models(self) -> list[str]:
        """Return what was served, most tokens first."""
        tokens: dict[str, int] = {}
        for served, use in self.uses.items():
            tokens[served.model] = tokens.get(served.model, 0) + use.tokens
        return sorted(tokens, key=lambda model: (-tokens[model], model))


class Failures(msgspec.Struct, frozen=True):
    """Tries of one bar: how many, how many failed by each key of `CAUSES`, and how many met a rate limit."""

    at_s: int
    tries: int
    causes: dict[str, int]
    limited: int


class Week(msgspec.Struct, frozen=True):
    """Distributions by hour of the week (Monday first), UTC: `hours[weekday][hour]`."""

    hours: tuple[tuple[Speeds, ...], ...]

    @property
    def by_hour(self) -> tuple[Speeds, ...]:
        """Return the distributions by hour of the day, all days together."""
        return tuple(merged_speeds(day[hour] for day in self.hours) for hour in range(HOURS_A_DAY))


async def use_by_provider(reader: Reader, period: Period) -> dict[str, tuple[Use, Speeds]]:
    """Return what each provider that answered something served."""
    asked = (period.start_s, period.end_s)
    rows, found = await asyncio.gather(
        _BY_PROVIDER.ask(reader, *asked, **words(period)),
        SPEEDS.ask(reader, *asked, **words(period, keys="provider", where="{span}")),
    )
    speeds = speeds_by(found)
    return {row[0]: (Use(*row[1:]), speeds.get(row[0], Speeds())) for row in rows}


async def history(reader: Reader, period: Period, provider: str) -> ProviderHistory:
    """Return what one provider served, by model and bar."""
    asked = (period.start_s, period.end_s, provider)
    told = words(period, keys="endpoint_id", others="{bin}", where="{span} AND provider = $3")
    speeds, rows = await asyncio.gather(
        SPEEDS_TWICE.ask(reader, *asked, **told), _MODELS.ask(reader, *asked, **words(period))
    )
    by_endpoint, by_bin = speeds_twice(speeds)
    return ProviderHistory({Served(*row[:3]): Use(*row[3:]) for row in rows}, by_endpoint, by_bin)


async def failures(reader: Reader, period: Period, provider: str) -> list[Failures]:
    """Return what failed at a provider, by the bars in which it was asked."""
    causes = ", ".join(f"sum({cause})::BIGINT" for cause in CAUSES)
    rows = await _CAUSES.ask(reader, period.start_s, period.end_s, provider, **words(period, causes=causes))
    found = [Failures(row[0], row[1], dict(zip(CAUSES, row[2:-1], strict=True)), row[-1]) for row in rows]
    return sorted(found, key=lambda row: row.at_s)


async def week(reader: Reader, now_s: int, provider: str) -> Week:
    """Return how fast a provider was at each hour of the week, over the last four."""
    span = Period(now_s - now_s % HOUR_S + HOUR_S - PATTERN_S, now_s + 1, "hour")
    told = words(span, keys='((isodow("at") - 1) * 24 + hour("at"))::BIGINT', where="{span} AND provider = $3")
    found = speeds_by(await SPEEDS.ask(reader, span.start_s, span.end_s, provider, **told))
    hours = [found.get(hour, Speeds()) for hour in range(DAYS_A_WEEK * HOURS_A_DAY)]
    return Week(tuple(tuple(hours[first : first + HOURS_A_DAY]) for first in range(0, len(hours), HOURS_A_DAY)))
