"""What happened at an endpoint minute by minute: counts, and speeds as histograms, all of which can be added up."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated

import msgspec

from wideband.canon.faults import RULES, FaultKind
from wideband.routing import histogram
from wideband.routing.histogram import Histogram
from wideband.routing.plans import Outcome

MINUTE_NS = 60_000_000_000
# Of a day there are the tries and the downs of each minute, of two hours all counts, of half an hour the speeds.
KEPT_MINUTES = 24 * 60
KEPT_COUNT_MINUTES = 121
KEPT_SPEED_MINUTES = 31
_MOST = 2**32 - 1  # what a day's lines can hold
# A minute says something about uptime when it saw this many tries, and was up when so many of them went well.
LEAST_TRIES = 10
UP_SHARE = 0.8
# Providers cache no shorter prompts, so these say nothing about how well a cache works.
CACHEABLE_TOKENS = 1024
# No try has more: a provider that says so miscounts, and its figures would bury those of the others.
MOST_TOKENS = 2**30


# What no process counts in a minute, and what no sum of some such needs: numbers from elsewhere beyond it are none.
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Sum = Annotated[int, msgspec.Meta(ge=0)]
Verdicts = dict[str, Count]


class Minute(msgspec.Struct, array_like=True):
    """One minute of an endpoint, or any other sum of outcomes. Times are nanoseconds.

    `number` counts minutes since 1970, `at_ns` is the newest outcome. `tries` are those that tell something about the
    endpoint: not rate-limited (`limits`), not the caller's doing. Of the `downs`, the `belated` say nothing about what
    is to be expected: their tries were known to be overdue, or their outage is over. `waits` are first tokens and
    `wait_ns` the time to them, `span_ns` the time in which `span_tokens` came after them. What came in one piece has no
    first token: `wholes`. `answers` came to their end. The `long_` tokens are of prompts that can be cached. Tool calls
    and structured answers are counted by `Verdict`.
    """

    number: Sum
    at_ns: Sum = 0
    tries: Count = 0
    downs: Count = 0
    belated: Count = 0
    limits: Count = 0
    stalls: Count = 0
    waits: Count = 0
    wait_ns: Sum = 0
    span_ns: Sum = 0
    span_tokens: Sum = 0
    wholes: Count = 0
    whole_ns: Sum = 0
    whole_tokens: Sum = 0
    answers: Count = 0
    answer_tokens: Sum = 0
    prompt_tokens: Sum = 0
    cached_tokens: Sum = 0
    long_prompt_tokens: Sum = 0
    long_cached_tokens: Sum = 0
    completion_tokens: Sum = 0
    charged_nano: Sum = 0
    tool_calls: Verdicts = {}
    structured: Verdicts = {}
    ttft_ms: Histogram = {}
    whole_ms: Histogram = {}
    tps: Histogram = {}

    def count(self, outcome: Outcome) -> None:
        """Fold an outcome in."""
        if outcome.prompt_tokens + outcome.completion_tokens > MOST_TOKENS:
            outcome = msgspec.structs.replace(
                outcome, prompt_tokens=0, cached_tokens=0, completion_tokens=0, charged_nano=0
            )
        if outcome.at_ns > self.at_ns:
            self.at_ns = outcome.at_ns
        fault = outcome.fault
        if fault is None:
            self.tries += not outcome.cancelled or outcome.ttft_ns is not None
        elif fault.kind is FaultKind.PROVIDER_RATE_LIMITED:
            self.limits += 1
        elif RULES[fault.kind].counts_as_down:
            self.tries += 1
            self.downs += 1
        if outcome.ttft_ns:
            self._time(outcome, outcome.ttft_ns)
        if outcome.prompt_tokens or outcome.completion_tokens:
            self._weigh(outcome)
        self.stalls += outcome.stalls
        if outcome.tool_calls is not None:
            self.tool_calls[outcome.tool_calls] = self.tool_calls.get(outcome.tool_calls, 0) + 1
        if outcome.structured is not None:
            self.structured[outcome.structured] = self.structured.get(outcome.structured, 0) + 1

    def count_wait(self, ttft_ns: int, at_ns: int) -> None:
        """Fold in how long a first token took that came at this instant."""
        if at_ns > self.at_ns:
            self.at_ns = at_ns
        if ttft_ns:
            self.waits += 1
            self.wait_ns += ttft_ns
            histogram.count(self.ttft_ms, ttft_ns / 1e6)

    def _time(self, outcome: Outcome, ttft_ns: int) -> None:
        span_ns, tokens = outcome.generation_ns or 0, outcome.completion_tokens
        if span_ns or tokens <= 1 or outcome.wait_told:
            if not outcome.wait_told:
                self.count_wait(ttft_ns, outcome.at_ns)
            if tokens > 1:
                self.span_ns += span_ns
                self.span_tokens += tokens - 1
        else:
            self.wholes += 1
            self.whole_ns += ttft_ns
            self.whole_tokens += tokens
            histogram.count(self.whole_ms, ttft_ns / 1e6)
        if tokens and not outcome.cancelled:
            histogram.count(self.tps, tokens * 1e9 / (ttft_ns + span_ns))

    def _weigh(self, outcome: Outcome) -> None:
        prompt, tokens = outcome.prompt_tokens, outcome.completion_tokens
        self.prompt_tokens += prompt
        self.cached_tokens += outcome.cached_tokens
        self.completion_tokens += tokens
        self.charged_nano += outcome.charged_nano
        if prompt >= CACHEABLE_TOKENS:
            self.long_prompt_tokens += prompt
            self.long_cached_tokens += outcome.cached_tokens
        if tokens and outcome.fault is None and not outcome.cancelled:
            self.answers += 1
            self.answer_tokens += tokens

    def add(self, other: "Minute") -> None:
        """Add another sum, of the same minute or not, to this one."""
        self.add_counts(other)
        histogram.add(self.ttft_ms, other.ttft_ms)
        histogram.add(self.whole_ms, other.whole_ms)
        histogram.add(self.tps, other.tps)

    def add_counts(self, other: "Minute") -> None:
        """Add all of another sum but its histograms."""
        for name in _COUNTS:
            if number := getattr(other, name):
                setattr(self, name, getattr(self, name) + number)
        self.at_ns = max(self.at_ns, other.at_ns)
        for verdict, number in other.tool_calls.items():
            self.tool_calls[verdict] = self.tool_calls.get(verdict, 0) + number
        for verdict, number in other.structured.items():
            self.structured[verdict] = self.structured.get(verdict, 0) + number

    def forget_speeds(self) -> None:
        """Drop the histograms."""
        self.ttft_ms, self.whole_ms, self.tps = {}, {}, {}


_COUNTS = tuple(field.name for field in msgspec.structs.fields(Minute) if field.default == 0 and field.name != "at_ns")


class Percentiles(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Points of a distribution, each within 5 % of the true value."""

    p50: float
    p75: float
    p90: float
    p99: float


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """Time to first token in milliseconds and tokens a second over the whole try; None where nothing was seen.

    `reached` is the throughput that so many percent of the tries reached or passed, where `throughput` is what they
    stayed within: its p90 is the slow end. `waits` counts the first tokens, `late_ms` is the time within which 95 % of
    them came. Where there were none, because answers come in one piece, `latency_ms` is the time to these.
    """

    latency_ms: Percentiles | None = None
    throughput: Percentiles | None = None
    reached: Percentiles | None = None
    waits: int = 0
    late_ms: float | None = None


class Minutes:
    """The last day of one endpoint. Apart from the rest is what this process saw and has not told others yet."""

    __slots__ = ("_day", "_told", "_untold")

    def __init__(self) -> None:
        self._day = _Day()
        self._told: dict[int, Minute] = {}
        self._untold: dict[int, Minute] = {}

    def add(self, minute: Minute, *, told: bool) -> None:
        """Add what happened in a minute, or in part of it; the value given is kept and may grow."""
        day, number = self._day, minute.number
        newest = day.newest
        day.add(number, minute.tries, minute.downs)
        if number <= day.newest - KEPT_COUNT_MINUTES:
            return
        if number <= day.newest - KEPT_SPEED_MINUTES:
            minute.forget_speeds()
        kept = self._told if told else self._untold
        if number in kept:
            kept[number].add(minute)
        else:
            kept[number] = minute
        if day.newest > newest:
            _prune(self._told, day.newest)
            _prune(self._untold, day.newest)

    def take(self) -> list[Minute]:
        """Return what was not told yet; from now on it is. Nothing is told that is two hours old."""
        taken = list(self._untold.values())
        for minute in taken:
            if minute.number in self._told:
                self._told[minute.number].add(minute)
            else:
                self._told[minute.number] = minute
        self._untold = {}
        return taken

    def untold(self) -> Iterable[Minute]:
        """Return what was not told yet, as it is kept."""
        return self._untold.values()

    def all(self) -> tuple[list[Minute], list[tuple[int, int, int]]]:
        """Return all that is kept: the minutes, in parts, and number, tries and downs of those older than these."""
        parts = [*self._told.values(), *self._untold.values()]
        whole = {minute.number for minute in parts}
        return parts, [row for row in self._day.rows() if row[0] not in whole]

    def restore_day(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Add minutes of which only number, tries and downs are left."""
        for number, tries, downs in rows:
            self._day.add(number, tries, downs)

    def as_of(self, now_ns: int) -> "Minutes":
        """Return what was seen until an instant, all of it told: the clock was set back to it."""
        minutes, day = self.all()
        last = now_ns // MINUTE_NS
        kept = Minutes()
        for minute in minutes:
            if minute.number <= last:
                minute.at_ns = min(minute.at_ns, now_ns)
                kept.add(minute, told=True)
        kept.restore_day(row for row in day if row[0] <= last)
        return kept

    def uptime(self, window_minutes: int, now_ns: int) -> float | None:
        """Return the percentage of telling minutes in which the endpoint was up; None when no minute tells."""
        return self._day.uptime(now_ns // MINUTE_NS - window_minutes + 1)

    def total(self, window_minutes: int, now_ns: int) -> Minute:
        """Return the sum of the last minutes, at most two hours back; its histograms stay empty."""
        total = Minute(0)
        for minute in self.since(window_minutes, now_ns):
            total.add_counts(minute)
        return total

    def speeds(self, window_minutes: int, now_ns: int) -> Speeds:
        """Return the percentiles of the last minutes, at most half an hour back."""
        recent = list(self.since(window_minutes, now_ns))
        tps = histogram.merged(m.tps for m in recent)
        waits = histogram.merged(m.ttft_ms for m in recent)
        return Speeds(
            latency_ms=_percentiles(waits or histogram.merged(m.whole_ms for m in recent)),
            throughput=_percentiles(tps),
            reached=_percentiles(tps, falling=True),
            waits=sum(waits.values()),
            late_ms=histogram.points(waits, (95,))[0] if waits else None,
        )

    def since(self, window_minutes: int, now_ns: int) -> Iterator[Minute]:
        """Yield the last minutes, in parts, at most two hours back."""
        first = now_ns // MINUTE_NS - window_minutes + 1
        return (m for m in chain(self._told.values(), self._untold.values()) if m.number >= first)


class _Day:
    """Tries and downs of the minutes of a day that had any, the oldest first."""

    __slots__ = ("_downs", "_numbers", "_tries")

    def __init__(self) -> None:
        self._numbers = array("I")
        self._tries = array("I")
        self._downs = array("I")

    @property
    def newest(self) -> int:
        return self._numbers[-1] if self._numbers else 0

    def add(self, number: int, tries: int, downs: int) -> None:
        numbers, at = self._numbers, -1
        if not numbers or number > numbers[-1]:
            self._insert(len(numbers), number)
            self._forget(number - KEPT_MINUTES)
        elif number <= numbers[-1] - KEPT_MINUTES:
            return
        elif number < numbers[-1]:
            at = bisect_left(numbers, number)
            if numbers[at] != number:
                self._insert(at, number)
        self._tries[at] = min(self._tries[at] + tries, _MOST)
        self._downs[at] = min(self._downs[at] + downs, _MOST)

    def _insert(self, at: int, number: int) -> None:
        self._numbers.insert(at, number)
        self._tries.insert(at, 0)
        self._downs.insert(at, 0)

    def _forget(self, last: int) -> None:
        """Drop the minutes up to this one."""
        if self._numbers[0] <= last:
            cut = bisect_right(self._numbers, last)
            del self._numbers[:cut], self._tries[:cut], self._downs[:cut]

    def rows(self, first: int = 0) -> list[tuple[int, int, int]]:
        """Return number, tries and downs of the minutes that had tries, the oldest first."""
        at = bisect_left(self._numbers, max(first, 0))
        return [row for row in zip(self._numbers[at:], self._tries[at:], self._downs[at:], strict=True) if row[1]]

    def uptime(self, first: int) -> float | None:
        telling = [(tries, downs) for _, tries, downs in self.rows(first) if tries >= LEAST_TRIES]
        if not telling:
            return None
        return 100.0 * sum(tries - downs >= UP_SHARE * tries for tries, downs in telling) / len(telling)


def succeeded(outcome: Outcome) -> bool:
    """Say whether an outcome shows the endpoint working: it answered, even if the caller left midway."""
    return outcome.fault is None and (not outcome.cancelled or outcome.ttft_ns is not None)


def _prune(kept: dict[int, Minute], newest: int) -> None:
    for number in [n for n in kept if n <= newest - KEPT_SPEED_MINUTES]:
        if number <= newest - KEPT_COUNT_MINUTES:
            del kept[number]
        else:
            kept[number].forget_speeds()


def _percentiles(distribution: Histogram, *, falling: bool = False) -> Percentiles | None:
    if not distribution:
        return None
    p50, p75, p90, p99 = histogram.points(distribution, (50, 75, 90, 99), falling=falling)
    return Percentiles(p50=p50, p75=p75, p90=p90, p99=p99)
