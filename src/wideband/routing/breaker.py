"""Whether one endpoint may be asked now: the circuit breaker and the pause after a rate limit."""

from typing import Literal

import msgspec

from wideband.canon.faults import FaultKind
from wideband.routing.minutes import succeeded
from wideband.routing.plans import Outcome

# healthy: ask it. half_open: one request at a time may find out. resting: a rate limit or an open breaker.
Standing = Literal["healthy", "half_open", "resting"]
# What an outcome changed: "relieved" is a success after rate limits that had become an outage of their own.
Change = Literal["opened", "closed", "paused", "relieved"]

SECOND_NS = 1_000_000_000
DOWNS_IN_A_ROW = 2
# Of the tries of the window: half of some, or so many of the last ones, which catches what fails now and then.
WINDOW_NS = 30 * SECOND_NS
LEAST_TRIES = 5
DOWN_SHARE = 0.5
LAST_TRIES = 20
MOST_DOWNS = 4
FIRST_REST_NS = 2 * SECOND_NS
LONGEST_REST_NS = 30 * SECOND_NS
# Who opens again so soon after closing rests twice as long as before: else what fails now and then never rests long.
STEADY_NS = 60 * SECOND_NS
# Whoever has waited so long for a request that finds out about it gets the next one.
UNPROBED_NS = 10 * SECOND_NS
# A probe whose end is never told (its request was refused elsewhere, say) blocks the next one for this long.
PROBE_LEASE_NS = 10 * SECOND_NS
# No try is overdue before this, so what is overdue sooner after a probe began is not the probe.
LEAST_PATIENCE_NS = SECOND_NS // 2
FIRST_LIMIT_NS = SECOND_NS // 2
LONGEST_LIMIT_NS = 15 * SECOND_NS
LONGEST_ASKED_NS = 300 * SECOND_NS
# Where fewer of the latest tries met a rate limit, no pause is made that was not asked for; where half of them did and
# no success came between, each is longer than the last.
PAUSING_SHARE = 0.2
DOUBLING_SHARE = 0.5
LIMITS_OF_AN_OUTAGE = 4


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """The state of a breaker as another process takes it over; `rest_ns` is 0 while closed, times are unix."""

    changed_ns: int = 0
    rest_ns: int = 0
    rest_until_ns: int = 0
    is_late: bool = False
    wait_until_ns: int = 0


class Breaker:
    """The state of one endpoint. A breaker that opened closes only by the success of a try that began after that.

    One that opened because all tries of late were overdue closes by any first token that came since: the endpoint is
    slow, not broken. `overdue_tries` counts those under way that were told to be overdue.
    """

    __slots__ = (
        "_changed_ns",
        "_downs",
        "_first_overdue_ns",
        "_is_late",
        "_last_rest_ns",
        "_limited_ns",
        "_limits",
        "_marks",
        "_overdue",
        "_patience_ns",
        "_probe_until_ns",
        "_recent",
        "_rest_ns",
        "_rest_until_ns",
        "_wait_until_ns",
        "overdue_tries",
    )

    def __init__(self) -> None:
        # Short lists: an empty deque takes three times what all else here does, for each of thousands of endpoints.
        self._recent: list[tuple[int, bool]] = []
        self._downs = 0
        self._changed_ns = 0
        self._rest_ns = 0  # 0 while closed, else the length of the current rest
        self._rest_until_ns = 0
        self._last_rest_ns = 0
        self._probe_until_ns = 0
        self._limits = 0
        self._limited_ns = 0
        self._wait_until_ns = 0
        self._is_late = False
        self._overdue = 0
        self._first_overdue_ns = 0
        self._patience_ns = LEAST_PATIENCE_NS
        # How many tries had begun when each of the last ones was overdue that got no answer since.
        self._marks: list[int] = []
        self.overdue_tries = 0

    @property
    def is_open(self) -> bool:
        return self._rest_ns > 0

    @property
    def closed_ns(self) -> int:
        """When it closed; 0 while it is open or never was."""
        return 0 if self._rest_ns else self._changed_ns

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

    def is_unprobed(self, now_ns: int) -> bool:
        """Say whether it has been half-open for long without a probe."""
        return (
            self.standing(now_ns) == "half_open"
            and now_ns >= max(self._rest_until_ns, self._probe_until_ns) + UNPROBED_NS
        )

    def claim_probe(self, now_ns: int) -> bool:
        """Take the one probe of a half-open breaker; False when another request has it."""
        if self.standing(now_ns) != "half_open" or now_ns < self._probe_until_ns:
            return False
        self._probe_until_ns = now_ns + PROBE_LEASE_NS
        return True

    def observe(self, outcome: Outcome, limit_share: float = 1.0) -> Change | None:
        """Fold an outcome in. `limit_share` is how many of the tries of late met a rate limit."""
        fault = outcome.fault
        if fault is None:
            if succeeded(outcome):
                return self._success(outcome)
        elif fault.kind is FaultKind.PROVIDER_RATE_LIMITED:
            return self._limited(outcome.at_ns, fault.retry_after_s, limit_share)
        elif fault.rule.counts_as_down:
            return self._down(outcome)
        # The caller's own mistake or leaving says nothing about the endpoint; the next request may probe.
        self._probe_until_ns = 0
        return None

    def overdue(self, at_ns: int, patience_ns: int, begun: int) -> Change | None:
        """Hear that a try waits for its first token beyond all patience; `begun` counts all tries so far."""
        self.overdue_tries += 1
        self._patience_ns = patience_ns
        self._marks = [*self._marks, begun][-MOST_DOWNS:]
        if self._rest_ns:
            began_ns = self._probe_until_ns - PROBE_LEASE_NS
            if self._rest_until_ns <= began_ns <= at_ns - LEAST_PATIENCE_NS:
                self._first_overdue_ns = at_ns
                self._open(at_ns, is_late=True)
                return "opened"
            return None
        if not self._overdue:
            self._first_overdue_ns = at_ns
        self._overdue += 1
        if self._overdue >= DOWNS_IN_A_ROW:
            self._open(at_ns, is_late=True)
        elif len(self._marks) == MOST_DOWNS and self._marks[0] > begun - LAST_TRIES:
            self._open(at_ns, is_late=False)
        else:
            return None
        return "opened"

    def overdue_answered(self, ttft_ns: int) -> bool:
        """Take a first token where some tries are overdue; True when it is one of theirs, as far as can be told."""
        if ttft_ns <= self._patience_ns:
            return False
        if self._marks:
            del self._marks[0]
        self.overdue_tries -= 1
        return True

    def overdue_ended(self, outcome: Outcome) -> bool:
        """Take the end of a try where some are overdue; True when it was still one of them."""
        if outcome.wait_told:
            return False
        if outcome.fault is None:
            return self.overdue_answered(outcome.ttft_ns or 0)
        if outcome.fault.kind is not FaultKind.PROVIDER_TIMEOUT:
            return False
        self.overdue_tries -= 1
        return True

    def heard(self, first_ns: int, at_ns: int) -> Change | None:
        """Hear at `at_ns` of a first token: who was only late is late no more, if it came since."""
        if first_ns <= self._first_overdue_ns:
            return None
        if not self._rest_ns:
            self._overdue = 0
        elif self._is_late:
            self._close(at_ns)
            return "closed"
        return None

    def only_under_way(self, tries: int) -> None:
        """Hear how many tries are under way: no more can be overdue."""
        self.overdue_tries = min(self.overdue_tries, tries)

    def mark(self) -> Mark:
        """Return the state as others take it over."""
        return Mark(self._changed_ns, self._rest_ns, self._rest_until_ns, self._is_late, self._wait_until_ns)

    def adopt(self, mark: Mark) -> Change | None:
        """Take over what another process found out, where it is the later news; pauses hold wherever they began."""
        changed: Change | None = None
        if mark.wait_until_ns > self._wait_until_ns:
            self._wait_until_ns = mark.wait_until_ns
            changed = "paused"
        state = (mark.changed_ns, mark.rest_ns, mark.rest_until_ns, mark.is_late)
        if state <= (self._changed_ns, self._rest_ns, self._rest_until_ns, self._is_late):
            return changed
        if not mark.rest_ns:
            if self._rest_ns:
                self._close(mark.changed_ns)
                changed = "closed"
            self._changed_ns = mark.changed_ns
            return changed
        self._set(mark.changed_ns, mark.rest_ns, is_late=mark.is_late)
        self._rest_until_ns = mark.rest_until_ns
        return "opened"

    def _limited(self, at_ns: int, asked_s: float | None, share: float) -> Change | None:
        self._probe_until_ns = 0
        pausing = at_ns < self._wait_until_ns
        self._limited_ns = at_ns
        if asked_s is not None:
            pause_ns = max(0, min(int(min(asked_s, 1e6) * SECOND_NS), LONGEST_ASKED_NS))
        elif pausing or share < PAUSING_SHARE:
            # What was under way when the pause began says nothing new; a few among many may be chance.
            return None
        else:
            pause_ns = min(FIRST_LIMIT_NS << min(self._limits if share >= DOUBLING_SHARE else 0, 8), LONGEST_LIMIT_NS)
        if not pausing:
            self._limits = self._limits + 1 if share >= DOUBLING_SHARE else 1
        self._wait_until_ns = max(self._wait_until_ns, at_ns + pause_ns)
        return "paused"

    def _down(self, outcome: Outcome) -> Change | None:
        at_ns = outcome.at_ns
        if self._rest_ns:
            # What was under way when the breaker opened says nothing new.
            if at_ns < self._rest_until_ns or (outcome.ttft_ns is not None and _began_ns(outcome) < self._changed_ns):
                return None
            self._open(at_ns, is_late=False)
            return "opened"
        self._downs += 1
        self._count(at_ns, was_down=True)
        if self._downs < DOWNS_IN_A_ROW and not self._often_down(at_ns):
            return None
        self._open(at_ns, is_late=False)
        return "opened"

    def _success(self, outcome: Outcome) -> Change | None:
        at_ns = outcome.at_ns
        relieved = False
        if self._limits and _began_ns(outcome) > self._limited_ns:
            relieved = self._limits >= LIMITS_OF_AN_OUTAGE
            self._limits = 0
        if not self._rest_ns:
            self._downs = 0
            self._count(at_ns, was_down=False)
            if self._overdue:
                self.heard(_heard_ns(outcome), at_ns)
            return "relieved" if relieved else None
        if self.heard(_heard_ns(outcome), at_ns) is not None:
            return "closed"
        if at_ns < self._rest_until_ns or _began_ns(outcome) < self._changed_ns:  # it began before the trouble did
            return None
        self._close(at_ns)
        return "closed"

    def _open(self, at_ns: int, *, is_late: bool) -> None:
        last_ns = self._rest_ns
        if not last_ns and not is_late and at_ns - self._changed_ns <= STEADY_NS:
            last_ns = self._last_rest_ns
        # Also where the clock went back a little it is the latest news.
        self._set(max(at_ns, self._changed_ns + 1), min(last_ns * 2, LONGEST_REST_NS) or FIRST_REST_NS, is_late=is_late)

    def _set(self, at_ns: int, rest_ns: int, *, is_late: bool) -> None:
        if not is_late:
            self._last_rest_ns = rest_ns
        elif not self._overdue:  # another process counted them
            self._first_overdue_ns = at_ns
        self._changed_ns = at_ns
        self._rest_ns = rest_ns
        self._rest_until_ns = at_ns + rest_ns
        self._is_late = is_late
        self._probe_until_ns = 0
        self._downs = 0
        self._recent.clear()
        self._marks.clear()

    def _close(self, at_ns: int) -> None:
        self._changed_ns = max(at_ns, self._changed_ns + 1)
        self._rest_ns = self._rest_until_ns = self._probe_until_ns = 0
        self._is_late = False
        self._overdue = 0

    def _count(self, at_ns: int, *, was_down: bool) -> None:
        """Keep one of the last tries in mind."""
        recent = self._recent
        if len(recent) == LAST_TRIES:
            del recent[0]
        recent.append((at_ns, was_down))

    def _often_down(self, at_ns: int) -> bool:
        recent = [down for when_ns, down in self._recent if when_ns > at_ns - WINDOW_NS]
        downs = sum(recent)
        return downs >= MOST_DOWNS or (len(recent) >= LEAST_TRIES and downs >= DOWN_SHARE * len(recent))


def _heard_ns(outcome: Outcome) -> int:
    """Return when the first token came."""
    return outcome.at_ns - (outcome.generation_ns or 0)


def _began_ns(outcome: Outcome) -> int:
    """Return when a try that got an answer began."""
    return outcome.at_ns - (outcome.generation_ns or 0) - (outcome.ttft_ns or 0)
