"""Whole runs: every request ends once, money adds up, and rankers do what their names say."""

import msgspec
import pytest
from tests.unit.simulate.worlds import provider, simulate, world

from wideband.routing.health import Health
from wideband.routing.stickiness import LEAST_TOKENS
from wideband.simulate.providers import Staff
from wideband.simulate.rates import Rates
from wideband.simulate.rows import Cache, Capacity, Outage
from wideband.simulate.run import RANKED, Run, Setup
from wideband.simulate.score import Result
from wideband.simulate.traffic import SECOND_NS

HOLDING = Cache(lifetime_s=600, hit=1.0)


class Listening(Health):
    """A board that remembers how many first tokens it had heard of when it heard of each, and when that was last."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[int] = []
        self.last_ns = 0

    def answering(self, endpoint_id: str, ttft_ns: int, at_ns: int) -> None:
        super().answering(endpoint_id, ttft_ns, at_ns)
        self.waits.append(self.total(endpoint_id, 120, at_ns).waits)
        self.last_ns = at_ns


def comparable(result: Result) -> Result:
    return msgspec.structs.replace(result, wall_s=0.0)


@pytest.mark.parametrize("ranker", RANKED)
def test_the_same_seed_gives_the_same_result(ranker: str) -> None:
    market = world(provider("a", faults={"500": 0.1}), provider("b", 0.3, faults={"hang": 0.01}), hours=0.03)
    one, same, other = (simulate(market, ranker, seed=seed) for seed in (5, 5, 6))
    assert comparable(one) == comparable(same)
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize("ranker", RANKED)
def test_every_request_ends_exactly_once(ranker: str) -> None:
    market = world(
        provider("a", 0.1, faults={"500": 0.2, "cut_late": 0.05, "429": 0.1}),
        provider("b", 0.2, capacity=Capacity(concurrent=5)),
        provider("c", 0.3, capacity=Capacity(concurrent=5, over="queue")),
        hours=0.05,
    )
    result = simulate(market, ranker)
    assert result.requests == result.answered + sum(result.client_faults.values())
    assert result.tries == result.requests + result.failovers
    assert result.tries == result.answered + sum(result.try_faults.values())
    assert sum(result.shares.values()) == pytest.approx(1)


def test_each_ranker_gets_the_same_requests() -> None:
    market = world(provider("a"), provider("b", 0.3, ttft_s=0.1), hours=0.05, agent_share=0.0)
    assert len({simulate(market, ranker).requests for ranker in RANKED}) == 1


def test_before_anything_counts_the_same_happens_under_every_ranker() -> None:
    rows = provider("a", faults={"500": 0.1}), provider("b", 0.3, cache=HOLDING), provider("c", 0.1, ttft_s=0.2)
    market = world(*rows, hours=1e-9, warm_up_s=60.0)
    endpoints = [Staff(row, 0, 1.0, 1).endpoint for row in rows]

    def board(ranker: str) -> object:
        run = Run(Setup(world=market, ranker=ranker))
        assert run.go().tries == 0
        return run.health.outlooks(endpoints, run.now_ns)

    first, *others = [board(ranker) for ranker in RANKED]
    assert all(other == first for other in others)


def test_what_comes_before_is_drawn_apart_from_what_counts() -> None:
    setup = Setup(world=world(provider("a"), provider("b")), ranker="price")
    lucks = [{turn.luck for talk in talks for turn in talk.turns} for talks in (setup.warm_up(), setup.traffic())]
    assert lucks[0]
    assert not lucks[0] & lucks[1]


def test_what_is_written_into_a_cache_is_charged_as_such_and_only_there() -> None:
    rates = {"cache_read": 20_000_000, "cache_write": 900_000_000}
    rows = provider("a"), provider("a", rates=rates), provider("a", rates=rates, cache=Cache(min_tokens=1))
    bare, none, written = (simulate(world(row, agent_share=0.0)).charged_nano for row in rows)
    assert none == bare
    assert written > 1.5 * bare


def test_a_long_prompt_has_the_time_that_reading_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    overdue: list[str] = []
    monkeypatch.setattr(Health, "overdue", lambda _health, id_, _now_ns: overdue.append(id_))
    short = [(at * SECOND_NS, 100, 10) for at in range(60)]
    for speed, count in ((5000.0, 0), (3000.0, 1)):
        market = world(provider("a", prefill_tokens_per_s=speed, ttft_spread=0.0), warm_up_s=1e-9)
        simulate(market, trace=(*short, (61 * SECOND_NS, 100_000, 10)))
        assert len(overdue) == count


def test_what_is_charged_is_the_sum_of_what_answers_cost() -> None:
    market = world(provider("a", usd=1.0), hours=0.05, agent_share=0.0)
    run = Run(Setup(world=market, ranker="price"))
    result = run.go()
    turns = [turn for talk in run.setup.traffic() for turn in talk.turns]
    prompts, outputs = sum(turn.prompt_tokens for turn in turns), sum(turn.output_tokens for turn in turns)
    assert result.requests == len(turns)
    assert result.charged_nano == pytest.approx(prompts * 1000 + outputs * 4000, abs=len(turns))
    assert result.cost_per_1000_usd == pytest.approx(result.charged_nano / 1e9 / result.answered * 1000)
    assert result.of_list == pytest.approx(1, rel=1e-4)


def test_a_cut_answer_is_charged_as_far_as_it_came_and_counts_as_failed() -> None:
    market = world(provider("a", faults={"cut_late": 1.0}), hours=0.02, agent_share=0.0)
    result = simulate(market)
    assert result.answered == 0
    assert result.client_faults == {"provider_cut": result.requests}
    assert result.failovers == 0
    assert result.charged_nano > 0


def test_what_fails_before_the_first_token_goes_on_elsewhere_and_costs_nothing_but_time() -> None:
    sound = provider("b", 0.3)
    both = simulate(world(provider("a", 0.1, faults={"500": 1.0}), sound, hours=0.05))
    alone = simulate(world(sound, hours=0.05))
    assert both.answered == both.requests
    assert both.failovers > 0
    assert both.cost_per_1000_usd == pytest.approx(alone.cost_per_1000_usd, rel=0.01)
    assert (both.ttft_ms.p50 or 0) > (alone.ttft_ms.p50 or 0)


def test_where_nobody_answers_the_client_is_told() -> None:
    result = simulate(world(provider("a", faults={"503": 1.0}), provider("b", faults={"500": 1.0}), hours=0.02))
    assert result.answered == 0
    assert result.requests == sum(result.client_faults.values()) > 0
    assert result.cost_per_1000_usd == 0


def test_the_board_hears_of_every_first_token_once_and_when_it_comes() -> None:
    market = world(provider("slow", ttft_s=2.0, tokens_per_s=5.0), hours=0.02, agent_share=0.0)
    run = Run(Setup(world=market, ranker="market"))
    run.health = board = Listening()
    result = run.go()
    (staff,) = run._staff.values()
    total = run.health.total(staff.endpoint.id, 120, run.now_ns)
    assert board.waits == list(range(1, len(board.waits) + 1))
    assert total.waits == total.answers == len(board.waits) >= result.answered
    assert board.last_ns < run.now_ns


def test_price_takes_the_cheapest_of_the_hour() -> None:
    result = simulate(world(provider("a", 0.1), provider("b", 0.2), hours=0.05))
    assert result.shares == {"a": 1.0, "b": 0.0}
    assert (result.busiest, result.busiest_share, result.peak_minute_share) == ("a", 1.0, 1.0)


def test_a_conversation_stays_where_it_is_cached_and_does_not_when_told_not_to() -> None:
    rates = {"cache_read": 20_000_000}
    rows = [provider(name, 0.2, cache=HOLDING, rates=rates) for name in "abc"]
    market = world(*rows, hours=0.1, agent_share=1.0)
    sticky, loose = simulate(market), simulate(market, sticky=False)
    assert sticky.cache_hits is not None
    assert loose.cache_hits is not None
    assert sticky.cache_hits > 0.95 > loose.cache_hits
    assert sticky.cost_per_1000_usd < loose.cost_per_1000_usd
    assert market.demand.agent_prompt_tokens >= LEAST_TOKENS


@pytest.mark.parametrize("ranker", ["market", "price"])
@pytest.mark.parametrize("fault", ["500", "503", "429", "reset", "garbage"])
def test_a_broken_provider_is_left_within_two_seconds_and_used_again_within_a_minute(ranker: str, fault: str) -> None:
    broken = provider("a", 0.1, outages=(Outage(at_s=90, for_s=60, fault=fault),))
    (absence,) = simulate(world(broken, provider("b", 0.2), hours=0.07, agent_share=0.0), ranker).absences
    assert (absence.provider, absence.fault, absence.at_s) == ("a", fault, 90)
    assert absence.left_s is not None
    assert absence.left_s < 2
    assert absence.back_s is not None
    assert absence.back_s < 60


def test_inverse_square_gives_openrouter_s_example_of_nine_to_one() -> None:
    """A for $1, B for $2 and out of order, C for $3: A is asked nine times as often as C, and B by nobody."""
    rows = [provider("a", 1.0), provider("b", 2.0, outages=(Outage(at_s=0, for_s=9999),)), provider("c", 3.0)]
    shares = simulate(world(*rows, hours=0.3, agent_share=0.0), "inverse-square").shares
    assert shares["a"] / shares["c"] == pytest.approx(9, rel=0.1)
    assert shares["b"] == 0


def test_who_bears_little_refuses_and_the_rest_goes_elsewhere() -> None:
    market = world(provider("a", 0.1, capacity=Capacity(concurrent=5)), provider("b", 0.3), hours=0.05)
    result = simulate(market)
    assert result.answered == result.requests
    assert result.rate_limited > 0
    assert 0 < result.shares["a"] < 0.5


def test_rates_and_traces_stand_in_for_the_built_in_traffic() -> None:
    market = world(provider("a"), hours=0.05, agent_share=0.0)
    flood = simulate(market, cycle=Rates((0.0,), (100.0,), 86_400.0))
    assert flood.requests == pytest.approx(100 * 180, rel=0.05)
    trace = tuple((at * 10_000_000, 100, 10) for at in range(500))
    assert simulate(market, trace=trace).requests == 500


def test_a_run_stops_when_told_and_says_so() -> None:
    told: list[float] = []

    def watch(share: float) -> bool:
        told.append(share)
        return len(told) < 3

    result = Run(Setup(world=world(provider("a"), hours=1.0), ranker="price")).go(watch)
    assert result.interrupted
    assert told == sorted(told)
    assert 0 < result.answered <= result.requests
    assert result.simulated_s < 3600
