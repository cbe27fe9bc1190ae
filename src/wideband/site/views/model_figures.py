"""The charts of one model's page, from its history."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from wideband.analytics.models import ModelHistory, Part
from wideband.analytics.periods import Period
from wideband.analytics.reliability import Uptime
from wideband.analytics.use import Speeds, Use, bin_step_s, grouped_speeds, grouped_uses
from wideband.site.charts.bars import stacked_bars
from wideband.site.charts.figure import Axis, Figure, Series, Unit
from wideband.site.charts.lines import lines
from wideband.site.charts.ranked import ranked
from wideband.site.charts.spark import spark

K = TypeVar("K")
V = TypeVar("V")

MOST_LINES = 9
# A rate of less is left out: one of two says nothing.
LEAST_JUDGED = 3
MOST_PARTS = 10


class Bins(msgspec.Struct, frozen=True):
    """Bars of a period put together, so that each holds enough to tell a rate or a percentile."""

    starts: tuple[int, ...]
    bars: dict[int, int]
    axis: Axis

    def of(self, at_s: int) -> int:
        """Return where the bin of a bar starts."""
        return self.bars[at_s]


def axis_of(period: Period) -> Axis:
    """Return the time axis of a period."""
    return Axis(period.starts, period.width, period.end_s)


def bins_of(period: Period) -> Bins:
    """Return bins of whole bars, at most some three dozen; the first may be short, the others start at round times."""
    step_s, all_starts = bin_step_s(period), period.starts
    bars = {at_s: max(at_s - at_s % step_s, all_starts[0]) for at_s in all_starts}
    starts = tuple(dict.fromkeys(bars.values()))
    return Bins(starts, bars, Axis(starts, period.width, period.end_s))


def sparks(past: ModelHistory, period: Period) -> dict[str, Markup]:
    """Return the small lines beside the big figures."""
    uses = grouped_uses(past.uses, lambda cell: cell.at_s)
    speeds = grouped_speeds(past.by_bin, lambda key: key[1])
    told = [uses.get(at_s, Use()) for at_s in period.starts]
    waits = [speeds.get(at_s, Speeds()) for at_s in bins_of(period).starts]
    return {
        "requests": spark([use.requests for use in told], "Requests"),
        "tokens": spark([use.tokens for use in told], "Tokens"),
        "cost": spark([use.cost_nano for use in told], "Spend"),
        "ttft": spark([each.ttft_p50 for each in waits], "Time to first token"),
        "speed": spark([each.speed_p50 for each in waits], "Tokens a second"),
        "success": spark([use.success for use in told], "Success"),
    }


def activity(period: Period, past: ModelHistory) -> list[Figure]:
    """Draw tokens by kind, and requests by what became of them."""
    uses = grouped_uses(past.uses, lambda cell: cell.at_s)
    if not uses:
        return []
    axis, told = axis_of(period), [uses.get(at_s, Use()) for at_s in period.starts]

    def series(name: str, value: Callable[[Use], int]) -> Series:
        return Series(name, tuple(value(use) for use in told))

    kinds = (
        series("prompt", lambda use: use.prompt_tokens - use.cached_tokens),
        series("prompt, cached", lambda use: use.cached_tokens),
        series("completion", lambda use: use.completion_tokens - use.reasoning_tokens),
        series("reasoning", lambda use: use.reasoning_tokens),
    )
    outcomes = (
        series("answered", lambda use: use.ok - use.saved),
        series("answered after a failover", lambda use: use.saved),
        series("failed", lambda use: use.failed),
        series("left by the caller", lambda use: use.cancelled),
    )
    return [
        stacked_bars("Tokens", axis, [one for one in kinds if any(one.values)], "tokens"),
        stacked_bars("Requests", axis, [one for one in outcomes if any(one.values)], "whole"),
    ]


def routing(period: Period, past: ModelHistory, tried: Mapping[str, Uptime]) -> Figure | None:
    """Draw the share of requests that failed, and of the tries at the mean endpoint: what one would have without."""
    bins = bins_of(period)
    uses = grouped_uses(past.uses, lambda cell: bins.of(cell.at_s))
    if not uses and not tried:
        return None
    shares: dict[int, list[float | None]] = {}
    for each in tried.values():
        for at_s, share in zip(period.starts, each.served, strict=True):
            shares.setdefault(bins.of(at_s), []).append(share)
    series = (
        Series("with routing", tuple(_rest(uses.get(at_s, Use()).success) for at_s in bins.starts)),
        Series("without: the mean endpoint", tuple(_rest(_mean(shares.get(at_s, ()))) for at_s in bins.starts)),
    )
    return lines("Share that failed", bins.axis, series, "percent")


def without_routing(tried: Mapping[str, Uptime]) -> float | None:
    """Return the mean endpoint's share of tries that went well."""
    return _mean([each.served_share for each in tried.values()])


def performance(period: Period, past: ModelHistory, names: Mapping[str, str]) -> list[Figure]:
    """Draw speeds by provider over time."""
    bins = bins_of(period)
    charts: tuple[tuple[str, Unit, Callable[[Speeds], float | None]], ...] = (
        ("Time to first token, p50", "ms", lambda each: each.ttft_p50),
        ("Time to first token, p99", "ms", lambda each: each.ttft_p99),
        ("Tokens a second, p50", "speed", lambda each: each.speed_p50),
        ("Whole answer, p50", "ms", lambda each: each.latency_p50),
    )
    providers = past.providers[:MOST_LINES]
    return [
        lines(title, bins.axis, series, unit)
        for title, unit, value in charts
        if (series := _by_provider(bins, providers, names, _valued(past.by_bin, value)))
    ]


def errors(period: Period, past: ModelHistory, names: Mapping[str, str]) -> list[Figure]:
    """Draw how much of what was written for programs to read was wrong, by provider; only what was judged."""
    bins = bins_of(period)
    uses = grouped_uses(past.uses, lambda cell: (cell.provider, bins.of(cell.at_s)))
    charts: tuple[tuple[str, Callable[[Use], float | None]], ...] = (
        (
            "Tool calls that did not fit their schema",
            lambda use: use.tool_errors if use.tools_judged >= LEAST_JUDGED else None,
        ),
        (
            "Structured answers that did not fit their schema",
            lambda use: use.structured_errors if use.structured_judged >= LEAST_JUDGED else None,
        ),
    )
    providers = past.providers[:MOST_LINES]
    return [
        lines(title, bins.axis, series, "percent")
        for title, value in charts
        if (series := _by_provider(bins, providers, names, _valued(uses, value)))
    ]


def parts(
    title: str, found: Sequence[Part], path: str | None = None, *, say: Callable[[str], str] = str
) -> Figure | None:
    """Rank what used a model by its tokens, each by the name that `say` gives it; None when nothing did.

    `path` leads to a name, which is put behind it.
    """
    rows = [
        (
            say(part.name) or "not named",
            part.tokens,
            f"{part.requests:,} request{'s' if part.requests != 1 else ''}",
            path + quote(part.name) if path and part.name else None,
        )
        for part in found[:MOST_PARTS]
    ]
    return ranked(title, rows, "tokens") if rows else None


def _valued(found: Mapping[K, V], value: Callable[[V], float | None]) -> dict[K, float]:
    told = {key: value(each) for key, each in found.items()}
    return {key: each for key, each in told.items() if each is not None}


def _by_provider(
    bins: Bins, providers: Sequence[str], names: Mapping[str, str], values: Mapping[tuple[str, int], float]
) -> list[Series]:
    series = [
        Series(names.get(slug, slug), tuple(values.get((slug, at_s)) for at_s in bins.starts), f"/providers/{slug}")
        for slug in providers
    ]
    return [each for each in series if any(value is not None for value in each.values)]


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None
