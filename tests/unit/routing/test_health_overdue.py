"""Tries under way on the health board: when one is overdue, what two of them do, and how a slow endpoint comes back."""

import pytest
from msgspec.structs import replace
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, endpoint, success

from wideband.canon.faults import FaultKind
from wideband.routing.health import Health
from wideband.routing.outlook import Outlook
from wideband.routing.plans import Outcome

ID = "m@a"
ROW = (endpoint("a"),)
MS = 1_000_000


def told(at_ns: int, ttft_ms: float) -> Outcome:
    """Return the end of an answer whose first token the board has heard of."""
    return replace(success("a", at_ns, ttft_ms=ttft_ms), wait_told=True)


def at(seconds: float) -> int:
    return NOW_NS + int(seconds * SECOND_NS)


def hung(tries: int = 2) -> Health:
    """Begin tries at 0 of which two are overdue at 1."""
    health = Health()
    for _ in range(tries):
        health.began(ID, at(0))
    health.overdue(ID, at(1))
    assert health.is_healthy(ID, at(1))
    health.overdue(ID, at(1))
    return health


def test_two_overdue_tries_open_the_breaker_and_count_for_no_uptime() -> None:
    health = hung()
    assert health.standing(ID, at(1)) == "resting"
    assert health.standing(ID, at(3)) == "half_open"
    assert health.total(ID, 5, at(1)).tries == 0


def test_a_first_token_since_takes_overdue_tries_back() -> None:
    health = Health()
    health.overdue(ID, at(1))
    health.observe(success("a", at(4), ttft_ms=2000, took_ms=1000))
    health.overdue(ID, at(5))
    assert health.is_healthy(ID, at(5))
    health.overdue(ID, at(5))
    assert not health.is_healthy(ID, at(5))


def test_an_answer_that_had_begun_before_takes_nothing_back() -> None:
    health = Health()
    health.overdue(ID, at(1))
    health.observe(success("a", at(2), ttft_ms=100, took_ms=10_000))
    health.overdue(ID, at(3))
    assert not health.is_healthy(ID, at(3))
    health.observe(success("a", at(3.5), ttft_ms=100, took_ms=10_000))
    assert not health.is_healthy(ID, at(3.5))


def test_a_slow_endpoint_is_back_with_its_first_answer_whatever_its_rest() -> None:
    health = hung()
    health.observe(success("a", at(1.8), ttft_ms=1500, took_ms=300))
    assert health.is_healthy(ID, at(1.8))
    assert health.all_well()
    health.overdue(ID, at(2))
    health.overdue(ID, at(2))
    assert health.standing(ID, at(4)) == "half_open", "and its next rest is no longer"


def test_an_overdue_probe_lengthens_the_rest() -> None:
    health = hung()
    health.overdue(ID, at(3.5))
    assert health.standing(ID, at(3.5)) == "half_open", "that was a try from before"
    assert health.claim_probe(ID, at(3.5))
    health.overdue(ID, at(3.9))
    assert health.standing(ID, at(3.9)) == "half_open", "nor can this be the probe"
    health.overdue(ID, at(4.5))
    assert health.standing(ID, at(8.4)) == "resting"
    assert health.standing(ID, at(8.5)) == "half_open"


def test_timeouts_of_tries_that_were_overdue_say_nothing_new_while_it_is_open() -> None:
    health = hung(tries=2)
    health.observe(down("a", at(60), FaultKind.PROVIDER_TIMEOUT))
    health.observe(down("a", at(60), FaultKind.PROVIDER_TIMEOUT))
    assert health.standing(ID, at(60)) == "half_open"
    assert health.total(ID, 5, at(60)).downs == 2, "but they are downs"


def test_a_probe_that_was_overdue_and_answers_after_all_closes_it() -> None:
    health = Health()
    for _ in range(2):
        health.observe(down("a", at(0)))
    assert health.claim_probe(ID, at(2))
    health.began(ID, at(2))
    health.overdue(ID, at(3.5))
    assert not health.is_healthy(ID, at(4))
    health.observe(success("a", at(5), ttft_ms=2500, took_ms=500))
    assert health.is_healthy(ID, at(5))


def test_four_overdue_tries_among_the_last_twenty_open_it_for_a_whole_rest() -> None:
    health = Health()
    for number in range(40):
        health.began(ID, at(number / 10))
        assert health.is_healthy(ID, at(number / 10))
        if number in (8, 24, 29, 34, 39):
            health.overdue(ID, at(number / 10))
        else:
            health.observe(success("a", at(number / 10), ttft_ms=50, took_ms=20))
    assert health.standing(ID, at(3.9)) == "resting"
    health.observe(success("a", at(4.2), ttft_ms=50, took_ms=20))
    assert health.standing(ID, at(4.2)) == "resting", "some answer, some hang: that is no slow endpoint"


def test_overdue_tries_that_answer_after_all_are_no_hang() -> None:
    health = Health()
    for _ in range(1000):
        health.observe(success("a", at(0), ttft_ms=50))
    for number in range(100):
        health.began(ID, at(number / 10))
        if number % 5 == 4:
            health.overdue(ID, at(number / 10))
            health.observe(success("a", at(number / 10 + 0.05), ttft_ms=1500, took_ms=1))
        else:
            health.observe(success("a", at(number / 10), ttft_ms=50, took_ms=20))
        assert health.is_healthy(ID, at(number / 10))
    assert health.outlooks(ROW, at(10))[ID].errors < 0.01


def test_an_overdue_try_is_expected_to_fail_until_it_answers() -> None:
    health = Health()
    for _ in range(40):
        health.began(ID, at(0))
    for _ in range(38):
        health.observe(success("a", at(0)))
    health.overdue(ID, at(1))
    assert health.outlooks(ROW, at(1))[ID].errors > 0.01
    health.observe(success("a", at(5), ttft_ms=4000, took_ms=1000))
    assert health.outlooks(ROW, at(5))[ID].errors < 0.005


def test_timeouts_of_an_outage_that_is_over_do_not_begin_another() -> None:
    health = hung(tries=4)
    for _ in range(2):
        health.overdue(ID, at(2))
    health.began(ID, at(3))
    health.observe(success("a", at(4), ttft_ms=200, took_ms=500))
    assert health.is_healthy(ID, at(4))
    for _ in range(4):
        health.observe(down("a", at(60), FaultKind.PROVIDER_TIMEOUT))
    assert health.is_healthy(ID, at(60))
    assert health.total(ID, 5, at(60)).downs == 4
    assert health.outlooks(ROW, at(60))[ID].errors < 0.01
    health.observe(down("a", at(61), FaultKind.PROVIDER_TIMEOUT))
    health.observe(down("a", at(61), FaultKind.PROVIDER_TIMEOUT))
    assert not health.is_healthy(ID, at(61)), "these were not overdue in that outage"


def test_tries_under_way_end_with_their_outcomes() -> None:
    health = Health()
    assert health.under_way(ID) == 0
    health.began(ID, at(0))
    health.began(ID, at(0))
    health.observe(success("a", at(1)))
    assert health.under_way(ID) == 1
    health.observe(down("a", at(1)))
    health.observe(down("a", at(1)))
    assert health.under_way(ID) == 0


@pytest.mark.parametrize(("ttft_ms", "patience_s"), [(100, 0.5), (2000, 4.0), (20_000, 30.0)])
def test_patience_goes_by_what_was_usual(ttft_ms: float, patience_s: float) -> None:
    health = Health()
    assert health.patience_s(ID, at(0)) == 10.0
    health.observe(success("a", at(0), ttft_ms=ttft_ms))
    assert health.patience_s(ID, at(0)) == pytest.approx(patience_s, rel=0.05)
    assert health.patience_s(ID, at(600)) == 10.0


def test_late_is_known_from_twenty_first_tokens_on() -> None:
    health = Health()
    for number in range(20):
        assert health.late_s(ID, at(number)) is None
        health.observe(success("a", at(number), ttft_ms=3000 if number == 7 else 200))
    assert health.late_s(ID, at(20)) == pytest.approx(0.2, rel=0.05)
    health.observe(success("a", at(21), ttft_ms=3000))
    assert health.late_s(ID, at(22)) == pytest.approx(3.0, rel=0.05)
    assert health.late_s("nobody", at(22)) is None


# -- a first token is told when it comes -----------------------------------------------------------------------------


def test_a_slow_endpoint_is_back_with_its_first_token_while_the_answer_goes_on() -> None:
    health = hung()
    health.answering(ID, 1800 * MS, at(1.8))
    assert health.is_healthy(ID, at(1.8))
    assert health.all_well()
    health.observe(told(at(60), ttft_ms=1800))
    assert health.is_healthy(ID, at(60))


def test_a_first_token_from_before_the_others_were_overdue_ends_nothing() -> None:
    health = hung()
    health.answering(ID, 400 * MS, at(1))
    assert not health.is_healthy(ID, at(1))


def test_a_first_token_ends_no_outage_that_is_more_than_lateness() -> None:
    health = Health()
    for _ in range(2):
        health.observe(down("a", at(0)))
    health.answering(ID, 100 * MS, at(2.5))
    assert health.standing(ID, at(2.5)) == "half_open"
    health.observe(told(at(2.8), ttft_ms=100))
    assert health.is_healthy(ID, at(2.8)), "but a whole answer does"


def test_an_overdue_try_is_taken_back_once() -> None:
    health = Health()
    for _ in range(40):
        health.began(ID, at(0))
    for _ in range(37):
        health.observe(success("a", at(0)))
    health.overdue(ID, at(1))
    health.answering(ID, 2000 * MS, at(2))
    assert health.outlooks(ROW, at(2))[ID].errors < 0.005
    health.overdue(ID, at(3))
    health.observe(told(at(4), ttft_ms=2000))
    assert health.outlooks(ROW, at(4))[ID].errors > 0.01, "the other try still waits"


def test_a_wait_that_was_told_counts_at_once_and_only_once() -> None:
    health = Health()
    health.answering(ID, 3000 * MS, at(0))
    assert health.speeds(ID, at(0)).waits == 1
    assert health.outlooks(ROW, at(0))[ID].wait_s > Outlook().wait_s
    assert health.total(ID, 5, at(0)).tries == 0
    health.observe(told(at(30), ttft_ms=3000))
    total = health.total(ID, 5, at(30))
    assert (total.tries, total.waits, total.wait_ns) == (1, 1, 3000 * MS)
    assert (total.span_ns, total.span_tokens) == (900 * MS, 9)
    assert health.percentiles(ID, 5, at(30)).waits == 1


def test_others_hear_of_a_first_token_before_its_answer_ends() -> None:
    health, other = hung(), Health()
    first = health.take_delta()
    health.answering(ID, 1800 * MS, at(1.8))
    second = health.take_delta()
    assert first is not None
    assert second is not None
    other.merge(first, at(1.8))
    assert not other.is_healthy(ID, at(1.8))
    other.merge(second, at(1.8))
    assert other.is_healthy(ID, at(1.8))
    assert other.total(ID, 5, at(2)).wait_ns == 1800 * MS
