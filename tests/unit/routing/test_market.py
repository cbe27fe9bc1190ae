"""How the market shares its traffic out, and what a plan says about it."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, Board, catalogue, down, endpoint, success, tags, wish

from wideband.catalog.rows import Endpoint, Override, Price, Rates
from wideband.routing.market import adjusted_costs, drawn, inverse_square_shares, market_shares, time_terms, usual
from wideband.routing.outlook import Outlook
from wideband.routing.plan import base_rates, plan
from wideband.routing.plans import Plan, Warm, Weighed, Wish
from wideband.routing.policy import Policy, Weights
from wideband.routing.pools import Pool
from wideband.routing.preferences import SORTS
from wideband.routing.rankers import RANKERS, Scene, weigh

# Pinned: the house's own weights may change with what the simulator finds.
WEIGHTS = Weights(time=0.5, edge=8, explore=0.02, error=8, limit=2, tool_error=1)
MARKET = Policy(ranker="market", weights=WEIGHTS)
A, B, C = endpoint("a", usd=1), endpoint("b", usd=2), endpoint("c", usd=3)
TOOLS = frozenset({"tools"})


def asking(preferences: dict[str, Any] | None = None, **over: Any) -> Wish:
    return wish(preferences, **{"policy": MARKET, **over})


def planned(of: Wish, *endpoints: Endpoint, board: Board | None = None, at_ns: int = NOW_NS, seed: int = 1) -> Plan:
    return plan(of, catalogue(*endpoints), board or Board(), at_ns, seed)


def rows(made: Plan) -> dict[str, Weighed]:
    return {row.tag: row for row in made.weighed}


def shares(made: Plan) -> dict[str, float]:
    return {row.tag: row.share for row in made.weighed}


def firsts(of: Wish, *endpoints: Endpoint, board: Board | None = None, times: int = 1000) -> Counter[str]:
    """Count who comes first over many seeds."""
    return Counter(tags(planned(of, *endpoints, board=board, seed=seed))[0] for seed in range(times))


# -- the arithmetic ------------------------------------------------------------------------------------------------


def test_openrouters_documented_example_comes_out_exactly() -> None:
    """A costs 1, B costs 2 and had an outage, C costs 3: A is drawn nine times as often as C, and B comes last."""
    exact = inverse_square_shares([1, 2, 3], broken=[1])
    assert exact == [0.9, 0.0, 0.1]
    board = Board()
    board.observe(down("b"))
    board.observe(down("b"))
    made = [planned(asking({"sort": "inverse-square"}), A, B, C, board=board, seed=seed) for seed in range(2000)]
    assert {tuple(tags(one)) for one in made} == {("a", "c", "b"), ("c", "a", "b")}
    assert 0.87 < sum(tags(one)[0] == "a" for one in made) / 2000 < 0.93
    assert shares(made[0]) == pytest.approx({"a": 0.9, "b": 0, "c": 0.1})
    assert (rows(made[0])["b"].note, made[0].strategy) == ("resting", "inverse-square")


def test_inverse_squares_know_what_is_free_and_what_is_all_broken() -> None:
    assert inverse_square_shares([2, 4]) == [0.8, 0.2]
    assert inverse_square_shares([0, 0]) == [0.5, 0.5]
    free, paid = inverse_square_shares([0, 1])
    assert free > 0.999 > paid > 0
    assert inverse_square_shares([2, 4], broken=[0, 1]) == [0.8, 0.2]


def test_amounts_are_compared_with_what_is_usual() -> None:
    assert usual([3, 1, 2]) == 2
    assert usual([4, 1, 2, 3]) == 2.5
    assert usual([0, 0, 50]) == 5
    assert usual([0, 0]) == 0


def test_costs_are_adjusted_by_time_and_by_what_goes_wrong() -> None:
    times = time_terms([2, 4, 6], Weights(time=0.5))
    assert times == pytest.approx([0.26, 0.51, 0.76])
    assert adjusted_costs([10, 20, 40], times, [1, 1, 2]) == pytest.approx([0.76, 1.51, 5.52])
    assert adjusted_costs([0, 0, 0], times, [1, 1, 2]) == pytest.approx([0.26, 0.51, 1.52])


def test_shares_fall_with_the_adjusted_cost_and_all_explore() -> None:
    weights = Weights(edge=2, explore=0.1)
    assert market_shares([1, 2], weights) == pytest.approx([0.9 * 0.8 + 0.05, 0.9 * 0.2 + 0.05])
    assert market_shares([1, 2, 2], weights, aside={0}) == pytest.approx([0.1 / 3, 0.45 + 0.1 / 3, 0.45 + 0.1 / 3])
    assert market_shares([1, 2], weights, aside={0, 1}) == market_shares([1, 2], weights)
    assert sum(market_shares([1e-9, 1e9, 5], Weights(edge=64))) == pytest.approx(1)


def test_what_is_drawn_holds_everybody_once_and_by_share() -> None:
    drawings = [drawn([0.7, 0.2, 0.1], seed) for seed in range(5000)]
    assert all(sorted(one) == [0, 1, 2] for one in drawings)
    assert sum(one[0] == 0 for one in drawings) == pytest.approx(3500, abs=130)
    # Without the first, the second is drawn from those that remain.
    after = [one[1] for one in drawings if one[0] == 0]
    assert after.count(1) / len(after) == pytest.approx(2 / 3, abs=0.03)
    assert drawn([0.5, 0.0, 0.5], 3)[-1] == 1


# -- the market ----------------------------------------------------------------------------------------------------


def test_the_market_is_what_nobody_has_to_ask_for() -> None:
    made = planned(Wish(models=("m",), prompt_tokens=1000, preferences=wish().preferences), A, B, C)
    assert made.strategy == "market"
    assert sum(shares(made).values()) == pytest.approx(1)
    assert [row.tag for row in made.weighed] == tags(made)


def test_cheaper_endpoints_get_more_of_the_traffic_and_none_gets_none() -> None:
    found = shares(planned(asking(), A, B, C))
    assert found["a"] > found["b"] > found["c"] >= 0.02 / 3
    came = firsts(asking(), A, endpoint("b", usd=1.1), C)
    assert came["a"] > came["b"] > came["c"] > 0


def test_a_faster_endpoint_is_worth_a_higher_price() -> None:
    board = Board(a=Outlook(wait_s=20, token_s=0.2), b=Outlook(wait_s=0.3, token_s=0.01), c=Outlook())
    found = shares(planned(asking(), A, endpoint("b", usd=1.2), endpoint("c", usd=1.2), board=board))
    assert found["b"] > found["c"] > found["a"]


def test_errors_and_rate_limits_cost_shares_and_bad_tool_calls_only_where_there_are_tools() -> None:
    equals = [endpoint(name) for name in "abcd"]
    board = Board(b=Outlook(errors=0.05), c=Outlook(limits=0.2), d=Outlook(tool_errors=0.3))
    plain = shares(planned(asking(), *equals, board=board))
    assert plain["a"] == plain["d"] > plain["b"]
    assert plain["a"] > plain["c"]
    tools = shares(planned(asking(needs=TOOLS), *equals, board=board))
    assert tools["a"] > tools["d"]


def test_who_calls_tools_badly_gets_only_the_traffic_that_finds_out() -> None:
    board = Board(a=Outlook(quality="poor"))
    found = rows(planned(asking(needs=TOOLS), A, B, board=board))
    assert found["a"].share == pytest.approx(0.01)
    assert (found["a"].note, found["b"].note) == ("poor", None)
    assert rows(planned(asking(), A, B, board=board))["a"].share > 0.9


def test_an_endpoint_at_its_limit_is_asked_after_the_others_and_before_the_resting() -> None:
    board = Board(a=Outlook(is_full=True))
    board.observe(down("b"))
    board.observe(down("b"))
    made = planned(asking(), A, B, C, board=board)
    assert tags(made) == ["c", "a", "b"]
    assert [row.note for row in made.weighed] == [None, "full", "resting"]
    assert shares(made)["c"] == pytest.approx(0.98 + 0.02 / 3)


def test_what_an_answer_will_cost_is_reckoned_from_how_long_answers_are() -> None:
    board = Board(a=Outlook(output_tokens=200, wait_s=1, token_s=0.05))
    priced = endpoint("a", price=Price(base=Rates(prompt=3_000_000_000, completion=10_000_000_000, request=5000)))
    row = rows(planned(asking(), priced, board=board))["a"]
    assert (row.cost_nano, row.wait_ms, row.total_ms) == (1000 * 3000 + 200 * 10_000 + 5000, 1000, 11_000)
    capped = rows(planned(asking(max_tokens=10), priced, board=board))["a"]
    assert (capped.cost_nano, capped.total_ms) == (1000 * 3000 + 10 * 10_000 + 5000, 1500)
    embedded = rows(planned(asking(task="embed"), priced, board=board))["a"]
    assert (embedded.cost_nano, embedded.total_ms) == (1000 * 3000 + 5000, 1000)


def test_what_a_provider_usually_has_cached_makes_it_cheaper() -> None:
    caching = endpoint("a", price=Price(base=Rates(prompt=4_000_000_000, cache_read=1_000_000_000)))
    cold = endpoint("b", price=Price(base=Rates(prompt=4_000_000_000)))
    board = Board(a=Outlook(cached=0.5), b=Outlook(cached=0.5))
    found = rows(planned(asking(), caching, cold, board=board))
    assert (found["a"].cost_nano, found["b"].cost_nano) == (500 * 4000 + 500 * 1000, 1000 * 4000)
    warm = rows(planned(asking(warm=Warm("m@a", 900)), caching, cold, board=board))
    assert warm["a"].cost_nano == 100 * 4000 + 900 * 1000


def test_prices_of_the_hour_are_weighed() -> None:
    peak = Override(rates={"prompt": 9_000_000_000}, utc_start=0, utc_end=1440)
    timed = endpoint("a", price=Price(base=Rates(prompt=1_000_000_000, cache_read=1), overrides=(peak,)))

    def rates_of(e: Endpoint) -> Rates:
        return Rates(prompt=9_000_000_000, cache_read=1_000_000_000) if e.price.overrides else base_rates(e)

    made = plan(asking(), catalogue(timed, B), Board(a=Outlook(cached=0.5)), NOW_NS, 1, rates_of)
    assert rows(made)["a"].cost_nano == 500 * 9000 + 500 * 1000


def test_free_endpoints_win_by_a_bounded_lead() -> None:
    free = endpoint("f", usd=0)
    found = shares(planned(asking(), free, A, B))
    assert found["f"] > 0.9
    assert found["a"] >= 0.02 / 3
    slow = Board(f=Outlook(wait_s=600, token_s=1))
    assert shares(planned(asking(), free, A, B, board=slow))["f"] < 0.1
    free_alone = shares(planned(asking(), free, endpoint("g", usd=0), board=slow))
    assert free_alone["g"] > free_alone["f"] > 0


def test_weights_of_the_house_are_followed() -> None:
    board = Board(a=Outlook(wait_s=30), b=Outlook(wait_s=0.1))
    cheap = msgspec.structs.replace(MARKET, weights=Weights(time=0))
    fast = msgspec.structs.replace(MARKET, weights=Weights(time=100))
    assert shares(planned(asking(policy=cheap), A, B, board=board))["a"] > 0.9
    assert shares(planned(asking(policy=fast), A, B, board=board))["b"] > 0.9


def test_a_change_of_the_outlook_is_seen_at_once() -> None:
    board, known = Board(), catalogue(A, B)
    assert shares(plan(asking(), known, board, NOW_NS, 1))["a"] > 0.9
    board.expected["m@a"] = Outlook(errors=1)
    assert shares(plan(asking(), known, board, NOW_NS, 1))["b"] > 0.9


def test_the_example_of_the_reference() -> None:
    """The table in docs/reference/routing.md."""

    def priced(name: str, prompt: float, completion: float, cache_read: float | None = None) -> Endpoint:
        cached = None if cache_read is None else int(cache_read * 1e9)
        rates = Rates(prompt=int(prompt * 1e9), completion=int(completion * 1e9), cache_read=cached)
        return endpoint(name, price=Price(base=rates))

    board = Board(
        a=Outlook(wait_s=0.8, token_s=0.016),
        b=Outlook(wait_s=0.5, token_s=0.008),
        c=Outlook(wait_s=1.2, token_s=0.02, errors=0.04),
        d=Outlook(wait_s=0.6, token_s=0.014, cached=0.6),
    )
    four = priced("a", 0.5, 2), priced("b", 0.6, 2.4), priced("c", 0.45, 1.8), priced("d", 0.55, 2.2, 0.14)
    found = rows(planned(asking(prompt_tokens=8000, policy=Policy()), *four, board=board))
    table = {name: (row.cost_nano, row.total_ms, row.penalty, row.share) for name, row in found.items()}
    assert table == {
        "a": pytest.approx((5_000_000, 8800, 1.30, 0.004), abs=1e-3),
        "b": pytest.approx((6_000_000, 4500, 1.30, 0.006), abs=1e-3),
        "c": pytest.approx((4_500_000, 11_200, 2.20, 0.003), abs=1e-3),
        "d": pytest.approx((3_532_000, 7600, 1.30, 0.988), abs=1e-3),
    }


# -- health, speed and warmth --------------------------------------------------------------------------------------


def test_what_may_have_recovered_is_probed_as_often_as_it_would_be_asked_if_it_were_well() -> None:
    board = Board()
    board.observe(down("a"))
    board.observe(down("a"))
    later = NOW_NS + 2 * SECOND_NS
    made = planned(asking(), A, B, C, board=board, at_ns=later)
    assert tags(made)[0] == "a"
    assert rows(made)["a"].note == "probed"
    others = [planned(asking(), A, B, C, board=board, at_ns=later, seed=seed) for seed in range(20)]
    assert {tags(one)[-1] for one in others} == {"a"}
    assert {rows(one)["a"].note for one in others} == {"half_open"}
    board.observe(success("a", later + 1))
    assert firsts(asking(), A, B, C, board=board, times=100)["a"] > 80


def test_the_slow_come_after_the_others() -> None:
    board = Board()
    board.observe(success("a", tokens=1, took_ms=5000))
    made = planned(asking({"preferred_min_throughput": 50}), A, B, C, board=board)
    assert tags(made)[-1] == "a"
    assert rows(made)["a"].note == "slow"
    assert shares(made)["a"] == pytest.approx(0.02 / 3)


@pytest.mark.parametrize("ranker", ["market", "inverse-square", "exacto", "throughput", "latency"])
def test_a_conversation_stays_where_it_is_cached(ranker: str) -> None:
    asked = asking(warm=Warm("m@c", 500), policy=Policy(ranker=ranker))
    made = [planned(asked, A, B, C, seed=seed) for seed in range(50)]
    assert {tags(one)[0] for one in made} == {"c"}
    assert {rows(one)["c"].note for one in made} == {"warm"}


@pytest.mark.parametrize("outlook", [Outlook(is_full=True), Outlook(quality="poor")])
def test_but_not_where_it_is_full_or_of_poor_quality(outlook: Outlook) -> None:
    made = planned(asking(warm=Warm("m@c", 500), needs=TOOLS), A, B, C, board=Board(c=outlook), seed=2)
    assert tags(made)[0] != "c"


def test_sorted_by_price_a_conversation_stays_as_long_as_that_is_cheaper() -> None:
    caching = endpoint("c", price=Price(base=Rates(prompt=3_000_000_000, cache_read=300_000_000)))
    plain = endpoint("a", price=Price(base=Rates(prompt=1_000_000_000)))
    for tokens, order in ((0, ["a", "c"]), (500, ["a", "c"]), (900, ["c", "a"])):
        assert tags(planned(asking({"sort": "price"}, warm=Warm("m@c", tokens)), caching, plain)) == order


# -- rankers by name -----------------------------------------------------------------------------------------------


def test_every_sort_has_a_ranker() -> None:
    assert set(RANKERS) == SORTS | {"order"}


def test_what_the_caller_orders_or_sorts_by_comes_before_the_houses_ranker() -> None:
    assert planned(asking(), A).strategy == "market"
    assert planned(asking({"sort": "price"}), A).strategy == "price"
    assert planned(asking({"sort": "market"}, policy=Policy(ranker="price")), A).strategy == "market"
    assert planned(asking({"sort": "price", "order": ["b"]}), A).strategy == "order"


def test_exacto_puts_quality_before_what_the_market_thinks() -> None:
    board = Board(a=Outlook(quality="poor"), b=Outlook(errors=0.2), c=Outlook(quality="good"))
    dearer = endpoint("d", usd=2.2)
    assert tags(planned(asking({"sort": "exacto"}), A, B, C, dearer, board=board)) == ["c", "d", "b", "a"]


@pytest.mark.parametrize("ranker", sorted(SORTS))
def test_the_endpoints_of_all_models_can_be_ranked_together(ranker: str) -> None:
    other = endpoint("z", model="n", usd=0.0001)
    asked = asking({"sort": {"by": ranker, "partition": "none"}}, models=("m", "n"))
    assert tags(planned(asked, A, B, other))[0] == "z"
    assert tags(planned(asking({"sort": ranker}, models=("m", "n")), A, B, other))[-1] == "z"


def test_the_shares_of_each_model_add_up_to_one() -> None:
    other = endpoint("z", model="n"), endpoint("y", model="n", usd=1.1)
    made = planned(asking(models=("m", "n")), A, B, *other)
    found = shares(made)
    assert found["a"] + found["b"] == pytest.approx(1)
    assert found["y"] + found["z"] == pytest.approx(1)
    assert [row.endpoint_id for row in made.weighed] == [e.id for e in made.endpoints]
    assert made.weighed_first(3) == made.weighed[:3]
    alone = planned(asking(), A, B, C)
    assert alone.weighed_first(2) == alone.weighed[:2]
    assert alone.weighed_first(9) == alone.weighed


def test_a_strict_sort_gives_everything_to_the_first_and_its_equals() -> None:
    assert shares(planned(asking({"sort": "price"}), A, B, endpoint("d", usd=1))) == {"a": 0.5, "b": 0, "d": 0.5}
    assert shares(planned(asking({"order": ["b"]}), A, B)) == {"a": 0, "b": 1}


@pytest.mark.parametrize("ranker", sorted(RANKERS.keys() - {"order"}))
def test_any_ranker_can_be_asked_what_it_weighs_without_claiming_a_probe(ranker: str) -> None:
    board = Board()
    board.observe(down("a"))
    board.observe(down("a"))
    later = NOW_NS + 2 * SECOND_NS
    asked = asking({"sort": ranker})
    scene = Scene(wish=asked, health=board, now_ns=later, seed=1, rates_of=base_rates)
    weighed = weigh(scene, Pool([[A, B, C]], ([A, B, C],)))
    assert {row.tag for row in weighed} == {"a", "b", "c"}
    assert weighed[-1].note == "half_open"
    assert weigh(scene, Pool([[]], ())) == []
    assert board.claim_probe("m@a", later)
