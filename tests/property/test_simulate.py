"""Whatever the market: every request ends exactly once, and the same seed tells the same story."""

import msgspec
from hypothesis import given, settings, strategies as st
from tests.unit.simulate.worlds import provider, world

from wideband.simulate.rows import FAULTS, Breaks, Cache, Capacity, Modelled, Outage, World
from wideband.simulate.run import RANKED, Run, Setup

shares = st.floats(0, 1)
capacities = st.none() | st.builds(
    Capacity,
    concurrent=st.integers(1, 20),
    over=st.sampled_from(["refuse", "queue"]),
    retry_after_s=st.none() | st.floats(0, 30),
)
outages = st.builds(
    Outage,
    at_s=st.floats(0, 60),
    for_s=st.floats(0.1, 60),
    fault=st.sampled_from(sorted(FAULTS)),
    share=shares,
    slower=st.floats(1, 10),
)


@st.composite
def providers(draw: st.DrawFn) -> list[Modelled]:
    return [
        provider(
            name,
            draw(st.floats(0, 3)),
            faults=draw(st.dictionaries(st.sampled_from(sorted(FAULTS)), st.floats(0, 0.14))),
            bad_tool_calls=draw(shares),
            capacity=draw(capacities),
            cache=draw(st.none() | st.builds(Cache, lifetime_s=st.floats(0, 600), hit=shares)),
            outages=tuple(draw(st.lists(outages, max_size=3))),
            breaks=draw(st.none() | st.just(Breaks(every_s=30, for_s=10))),
        )
        for name in "abcd"[: draw(st.integers(1, 4))]
    ]


worlds = st.builds(
    lambda rows, agents: world(*rows, hours=0.01, warm_up_s=2, requests_per_s=10, agent_share=agents),
    providers(),
    shares,
)


@settings(max_examples=30, deadline=None)
@given(worlds, st.sampled_from(RANKED), st.integers(0, 99), st.booleans())
def test_every_request_ends_once_and_the_seed_decides_all(market: World, ranker: str, seed: int, sticky: bool) -> None:
    setup = Setup(world=market, ranker=ranker, seed=seed, sticky=sticky)
    result = Run(setup).go()
    assert result.requests == result.answered + sum(result.client_faults.values())
    assert result.requests == sum(len(talk.turns) for talk in setup.traffic())
    assert result.tries == result.requests + result.failovers
    assert result.tries == result.answered + sum(result.try_faults.values())
    assert result.cache_hits is None or 0 <= result.cache_hits <= 1
    assert result.charged_nano >= 0
    again = Run(setup).go()
    assert msgspec.structs.replace(again, wall_s=result.wall_s) == result
