"""Modelled providers at work: what becomes of a try there, given what is going on at that instant."""

import math
from bisect import bisect_right
from heapq import heappop, heappush, heapreplace
from random import Random

from wideband.canon.faults import Fault
from wideband.catalog.joining import endpoint_id
from wideband.catalog.rows import Endpoint, Provider
from wideband.simulate.rows import FAULTS, Cache, Capacity, Modelled, Outage, Peak
from wideband.simulate.traffic import DAY_NS, SECOND_NS, Conversation

MODEL = "simulated/model"
_HOUR_NS = 3600 * SECOND_NS
# A refusal takes a part of the time that a first token takes.
_REFUSAL_SHARE = 0.3
_MIDWAY = 0.5


class Answer:
    """What a provider does with a try; decided when it begins. Times are nanoseconds from then.

    `fault` None is a whole answer. With `first_ns` something reached the caller, whether it ends well or not.
    """

    __slots__ = ("bad_call", "cached_tokens", "ends_ns", "fault", "first_ns", "tokens", "written_tokens")

    def __init__(self, ends_ns: int, fault: Fault | None = None, first_ns: int | None = None) -> None:
        self.ends_ns = ends_ns
        self.fault = fault
        self.first_ns = first_ns
        self.tokens = 0
        self.cached_tokens = 0
        self.written_tokens = 0
        self.bad_call = False


class Staff:
    """A provider's state. Its draws come from the turn for a first try and from `draw` for those after it."""

    def __init__(self, row: Modelled, start_ns: int, hours: float, seed: int) -> None:
        self.row = row
        self.endpoint = _endpoint(row)
        self.outages = _outages(row, start_ns, hours, Random(f"outages {row.name} {seed}"))
        self._begins_ns = [begin for begin, _, _ in self.outages]
        self._gate = None if row.capacity is None else _Gate(row.capacity)
        self._prefixes: dict[int, tuple[int, int]] = {}
        self._faults = {word: _fault(word, row) for word in FAULTS}
        self._limited = self._faults["429"]
        if row.capacity is not None and row.capacity.retry_after_s is not None:
            self._limited = _fault("429", row, row.capacity.retry_after_s)
        self._slowdown = [_slowdown(row.peaks, hour) for hour in range(24)]
        self._refusal_ns = int(row.ttft_s * _REFUSAL_SHARE * SECOND_NS)

    def outage(self, now_ns: int) -> Outage | None:
        """Return the outage that holds now."""
        at = bisect_right(self._begins_ns, now_ns) - 1
        if at < 0 or now_ns >= self.outages[at][1]:
            return None
        return self.outages[at][2]

    def ask(self, talk: Conversation, now_ns: int, deadline_ns: int, draw: Random, *, again: bool) -> Answer:
        """Begin a try of the conversation's turn; who has not begun to answer by the deadline is given up."""
        turn, row = talk.turns[talk.at], self.row
        if again:
            luck, hit, wait, pace = draw.random(), draw.random(), draw.gauss(0, 1), draw.gauss(0, 1)
        else:
            luck, hit, wait, pace = turn.luck, turn.hit, turn.wait, turn.pace
        outage = self.outage(now_ns) if self.outages else None
        word, luck = self._word(outage, luck)
        if word is not None and FAULTS[word].when == "at once":
            return Answer(self._refusal_ns, self._faults[word])
        if word is not None and FAULTS[word].when == "at the deadline":
            return Answer(deadline_ns, self._faults[word])
        slower = self._slowdown[(now_ns - DAY_NS) // _HOUR_NS % 24] * (1.0 if outage is None else outage.slower)
        cached = 0 if row.cache is None else self._cached(row.cache, talk.number, now_ns, hit)
        first_s = row.ttft_s * math.exp(row.ttft_spread * wait)
        first_s += (turn.prompt_tokens - cached) / row.prefill_tokens_per_s
        first_ns = max(1, int(first_s * slower * SECOND_NS))
        speed = row.tokens_per_s / slower * math.exp(row.speed_spread * pace)
        rest_ns = int((turn.output_tokens - 1) / speed * SECOND_NS)
        tokens, fault = turn.output_tokens, None
        if word is not None:
            rest_ns, tokens, fault = int(rest_ns * _MIDWAY), max(1, int(tokens * _MIDWAY)), self._faults[word]
        if self._gate is not None:
            waits_ns = self._gate.admit(now_ns, first_ns + rest_ns, deadline_ns - first_ns)
            if waits_ns is None:
                return Answer(self._refusal_ns, self._limited)
            first_ns += waits_ns
        if first_ns > deadline_ns:
            return Answer(deadline_ns, self._faults["hang"])
        answer = Answer(first_ns + rest_ns, fault, first_ns)
        answer.tokens, answer.cached_tokens = tokens, cached
        answer.bad_call = turn.calls_tools and luck < row.bad_tool_calls
        if row.cache is not None:
            self._keep(row.cache, talk, now_ns, answer)
        return answer

    def forget(self, talk: Conversation) -> None:
        """Drop a conversation that is over: nobody will ask for its prompt again."""
        self._prefixes.pop(talk.number, None)

    def _word(self, outage: Outage | None, luck: float) -> tuple[str | None, float]:
        """Return how a try fails, if it does, and luck made uniform again over what is left."""
        if outage is not None:
            if luck < outage.share:
                return outage.fault, luck
            luck = (luck - outage.share) / (1 - outage.share)
        whole = 1.0
        for word, share in self.row.faults.items():
            if luck < share:
                return word, luck
            luck -= share
            whole -= share
        return None, luck / whole

    def _cached(self, cache: Cache, number: int, now_ns: int, hit: float) -> int:
        """Return how many tokens of a conversation's prompt are read from the cache."""
        tokens, until_ns = self._prefixes.get(number, (0, 0))
        return tokens if now_ns < until_ns and hit < cache.hit else 0

    def _keep(self, cache: Cache, talk: Conversation, now_ns: int, answer: Answer) -> None:
        """Write what is new of a prompt into the cache, in whole blocks; prompts of a conversation only grow."""
        kept = talk.turns[talk.at].prompt_tokens // cache.block_tokens * cache.block_tokens
        if kept < cache.min_tokens:
            return
        answer.written_tokens = kept - answer.cached_tokens
        # Who asks for the last time needs no trace here: nobody reads it.
        if talk.at + 1 < len(talk.turns):
            self._prefixes[talk.number] = kept, now_ns + answer.ends_ns + int(cache.lifetime_s * SECOND_NS)


class _Gate:
    """What a provider takes at once or in a second. The times at which something comes free, soonest first."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        # A rate is kept by as many turnstiles as fit into a second, each closed for that second after a request.
        per_s = capacity.requests_per_s
        self._places = capacity.concurrent or max(1, round(per_s or 1))
        self._closed_ns = None if per_s is None else int(self._places / per_s * SECOND_NS)
        self._free_ns: list[int] = []

    def admit(self, now_ns: int, takes_ns: int, patience_ns: int) -> int | None:
        """Return how long a request waits for its turn; None when it is refused.

        Who would wait beyond their patience leaves the queue before it is their turn.
        """
        free = self._free_ns
        holds_ns = takes_ns if self._closed_ns is None else self._closed_ns
        while free and free[0] <= now_ns:
            heappop(free)
        if len(free) < self._places:
            heappush(free, now_ns + holds_ns)
            return 0
        if self._capacity.over == "refuse":
            return None
        waits_ns = free[0] - now_ns
        if waits_ns <= patience_ns:
            heapreplace(free, now_ns + waits_ns + holds_ns)
        return waits_ns


def _slowdown(peaks: tuple[Peak, ...], hour: int) -> float:
    return math.prod(peak.factor for peak in peaks if _is_within(peak, hour))


def _is_within(peak: Peak, hour: int) -> bool:
    begin, end = peak.from_hour, peak.to_hour
    return begin <= hour < end if begin < end else hour >= begin or hour < end


def _outages(row: Modelled, start_ns: int, hours: float, draw: Random) -> list[tuple[int, int, Outage]]:
    """Return when a provider is out, in order of time and never twice at once: (from, to, how)."""
    rows = list(row.outages)
    breaks = row.breaks
    if breaks is not None:
        at_s = draw.expovariate(1 / breaks.every_s)
        while at_s < hours * 3600:
            for_s = draw.expovariate(1 / breaks.for_s)
            rows.append(Outage(at_s=at_s, for_s=for_s, fault=breaks.fault, share=breaks.share, slower=breaks.slower))
            at_s += for_s + draw.expovariate(1 / breaks.every_s)
    found: list[tuple[int, int, Outage]] = []
    for each in sorted(rows, key=lambda each: each.at_s):
        begin = start_ns + int(each.at_s * SECOND_NS)
        if found and begin < found[-1][1]:
            begin = found[-1][1]
        end = start_ns + int((each.at_s + each.for_s) * SECOND_NS)
        if begin < end:
            found.append((begin, end, each))
    return found


def _fault(word: str, row: Modelled, retry_after_s: float | None = None) -> Fault:
    kind = FAULTS[word].kind
    wait_s = retry_after_s if retry_after_s is not None else row.retry_after_s
    return Fault(
        kind=kind,
        message=f"{row.name} failed: {kind.value}.",
        provider=row.name,
        retry_after_s=wait_s if word == "429" else None,
    )


def _endpoint(row: Modelled) -> Endpoint:
    provider = Provider(slug=row.name, name=row.name, dialect="openai_chat", base_url="http://simulated")
    return Endpoint(
        id=endpoint_id(row.name, MODEL, row.name),
        provider=provider,
        model=MODEL,
        upstream_model=MODEL,
        tag=row.name,
        price=row.price,
        # Whole seconds, as a catalogue has them; 0 would say that nothing is known.
        cache_ttl_s=None if row.cache is None else max(1, int(row.cache.lifetime_s)),
        simulated=True,
    )
