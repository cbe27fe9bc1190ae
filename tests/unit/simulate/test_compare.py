"""Rankers beside each other: means, verdicts, the sweep for weights, and their tables."""

import signal
from typing import Any

import msgspec
import pytest
from tests.unit.simulate.worlds import provider, simulate, world

from wideband.routing.policy import Weights
from wideband.simulate import showing
from wideband.simulate.compare import Mean, means, verdict
from wideband.simulate.pool import run_all
from wideband.simulate.rows import Outage
from wideband.simulate.run import Setup
from wideband.simulate.score import Absence, Result
from wideband.simulate.sweep import matches, name_of, settings, sweep_setups

GRID = {"time": (0.1, 0.5), "edge": (8.0,)}
SMALL = world(provider("a"), provider("b", 0.3, ttft_s=0.1), hours=0.01)


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(SMALL)


def row(result: Result, **over: Any) -> Mean:
    return msgspec.structs.replace(means([result])[0], **over)


def test_seeds_are_averaged_and_their_failures_added_up(result: Result) -> None:
    other = msgspec.structs.replace(
        result, seed=2, requests=100, answered=90, client_faults={"provider_cut": 10}, cost_per_1000_usd=9.0
    )
    (mean,) = means([result, other])
    assert (mean.runs, mean.requests, mean.failed) == (2, result.requests + 100, 10)
    assert mean.success == (result.answered + 90) / (result.requests + 100)
    assert mean.cost_per_1000_usd == pytest.approx((result.cost_per_1000_usd + 9.0) / 2)


def test_only_outages_that_met_traffic_say_how_fast_it_left_and_came_back(result: Result) -> None:
    def absence(left_s: float | None, back_s: float | None) -> Absence:
        return Absence(provider="a", fault="500", at_s=1.0, left_s=left_s, back_s=back_s)

    absences = (absence(0.5, 3.0), absence(1.5, None), absence(None, 90.0))
    mean = means([msgspec.structs.replace(result, absences=absences)])[0]
    assert (mean.left_s, mean.back_s, mean.not_back) == (1.5, 3.0, 1)


@pytest.mark.parametrize(
    ("cost", "success", "p99", "expected"),
    [
        (0.9, 1.0, 100.0, "cheaper"),
        (0.9, 0.9, 100.0, "cheaper, but worse"),
        (0.9, 1.0, 101.0, "cheaper, but worse"),
        (1.0, 1.0, 100.0, "equal"),
        (1.1, 1.0, 90.0, "dearer, but better"),
        (1.1, 1.0, 100.0, "dearer"),
        (1.1, 0.9, 100.0, "dearer"),
    ],
)
def test_cheaper_counts_only_at_no_worse_success_and_p99(
    result: Result, cost: float, success: float, p99: float, expected: str
) -> None:
    other = row(result, cost_per_1000_usd=1.0, success=1.0, ttft_p99_ms=100.0)
    assert verdict(row(result, cost_per_1000_usd=cost, success=success, ttft_p99_ms=p99), other) == expected


def test_a_sweep_tries_every_setting_and_the_base_first() -> None:
    base = Weights(time=0.3, edge=8)
    found = settings(base, GRID)
    assert found[0] == base
    assert [(each.time, each.edge) for each in found[1:]] == [(0.1, 8.0), (0.5, 8.0)]
    named = sweep_setups([Setup(world=SMALL, ranker="price", weights=base)], ["price", "latency"], GRID)
    assert [name for name, _ in named][:3] == ["price", "latency", "market time=0.3 edge=8"]
    assert all(setup.ranker == name.partition(" ")[0] for name, setup in named)


def test_a_sweep_finds_the_cheapest_setting_that_is_nowhere_worse(result: Result) -> None:
    def ran(name: str, cost: float, p99: float) -> tuple[str, Result]:
        spread = msgspec.structs.replace(result.ttft_ms, p99=p99)
        return name, msgspec.structs.replace(result, cost_per_1000_usd=cost, ttft_ms=spread)

    base = Weights(time=0.3, edge=8)
    slow, fast = (msgspec.structs.replace(base, time=time, edge=8.0) for time in (0.1, 0.5))
    named = [
        ran("price", 1.0, 200.0),
        ran("latency", 3.0, 90.0),
        ran(name_of(base, GRID), 1.5, 150.0),
        ran(name_of(slow, GRID), 0.9, 180.0),
        ran(name_of(fast, GRID), 2.5, 90.0),
    ]
    price, latency = matches(named, base, ["price", "latency"], GRID)
    assert (price.weights, latency.weights) == (slow, fast)
    rows = showing.sweep_rows([price, latency], GRID)
    assert [line[3:] for line in rows] == [
        ("+50.0%", "dearer, but better", "time=0.1 edge=8", "-10.0%"),
        ("-50.0%", "cheaper, but worse", "time=0.5 edge=8", "-16.7%"),
    ]


def test_where_no_setting_will_do_the_sweep_says_none(result: Result) -> None:
    base = Weights()
    worse = msgspec.structs.replace(result.ttft_ms, p99=1e6)
    named = [("price", result), (name_of(base, GRID), msgspec.structs.replace(result, ttft_ms=worse))]
    (only,) = matches(named, base, ["price"], GRID)
    assert only.weights is None
    assert showing.sweep_rows([only], GRID)[0][5:] == ("none", "")


def test_runs_in_processes_give_what_they_give_alone() -> None:
    setups = [Setup(world=SMALL, ranker="price", seed=seed) for seed in (1, 2)]
    shares: list[float] = []
    alone, together = run_all(setups, 1, shares.append), run_all(setups, 2, shares.append)
    strip = [msgspec.structs.replace(each, wall_s=0.0) for each in alone]
    assert [msgspec.structs.replace(each, wall_s=0.0) for each in together] == strip
    assert [each.seed for each in alone] == [1, 2]
    assert shares[-1] == pytest.approx(1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_the_runs_with_what_they_have(jobs: int) -> None:
    long = world(provider("a"), hours=9.0)
    setups = [Setup(world=long, ranker="price", seed=seed) for seed in range(4)]

    def interrupt(share: float) -> None:
        if share > 0:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    results = run_all(setups, jobs, interrupt)
    assert 1 <= len(results) <= jobs
    for each in results:
        assert each.interrupted
        assert each.requests == each.answered > 0
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_comparison_has_a_column_for_each_ranker_and_leaves_out_what_nobody_measured(result: Result) -> None:
    heads, lines = showing.comparison([row(result), row(result, ranker="other", cost_per_1000_usd=2.0)])
    assert heads == ("", "price", "other")
    figures = {line[0]: line[1:] for line in lines}
    assert figures["USD per 1000 requests"] == (f"{result.cost_per_1000_usd:.4f}", "2.0000")
    assert "left after at most, s" not in figures
    away = world(provider("a", outages=(Outage(at_s=90, for_s=30),)), provider("b", 0.3), hours=0.05)
    assert "left after at most, s" in {line[0] for line in showing.comparison(means([simulate(away)]))[1]}


def test_a_page_gets_a_table_of_its_own(result: Result) -> None:
    text = showing.markdown("a title", ("", "price"), [("failed", "0")], "A note.")
    assert text == "**a title.** A note.\n\n|  | price |\n| --- | ---: |\n| failed | 0 |\n"
