"""Whether one endpoint may be asked now: the circuit breaker and the pause after a rate limit."""

from collections import deque
from typing import Literal

from wideband.canon.faults import FaultKind
from wideband.routing.minutes import succeeded
from wideband.routing.plans import Outcome

# healthy: ask it. half_open: one request at a time may find out. resting: a rate limit or an open breaker.
Standing = Literal["healthy", "half_open", "resting"]

SECOND_NS = 1_000_000_000
DOWNS_IN_A_ROW = 2
WINDOW_NS = 30 * SECOND_NS
LEAST_TRIES = 5
DOWN_SHARE = 0.5
FIRST_REST_NS = 2 * SECOND_NS
LONGEST_REST_NS = 30 * SECOND_NS
# A probe whose end is never told (its request was refused elsewhere, say) blocks the next one for this long.
PROBE_LEASE_NS = 10 * SECOND_NS
FIRST_LIMIT_NS = 1 * SECOND_NS
LONGEST_LIMIT_NS = 15 * SECOND_NS
LONGEST_ASKED_NS = 300 * SECOND_NS


class Breaker:
    """The state of one endpoint. A breaker that opened closes only by a success after its rest is over."""

    __slots__ = ("_downs", "_limits", "_probe_until_ns", "_recent", "_rest_ns", "_rest_until_ns", "_wait_until_ns")

    def __init__(self) -> None:
        self._recent: deque[tuple[int, bool]] = deque(maxlen=64)
        self._downs = 0
        self._rest_ns = 0  # 0 while closed, else the length of the current rest
        self._rest_until_ns = 0
        self._probe_until_ns = 0
        self._limits = 0
        self._wait_until_ns = 0

    def standing(self, now_ns: int) -> Standing:
        """Say how the endpoint stands at an instant."""
        if now_ns < self._wait_until_ns:
            return "resting"
        if not self._rest_ns:
            return "healthy"
        return "half_open" if now_ns >= self._rest_until_ns else "resting"

    def at_ease(self, now_ns: int) -> bool:
        """Say whether nothing at all is held against the endpoint."""
        return not self._rest_ns and now_ns >= self._wait_until_ns

    def claim_probe(self, now_ns: int) -> bool:
        """Take the one probe of a half-open breaker; False when another request has it."""
        if self.standing(now_ns) != "half_open" or now_ns < self._probe_until_ns:
            return False
        self._probe_until_ns = now_ns + PROBE_LEASE_NS
        return True

    def observe(self, outcome: Outcome) -> bool:
        """Fold an outcome in; returns whether the state changed."""
        fault = outcome.fault
        if fault is not None and fault.kind is FaultKind.PROVIDER_RATE_LIMITED:
            self._limited(outcome.at_ns, fault.retry_after_s)
            return True
        if fault is not None and fault.rule.counts_as_down:
            return self._down(outcome.at_ns)
        if succeeded(outcome):
            return self._success(outcome.at_ns)
        # The caller's own mistake or leaving says nothing about the endpoint; the next request may probe.
        self._probe_until_ns = 0
        return False

    def _limited(self, at_ns: int, asked_s: float | None) -> None:
        self._probe_until_ns = 0
        self._limits += 1
        pause_ns = min(FIRST_LIMIT_NS << min(self._limits - 1, 8), LONGEST_LIMIT_NS)
        if asked_s is not None:
            pause_ns = max(0, min(int(min(asked_s, 1e6) * SECOND_NS), LONGEST_ASKED_NS))
        self._wait_until_ns = max(self._wait_until_ns, at_ns + pause_ns)

    def _down(self, at_ns: int) -> bool:
        if self._rest_ns:
            if at_ns < self._rest_until_ns:  # a request that was under way when the breaker opened
                return False
            self._open(at_ns, min(self._rest_ns * 2, LONGEST_REST_NS))
            return True
        self._downs += 1
        self._recent.append((at_ns, True))
        if self._downs < DOWNS_IN_A_ROW and not self._mostly_down(at_ns):
            return False
        self._open(at_ns, FIRST_REST_NS)
        return True

    def _success(self, at_ns: int) -> bool:
        self._limits = 0
        if not self._rest_ns:
            self._downs = 0
            self._recent.append((at_ns, False))
            return False
        if at_ns < self._rest_until_ns:  # it began before the trouble did
            return False
        self._rest_ns = self._rest_until_ns = self._probe_until_ns = 0
        return True

    def _open(self, at_ns: int, rest_ns: int) -> None:
        self._rest_ns = rest_ns
        self._rest_until_ns = at_ns + rest_ns
        self._probe_until_ns = 0
        self._downs = 0
        self._recent.clear()

    def _mostly_down(self, at_ns: int) -> bool:
        recent = [down for when_ns, down in self._recent if when_ns > at_ns - WINDOW_NS]
        return len(recent) >= LEAST_TRIES and sum(recent) >= DOWN_SHARE * len(recent)
