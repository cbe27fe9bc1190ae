"""What came of a simulated run: counted as it goes, summed up at its end."""

from array import array
from bisect import bisect_left
from collections import Counter

import msgspec

from wideband.canon.faults import Fault
from wideband.catalog.rows import Endpoint
from wideband.pricing import Charge
from wideband.simulate.providers import Answer, Staff
from wideband.simulate.traffic import SECOND_NS, Turn

_MINUTE_NS = 60 * SECOND_NS
_MILLION = 1_000_000
# Traffic has left where no try follows another for so long; it was there if so many tries began in the minute before.
_PAUSE_NS = SECOND_NS
_FLOW = 60
_LEAST_A_MINUTE = 10


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Points of a distribution, exact; None where there was nothing."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """An outage in which every try failed: seconds until traffic left, and from its end until the first success.

    None where less than a try a second was there to leave, or none came back before the run's end or the next outage.
    """

    provider: str
    fault: str
    at_s: float
    left_s: float | None
    back_s: float | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One ranker in one market. Money is nano-dollars, shares are of 1; docs/reference/simulator.md says each."""

    ranker: str
    market: str
    seed: int
    requests: int
    answered: int
    success: float
    client_faults: dict[str, int]
    tries: int
    try_faults: dict[str, int]
    failovers: int
    rate_limited: int
    charged_nano: int
    cost_per_1000_usd: float
    cost_per_million_tokens_usd: float
    of_list: float
    ttft_ms: Spread
    tokens_per_s: Spread
    cache_hits: float | None
    shares: dict[str, float]
    busiest: str
    busiest_share: float
    peak_minute_share: float
    peak_open: int
    bad_tool_calls: float | None
    absences: tuple[Absence, ...]
    simulated_s: float
    wall_s: float
    interrupted: bool = False


class Score:
    """The counts of a run."""

    def __init__(self, staff: dict[str, Staff]) -> None:
        self._staff = staff
        self.requests = self.answered = self.failovers = 0
        self.client_faults: Counter[str] = Counter()
        self.try_faults: Counter[str] = Counter()
        self.charged_nano = self.list_nano = self.tokens = 0
        self.cacheable = self.cached = 0
        self.tool_answers = self.bad_calls = 0
        self.ttft_ms = array("d")
        self.speeds = array("d")
        self._begun = {id_: array("q") for id_ in staff}
        self._well = {id_: array("q") for id_ in staff}
        self._open = dict.fromkeys(staff, 0)
        self._most_open = dict.fromkeys(staff, 0)
        self._served = dict.fromkeys(staff, 0)
        self._minute = dict.fromkeys(staff, 0)
        self._minute_ends_ns = 0
        self.peak_minute_share = 0.0

    def try_begins(self, id_: str, now_ns: int) -> None:
        """Count a try at an endpoint."""
        if now_ns >= self._minute_ends_ns:
            self._end_minute(now_ns)
        self._minute[id_] += 1
        self._begun[id_].append(now_ns)
        count = self._open[id_] = self._open[id_] + 1
        if count > self._most_open[id_]:
            self._most_open[id_] = count

    def try_ends(self, id_: str, begun_ns: int, fault: Fault | None) -> None:
        """Count how a try went."""
        self._open[id_] -= 1
        if fault is None:
            self._well[id_].append(begun_ns)
        else:
            self.try_faults[fault.kind.value] += 1

    def charged(self, endpoint: Endpoint, prompt_tokens: int, answer: Answer, charge: Charge) -> None:
        """Count what was paid for what reached a client."""
        base = endpoint.price.base
        self.charged_nano += charge.total_nano
        self.list_nano += (base.prompt * prompt_tokens + base.completion * answer.tokens) // _MILLION + base.request
        self.tokens += prompt_tokens + answer.tokens

    def finished(self, id_: str, turn: Turn, answer: Answer, waited_ns: int, cacheable: int) -> None:
        """Count a request that was answered whole; the first token came `waited_ns` after it was asked."""
        self.answered += 1
        self._served[id_] += 1
        self.ttft_ms.append(waited_ns / 1e6)
        took_ns = waited_ns + answer.ends_ns - (answer.first_ns or 0)
        self.speeds.append(answer.tokens * SECOND_NS / took_ns)
        self.cacheable += cacheable
        self.cached += min(answer.cached_tokens, cacheable)
        if turn.calls_tools:
            self.tool_answers += 1
            self.bad_calls += answer.bad_call

    def _end_minute(self, now_ns: int) -> None:
        """Keep the largest share of a minute's tries; minutes with very few say nothing."""
        total = sum(self._minute.values())
        if total >= _LEAST_A_MINUTE:
            self.peak_minute_share = max(self.peak_minute_share, max(self._minute.values()) / total)
        self._minute = dict.fromkeys(self._minute, 0)
        self._minute_ends_ns = (now_ns // _MINUTE_NS + 1) * _MINUTE_NS

    def result(self, ranker: str, market: str, seed: int, span: tuple[int, int], wall_s: float) -> Result:
        """Sum up; `span` is from when to when the run went."""
        self._end_minute(span[1])
        tries = {id_: len(times) for id_, times in self._begun.items()}
        total, answered = sum(tries.values()), self.answered
        busiest = max(tries, key=tries.__getitem__)
        return Result(
            ranker=ranker,
            market=market,
            seed=seed,
            requests=self.requests,
            answered=answered,
            success=answered / self.requests if self.requests else 0.0,
            client_faults=dict(self.client_faults.most_common()),
            tries=total,
            try_faults=dict(self.try_faults.most_common()),
            failovers=self.failovers,
            rate_limited=self.try_faults["provider_rate_limited"],
            charged_nano=self.charged_nano,
            cost_per_1000_usd=self.charged_nano / 1e6 / answered if answered else 0.0,
            cost_per_million_tokens_usd=self.charged_nano / 1e3 / self.tokens if self.tokens else 0.0,
            of_list=self.charged_nano / self.list_nano if self.list_nano else 0.0,
            ttft_ms=_spread(self.ttft_ms),
            tokens_per_s=_spread(self.speeds, falling=True),
            cache_hits=self.cached / self.cacheable if self.cacheable else None,
            shares={self._name(id_): count / answered for id_, count in self._served.items()} if answered else {},
            busiest=self._name(busiest),
            busiest_share=tries[busiest] / total if total else 0.0,
            peak_minute_share=self.peak_minute_share,
            peak_open=max(self._most_open.values()),
            bad_tool_calls=self.bad_calls / self.tool_answers if self.tool_answers else None,
            absences=tuple(sorted(self._absences(span), key=lambda each: each.at_s)),
            simulated_s=(span[1] - span[0]) / SECOND_NS,
            wall_s=wall_s,
        )

    def _name(self, id_: str) -> str:
        return self._staff[id_].row.name

    def _absences(self, span: tuple[int, int]) -> list[Absence]:
        found = []
        for id_, staff in self._staff.items():
            begun, well = sorted(self._begun[id_]), sorted(self._well[id_])
            outages = [each for each in staff.outages if each[0] < span[1]]
            for at, (begin, end, row) in enumerate(outages):
                if row.share < 1.0 or end > span[1]:
                    continue
                until = outages[at + 1][0] if at + 1 < len(outages) else span[1]
                found.append(
                    Absence(
                        provider=staff.row.name,
                        fault=row.fault,
                        at_s=(begin - span[0]) / SECOND_NS,
                        left_s=_left_s(begun, begin, end),
                        back_s=_back_s(well, end, until),
                    )
                )
        return found


def _left_s(begun: list[int], begin: int, end: int) -> float | None:
    """Return how long traffic went on into an outage: until the last try before the first real pause."""
    first = bisect_left(begun, begin)
    if first - bisect_left(begun, begin - _MINUTE_NS) < _FLOW:
        return None
    last = begin
    for at in begun[first : bisect_left(begun, end)]:
        if at - last > _PAUSE_NS:
            break
        last = at
    return (last - begin) / SECOND_NS


def _back_s(well: list[int], end: int, until: int) -> float | None:
    first = bisect_left(well, end)
    return (well[first] - end) / SECOND_NS if first < len(well) and well[first] < until else None


def _spread(values: "array[float]", *, falling: bool = False) -> Spread:
    """Return what so many of a hundred values stay within; `falling` counts from the greatest down."""
    if not values:
        return Spread()
    ranked = sorted(values, reverse=falling)
    p50, p90, p99 = (ranked[-(-len(ranked) * percent // 100) - 1] for percent in (50, 90, 99))
    return Spread(p50=p50, p90=p90, p99=p99)
