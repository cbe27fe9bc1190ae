"""Counting results, and when a replay has passed."""

from array import array
from typing import Any

import pytest

from wideband.replay.tally import Quantiles, Result, Summary, Tally, quantiles, sum_up
from wideband.replay.truth import Counters, Truth, of_counters, parse_counters

FACTS: dict[str, Any] = {
    "model": "sandbox/storm",
    "speedup": 60.0,
    "requests": 2,
    "wall_s": 1.5,
    "requests_per_second": 1.33,
    "interrupted": False,
}
SOUND = Truth(records=2, tries=3, failovers=1, balanced=True, cost_usd="0.5", try_faults={"provider_cut": 1})


def summed(*faults: str | None, truth: Truth = SOUND, **facts: Any) -> Summary:
    tally = Tally()
    for fault in faults:
        tally.sent += 1
        tally.take(Result(late_ms=1.0, fault=fault, prompt_tokens=10, completion_tokens=5, ttft_ms=20.0))
    return sum_up(tally, truth, FACTS | facts)


def test_everything_whole_and_balanced_passes() -> None:
    summary = summed(None, None)
    assert summary.passed
    assert (summary.ok, summary.failed_for_client, summary.tries, summary.failovers) == (2, 0, 3, 1)
    assert (summary.tokens.prompt, summary.tokens.completion, summary.cost_usd) == (20, 10, "0.5")
    assert summary.ttft_ms == Quantiles(20.0, 20.0)
    assert summary.tokens_per_second == Quantiles(None, None)


@pytest.mark.parametrize(
    "summary",
    [
        summed(None, "provider_cut"),
        summed(None),
        summed(None, None, interrupted=True),
        summed(None, None, truth=Truth(records=2, balanced=False)),
        summed(None, None, truth=Truth(records=1, balanced=True)),
    ],
    ids=["failure", "not all sent", "interrupted", "unbalanced", "record lost"],
)
def test_anything_less_does_not(summary: Summary) -> None:
    assert not summary.passed


def test_what_cannot_be_known_is_not_held_against_it() -> None:
    assert summed(None, None, truth=Truth()).passed


def test_failures_are_counted_by_kind() -> None:
    assert summed("provider_cut", "unfinished", "unfinished").client_faults == {"unfinished": 2, "provider_cut": 1}


def test_quantiles_are_values_that_were_seen() -> None:
    assert quantiles(array("d", range(1, 102))) == Quantiles(51.0, 100.0)


METRICS = """# TYPE wideband_requests_total counter
wideband_requests_total{dialect="openai_chat",status="200"} 5
wideband_requests_total{dialect="openai_chat",status="502"} 1
wideband_tries_total 9
wideband_failovers_total 3
wideband_cost_nano_dollars_total 1500000000
wideband_request_seconds_bucket{le="0.005"} 1
"""


def test_counters_are_read_from_prometheus_text() -> None:
    found = parse_counters(METRICS)
    assert found == Counters(requests=6, tries=9, failovers=3, cost_nano=1_500_000_000)
    truth = of_counters(Counters(requests=1, tries=1, failovers=1, cost_nano=0), found)
    assert (truth.records, truth.tries, truth.failovers, truth.cost_usd) == (5, 8, 2, "1.5")
    assert truth.balanced is None


def test_a_server_without_counters_leaves_them_unknown() -> None:
    assert parse_counters("nginx_up 1\n") is None
    assert parse_counters("# TYPE wideband_tries_total counter\n") == Counters(0, 0, 0, 0)
    assert of_counters(None, None).tries is None


def test_with_outages_one_request_in_two_thousand_may_fail() -> None:
    assert not summed("provider_cut", None).passed
    assert not summed("provider_cut", None, outages=[]).passed
    books = Truth(records=2000, balanced=True)
    assert summed("provider_cut", *[None] * 1999, truth=books, requests=2000, outages=[]).passed
    assert not summed(*["provider_cut"] * 2, *[None] * 1998, truth=books, requests=2000, outages=[]).passed
