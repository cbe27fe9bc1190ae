"""The order of tries and what the caller is told when all of them fail."""

import pytest
from tests.unit.routing.rows import endpoint, fault

from wideband.canon.faults import RULES, Fault, FaultKind
from wideband.catalog.rows import Endpoint
from wideband.routing.failover import Failover
from wideband.routing.plans import Plan

A, B, C = endpoint("a"), endpoint("b"), endpoint("c")
Z = endpoint("z", model="n")


def plan_of(*endpoints: Endpoint, fault: Fault | None = None) -> Plan:
    return Plan(endpoints=endpoints, funnel=(), strategy="price", total=len(endpoints), fault=fault)


def play(plan: Plan, *faults: Fault, limit: int = 10) -> tuple[list[str], Fault | None]:
    """Refuse with each fault in turn, then commit; returns the tags tried and the last word."""
    flow, tried, left = Failover(plan, limit), list[str](), list(faults)
    while (given := flow.next()) is not None:
        tried.append(given.tag)
        if not left:
            return tried, None
        flow.refused(given, left.pop(0))
    return tried, flow.last_word()


def test_the_first_that_commits_ends_it() -> None:
    assert play(plan_of(A, B, C)) == (["a"], None)
    assert play(plan_of(A, B, C), fault(), fault()) == (["a", "b", "c"], None)


@pytest.mark.parametrize("kind", FaultKind)
def test_only_retryable_faults_go_on_to_the_next_provider(kind: FaultKind) -> None:
    tried, last = play(plan_of(A, B), fault(kind))
    if RULES[kind].retryable:
        assert (tried, last) == (["a", "b"], None)
    else:
        assert tried == ["a"]
        assert last is not None
        assert last.kind is kind


def test_a_rejected_request_goes_on_to_the_next_model_only() -> None:
    rejected = fault(FaultKind.PROVIDER_REJECTED)
    assert play(plan_of(A, B, Z), rejected) == (["a", "z"], None)
    tried, last = play(plan_of(A, B, Z), rejected, rejected)
    assert tried == ["a", "z"]
    assert last is not None
    assert last.kind is FaultKind.PROVIDER_REJECTED


def test_the_limit_and_repeats_are_kept_out() -> None:
    assert play(plan_of(A, B, C), fault(), fault(), fault(), limit=2)[0] == ["a", "b"]
    assert play(plan_of(A, A, B), fault(), fault(), fault())[0] == ["a", "b"]


def test_a_refused_key_of_the_callers_own_takes_no_try_from_the_others() -> None:
    own = [endpoint(f"a/{number}", own_key=f"key {number}") for number in range(3)]
    refused = fault(FaultKind.PROVIDER_AUTH)
    assert play(plan_of(*own, B), *[refused] * 3, limit=2)[0][-1] == "b"
    assert play(plan_of(*own, B), *[fault()] * 4, limit=2)[0] == ["a/0", "a/1"]
    assert play(plan_of(A, B, C), *[refused] * 3, limit=2)[0] == ["a", "b"]


def test_two_may_be_under_way_at_once() -> None:
    flow = Failover(plan_of(A, B, C), 10)
    assert (flow.next(), flow.next()) == (A, B)
    flow.refused(B, fault(FaultKind.PROVIDER_TIMEOUT))
    assert [one.tag for one in flow.ahead()] == ["c"]
    flow.refused(A, fault(FaultKind.PROVIDER_OVERLOADED))
    assert flow.next() == C
    assert flow.next() is None
    flow.refused(C, fault())
    assert [one["provider"] for one in flow.last_word().details["previous_errors"]] == ["B", "A"]


def test_looking_ahead_takes_nothing_and_knows_the_limit() -> None:
    flow = Failover(plan_of(A, B, C), 2)
    assert [one.tag for one in flow.ahead()] == ["a", "b", "c"]
    assert flow.next() == A
    assert next(flow.ahead()) == flow.next() == B
    assert list(flow.ahead()) == []
    assert flow.next() is None


def test_what_is_under_way_when_a_request_is_rejected_keeps_its_place() -> None:
    flow = Failover(plan_of(A, B, C, Z), 10)
    assert (flow.next(), flow.next()) == (A, B)
    flow.refused(A, fault(FaultKind.PROVIDER_REJECTED))
    assert flow.next() == Z


def test_an_empty_plan_says_its_fault() -> None:
    why = fault(FaultKind.NO_ENDPOINTS)
    assert play(plan_of(fault=why)) == ([], why)
    assert play(plan_of(A), limit=0)[1] is not None


def test_the_last_word_is_the_last_fault_with_the_history_of_the_others() -> None:
    _, last = play(
        plan_of(A, B, C),
        fault(FaultKind.PROVIDER_RATE_LIMITED, provider_status=429, retry_after_s=9.0),
        fault(FaultKind.PROVIDER_UNREACHABLE),
        fault(FaultKind.PROVIDER_ERROR, provider_status=500, retry_after_s=20.0, raw="boom"),
    )
    assert last is not None
    assert (last.kind, last.provider, last.raw, last.retry_after_s) == (FaultKind.PROVIDER_ERROR, "c", "boom", 9.0)
    assert last.details["previous_errors"] == [
        {"provider": "A", "code": "provider_rate_limited", "status": 429},
        {"provider": "B", "code": "provider_unreachable", "status": 502},
    ]
    assert "availability" not in last.details


def test_all_rate_limited_is_a_rate_limit_with_the_shortest_wait() -> None:
    limited = [fault(FaultKind.PROVIDER_RATE_LIMITED, retry_after_s=wait) for wait in (30.0, None, 12.0)]
    _, last = play(plan_of(A, B, C), *limited)
    assert last is not None
    assert (last.kind, last.status, last.retry_after_s) == (FaultKind.PROVIDER_RATE_LIMITED, 429, 12.0)
    assert last.details["availability"] == {
        "code": "capacity_exhausted",
        "retryable": True,
        "requested_models": ["m"],
        "affected_providers": ["a", "b", "c"],
        "retry_after": 12.0,
    }


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ((FaultKind.PROVIDER_ERROR, FaultKind.PROVIDER_TIMEOUT), "temporarily_unavailable"),
        ((FaultKind.PROVIDER_MISSING, FaultKind.PROVIDER_MISSING), "model_unavailable_upstream"),
    ],
)
def test_what_all_tries_had_in_common_is_said(kinds: tuple[FaultKind, ...], code: str) -> None:
    _, last = play(plan_of(A, B), *(fault(kind) for kind in kinds))
    assert last is not None
    assert last.details["availability"]["code"] == code
