"""The learned load cap, against simulated endpoints: it finds a limit, lets go of it, and is not led by chance."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down

from wideband.canon.faults import FaultKind
from wideband.routing.health import Health
from wideband.routing.load import LEAST_CAP, Load

ANSWERS_A_LIMIT_IN_S = 0.1


class Bucket:
    """An endpoint that bears so many starts a second, and a second's worth at once."""

    def __init__(self, limit: Callable[[float], float]) -> None:
        self._limit, self._tokens, self._at_s = limit, limit(0), 0.0

    def refuses(self, at_s: float) -> bool:
        limit = self._limit(at_s)
        self._tokens = min(max(limit, 1.0), self._tokens + (at_s - self._at_s) * limit)
        self._at_s = at_s
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False


def simulated(
    demand: float, refuses: Callable[[float], bool], *, seconds: float, since_s: float, seed: int
) -> tuple[float, float]:
    """Send what the cap lets through. Returns starts and refusals a second since an instant."""
    load, dice, refused = Load(), random.Random(seed), list[float]()
    now_s, starts, refusals = 0.0, 0, 0
    while (now_s := now_s + dice.expovariate(demand)) < seconds:
        while refused and refused[0] <= now_s:
            load.limited(NOW_NS + int(refused.pop(0) * SECOND_NS))
        at_ns = NOW_NS + int(now_s * SECOND_NS)
        if load.is_full(at_ns):
            continue
        load.started(at_ns)
        starts += now_s >= since_s
        if refuses(now_s):
            refused.append(now_s + ANSWERS_A_LIMIT_IN_S)
            refusals += now_s >= since_s
    return starts / (seconds - since_s), refusals / (seconds - since_s)


seeds = st.integers(0, 2**32)


@settings(max_examples=20, deadline=None)
@given(limit=st.floats(5, 50), times=st.floats(1.2, 8), seed=seeds)
def test_it_finds_a_limit_and_uses_it(limit: float, times: float, seed: int) -> None:
    bucket = Bucket(lambda _: limit)
    starts, refusals = simulated(limit * times, bucket.refuses, seconds=90, since_s=20, seed=seed)
    assert starts - refusals > 0.8 * limit
    assert refusals < 0.15 * starts, f"without a cap it would be {1 - 1 / times:.0%}"


@settings(max_examples=20, deadline=None)
@given(limit=st.floats(0.5, 10), seed=seeds)
def test_it_lets_go_of_a_limit_that_is_lifted(limit: float, seed: int) -> None:
    demand = 30.0
    bucket = Bucket(lambda at_s: limit if at_s < 40 else 1000.0)
    starts, refusals = simulated(demand, bucket.refuses, seconds=120, since_s=80, seed=seed)
    assert starts > 0.9 * demand
    assert not refusals


@settings(max_examples=20, deadline=None)
@given(demand=st.floats(1, 60), seed=seeds)
def test_an_endpoint_that_refuses_one_in_twenty_by_chance_is_not_starved(demand: float, seed: int) -> None:
    dice = random.Random(seed + 1)
    starts, _ = simulated(demand, lambda _: dice.random() < 0.05, seconds=240, since_s=120, seed=seed)
    assert starts > 0.5 * demand


def test_a_rate_limit_caps_what_begins_until_long_after_the_last_one() -> None:
    load = Load()
    for number in range(200):
        load.started(NOW_NS + number * SECOND_NS // 20)
    end_ns = NOW_NS + 10 * SECOND_NS
    assert load.cap(end_ns) is None
    assert not load.is_full(end_ns)
    load.limited(end_ns)
    cap = load.cap(end_ns)
    assert cap is not None
    assert cap == pytest.approx(0.8 * 20, rel=0.06)
    assert load.is_full(end_ns)
    assert not load.is_full(end_ns + 2 * SECOND_NS), "the rate fell"
    later = load.cap(end_ns + SECOND_NS)
    assert later == pytest.approx(cap * 1.055, rel=0.01)
    assert load.cap(end_ns + 5 * SECOND_NS) is not None
    assert load.cap(end_ns + 20 * SECOND_NS) is None


def test_all_limits_of_one_overload_cut_once_and_never_to_nothing() -> None:
    load = Load()
    for _ in range(20):
        load.started(NOW_NS)
    load.limited(NOW_NS)
    first = load.cap(NOW_NS)
    for _ in range(10):
        load.limited(NOW_NS)
    assert load.cap(NOW_NS) == first
    for second in range(1, 20):
        load.started(NOW_NS + second * SECOND_NS)
        assert load.limited(NOW_NS + second * SECOND_NS) > 0.2
    assert load.cap(NOW_NS + 19 * SECOND_NS) == pytest.approx(LEAST_CAP)


def test_the_board_tells_who_is_full() -> None:
    health = Health()
    assert not health.is_full("m@a", NOW_NS)
    for _ in range(20):
        health.began("m@a", NOW_NS)
    health.observe(down("a", NOW_NS, FaultKind.PROVIDER_RATE_LIMITED))
    assert health.is_full("m@a", NOW_NS)
    assert not health.is_full("m@b", NOW_NS)
    assert not health.is_full("m@a", NOW_NS + 60 * SECOND_NS)
    assert not health._capped, "what bounds nothing is not looked at"


def test_without_word_of_starts_there_is_no_cap() -> None:
    health = Health()
    for _ in range(5):
        health.observe(down("a", NOW_NS, FaultKind.PROVIDER_RATE_LIMITED))
    assert not health.is_full("m@a", NOW_NS)
