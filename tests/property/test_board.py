"""Health boards that tell each other what they saw know what one board knows that saw it all."""

from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Endpoint, Price, Provider, Rates
from wideband.routing.health import Health
from wideband.routing.plans import Outcome, Verdict

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_040 * SECOND_NS
SPAN_S = 100 * 60
END_NS = START_NS + SPAN_S * SECOND_NS
IDS = ("a", "b")
PROVIDER = Provider(slug="p", name="P", dialect="openai_chat", base_url="http://p")
ROW = tuple(
    Endpoint(id=id_, provider=PROVIDER, model="m", upstream_model="m", tag="p", price=Price(base=Rates()))
    for id_ in IDS
)
VERDICTS: list[Verdict | None] = [None, "valid", "invalid_json", "unknown_name", "schema_mismatch"]


def outcome(number: int, at_s: float, kind: FaultKind | None, figures: tuple[int, int, int], verdict: int) -> Outcome:
    ttft_ms, span_ms, tokens = figures
    return Outcome(
        endpoint_id=IDS[number],
        at_ns=START_NS + int(at_s * SECOND_NS),
        fault=None if kind is None else Fault(kind=kind, message="x"),
        ttft_ns=ttft_ms * 1_000_000 or None,
        wait_told=kind is None and span_ms % 2 == 1,
        generation_ns=span_ms * 1_000_000,
        prompt_tokens=tokens * 3,
        cached_tokens=tokens,
        completion_tokens=tokens,
        charged_nano=tokens * 7,
        stalls=tokens % 3,
        tool_calls=VERDICTS[verdict],
        structured=VERDICTS[-verdict],
    )


kinds = st.sampled_from([None, None, None, *(kind for kind in FaultKind)])
figures = st.tuples(st.integers(0, 60_000), st.integers(0, 60_000), st.integers(0, 5000))
outcomes = st.builds(
    outcome, st.integers(0, 1), st.floats(0, SPAN_S), kinds, figures, st.integers(0, len(VERDICTS) - 1)
)
# Each outcome with the board that sees it, and whether the boards tell each other after it.
seen = st.lists(st.tuples(outcomes, st.integers(0, 1), st.booleans()), max_size=60)


def tell(health: Health, one: Outcome) -> None:
    """Tell a board of a try: of its first token when it came, where the outcome says that this was told."""
    if one.wait_told and one.ttft_ns is not None:
        health.answering(one.endpoint_id, one.ttft_ns, one.at_ns - (one.generation_ns or 0))
    health.observe(one)


def board(given_: list[Outcome]) -> Health:
    health = Health()
    for one in given_:
        tell(health, one)
    return health


def exchange(boards: list[Health]) -> None:
    deltas = [health.take_delta() for health in boards]
    for health, delta in zip(boards, reversed(deltas), strict=True):
        if delta is not None:
            health.merge(delta, END_NS)


def known(health: Health) -> list[object]:
    """Return all that is counted; what is forgiven goes by what each board's breaker was through."""
    windows = [(id_, window) for id_ in IDS for window in (1, 5, 30, 90, 24 * 60)]
    return [
        *(health.uptime(id_, window, END_NS) for id_, window in windows),
        *(health.percentiles(id_, window, END_NS) for id_, window in windows),
        *(replace(health.total(id_, window, END_NS), belated=0) for id_, window in windows),
    ]


def expected(health: Health) -> list[float]:
    return [
        round(figure, 6)
        for outlook in health.outlooks(ROW, END_NS).values()
        for figure in (outlook.wait_s, outlook.token_s, outlook.limits, outlook.cached, outlook.tool_errors)
    ]


@settings(max_examples=100, deadline=None)
@given(seen=seen)
def test_whoever_sees_what_all_know_the_same(seen: list[tuple[Outcome, int, bool]]) -> None:
    boards = [Health(), Health()]
    for one, who, telling in seen:
        tell(boards[who], one)
        if telling:
            exchange(boards)
    exchange(boards)
    whole = known(board([one for one, _, _ in seen]))
    assert known(boards[0]) == whole
    assert known(boards[1]) == whole
    assert boards[0].take_delta() is None
    for id_ in IDS:
        assert boards[0].standing(id_, END_NS) == boards[1].standing(id_, END_NS)


@settings(max_examples=100, deadline=None)
@given(one=st.lists(outcomes, max_size=30), other=st.lists(outcomes, max_size=30))
def test_the_order_of_merging_makes_no_difference(one: list[Outcome], other: list[Outcome]) -> None:
    deltas = [board(one).take_delta(), board(other).take_delta()]
    merged = [Health(), Health()]
    for health, order in zip(merged, (deltas, deltas[::-1]), strict=True):
        for delta in order:
            if delta is not None:
                health.merge(delta, END_NS)
    assert known(merged[0]) == known(merged[1])
    assert expected(merged[0]) == expected(merged[1])
    for id_ in IDS:
        assert merged[0].standing(id_, END_NS) == merged[1].standing(id_, END_NS)


@settings(max_examples=100, deadline=None)
@given(before=st.lists(outcomes, max_size=30), after=st.lists(outcomes, max_size=30))
def test_a_restart_loses_nothing(before: list[Outcome], after: list[Outcome]) -> None:
    restarted = Health()
    restarted.restore(board(before).snapshot(), END_NS)
    for one in after:
        tell(restarted, one)
    assert known(restarted) == known(board([*before, *after]))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60), cut=st.integers(0, 200), given_=st.lists(outcomes, max_size=5))
def test_anything_is_read_or_refused(data: bytes, cut: int, given_: list[Outcome]) -> None:
    whole = board(given_).snapshot()
    for broken in (data, whole[:cut] + data + whole[cut:]):
        health = Health()
        try:
            health.merge(broken, END_NS)
        except ValueError:
            assert health.snapshot() == Health().snapshot()
        health.outlooks(ROW, END_NS)
