"""What happened at an endpoint minute by minute: counts, and speeds as histograms that can be added up."""

import math
from collections import deque
from collections.abc import Iterable

import msgspec

from wideband.canon.faults import FaultKind
from wideband.routing.plans import Outcome

MINUTE_NS = 60_000_000_000
KEPT_MINUTES = 24 * 60
# Speeds are asked for over at most half an hour; older minutes keep only their counts.
KEPT_SPEED_MINUTES = 31
# A minute says something about uptime when it saw this many tries, and was up when so many of them went well.
LEAST_TRIES = 10
UP_SHARE = 0.8
BINS_AN_OCTAVE = 8

Histogram = dict[int, int]


class Minute:
    """One minute. `tries` counts those that tell something about the endpoint: not rate-limited, not the caller's."""

    __slots__ = ("downs", "number", "tps", "tries", "ttft_ms")

    def __init__(self, number: int) -> None:
        self.number = number
        self.tries = 0
        self.downs = 0
        self.ttft_ms: Histogram = {}
        self.tps: Histogram = {}


class Percentiles(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Points of a distribution, each within 5 % of the true value."""

    p50: float
    p75: float
    p90: float
    p99: float


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """Time to first token in milliseconds and tokens a second over the whole try; None where nothing was seen.

    `reached` is the throughput that so many percent of the tries reached or passed, where `throughput` is what they
    stayed within: its p90 is the slow end.
    """

    latency_ms: Percentiles | None = None
    throughput: Percentiles | None = None
    reached: Percentiles | None = None


class Minutes:
    """The last day of one endpoint; minutes without a try take no room."""

    def __init__(self) -> None:
        self._ring: deque[Minute] = deque(maxlen=KEPT_MINUTES)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome into its minute; one older than the newest minute goes into the newest."""
        fault = outcome.fault
        if fault is not None and fault.kind is FaultKind.PROVIDER_RATE_LIMITED:
            return
        minute = self._minute(outcome.at_ns // MINUTE_NS)
        down = fault is not None and fault.rule.counts_as_down
        if down or succeeded(outcome):
            minute.tries += 1
            minute.downs += down
        if outcome.ttft_ns:
            _count(minute.ttft_ms, outcome.ttft_ns / 1e6)
            if outcome.completion_tokens and not outcome.cancelled:
                took_s = (outcome.ttft_ns + (outcome.generation_ns or 0)) / 1e9
                _count(minute.tps, outcome.completion_tokens / took_s)

    def uptime(self, window_minutes: int, now_ns: int) -> float | None:
        """Return the percentage of telling minutes in which the endpoint was up; None when no minute tells."""
        telling = [m for m in self._since(window_minutes, now_ns) if m.tries >= LEAST_TRIES]
        if not telling:
            return None
        up = sum(m.tries - m.downs >= UP_SHARE * m.tries for m in telling)
        return 100.0 * up / len(telling)

    def speeds(self, window_minutes: int, now_ns: int) -> Speeds:
        """Return the percentiles of the last minutes."""
        recent = list(self._since(min(window_minutes, KEPT_SPEED_MINUTES), now_ns))
        tps = _merged(m.tps for m in recent)
        return Speeds(
            latency_ms=_percentiles(_merged(m.ttft_ms for m in recent)),
            throughput=_percentiles(tps),
            reached=_percentiles(tps, falling=True),
        )

    def _minute(self, number: int) -> Minute:
        ring = self._ring
        if ring and ring[-1].number >= number:
            return ring[-1]
        ring.append(Minute(number))
        if len(ring) > KEPT_SPEED_MINUTES:
            stale = ring[-KEPT_SPEED_MINUTES - 1]
            stale.ttft_ms = stale.tps = {}
        return ring[-1]

    def _since(self, window_minutes: int, now_ns: int) -> Iterable[Minute]:
        first = now_ns // MINUTE_NS - window_minutes + 1
        for minute in reversed(self._ring):
            if minute.number < first:
                return
            yield minute


def succeeded(outcome: Outcome) -> bool:
    """Say whether an outcome shows the endpoint working: it answered, even if the caller left midway."""
    return outcome.fault is None and (not outcome.cancelled or outcome.ttft_ns is not None)


def _count(histogram: Histogram, value: float) -> None:
    key = math.floor(math.log2(value) * BINS_AN_OCTAVE)
    histogram[key] = histogram.get(key, 0) + 1


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    total: Histogram = {}
    for histogram in histograms:
        for key, count in histogram.items():
            total[key] = total.get(key, 0) + count
    return total


def _percentiles(histogram: Histogram, *, falling: bool = False) -> Percentiles | None:
    """Return the percentiles counted from the least value, or from the greatest."""
    if not histogram:
        return None
    keys = sorted(histogram, reverse=falling)
    size = sum(histogram.values())
    return Percentiles(
        **{f"p{share}": _point(histogram, keys, math.ceil(size * share / 100)) for share in (50, 75, 90, 99)}
    )


def _point(histogram: Histogram, keys: list[int], rank: int) -> float:
    """Return the geometric middle of the bin that holds the value of this rank, counted from 1."""
    for key in keys:
        rank -= histogram[key]
        if rank <= 0:
            return float(2 ** ((key + 0.5) / BINS_AN_OCTAVE))
    raise AssertionError("a rank lies within its histogram")
