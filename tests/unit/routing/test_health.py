"""The health board: when an endpoint rests and when it comes back."""

from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, success

from wideband.canon.faults import RULES, FaultKind
from wideband.routing import sharing
from wideband.routing.health import Health
from wideband.routing.plans import Outcome

ID = "m@a"


def at(seconds: float) -> int:
    return NOW_NS + int(seconds * SECOND_NS)


def limited(at_ns: int, **over: Any) -> Outcome:
    return down("a", at_ns, FaultKind.PROVIDER_RATE_LIMITED, **over)


def broken(at_s: float = 0) -> Health:
    health = Health()
    health.observe(down("a", at(at_s)))
    health.observe(down("a", at(at_s)))
    return health


def test_an_endpoint_never_heard_of_is_healthy() -> None:
    assert Health().is_healthy("nobody", NOW_NS)


def test_two_downs_in_a_row_open_the_breaker() -> None:
    health = Health()
    health.observe(down("a"))
    assert health.is_healthy(ID, at(0))
    health.observe(down("a"))
    assert health.standing(ID, at(0)) == "resting"


def test_successes_in_between_keep_it_closed_until_half_are_down() -> None:
    health = Health()
    for second in range(4):
        health.observe(down("a", at(second)) if second % 2 else success("a", at(second)))
    assert health.is_healthy(ID, at(4))
    health.observe(success("a", at(4)))
    health.observe(down("a", at(5)))
    assert not health.is_healthy(ID, at(5))


def test_downs_longer_ago_than_the_window_are_forgotten() -> None:
    health = Health()
    for second in (0, 1, 2, 3, 40, 41, 42, 43):
        health.observe(success("a", at(second)) if second % 2 or second == 42 else down("a", at(second)))
    health.observe(down("a", at(44)))
    assert health.is_healthy(ID, at(44))


def test_the_rest_doubles_to_half_a_minute_and_a_success_ends_it() -> None:
    health, now_s = broken(), 0.0
    for rest_s in (2, 4, 8, 16, 30, 30):
        assert health.standing(ID, at(now_s + rest_s - 0.001)) == "resting"
        assert health.standing(ID, at(now_s + rest_s)) == "half_open"
        now_s += rest_s
        assert health.claim_probe(ID, at(now_s))
        health.observe(down("a", at(now_s)))
    now_s += 30
    health.observe(success("a", at(now_s)))
    assert health.is_healthy(ID, at(now_s))
    assert health.all_well()


def broken_again(after_s: float) -> Health:
    """Break an endpoint, let it come back, and break it again so long after that."""
    health = broken()
    health.observe(success("a", at(3)))
    assert health.is_healthy(ID, at(3))
    health.observe(down("a", at(3 + after_s)))
    health.observe(down("a", at(3 + after_s)))
    return health


def test_who_breaks_again_soon_after_closing_rests_twice_as_long() -> None:
    health = broken_again(after_s=5)
    assert health.standing(ID, at(8 + 3.9)) == "resting"
    assert health.standing(ID, at(8 + 4)) == "half_open"
    assert broken_again(after_s=61).standing(ID, at(64 + 2)) == "half_open"


def test_four_downs_among_the_last_twenty_tries_open_the_breaker() -> None:
    health = Health()
    for number in range(37):
        made = down if number in (10, 18, 24, 30, 36) else success
        assert health.is_healthy(ID, at(number / 10))
        health.observe(made("a", at(number / 10)))
    assert not health.is_healthy(ID, at(4))


def test_an_endpoint_that_fails_one_try_in_ten_is_left_to_the_ranker() -> None:
    health = Health()
    for number in range(200):
        health.observe((success if number % 10 else down)("a", at(number / 10)))
        assert health.is_healthy(ID, at(number / 10))


def test_a_long_answer_that_began_before_the_trouble_does_not_end_it() -> None:
    health = broken()
    health.observe(success("a", at(20), ttft_ms=500, took_ms=25_000))
    assert health.standing(ID, at(20)) == "half_open"
    health.observe(success("a", at(20), ttft_ms=500, took_ms=5_000))
    assert health.is_healthy(ID, at(20))


def test_an_answer_that_breaks_off_after_it_began_before_the_trouble_does_not_lengthen_it() -> None:
    health = broken()
    cut = down("a", at(20), FaultKind.PROVIDER_CUT)
    cut = msgspec.structs.replace(cut, ttft_ns=SECOND_NS, generation_ns=20 * SECOND_NS)
    health.observe(cut)
    assert health.standing(ID, at(20)) == "half_open"
    health.observe(msgspec.structs.replace(cut, generation_ns=SECOND_NS))
    assert health.standing(ID, at(20)) == "resting"


def test_a_probe_is_claimed_once_until_it_is_told_or_its_lease_ends() -> None:
    health = broken()
    assert not health.claim_probe(ID, at(1))
    assert health.claim_probe(ID, at(2))
    assert not health.claim_probe(ID, at(2))
    assert health.claim_probe(ID, at(12))
    health.observe(Outcome(endpoint_id=ID, at_ns=at(13), cancelled=True))
    assert health.claim_probe(ID, at(13))


def test_what_began_before_the_trouble_neither_ends_nor_lengthens_it() -> None:
    health = broken()
    health.observe(success("a", at(1)))
    health.observe(down("a", at(1)))
    assert health.standing(ID, at(1.9)) == "resting"
    assert health.standing(ID, at(2)) == "half_open"


@pytest.mark.parametrize("kind", [kind for kind, rule in RULES.items() if not rule.counts_as_down])
def test_what_is_not_the_endpoints_fault_never_opens_the_breaker(kind: FaultKind) -> None:
    health = Health()
    for _ in range(20):
        health.observe(down("a", at(0), kind))
    assert health.is_healthy(ID, at(20)), "a rate limit passes, the rest does not count at all"


@pytest.mark.parametrize(("asked_s", "until_s"), [(None, 0.5), (5.0, 5), (0.0, 0), (1e9, 300)])
def test_a_rate_limit_rests_as_long_as_asked_for(asked_s: float | None, until_s: float) -> None:
    health = Health()
    health.observe(limited(at(0), retry_after_s=asked_s))
    assert health.is_healthy(ID, at(until_s))
    if until_s:
        assert not health.is_healthy(ID, at(until_s) - 1)


def test_rate_limits_in_a_row_rest_longer_and_a_success_forgets_them() -> None:
    health, now_s = Health(), 0.0
    for pause_s in (0.5, 1, 2, 4, 8, 15, 15):
        health.observe(limited(at(now_s)))
        health.observe(limited(at(now_s)))
        assert not health.is_healthy(ID, at(now_s + pause_s) - 1), "a second one under way at once says nothing new"
        assert health.is_healthy(ID, at(now_s + pause_s))
        now_s += pause_s
    health.observe(success("a", at(now_s)))
    health.observe(limited(at(now_s)))
    assert health.is_healthy(ID, at(now_s + 0.5))


def test_a_success_that_began_before_the_rate_limits_does_not_forget_them() -> None:
    health = Health()
    health.observe(limited(at(0)))
    health.observe(success("a", at(0.6), ttft_ms=100, took_ms=900))
    health.observe(limited(at(1)))
    assert not health.is_healthy(ID, at(1.9))
    assert health.is_healthy(ID, at(2))


def test_few_rate_limits_among_many_tries_make_no_pause_unless_one_is_asked_for() -> None:
    health = Health()
    for number in range(100):
        health.began(ID, at(number / 100))
    health.observe(limited(at(1)))
    assert health.is_healthy(ID, at(1))
    health.observe(limited(at(1), retry_after_s=3))
    assert not health.is_healthy(ID, at(3.9))
    assert health.is_healthy(ID, at(4))


def test_when_half_of_the_tries_meet_a_rate_limit_the_pauses_grow() -> None:
    health, now_s = Health(), 0.0
    for pause_s in (0.5, 1, 2):
        health.began(ID, at(now_s))
        health.observe(limited(at(now_s)))
        assert health.is_healthy(ID, at(now_s + pause_s))
        assert not health.is_healthy(ID, at(now_s + pause_s) - 1)
        now_s += pause_s


def test_of_more_endpoints_than_there_can_be_those_heard_of_last_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wideband.routing.health.MOST_ENDPOINTS", 8)
    health = Health()
    health.began("m@busy", at(0))
    for second in range(50):
        health.observe(down(str(second), at(second)))
        health.observe(down(str(second), at(second)))
    assert health.under_way("m@busy") == 1
    assert health.standing("m@49", at(49)) == "resting"
    assert health.standing("m@1", at(1)) == "healthy"
    assert len(sharing.unpack(health.snapshot())) <= 8
    assert len(sharing.unpack(health.take_delta() or b"")) <= 8
