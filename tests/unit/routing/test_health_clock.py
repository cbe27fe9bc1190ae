"""Clocks that are set, and figures that cannot be: nothing of it may keep an endpoint away for ever."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from tests.unit.routing.rows import SECOND_NS, catalogue, down, endpoint, fault, success, wish

from wideband.canon.faults import FaultKind
from wideband.routing import sharing
from wideband.routing.breaker import Mark
from wideband.routing.health import Health
from wideband.routing.minutes import MINUTE_NS, Minute
from wideband.routing.plan import plan
from wideband.routing.plans import Outcome
from wideband.routing.policy import Policy
from wideband.routing.recent import Recent
from wideband.routing.sharing import Row

ONE, OTHER = endpoint("one"), endpoint("other", usd=2)
YEAR_NS = 365 * 24 * 3600 * SECOND_NS
NOW_NS = 50 * YEAR_NS


def tried(health: Health, outcome: Outcome) -> None:
    health.began(outcome.endpoint_id, outcome.at_ns)
    health.observe(outcome)


@pytest.mark.parametrize("back_ns", [2 * 60 * SECOND_NS, 3600 * SECOND_NS, YEAR_NS])
def test_a_clock_that_is_set_back_ends_rests_and_pauses(back_ns: int) -> None:
    health = Health()
    for at in range(2):
        tried(health, down("one", NOW_NS + at))
    limited = fault(FaultKind.PROVIDER_RATE_LIMITED, retry_after_s=300.0)
    tried(health, Outcome(endpoint_id=OTHER.id, at_ns=NOW_NS, fault=limited))
    assert {health.standing(e.id, NOW_NS + 1) for e in (ONE, OTHER)} == {"resting"}
    set_ns = NOW_NS - back_ns
    tried(health, success("one", set_ns))
    assert {health.standing(e.id, set_ns + 1) for e in (ONE, OTHER)} == {"healthy"}


def test_what_is_seen_after_a_clock_was_set_back_counts() -> None:
    health = Health()
    for at in range(20):
        tried(health, success("one", NOW_NS + at, ttft_ms=100))
    health.outlooks((ONE, OTHER), NOW_NS)
    set_ns = NOW_NS - YEAR_NS
    for at in range(20):
        tried(health, down("one", set_ns + at))
    assert health.uptime(ONE.id, 5, set_ns) == 0.0
    assert health.total(ONE.id, 5, set_ns).tries == 20
    assert health.standing(ONE.id, set_ns + 1) == "resting"
    assert health.standing(ONE.id, set_ns + 3 * SECOND_NS) == "half_open"
    assert health.outlooks((ONE, OTHER), set_ns)[ONE.id].tries >= 20
    assert health.percentiles(ONE.id, 5, set_ns).latency_ms is None


def test_a_step_of_some_minutes_forgets_only_what_has_not_happened_yet() -> None:
    health = Health()
    for minute in range(30):
        for at in range(10):
            tried(health, success("one", NOW_NS + minute * MINUTE_NS + at))
    set_ns = NOW_NS + 20 * MINUTE_NS
    tried(health, success("one", set_ns))
    assert health.total(ONE.id, 60, set_ns).tries == 21 * 10 + 1
    assert health.uptime(ONE.id, 60, set_ns) == 100.0


def test_others_are_believed_again_when_the_clock_was_set_back() -> None:
    parent, worker = Health(), Health()
    tried(worker, success("one", NOW_NS))
    parent.merge(worker.take_delta() or b"", NOW_NS)
    set_ns = NOW_NS - YEAR_NS
    for at in range(2):
        tried(worker, down("one", set_ns + at))
    parent.merge(worker.take_delta() or b"", set_ns + 1)
    assert parent.standing(ONE.id, set_ns + 2) == "resting"
    assert parent.standing(ONE.id, set_ns + 3 * SECOND_NS) == "half_open"


@pytest.mark.parametrize(
    "mark",
    [
        Mark(changed_ns=NOW_NS, wait_until_ns=NOW_NS + YEAR_NS),
        Mark(changed_ns=NOW_NS, rest_ns=SECOND_NS, rest_until_ns=NOW_NS + YEAR_NS),
        Mark(changed_ns=NOW_NS + YEAR_NS, rest_ns=SECOND_NS),
    ],
)
def test_a_mark_from_the_future_is_no_news(mark: Mark) -> None:
    health = Health()
    health.merge(sharing.pack({ONE.id: Row([], mark)}), NOW_NS)
    assert health.standing(ONE.id, NOW_NS) == "healthy"


def test_what_a_provider_counts_beyond_all_measure_stops_no_telling() -> None:
    health = Health()
    for _ in range(3):
        absurd = success("one", NOW_NS, ttft_ms=100)
        absurd = msgspec.structs.replace(absurd, prompt_tokens=2**53, completion_tokens=2**53, charged_nano=2**80)
        tried(health, absurd)
    other = Health()
    other.merge(health.take_delta() or b"", NOW_NS)
    assert other.total(ONE.id, 5, NOW_NS).tries == 3
    other = Health()
    other.restore(health.snapshot(), NOW_NS)
    assert other.outlooks((ONE,), NOW_NS)[ONE.id].output_tokens < 2**30


def test_nesting_without_end_is_no_delta() -> None:
    with pytest.raises(ValueError, match="nothing that a health board told"):
        sharing.unpack(b"\x92\x01" + b"\x91" * 200_000)


def known() -> Any:
    health = Health()
    for at in range(40):
        tried(health, success("one", NOW_NS - at * SECOND_NS, ttft_ms=100) if at % 3 else down("one", NOW_NS - at))
    return msgspec.msgpack.decode(health.snapshot(), strict=False)


ODD = st.one_of(
    st.sampled_from(
        [-1, 2**31, 2**32, 2**53, 2**63, -(2**62), float("nan"), float("inf"), -1.0, 1e308, None, "x", True]
    ),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.lists(st.integers(-1, 2**33), max_size=3),
)


def spoiled(data: st.DataObject, value: Any) -> Any:
    """Put something odd in one place."""
    if isinstance(value, list) and value:
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], spoiled(data, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value:
        key = data.draw(st.sampled_from(list(value)))
        if isinstance(key, int) and data.draw(st.booleans()):
            return {data.draw(st.integers(-(10**6), 10**6)): value[key]}
        return {**value, key: spoiled(data, value[key])}
    return data.draw(ODD)


@given(data=st.data(), whole=st.booleans())
def test_what_was_spoiled_is_refused_whole_or_does_no_harm(data: st.DataObject, whole: bool) -> None:
    told = spoiled(data, known())
    health, rows = Health(), catalogue(ONE, OTHER)
    before = health.snapshot()
    try:
        (health.restore if whole else health.merge)(msgspec.msgpack.encode(told), NOW_NS)
    except ValueError:
        assert health.snapshot() == before
    asked = wish(policy=Policy())
    for at_ns in (NOW_NS, NOW_NS + 600 * SECOND_NS):
        made = plan(asked, rows, health, at_ns, 1)
        assert {e.id for e in made.endpoints} == {ONE.id, OTHER.id}
        outlook = health.outlooks((ONE, OTHER), at_ns)[ONE.id]
        assert 0 <= outlook.errors <= 1.001
        assert 0 < outlook.token_s < float("inf")
        assert 0 < outlook.output_tokens < float("inf")
        health.percentiles(ONE.id, 30, at_ns)
        health.uptime(ONE.id, 1440, at_ns)
        tried(health, success("one", at_ns))
        Health().restore(health.snapshot(), at_ns)
    # Whatever was told, it is over within minutes.
    assert health.standing(ONE.id, NOW_NS + 600 * SECOND_NS) != "resting"


def test_sums_stay_where_a_snapshot_can_be_read() -> None:
    recent = Recent(tries=1.0, errors=1.0 + 1e-9)
    recent.forgive()
    assert recent.tries == 0.0
    row = Row([Minute(NOW_NS // MINUTE_NS, NOW_NS)], recent=recent)
    assert sharing.unpack(sharing.pack({"e": row}))["e"].recent == recent
