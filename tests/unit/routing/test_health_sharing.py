"""What health boards tell each other, and what survives a restart."""

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, endpoint, success

from wideband.canon.faults import FaultKind
from wideband.routing.health import Health

ROW = (endpoint("a"), endpoint("b"))
ID = ROW[0].id
MINUTE_NS = 60 * SECOND_NS


def at(seconds: float) -> int:
    return NOW_NS + int(seconds * SECOND_NS)


def tell(one: Health, other: Health, seconds: float) -> None:
    delta = one.take_delta()
    assert delta is not None
    other.merge(delta, at(seconds))


def test_nothing_seen_is_nothing_to_tell_and_nothing_is_told_twice() -> None:
    one, other, third = Health(), Health(), Health()
    assert one.take_delta() is None
    one.observe(success("a", at(0)))
    tell(one, other, 0)
    assert one.take_delta() is None
    assert other.take_delta() is None, "what was heard is not passed on"
    one.observe(success("a", at(0)))
    tell(one, other, 0)
    assert other.total(ID, 5, at(0)).tries == one.total(ID, 5, at(0)).tries == 2
    third.observe(down("a", at(0)))
    tell(third, one, 0)
    assert (one.total(ID, 5, at(0)).tries, one.total(ID, 5, at(0)).downs) == (3, 1)
    assert one.take_delta() is None


def test_a_breaker_that_opens_in_one_process_rests_the_endpoint_in_all() -> None:
    one, other = Health(), Health()
    other.outlooks(ROW, at(0))
    for _ in range(2):
        one.observe(down("a", at(0)))
    tell(one, other, 0.5)
    assert other.standing(ID, at(1.9)) == "resting"
    assert other.standing(ID, at(2)) == "half_open"
    other.observe(success("a", at(2.5), ttft_ms=100, took_ms=100))
    tell(other, one, 2.6)
    assert one.is_healthy(ID, at(2.6))
    assert one.all_well()


def test_older_news_of_a_breaker_does_not_undo_newer() -> None:
    one, other = Health(), Health()
    for _ in range(2):
        one.observe(down("a", at(0)))
    opened = one.take_delta()
    one.observe(success("a", at(3), ttft_ms=100, took_ms=100))
    closed = one.take_delta()
    assert opened is not None
    assert closed is not None
    other.merge(closed, at(3))
    other.merge(opened, at(3))
    assert other.is_healthy(ID, at(3))
    assert other.outlooks(ROW, at(3))[ID].errors < 0.01, "the errors were of the outage that is over"
    assert other.total(ID, 5, at(3)).downs == 2


def test_a_pause_holds_in_all_processes() -> None:
    one, other = Health(), Health()
    one.observe(down("a", at(0), FaultKind.PROVIDER_RATE_LIMITED, retry_after_s=5))
    tell(one, other, 0.5)
    assert not other.is_healthy(ID, at(4.9))
    assert other.is_healthy(ID, at(5))
    assert other.total(ID, 5, at(1)).limits == 1


def test_what_one_process_learns_the_others_expect() -> None:
    one, other = Health(), Health()
    for _ in range(100):
        one.observe(success("a", at(0), ttft_ms=2000))
    tell(one, other, 0)
    assert other.outlooks(ROW, at(1)) == one.outlooks(ROW, at(1))
    assert other.patience_s(ID, at(1)) == one.patience_s(ID, at(1)) != 10.0


def test_errors_of_an_outage_that_ended_before_they_were_told_count_for_nobodys_outlook() -> None:
    one, other = Health(), Health()
    for _ in range(2):
        one.observe(down("a", at(0)))
    one.observe(success("a", at(3), ttft_ms=100, took_ms=100))
    tell(one, other, 3)
    assert other.outlooks(ROW, at(3))[ID].errors < 0.01
    assert other.total(ID, 5, at(3)).downs == 2


def test_a_board_comes_back_from_its_snapshot() -> None:
    health = Health()
    for minute in range(200):
        for number in range(10):
            made = down if number < 5 and minute % 10 == 0 else success
            health.observe(made("a", NOW_NS + minute * MINUTE_NS + number * SECOND_NS))
    for _ in range(2):
        health.observe(down("b", NOW_NS + 199 * MINUTE_NS))
    end_ns = NOW_NS + 200 * MINUTE_NS
    back = Health()
    back.restore(health.snapshot(), end_ns)
    for window in (5, 30, 24 * 60):
        assert back.uptime(ID, window, end_ns) == health.uptime(ID, window, end_ns)
        assert back.percentiles(ID, window, end_ns) == health.percentiles(ID, window, end_ns)
    assert back.total(ID, 120, end_ns) == health.total(ID, 120, end_ns)
    assert back.outlooks(ROW, end_ns) == health.outlooks(ROW, end_ns)
    assert back.standing("m@b", end_ns) == health.standing("m@b", end_ns) == "half_open"
    assert back.take_delta() is None
    assert back.snapshot() == health.snapshot()


def test_of_an_old_snapshot_hardly_anything_is_left_to_expect() -> None:
    health = Health()
    for _ in range(1000):
        health.observe(success("a", at(0), ttft_ms=9000))
    back = Health()
    back.restore(health.snapshot(), at(86_000))
    fresh = back.outlooks(ROW, at(86_000))[ID]
    assert fresh.wait_s == pytest.approx(1.0, rel=0.01)
    assert fresh.tries == pytest.approx(0, abs=0.01)


def test_endpoints_of_which_nothing_was_heard_for_a_day_are_not_brought_back() -> None:
    health = Health()
    health.observe(success("a", at(0)))
    health.observe(success("b", at(80_000)))
    back = Health()
    back.restore(health.snapshot(), at(90_000))
    assert list(back._records) == ["m@b"]


def test_news_from_the_future_are_left_out() -> None:
    health = Health()
    for _ in range(2):
        health.observe(down("a", at(3600)))
    told = health.snapshot()
    other = Health()
    other.restore(told, at(0))
    assert other.is_healthy(ID, at(3600))
    assert other.total(ID, 120, at(3600)).tries == 0
    assert other.outlooks(ROW, at(0))[ID].tries == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"{}",
        msgspec.msgpack.encode((2, {})),
        msgspec.msgpack.encode((1, [])),
        msgspec.msgpack.encode((1, {}, 3)),
        msgspec.msgpack.encode((1, {"m@a": ([], None, None, [(1, -1, 0)])})),
        msgspec.msgpack.encode((1, {"m@a": ([["x"]], None)})),
    ],
)
def test_what_cannot_be_read_is_refused_and_changes_nothing(data: bytes) -> None:
    health = Health()
    before = health.snapshot()
    with pytest.raises(ValueError, match="health board"):
        health.merge(data, at(0))
    with pytest.raises(ValueError, match="health board"):
        health.restore(data, at(0))
    assert health.snapshot() == before


def test_half_a_snapshot_is_refused() -> None:
    health = Health()
    for name in "ab":
        health.observe(success(name, at(0)))
    data = health.snapshot()
    other = Health()
    with pytest.raises(ValueError, match="health board"):
        other.restore(data[: len(data) // 2], at(0))
    assert other.total(ID, 5, at(0)).tries == 0
