"""Failover, whatever plans and faults there are: never a repeat, never past the limit."""

from hypothesis import given, settings, strategies as st

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Endpoint, Price, Provider, Rates
from wideband.routing.failover import Failover
from wideband.routing.plans import Plan

PROVIDER = Provider(slug="p", name="P", dialect="openai_chat", base_url="http://p")


def endpoint(number: int, model: str) -> Endpoint:
    return Endpoint(
        id=f"{number}", provider=PROVIDER, model=model, upstream_model="m", tag="p", price=Price(base=Rates())
    )


endpoints = st.lists(st.builds(endpoint, st.integers(0, 6), st.sampled_from("mn")), max_size=10)
verdicts = st.one_of(st.just(None), st.builds(Fault, kind=st.sampled_from(FaultKind), message=st.just("x")))


@settings(max_examples=100)
@given(rows=endpoints, given_=st.lists(verdicts, min_size=10, max_size=10), limit=st.integers(0, 6))
def test_failover(rows: list[Endpoint], given_: list[Fault | None], limit: int) -> None:
    flow = Failover(Plan(endpoints=tuple(rows), funnel=(), strategy="price", total=len(rows)), limit)
    tried: list[Endpoint] = []
    faults: list[Fault] = []
    while (now := flow.next()) is not None:
        if faults and not faults[-1].rule.retryable:
            assert faults[-1].kind is FaultKind.PROVIDER_REJECTED
            assert now.model != tried[-1].model
        tried.append(now)
        verdict = given_[len(tried) - 1]
        if verdict is None:
            break
        flow.refused(now, verdict)
        faults.append(verdict)
    assert len({e.id for e in tried}) == len(tried) <= limit
    if faults:
        last = flow.last_word()
        assert last.kind is faults[-1].kind
        assert len(last.details.get("previous_errors", [])) == len(faults) - 1


@settings(max_examples=100)
@given(
    rows=endpoints,
    given_=st.lists(st.builds(Fault, kind=st.sampled_from(FaultKind), message=st.just("x")), min_size=10, max_size=10),
    two=st.lists(st.booleans(), min_size=10, max_size=10),
    limit=st.integers(0, 6),
)
def test_failover_two_at_once(rows: list[Endpoint], given_: list[Fault], two: list[bool], limit: int) -> None:
    flow = Failover(Plan(endpoints=tuple(rows), funnel=(), strategy="price", total=len(rows)), limit)
    under_way: list[Endpoint] = []
    asked: list[Endpoint] = []
    faults: list[Fault] = []
    for fault, beside in zip(given_, two, strict=True):
        for _ in range(1 + beside - len(under_way)):
            ahead = next(flow.ahead(), None)
            endpoint = flow.next()
            assert endpoint == ahead
            if endpoint is not None:
                asked.append(endpoint)
                under_way.append(endpoint)
        if under_way:
            flow.refused(under_way.pop(0), fault)
            faults.append(fault)
    assert len({one.id for one in asked}) == len(asked) <= limit
    last = flow.last_word()
    if faults:
        assert last.kind is faults[-1].kind
        assert len(last.details.get("previous_errors", [])) == len(faults) - 1
