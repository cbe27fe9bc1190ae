"""How things go, against sums in plain Python over the same records."""

import statistics
from pathlib import Path

import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records

from wideband.analytics.now import Flow, now
from wideband.analytics.periods import DAY_S, period_of
from wideband.metering.record import Generation

NAMES = ("1h", "24h", "7d", "30d")


def within(given: list[Generation], start_s: int, end_s: int) -> list[Generation]:
    return [record for record in given if start_s <= record.created_ns / 1e9 < end_s]


def is_ok(record: Generation) -> bool:
    return record.fault is None and record.status < 400 and not record.cancelled


@pytest.mark.parametrize("name", NAMES)
async def test_every_bar_has_the_sums_of_its_records(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    flow = await now(filled.reader, period)
    ends = (*period.starts[1:], period.end_s)
    for bar, start_s, end_s in zip(flow.bars, period.starts, ends, strict=True):
        own = within(list(filled.records), start_s, end_s)
        assert bar.requests == len(own)
        assert bar.ok == sum(map(is_ok, own))
        assert bar.cancelled == sum(record.cancelled or record.status == 499 for record in own)
        assert bar.failed == bar.requests - bar.ok - bar.cancelled
        assert bar.saved == sum(is_ok(r) and any(t.fault for t in r.tries) for r in own)
        assert bar.tokens == sum(record.prompt_tokens + record.completion_tokens for record in own)
        assert bar.cost_nano == sum(record.cost_nano for record in own)
        assert bar.simulated == sum(record.simulated for record in own)
    assert flow.total.requests == len(within(list(filled.records), period.start_s, period.end_s)) > 0


async def test_the_first_token_is_the_median_within_a_bin(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    waits = [r.ttft_ms for r in within(list(filled.records), period.start_s, period.end_s) if r.ttft_ms]
    flow = await now(filled.reader, period)
    assert sum(flow.total.waits.values()) == len(waits)
    assert flow.total.ttft_ms == pytest.approx(statistics.median(waits), rel=0.1)
    assert Flow().ttft_ms is None


async def test_growth_compares_equal_times_though_the_last_bar_runs(filled: Filled) -> None:
    period = period_of({"period": "7d"}, NOW_S)
    flow = await now(filled.reader, period)
    before = within(list(filled.records), period.start_s - len(period.starts) * 3600, period.start_s)
    assert flow.before is not None
    assert flow.before.requests == len(before) > 0
    pace, pace_before = flow.total.requests / (period.end_s - period.start_s), len(before) / (169 * 3600)
    assert len(period.starts) == 169
    assert flow.growth(flow.total.requests, flow.before.requests) == pytest.approx(pace / pace_before - 1)
    assert flow.growth(5, 0) is None
    assert flow.change(None, 3.0) is None


async def test_paces_count_the_running_bar_as_far_as_it_went(filled: Filled) -> None:
    flow = await now(filled.reader, period_of({"period": "24h"}, NOW_S))
    seconds = [3600] * 24 + [NOW_S % 3600]
    expected = [bar.requests * 60 / length for bar, length in zip(flow.bars, seconds, strict=True)]
    assert flow.paces("requests", 60) == pytest.approx(expected)


async def test_nothing_is_compared_with_a_time_before_the_first_record(tmp_path: Path) -> None:
    made = fill(tmp_path, [r for r in records() if r.created_ns / 1e9 > NOW_S - 10 * DAY_S])
    assert (await now(made.reader, period_of({"period": "7d"}, NOW_S))).before is None
    assert (await now(made.reader, period_of({"period": "24h"}, NOW_S))).before is not None
    made.archive.close()
