"""What the health board tells of an endpoint's last minutes: uptime, speeds and counts."""

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, down, success

from wideband.canon.faults import FaultKind
from wideband.routing.health import Health
from wideband.routing.minutes import KEPT_COUNT_MINUTES, KEPT_MINUTES, KEPT_SPEED_MINUTES, Minute, Minutes
from wideband.routing.plans import Outcome, Verdict

ID = "m@a"
MINUTE_NS = 60 * SECOND_NS


def answer(at_ns: int = NOW_NS, ttft_ms: float = 100, took_ms: float = 900, **over: object) -> Outcome:
    return msgspec.structs.replace(success("a", at_ns, ttft_ms, 10, took_ms), **over)


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


def test_uptime_goes_a_day_back_and_no_further() -> None:
    health = Health()
    for minute in (0, 1):
        for _ in range(10):
            health.observe((down, success)[minute]("a", NOW_NS + minute * MINUTE_NS))
    assert health.uptime(ID, KEPT_MINUTES, NOW_NS + (KEPT_MINUTES - 1) * MINUTE_NS) == 50.0
    assert health.uptime(ID, KEPT_MINUTES, NOW_NS + KEPT_MINUTES * MINUTE_NS) == 100.0
    assert health.uptime(ID, KEPT_MINUTES, NOW_NS + (KEPT_MINUTES + 1) * MINUTE_NS) is None
    health.observe(success("a", NOW_NS + KEPT_MINUTES * MINUTE_NS))
    assert health.uptime(ID, 2 * KEPT_MINUTES, NOW_NS + KEPT_MINUTES * MINUTE_NS) == 100.0, "what is old made room"


def test_rate_limits_and_callers_mistakes_do_not_count_for_uptime() -> None:
    health = Health()
    for _ in range(10):
        health.observe(success("a"))
        health.observe(down("a", NOW_NS, FaultKind.PROVIDER_RATE_LIMITED))
        health.observe(down("a", NOW_NS, FaultKind.PROVIDER_REJECTED))
        health.observe(Outcome(endpoint_id=ID, at_ns=NOW_NS, cancelled=True))
    assert health.uptime(ID, 1, NOW_NS) == 100.0
    total = health.total(ID, 1, NOW_NS)
    assert (total.tries, total.downs, total.limits) == (10, 0, 10)


def test_percentiles_are_within_five_percent() -> None:
    health = Health()
    for number in range(1, 101):
        health.observe(success("a", NOW_NS, ttft_ms=number * 10, tokens=100, took_ms=1001 - number * 10))
    speeds = health.percentiles(ID, 5, NOW_NS)
    assert speeds.latency_ms is not None
    assert speeds.throughput is not None
    for share in (50, 75, 90, 99):
        assert getattr(speeds.latency_ms, f"p{share}") == pytest.approx(share * 10, rel=0.05)
    assert speeds.late_ms == pytest.approx(950, rel=0.05)
    assert speeds.throughput.p50 == pytest.approx(100, rel=0.05)
    assert health.percentiles(ID, 5, NOW_NS + 5 * MINUTE_NS).latency_ms is None


def test_an_answer_in_one_piece_has_no_first_token() -> None:
    health = Health()
    health.observe(answer(ttft_ms=5000, generation_ns=0))
    alone = health.percentiles(ID, 5, NOW_NS)
    assert alone.latency_ms is not None
    assert alone.latency_ms.p50 == pytest.approx(5000, rel=0.05), "but its whole time is better than nothing"
    assert (alone.waits, alone.late_ms) == (0, None)
    health.observe(answer(ttft_ms=200))
    both = health.percentiles(ID, 5, NOW_NS)
    assert both.latency_ms is not None
    assert both.latency_ms.p99 == pytest.approx(200, rel=0.05)
    assert both.throughput is not None
    assert both.throughput.p50 == pytest.approx(2, rel=0.05)


def test_a_minute_counts_everything_that_an_outcome_tells() -> None:
    minute = Minute(7)
    minute.count(answer(prompt_tokens=2000, cached_tokens=1500, charged_nano=90, stalls=2, tool_calls="valid"))
    minute.count(answer(prompt_tokens=500, cached_tokens=100, charged_nano=10, tool_calls="unknown_name"))
    minute.count(answer(prompt_tokens=1, structured="schema_mismatch", cancelled=True))
    minute.count(answer(generation_ns=0, structured="valid"))
    minute.count(down("a"))
    minute.count(down("a", kind=FaultKind.PROVIDER_RATE_LIMITED))
    assert (minute.number, minute.at_ns) == (7, NOW_NS)
    assert (minute.tries, minute.downs, minute.limits, minute.stalls) == (5, 1, 1, 2)
    assert (minute.waits, minute.wait_ns) == (3, 300_000_000)
    assert (minute.span_ns, minute.span_tokens) == (2_700_000_000, 27)
    assert (minute.wholes, minute.whole_ns, minute.whole_tokens) == (1, 100_000_000, 10)
    assert (minute.answers, minute.answer_tokens, minute.completion_tokens) == (3, 30, 40)
    assert (minute.prompt_tokens, minute.cached_tokens, minute.charged_nano) == (2501, 1600, 100)
    assert (minute.long_prompt_tokens, minute.long_cached_tokens) == (2000, 1500)
    assert minute.tool_calls == {"valid": 1, "unknown_name": 1}
    assert minute.structured == {"schema_mismatch": 1, "valid": 1}


@pytest.mark.parametrize("verdict", ["valid", "invalid_json", "unknown_name", "schema_mismatch"])
def test_verdicts_add_up_by_kind(verdict: Verdict) -> None:
    one, other = Minute(0), Minute(0)
    one.count(answer(tool_calls=verdict, structured=verdict))
    other.count(answer(tool_calls=verdict))
    one.add(other)
    assert one.tool_calls == {verdict: 2}
    assert one.structured == {verdict: 1}


def test_total_adds_up_the_minutes_of_the_window() -> None:
    health = Health()
    for minute in range(10):
        health.observe(answer(NOW_NS + minute * MINUTE_NS, prompt_tokens=100))
    end_ns = NOW_NS + 9 * MINUTE_NS
    assert health.total(ID, 30, end_ns).prompt_tokens == 1000
    assert health.total(ID, 4, end_ns).prompt_tokens == 400
    assert health.total(ID, 4, end_ns + 20 * MINUTE_NS).tries == 0
    assert health.total("nobody", 4, end_ns).tries == 0
    assert health.percentiles(ID, 30, end_ns).waits == 10, "adding up leaves the minutes as they were"


def test_old_minutes_are_dropped_and_older_speeds_before_them() -> None:
    minutes = Minutes()
    for number in range(KEPT_MINUTES + 10):
        minute = Minute(number)
        minute.count(success("a", number * MINUTE_NS))
        minutes.add(minute, told=bool(number % 2))
    kept, day = minutes.all()
    assert len(kept) == KEPT_COUNT_MINUTES
    assert sum(bool(minute.ttft_ms) for minute in kept) == KEPT_SPEED_MINUTES
    assert len(day) + len(kept) == KEPT_MINUTES
    stale = Minute(0)
    stale.count(success("a", 0))
    minutes.add(stale, told=True)
    assert minutes.all() == (kept, day)


def test_what_is_told_late_goes_into_its_own_minute() -> None:
    health = Health()
    for at_ns in (NOW_NS + 3 * MINUTE_NS, NOW_NS, NOW_NS + 3 * MINUTE_NS, NOW_NS):
        for _ in range(5):
            health.observe((success if at_ns > NOW_NS else down)("a", at_ns))
    end_ns = NOW_NS + 3 * MINUTE_NS
    assert health.uptime(ID, 1, end_ns) == 100.0
    assert health.uptime(ID, 30, end_ns) == 50.0


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
