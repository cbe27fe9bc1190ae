"""Results side by side: means over seeds, and whether one ranker beats another."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from wideband.simulate.score import Result

# Who is cheaper at no fewer answers and no longer waits beats the other; who is dearer, or worse in one, does not.
Verdict = Literal["cheaper", "cheaper, but worse", "dearer, but better", "dearer", "equal"]


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """One ranker in one market over several seeds; None where no run had anything to measure.

    `left_s` and `back_s` are the longest of all outages that met a flow of traffic and let nothing through, `not_back`
    is after how many of these none came back.
    """

    market: str
    ranker: str
    runs: int
    requests: int
    failed: int
    success: float
    cost_per_1000_usd: float
    cost_per_million_tokens_usd: float
    of_list: float
    ttft_p50_ms: float
    ttft_p90_ms: float
    ttft_p99_ms: float
    tokens_per_s: float
    failovers: int
    rate_limited: int
    cache_hits: float | None
    busiest_share: float
    peak_minute_share: float
    peak_open: int
    bad_tool_calls: float | None
    left_s: float | None
    back_s: float | None
    not_back: int


def means(results: Iterable[Result]) -> list[Mean]:
    """Return one row for each market and ranker, in the order in which they first appear."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.market, result.ranker), []).append(result)
    return [_mean(rows) for rows in groups.values()]


def _mean(rows: Sequence[Result]) -> Mean:
    requests, answered = sum(row.requests for row in rows), sum(row.answered for row in rows)
    absences = [each for row in rows for each in row.absences if each.left_s is not None]
    return Mean(
        market=rows[0].market,
        ranker=rows[0].ranker,
        runs=len(rows),
        requests=requests,
        failed=sum(sum(row.client_faults.values()) for row in rows),
        success=answered / requests if requests else 0.0,
        cost_per_1000_usd=_average(row.cost_per_1000_usd for row in rows) or 0.0,
        cost_per_million_tokens_usd=_average(row.cost_per_million_tokens_usd for row in rows) or 0.0,
        of_list=_average(row.of_list for row in rows) or 0.0,
        ttft_p50_ms=_average(row.ttft_ms.p50 for row in rows) or 0.0,
        ttft_p90_ms=_average(row.ttft_ms.p90 for row in rows) or 0.0,
        ttft_p99_ms=_average(row.ttft_ms.p99 for row in rows) or 0.0,
        tokens_per_s=_average(row.tokens_per_s.p50 for row in rows) or 0.0,
        failovers=sum(row.failovers for row in rows),
        rate_limited=sum(row.rate_limited for row in rows),
        cache_hits=_average(row.cache_hits for row in rows),
        busiest_share=_average(row.busiest_share for row in rows) or 0.0,
        peak_minute_share=max(row.peak_minute_share for row in rows),
        peak_open=max(row.peak_open for row in rows),
        bad_tool_calls=_average(row.bad_tool_calls for row in rows),
        left_s=max((each.left_s for each in absences if each.left_s is not None), default=None),
        back_s=max((each.back_s for each in absences if each.back_s is not None), default=None),
        not_back=sum(each.back_s is None for each in absences),
    )


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def is_no_worse(one: Mean, other: Mean) -> bool:
    """Say whether a ranker answers no fewer requests than another and makes nobody wait longer."""
    return one.success >= other.success and one.ttft_p99_ms <= other.ttft_p99_ms


def verdict(one: Mean, other: Mean) -> Verdict:
    """Say how one ranker does beside another. A difference of any size counts, with no allowance for chance."""
    cost, than = one.cost_per_1000_usd, other.cost_per_1000_usd
    no_worse = is_no_worse(one, other)
    if cost < than:
        return "cheaper" if no_worse else "cheaper, but worse"
    if cost == than and no_worse:
        return "equal"
    better = one.success > other.success or one.ttft_p99_ms < other.ttft_p99_ms
    return "dearer, but better" if better and cost > than else "dearer"
