"""Who asks when: drawn from the seed, at the rates asked for."""

from itertools import pairwise
from random import Random

import pytest

from wideband.simulate.rates import Rates, daily
from wideband.simulate.rows import Demand
from wideband.simulate.traffic import DAY_NS, SECOND_NS, Conversation, conversations, recorded

FLAT = daily(20, 0.0)
HOUR_NS = 3600 * SECOND_NS
CHATS = Demand(agent_share=0.0)


def draw(
    demand: Demand, rates: Rates = FLAT, start_ns: int = DAY_NS, hours: float = 0.5, seed: int = 1
) -> list[Conversation]:
    return list(conversations(demand, rates, start_ns, hours, Random(seed)))


def test_the_same_seed_draws_the_same() -> None:
    one, same, other = (draw(Demand(), hours=0.1, seed=seed) for seed in (1, 1, 2))
    assert [(each.begins_ns, each.turns) for each in one] == [(each.begins_ns, each.turns) for each in same]
    assert [each.begins_ns for each in one] != [each.begins_ns for each in other]


def test_as_many_requests_come_as_the_rate_says() -> None:
    assert len(draw(CHATS)) == pytest.approx(20 * 1800, rel=0.02)
    assert sum(len(each.turns) for each in draw(Demand())) == pytest.approx(20 * 1800, rel=0.05)


def test_agents_make_their_share_of_the_requests_in_conversations_that_grow() -> None:
    found = draw(Demand(agent_share=0.75))
    agents = [each for each in found if len(each.turns) > 1]
    assert sum(len(each.turns) for each in agents) / sum(len(each.turns) for each in found) == pytest.approx(
        0.75, abs=0.02
    )
    lengths = sorted(len(each.turns) for each in agents)
    assert lengths[len(lengths) // 2] == pytest.approx(18, abs=1)
    for each in agents:
        assert all(turn.calls_tools and turn.pause_ns > 0 for turn in each.turns)
        assert all(
            late.prompt_tokens >= early.prompt_tokens + early.output_tokens for early, late in pairwise(each.turns)
        )


def test_arrivals_follow_the_steps_of_the_rate_and_begin_anew_after_its_length() -> None:
    rates = Rates((0.0, 600.0), (30.0, 0.0), 1200.0)
    times = [(each.begins_ns - DAY_NS) / SECOND_NS for each in draw(CHATS, rates, hours=1.0)]
    assert times == sorted(times)
    assert all(at % 1200 < 600 for at in times)
    assert len(times) == pytest.approx(30 * 600 * 3, rel=0.03)


def test_a_day_of_steps_that_floats_cannot_write_comes_to_its_end() -> None:
    """Just before a step of 60.1 s the instant used to be rounded back into the step before, for ever."""
    rates = Rates((0.0, 60.1), (0.0, 1e-9), 120.2)
    assert draw(CHATS, rates, DAY_NS + 40_898_225_557_671, hours=3.3) == []


def test_a_run_begins_at_its_hour_of_the_cycle() -> None:
    rates = Rates((0.0, 3600.0), (5.0, 25.0), 7200.0)
    late = draw(CHATS, rates, start_ns=DAY_NS + HOUR_NS, hours=1.0)
    assert len(late) == pytest.approx(25 * 3600, rel=0.02)
    assert min(each.begins_ns for each in late) >= DAY_NS + HOUR_NS


def test_a_trace_is_taken_as_it_is() -> None:
    found = list(recorded([(0, 100, 10), (SECOND_NS, 5000, 0)], DAY_NS, Random(1)))
    assert [each.begins_ns for each in found] == [DAY_NS, DAY_NS + SECOND_NS]
    assert [(each.turns[0].prompt_tokens, each.turns[0].output_tokens) for each in found] == [(100, 10), (5000, 1)]
