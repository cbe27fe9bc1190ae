"""Speeds, prompt lengths and kinds of work, against plain Python over the same records."""

import statistics
from collections.abc import Sequence

import pytest
from tests.unit.analytics import oracle
from tests.unit.analytics.filled import NOW_S, Filled

from wideband.analytics import workloads
from wideband.analytics.periods import DAY_S, Period, period_of
from wideband.metering.record import Generation


def within(given: Sequence[Generation], start_s: float, end_s: float) -> list[Generation]:
    return [record for record in given if start_s <= record.created_ns / 1e9 < end_s]


def answered(given: Sequence[Generation]) -> list[Generation]:
    return [record for record in given if oracle.outcome(record) != "failed"]


def timed(given: Sequence[Generation]) -> list[float]:
    return [speed for record in given if (speed := oracle.speed(record)) is not None]


async def test_models_are_ranked_by_their_median_speed(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    own = within(filled.records, period.start_s, period.end_s)
    paces, too_few = await workloads.paces(filled.reader, period, simulated=True)
    assert too_few == 0
    assert {pace.model for pace in paces} == {record.model for record in own}
    speeds = [pace.speeds.speed_p50 or 0 for pace in paces]
    assert speeds == sorted(speeds, reverse=True)
    for pace in paces:
        mine = [record for record in own if record.model == pace.model]
        assert pace.timed == len(timed(mine)) >= workloads.LEAST_TIMED
        assert pace.speeds.speed_p50 == pytest.approx(statistics.median_low(timed(mine)), rel=0.05)
        waits = [record.ttft_ms for record in mine if record.ttft_ms]
        assert pace.speeds.ttft_p50 == pytest.approx(statistics.median_low(waits), rel=0.05)
        assert pace.providers == len({record.provider for record in mine if record.provider})
        assert pace.price == pytest.approx(
            sum(record.cost_nano for record in mine)
            / sum(record.prompt_tokens + record.completion_tokens for record in mine)
            * 1e6
        )


async def test_one_lucky_answer_does_not_lead(filled: Filled) -> None:
    start_s = NOW_S - 30 * 60
    period = Period(start_s, NOW_S, "minute")
    own = within(filled.records, period.start_s, period.end_s)
    counts = [len(timed([record for record in own if record.model == model])) for model in {r.model for r in own}]
    few = sum(0 < count < workloads.LEAST_TIMED for count in counts)
    assert few > 0
    paces, too_few = await workloads.paces(filled.reader, period, simulated=True)
    assert too_few == few
    assert len(paces) == len(counts) - few


def test_speeds_are_told_of_the_last_thirty_days() -> None:
    year = period_of({"period": "1y"}, NOW_S)
    span = workloads.recent(year)
    assert span.start_s == (NOW_S - 30 * DAY_S) // DAY_S * DAY_S
    assert workloads.recent(period_of({"period": "7d"}, NOW_S)) == period_of({"period": "7d"}, NOW_S)


@pytest.mark.parametrize("name", ["24h", "7d", "30d", "1y"])
async def test_prompts_are_counted_by_their_length(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    span, bars = await workloads.context_bars(filled.reader, period, NOW_S, simulated=True)
    assert span.starts == period.starts
    ends = (*span.starts[1:], span.end_s)
    for bucket in workloads.CONTEXTS:
        expected = [
            sum(oracle.context(record) == bucket for record in answered(within(filled.records, start_s, end_s)))
            for start_s, end_s in zip(span.starts, ends, strict=True)
        ]
        assert list(bars.values(bucket, "requests")) == expected
    assert sum(bars.totals("requests")) == len(answered(within(filled.records, period.start_s, period.end_s)))


async def test_kinds_of_work_have_their_models_and_their_past(filled: Filled) -> None:
    period = period_of({"period": "7d"}, NOW_S)
    own = [record for record in within(filled.records, period.start_s, period.end_s) if record.task_tag]
    rows = {row.tag: row for row in await workloads.tasks(filled.reader, period, NOW_S, simulated=True)}
    assert rows.keys() == {record.task_tag for record in own}
    for tag, row in rows.items():
        mine = [record for record in own if record.task_tag == tag]
        assert row.requests == len(answered(mine))
        assert row.cost_nano == sum(record.cost_nano for record in mine)
        models = {record.model for record in mine}
        counts = {model: sum(record.model == model for record in answered(mine)) for model in models}
        order = sorted(models, key=lambda model: (-counts[model], model))
        assert row.models == tuple(order[:3])
    _, bars = await workloads.task_bars(filled.reader, period, NOW_S, simulated=True)
    assert sum(bars.totals("requests")) == len(answered(own))


async def test_the_past_of_work_ends_where_the_period_begins(filled: Filled) -> None:
    period = period_of({"period": "7d"}, NOW_S)
    past = await workloads.tasks_before(filled.reader, period, NOW_S, simulated=True)
    # Hours that old are no longer kept, so it is whole days, up to the one in which the period begins.
    start_s = (2 * period.start_s - period.end_s) // DAY_S * DAY_S
    before = within(filled.records, start_s, period.start_s // DAY_S * DAY_S)
    expected: dict[str, int] = {}
    for record in answered(before):
        if record.task_tag:
            expected[record.task_tag] = expected.get(record.task_tag, 0) + 1
    assert {tag: volume.requests for tag, volume in past.volumes.items()} == expected
    assert past.factor == 1.0
