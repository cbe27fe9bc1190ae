"""The health board: when an endpoint rests, when it comes back, and what is told of its minutes."""

import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, success

from wideband.canon.faults import RULES, FaultKind
from wideband.routing.health import Health
from wideband.routing.minutes import KEPT_MINUTES, KEPT_SPEED_MINUTES, Minutes
from wideband.routing.plans import Outcome

ID = "m@a"
MINUTE_NS = 60 * SECOND_NS


def at(seconds: float) -> int:
    return NOW_NS + int(seconds * SECOND_NS)


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
    assert health.version == 1


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
    health.observe(down("a", at(now_s)))
    health.observe(down("a", at(now_s)))
    assert health.standing(ID, at(now_s + 2)) == "half_open"


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


@pytest.mark.parametrize(("asked_s", "until_s"), [(None, 1), (5.0, 5), (0.0, 0), (1e9, 300)])
def test_a_rate_limit_rests_as_long_as_asked_for(asked_s: float | None, until_s: float) -> None:
    health = Health()
    health.observe(down("a", at(0), FaultKind.PROVIDER_RATE_LIMITED, retry_after_s=asked_s))
    assert health.version == 1
    assert health.is_healthy(ID, at(until_s))
    if until_s:
        assert not health.is_healthy(ID, at(until_s) - 1)


def test_rate_limits_in_a_row_rest_longer_and_a_success_forgets_them() -> None:
    health, now_s = Health(), 0.0
    for pause_s in (1, 2, 4, 8, 15, 15):
        health.observe(down("a", at(now_s), FaultKind.PROVIDER_RATE_LIMITED))
        assert not health.is_healthy(ID, at(now_s + pause_s) - 1)
        assert health.is_healthy(ID, at(now_s + pause_s))
        now_s += pause_s
    health.observe(success("a", at(now_s)))
    health.observe(down("a", at(now_s), FaultKind.PROVIDER_RATE_LIMITED))
    assert health.is_healthy(ID, at(now_s + 1))


# -- minutes -------------------------------------------------------------------------------------------------------


def test_uptime_is_the_share_of_telling_minutes_that_went_well() -> None:
    health = Health()
    for minute, (tries, downs) in enumerate([(10, 0), (10, 2), (10, 3), (9, 9)]):
        for number in range(tries):
            made = down if number < downs else success
            health.observe(made("a", NOW_NS + minute * MINUTE_NS))
    end_ns = NOW_NS + 3 * MINUTE_NS
    assert health.uptime(ID, 30, end_ns) == pytest.approx(200 / 3)
    assert health.uptime(ID, 2, end_ns) == 0.0
    assert health.uptime(ID, 1, end_ns) is None
    assert health.uptime("nobody", 30, end_ns) is None


def test_rate_limits_and_callers_mistakes_do_not_count_for_uptime() -> None:
    health = Health()
    for _ in range(10):
        health.observe(success("a"))
        health.observe(down("a", NOW_NS, FaultKind.PROVIDER_RATE_LIMITED))
        health.observe(down("a", NOW_NS, FaultKind.PROVIDER_REJECTED))
    assert health.uptime(ID, 1, NOW_NS) == 100.0


def test_percentiles_are_within_five_percent() -> None:
    health = Health()
    for number in range(1, 101):
        health.observe(success("a", NOW_NS, ttft_ms=number * 10, tokens=100, took_ms=1000 - number * 10))
    speeds = health.percentiles(ID, 5, NOW_NS)
    assert speeds.latency_ms is not None
    assert speeds.throughput is not None
    for share in (50, 75, 90, 99):
        assert getattr(speeds.latency_ms, f"p{share}") == pytest.approx(share * 10, rel=0.05)
    assert speeds.throughput.p50 == pytest.approx(100, rel=0.05)
    assert health.percentiles(ID, 5, NOW_NS + 5 * MINUTE_NS).latency_ms is None


def test_old_minutes_are_dropped_and_older_speeds_before_them() -> None:
    minutes = Minutes()
    for number in range(KEPT_MINUTES + 10):
        minutes.add(success("a", number * MINUTE_NS))
    assert len(minutes._ring) == KEPT_MINUTES
    assert sum(bool(minute.ttft_ms) for minute in minutes._ring) == KEPT_SPEED_MINUTES


def test_speeds_for_routing_are_up_to_a_second_old() -> None:
    health = Health()
    health.observe(success("a", ttft_ms=100))
    first = health.speeds(ID, NOW_NS)
    health.observe(success("a", ttft_ms=10_000))
    health.observe(success("a", ttft_ms=10_000))
    assert health.speeds(ID, NOW_NS + SECOND_NS - 1) is first
    latency = health.speeds(ID, NOW_NS + SECOND_NS).latency_ms
    assert latency is not None
    assert latency.p50 > 5000
