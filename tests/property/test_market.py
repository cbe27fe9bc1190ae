"""Shares and orders, whatever endpoints cost and however they do."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.routing.rows import NOW_NS, Board, catalogue, down, endpoint, wish

from wideband.catalog.rows import Endpoint, Price, Rates
from wideband.routing.market import drawn
from wideband.routing.outlook import Outlook
from wideband.routing.plan import plan
from wideband.routing.plans import Plan, Warm, Wish
from wideband.routing.policy import Policy, Weights

NAMES = "abcdefgh"
# Differences that nobody could pay nor notice are the arithmetic's.
SLACK = 1e-9

nano = st.just(0) | st.integers(1, 10**12)
rates = st.builds(
    Rates, prompt=nano, completion=nano, cache_read=st.none() | nano, request=st.sampled_from([0, 0, 10**6])
)
portion = st.floats(0, 1)
expectations = st.builds(
    Outlook,
    wait_s=st.floats(0, 600),
    token_s=st.floats(0, 10),
    errors=portion,
    limits=portion,
    tool_errors=portion,
    cached=portion,
    quality=st.sampled_from(["good", "unknown", "poor"]),
    is_full=st.booleans(),
)
weights = st.builds(
    Weights,
    time=st.floats(0, 100),
    edge=st.floats(0, 64),
    explore=st.floats(0.001, 1),
    error=st.floats(0, 100),
    limit=st.floats(0, 100),
    tool_error=st.floats(0, 100),
)
Market = list[tuple[Rates, Outlook]]
markets = st.lists(st.tuples(rates, expectations), min_size=1, max_size=8)
wishes = st.builds(
    lambda tokens, most, tools, own: wish(
        prompt_tokens=tokens,
        max_tokens=most,
        needs=frozenset({"tools"}) if tools else frozenset(),
        policy=Policy(ranker="market", weights=own),
    ),
    st.integers(0, 10**6),
    st.none() | st.integers(1, 10**5),
    st.booleans(),
    weights,
)


def endpoints(market: Market) -> list[Endpoint]:
    return [endpoint(name, price=Price(base=one)) for name, (one, _) in zip(NAMES, market, strict=False)]


def made(asked: Wish, market: Market, seed: int = 1, resting: frozenset[int] = frozenset()) -> Plan:
    board = Board(**{name: outlook for name, (_, outlook) in zip(NAMES, market, strict=False)})
    for at in resting:
        for _ in range(2):
            board.observe(down(NAMES[at]))
    return plan(asked, catalogue(*endpoints(market)), board, NOW_NS, seed)


def share(asked: Wish, market: Market, name: str = "a") -> float:
    return next(row.share for row in made(asked, market).weighed if row.tag == name)


@settings(max_examples=200)
@given(asked=wishes, market=markets, resting=st.frozensets(st.integers(0, 7)), seed=st.integers(0, 2**32 - 1))
def test_shares_are_of_one_whole_and_everybody_gets_one(
    asked: Wish, market: Market, resting: frozenset[int], seed: int
) -> None:
    resting = frozenset(at for at in resting if at < len(market))
    found = made(asked, market, seed, resting)
    assert sum(row.share for row in found.weighed) == pytest.approx(1, abs=1e-9)
    assert all(row.share > 0 for row in found.weighed)
    assert sorted(e.tag for e in found.endpoints) == list(NAMES[: len(market)])
    assert [row.endpoint_id for row in found.weighed] == [e.id for e in found.endpoints]
    assert found == made(asked, market, seed, resting)


@settings(max_examples=100)
@given(asked=wishes, market=markets, dearer=st.integers(1, 10**12), completes=st.booleans())
def test_a_higher_price_never_brings_traffic(asked: Wish, market: Market, dearer: int, completes: bool) -> None:
    (first, outlook), *others = market
    # The cache's price goes along: else a dearer prompt would make what is cached a better bargain.
    raised = (
        msgspec.structs.replace(first, completion=first.completion + dearer)
        if completes
        else msgspec.structs.replace(
            first,
            prompt=first.prompt + dearer,
            cache_read=None if first.cache_read is None else first.cache_read + dearer,
        )
    )
    assert share(asked, [(raised, outlook), *others]) <= share(asked, market) + SLACK


@settings(max_examples=100)
@given(
    asked=wishes, market=markets, worse=portion, field=st.sampled_from(["errors", "limits", "tool_errors", "wait_s"])
)
def test_what_goes_wrong_never_brings_traffic(asked: Wish, market: Market, worse: float, field: str) -> None:
    (first, outlook), *others = market
    raised = msgspec.structs.replace(outlook, **{field: getattr(outlook, field) + worse})
    assert share(asked, [(first, raised), *others]) <= share(asked, market) + SLACK


@settings(max_examples=100)
@given(asked=wishes, market=markets, tokens=st.integers(0, 10**6))
def test_a_warm_cache_never_costs_traffic(asked: Wish, market: Market, tokens: int) -> None:
    warm = msgspec.structs.replace(asked, warm=Warm("m@a", tokens))
    assert share(warm, market) >= share(asked, market) - SLACK


@settings(max_examples=100)
@given(asked=wishes, market=markets, factor=st.integers(2, 1000))
def test_the_currency_does_not_matter(asked: Wish, market: Market, factor: int) -> None:
    def scaled(one: Rates) -> Rates:
        fields = {name: value * factor for name, value in msgspec.structs.asdict(one).items() if value is not None}
        return Rates(**fields)

    before = made(asked, market)
    after = made(asked, [(scaled(one), outlook) for one, outlook in market])
    own = {row.tag: row.share for row in before.weighed}
    assert {row.tag: row.share for row in after.weighed} == pytest.approx(own, rel=1e-6)


@pytest.mark.parametrize(
    "parts",
    [(0.5, 0.5), (0.9, 0.1), (0.97, 0.02, 0.01), (0.35, 0.34, 0.22, 0.07, 0.02), tuple([0.05] * 20)],
)
def test_who_comes_first_is_drawn_by_share(parts: tuple[float, ...]) -> None:
    times = 40_000
    for factor in (1, 0x5851F42D):
        first = Counter(drawn(parts, seed * factor & 0xFFFF_FFFF)[0] for seed in range(times))
        chi_square = sum((first[at] - part * times) ** 2 / (part * times) for at, part in enumerate(parts))
        # Ten deviations above what chance alone makes of it on average.
        assert chi_square < len(parts) - 1 + 10 * (2 * (len(parts) - 1)) ** 0.5


def test_over_many_requests_the_market_gets_its_shares() -> None:
    rows = [endpoint(name, usd=usd) for name, usd in zip("abcd", (1, 1.1, 1.3, 2), strict=True)]
    known, board, asked = catalogue(*rows), Board(), wish(policy=Policy(ranker="market"))
    plans = [plan(asked, known, board, NOW_NS, seed) for seed in range(4000)]
    first = Counter(one.endpoints[0].tag for one in plans)
    for row in plans[0].weighed:
        expected = row.share * len(plans)
        assert abs(first[row.tag] - expected) < 5 * expected**0.5
