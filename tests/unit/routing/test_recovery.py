"""An endpoint breaks and comes back, as traffic sees it: it leaves within seconds and is back within a minute."""

import heapq
import random
from collections.abc import Callable
from itertools import count

import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, catalogue, endpoint, fault, success, wish

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Endpoint
from wideband.routing.health import Health
from wideband.routing.plan import plan
from wideband.routing.plans import Outcome

ROWS = tuple(endpoint(name) for name in "abcde")
CATALOGUE = catalogue(*ROWS)
RATE = 25
DEADLINE_S = 60.0
BREAKS_S, RECOVERS_S, END_S = 60.0, 120.0, 220.0


class Traffic:
    """Requests for a model at five endpoints, of which the first breaks in one way for a minute."""

    def __init__(self, kind: FaultKind, share: float, seed: int) -> None:
        self.health, self.dice = Health(), random.Random(seed)
        self.kind, self.share = kind, share
        self.first_tries: list[tuple[float, str]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def run(self) -> None:
        self._later(0.0, self._arrive)
        while self._events[0][0] < END_S:
            self.now_s, _, happens = heapq.heappop(self._events)
            happens()

    def share_between(self, from_s: float, to_s: float) -> float:
        tags = [tag for at_s, tag in self.first_tries if from_s <= at_s < to_s]
        return tags.count("a") / len(tags)

    def _later(self, at_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), happens))

    def _at(self) -> int:
        return NOW_NS + int(self.now_s * SECOND_NS)

    def _arrive(self) -> None:
        self._later(self.now_s + self.dice.expovariate(RATE), self._arrive)
        order = plan(wish(), CATALOGUE, self.health, self._at(), self.dice.getrandbits(60)).endpoints
        self.first_tries.append((self.now_s, order[0].tag))
        self._try(order)

    def _try(self, order: tuple[Endpoint, ...]) -> None:
        if not order:
            return
        asked = order[0]
        self.health.began(asked.id, self._at())
        broken = asked.tag == "a" and BREAKS_S <= self.now_s < RECOVERS_S and self.dice.random() < self.share
        if not broken:
            wait_s, span_s = 0.1 + self.dice.expovariate(10), self.dice.expovariate(0.3)
            self._later(self.now_s + wait_s + span_s, lambda: self._answered(asked, wait_s, span_s))
            return
        took_s = 0.05
        if self.kind is FaultKind.PROVIDER_TIMEOUT:
            took_s, patience_s = DEADLINE_S, self.health.patience_s(asked.id, self._at())
            self._later(self.now_s + patience_s, lambda: self.health.overdue(asked.id, self._at()))
        self._later(self.now_s + took_s, lambda: self._failed(order))

    def _answered(self, asked: Endpoint, wait_s: float, span_s: float) -> None:
        tokens = max(2, int(span_s * 50))
        self.health.observe(success(asked.tag, self._at(), wait_s * 1000, tokens, span_s * 1000))

    def _failed(self, order: tuple[Endpoint, ...]) -> None:
        self.health.observe(Outcome(endpoint_id=order[0].id, at_ns=self._at(), fault=fault(self.kind)))
        self._try(order[1:])


@pytest.mark.parametrize(
    ("kind", "share", "leaves_s"),
    [
        (FaultKind.PROVIDER_ERROR, 1.0, 2),
        (FaultKind.PROVIDER_ERROR, 0.5, 2),
        (FaultKind.PROVIDER_ERROR, 0.2, 10),
        (FaultKind.PROVIDER_RATE_LIMITED, 1.0, 2),
        (FaultKind.PROVIDER_TIMEOUT, 1.0, 2),
        (FaultKind.PROVIDER_TIMEOUT, 0.3, 10),
    ],
)
def test_traffic_leaves_a_broken_endpoint_and_is_back_within_a_minute(
    kind: FaultKind, share: float, leaves_s: float
) -> None:
    traffic = Traffic(kind, share, seed=1)
    traffic.run()
    usual = traffic.share_between(20, BREAKS_S)
    assert usual == pytest.approx(0.2, abs=0.05)
    assert traffic.share_between(BREAKS_S + leaves_s, RECOVERS_S) < 0.5 * usual
    assert traffic.share_between(RECOVERS_S + 60, END_S) > 0.5 * usual
    assert traffic.health.uptime(ROWS[0].id, 30, NOW_NS + int(END_S * SECOND_NS)) is not None
