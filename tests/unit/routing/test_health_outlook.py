"""What the health board expects of endpoints: their recent past, drawn to that of their peers."""

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, endpoint, success

from wideband.canon.faults import FaultKind
from wideband.routing.health import Health
from wideband.routing.outlook import Outlook
from wideband.routing.plans import Outcome

ROW = tuple(endpoint(name) for name in "abcd")
A, B, C, D = (e.id for e in ROW)


def at(seconds: float) -> int:
    return NOW_NS + int(seconds * SECOND_NS)


def answer(name: str, at_ns: int = NOW_NS, *, wait_ms: float = 500, token_ms: float = 10, **over: object) -> Outcome:
    made = success(name, at_ns, ttft_ms=wait_ms, tokens=101, took_ms=100 * token_ms)
    return msgspec.structs.replace(made, **over)


def busy(health: Health, name: str, tries: int = 1000, wait_ms: float = 500, token_ms: float = 10) -> None:
    for _ in range(tries):
        health.observe(answer(name, wait_ms=wait_ms, token_ms=token_ms))


def seen(health: Health, seconds: float = 0) -> dict[str, Outlook]:
    return dict(health.outlooks(ROW, at(seconds)))


def test_of_whom_nothing_is_known_the_default_is_expected() -> None:
    assert seen(Health()) == dict.fromkeys((A, B, C, D), Outlook())
    assert Health().outlooks((), NOW_NS) == {}


def test_a_busy_endpoint_speaks_for_itself_and_for_new_peers() -> None:
    health = Health()
    busy(health, "a", wait_ms=200, token_ms=4)
    busy(health, "b", wait_ms=600, token_ms=8)
    found = seen(health)
    assert found[A].wait_s == pytest.approx(0.2, rel=0.02)
    assert found[B].token_s == pytest.approx(0.008, rel=0.02)
    assert found[C].wait_s == pytest.approx((0.2 + 0.6 + 0.1 * 1.0) / 2.1, rel=0.02), "the default counts a little"
    assert found[C].token_s == pytest.approx((0.004 + 0.008 + 0.1 * 0.02) / 2.1, rel=0.02)
    assert found[C] == found[D]
    assert found[A].tries == pytest.approx(1000)
    assert all(outlook.output_tokens == pytest.approx(101, rel=0.05) for outlook in found.values())


def test_little_of_ones_own_is_drawn_halfway_to_the_peers() -> None:
    health = Health()
    for name in "abc":
        busy(health, name, wait_ms=1000)
    busy(health, "d", tries=5, wait_ms=3000)
    assert seen(health)[D].wait_s == pytest.approx(2.0, rel=0.02)


def test_shares_are_of_the_tries_they_concern() -> None:
    health = Health()
    for number in range(1000):
        fault = (number % 10 == 0 and FaultKind.PROVIDER_RATE_LIMITED) or None
        health.observe(down("a", NOW_NS, fault) if fault else answer("a", prompt_tokens=2000, cached_tokens=1500))
        health.observe(answer("b", prompt_tokens=1000, cached_tokens=900, tool_calls="valid"))
        bad = number % 4 == 0
        health.observe(answer("c", tool_calls="schema_mismatch" if bad else "valid"))
        health.observe(down("d") if number % 10 == 5 else answer("d"))
    found = seen(health)
    assert found[A].limits == pytest.approx(0.1, rel=0.05)
    assert found[A].errors < 0.005
    assert found[A].cached == pytest.approx(0.75, rel=0.02)
    assert found[B].cached == pytest.approx(found[C].cached), "short prompts say nothing about a cache"
    assert found[C].tool_errors == pytest.approx(0.25, rel=0.05)
    assert found[D].errors == pytest.approx(0.1, rel=0.05)
    assert found[B].errors < 0.005


def test_errors_fade_in_half_a_minute_and_speeds_in_two_minutes() -> None:
    health = Health()
    for number in range(100):
        health.observe(answer("a", wait_ms=4000))
        if number % 10 == 0:
            health.observe(down("a"))
    busy(health, "a", tries=100)
    before, after = seen(health), seen(health, 30)
    assert after[A].tries == pytest.approx(before[A].tries / 2)
    for second in range(30):
        for _ in range(10):
            health.observe(answer("a", at(30 + second), wait_ms=1000))
    assert before[A].errors == pytest.approx(10 / 210, rel=0.1)
    assert seen(health, 60)[A].errors < 0.01
    assert seen(health, 60)[A].wait_s > 1.2


def test_answers_in_one_piece_tell_their_whole_time() -> None:
    health = Health()
    for _ in range(1000):
        health.observe(answer("a", wait_ms=500, token_ms=10))
        health.observe(answer("b", wait_ms=2000, generation_ns=0))
    found = seen(health)
    assert found[A].wait_s + 100 * found[A].token_s == pytest.approx(1.5, rel=0.05)
    assert 100 * found[B].token_s == pytest.approx(2.0, rel=0.05)
    for _ in range(1000):
        health.observe(answer("a", at(1), wait_ms=1500, generation_ns=0))
    assert seen(health, 1)[A].token_s == pytest.approx(found[A].token_s, rel=0.02), "with the wait taken off"


def test_the_same_mapping_is_returned_for_a_second_unless_a_breaker_opens_or_closes() -> None:
    health = Health()
    busy(health, "a")
    first = health.outlooks(ROW, at(0))
    health.observe(down("b", at(0)))
    health.observe(down("a", at(0), FaultKind.PROVIDER_RATE_LIMITED))
    assert health.outlooks(ROW, at(0.9)) is first
    assert health.outlooks(list(ROW), at(0.9)) is first
    assert health.outlooks(ROW[:2], at(0.9)) is first
    health.observe(down("b", at(0.9)))
    opened = health.outlooks(ROW, at(0.9))
    assert opened is not first
    assert health.outlooks(ROW, at(1.8)) is opened
    assert health.outlooks(ROW, at(1.9)) is not opened


def test_an_endpoint_added_to_the_catalogue_is_in_the_next_mapping() -> None:
    health = Health()
    health.outlooks(ROW[:2], at(0))
    assert C in health.outlooks(ROW, at(0))


def test_what_an_outage_cost_is_forgotten_when_it_is_over_and_stays_in_the_minutes() -> None:
    health = Health()
    busy(health, "a")
    for second in range(5):
        for _ in range(20):
            health.observe(down("a", at(second)))
    assert not health.is_healthy(A, at(4))
    assert seen(health, 4)[A].errors < 0.02, "while it is open the breaker speaks, and a probe must find a way"
    assert seen(health, 4)[B].errors < 0.02, "nor is it the peers' doing"
    health.observe(answer("a", at(60)))
    assert health.is_healthy(A, at(60))
    assert seen(health, 60)[A].errors < 0.01
    assert health.total(A, 5, at(60)).downs == 100


def test_rate_limits_that_were_an_outage_are_forgotten_with_the_first_success() -> None:
    health, now_s = Health(), 1.0
    busy(health, "a", tries=20)
    for pause_s in (0.5, 1, 2, 4):
        for _ in range(20):
            health.observe(down("a", at(now_s), FaultKind.PROVIDER_RATE_LIMITED))
        now_s += pause_s
    assert seen(health, now_s)[A].limits > 0.5
    health.observe(answer("a", at(now_s), wait_ms=100, generation_ns=1))
    assert seen(health, now_s)[A].limits < 0.01


# -- quality -------------------------------------------------------------------------------------------------------


def workload(health: Health, name: str, *, answers: int = 250, bad: int = 0, token_ms: float = 10) -> None:
    for number in range(answers):
        verdict = "unknown_name" if number < bad else "valid"
        health.observe(answer(name, token_ms=token_ms, tool_calls=verdict))


def qualities(health: Health) -> list[str]:
    return [outlook.quality for outlook in seen(health).values()]


def test_who_is_much_slower_than_its_peers_is_poor() -> None:
    health = Health()
    for name, token_ms in zip("abcd", (10, 11, 9, 20), strict=True):
        workload(health, name, token_ms=token_ms)
    assert qualities(health) == ["good", "good", "good", "poor"]


def test_who_calls_tools_worse_than_its_peers_is_poor() -> None:
    health = Health()
    for name, bad in zip("abcd", (2, 3, 4, 20), strict=True):
        workload(health, name, bad=bad)
    assert qualities(health) == ["good", "good", "good", "poor"]


def test_a_little_less_than_peers_that_are_all_alike_is_not_poor() -> None:
    health = Health()
    for name, bad, token_ms in zip("abcd", (0, 0, 0, 5), (10, 10, 10, 10.5), strict=True):
        workload(health, name, bad=bad, token_ms=token_ms)
    assert qualities(health) == ["good"] * 4


def test_quality_is_unknown_with_few_tries_or_few_peers() -> None:
    health = Health()
    for name in "abc":
        workload(health, name)
    assert qualities(health) == ["unknown"] * 4
    workload(health, "d", answers=99, token_ms=100)
    assert qualities(health) == ["unknown"] * 4
    health = Health()
    for name in "abcd":
        workload(health, name, answers=100 if name == "d" else 250, token_ms=100 if name == "d" else 10)
    assert qualities(health) == ["good", "good", "good", "poor"]


def test_bad_tool_calls_of_few_answers_leave_the_speed_to_decide() -> None:
    health = Health()
    for name in "abcd":
        workload(health, name, answers=199, bad=100 if name == "d" else 0)
    assert qualities(health) == ["good"] * 4
