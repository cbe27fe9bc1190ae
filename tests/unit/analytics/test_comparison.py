"""Models side by side, against plain Python over the same records."""

import statistics
from collections.abc import Sequence

import pytest
from tests.unit.analytics import oracle
from tests.unit.analytics.filled import NOW_S, Filled

from wideband.analytics import comparison
from wideband.analytics.periods import period_of
from wideband.metering.record import Generation

PAIR = ("moonshotai/kimi-k2", "openai/gpt-5-mini")


def of(filled: Filled, model: str, start_s: float, end_s: float) -> list[Generation]:
    return [r for r in filled.records if r.model == model and start_s <= r.created_ns / 1e9 < end_s]


def tokens(given: Sequence[Generation]) -> int:
    return sum(record.prompt_tokens + record.completion_tokens for record in given)


@pytest.mark.parametrize("name", ["24h", "30d", "1y"])
async def test_each_model_has_its_sums_and_bars(filled: Filled, name: str) -> None:
    period = period_of({"period": name}, NOW_S)
    found = await comparison.compare(filled.reader, period, PAIR, NOW_S)
    assert [each.model for each in found] == list(PAIR)
    for each in found:
        own = of(filled, each.model, period.start_s, period.end_s)
        use = each.use
        assert use.requests == len(own) > 0
        assert use.tokens == tokens(own)
        assert use.cost_nano == sum(record.cost_nano for record in own)
        prompts = sum(record.prompt_tokens for record in own)
        assert use.cache_rate == pytest.approx(sum(record.cached_tokens for record in own) / prompts)
        judged = [record.tool_verdict for record in own if record.tool_verdict]
        assert use.tool_errors == pytest.approx(judged.count("invalid") / len(judged))
        ends = (*period.starts[1:], period.end_s)
        for start_s, end_s in zip(period.starts, ends, strict=True):
            bar = of(filled, each.model, start_s, end_s)
            assert (each.uses[start_s].tokens if start_s in each.uses else 0) == tokens(bar)


async def test_speeds_are_those_of_the_model_alone(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    for each in await comparison.compare(filled.reader, period, PAIR, NOW_S):
        own = of(filled, each.model, period.start_s, period.end_s)
        waits = [record.ttft_ms for record in own if record.ttft_ms]
        speeds = [speed for record in own if (speed := oracle.speed(record)) is not None]
        assert sum(each.speed.ttft.values()) == len(waits)
        assert each.speed.ttft_p50 == pytest.approx(statistics.median_low(waits), rel=0.05)
        assert each.speed.ttft_p99 == pytest.approx(sorted(waits)[-(len(waits) // 100) - 1], rel=0.05)
        assert each.speed.speed_p50 == pytest.approx(statistics.median_low(speeds), rel=0.05)


async def test_the_first_three_apps_of_each_are_named(filled: Filled) -> None:
    period = period_of({"period": "24h"}, NOW_S)
    for each in await comparison.compare(filled.reader, period, PAIR, NOW_S):
        by_app: dict[str, list[Generation]] = {}
        for record in of(filled, each.model, period.start_s, period.end_s):
            if oracle.app(record):
                by_app.setdefault(oracle.app(record), []).append(record)
        order = sorted(by_app, key=lambda app: (-tokens(by_app[app]), app))[:3]
        assert [(app.name, app.requests, app.tokens) for app in each.apps] == [
            (name, len(by_app[name]), tokens(by_app[name])) for name in order
        ]


async def test_a_model_without_records_stands_there_empty(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    (found,) = await comparison.compare(filled.reader, period, ["nobody/asked"], NOW_S)
    assert (found.uses, found.apps, found.use.requests, found.speed.speed_p50) == ({}, (), 0, None)


async def test_the_most_used_are_those_with_the_most_tokens(filled: Filled) -> None:
    period = period_of({"period": "30d"}, NOW_S)
    used = {r.model: tokens(of(filled, r.model, period.start_s, period.end_s)) for r in filled.records}
    assert await comparison.most_used(filled.reader, period, 3) == sorted(used, key=lambda model: -used[model])[:3]
