"""What providers served and what failed there, compared with what plain Python finds in the same records."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.analytics.filled import NOW_S, Filled, filled as fill, records
from tests.unit.analytics.test_models import added_up, counted, period, tokens_per_s, within

from wideband.analytics.periods import DAY_S, HOUR_S
from wideband.analytics.providers import PATTERN_S, Served, failures, history, use_by_provider, week
from wideband.analytics.reliability import CAUSES
from wideband.analytics.use import bin_step_s, total_use
from wideband.metering.record import Try

SLUG = "groq"
# What the records here fail with, and under which cause that is told.
CAUSE = {"provider_timeout": "late", "provider_unavailable": "broken", "provider_invalid_response": "broken"}


@pytest.mark.parametrize("name", ["1h", "7d", "30d", "90d"])
async def test_every_provider_has_the_sums_of_what_it_answered(filled: Filled, name: str) -> None:
    span = period(name)
    rows = within(filled, span, lambda one: one.provider is not None)
    found = await use_by_provider(filled.reader, span)
    assert {slug: use for slug, (use, _) in found.items()} == {
        slug: added_up(one for one in rows if one.provider == slug) for slug in {one.provider for one in rows}
    }
    for slug, (_, speeds) in found.items():
        assert speeds.ttft == counted(one.ttft_ms for one in rows if one.provider == slug)


async def test_a_providers_history_is_by_model_and_bar(filled: Filled) -> None:
    span = period("7d")
    rows = within(filled, span, lambda one: one.provider == SLUG)
    found = await history(filled.reader, span, SLUG)
    bars = {Served(one.model, one.endpoint_id or "", one.created_ns // (HOUR_S * 10**9) * HOUR_S) for one in rows}
    assert set(found.uses) == bars
    assert total_use(found.uses.values()) == added_up(rows)
    for endpoint_id, speeds in found.by_endpoint.items():
        assert speeds.ttft == counted(one.ttft_ms for one in rows if one.endpoint_id == endpoint_id), endpoint_id
    step_s = bin_step_s(span)
    for bin_s, speeds in found.by_bin.items():
        own = [one for one in rows if max(one.created_ns // 10**9 // step_s * step_s, span.start_s) == bin_s]
        assert speeds.speed == counted(tokens_per_s(one) for one in own), bin_s
    assert found.by_bin
    tokens: Counter[str] = Counter()
    for one in rows:
        tokens[one.model] += one.prompt_tokens + one.completion_tokens
    assert found.models == [model for model, _ in tokens.most_common()]


async def test_failures_stand_in_their_bar_by_their_cause(filled: Filled) -> None:
    span = period("30d")
    found = await failures(filled.reader, span, SLUG)
    bars: dict[int, list[Try]] = {}
    for record in within(filled, span):
        # A try belongs to the time of its own beginning.
        for one in record.tries:
            if one.provider == SLUG:
                bars.setdefault(one.started_ns // (DAY_S * 10**9) * DAY_S, []).append(one)
    assert [(row.at_s, row.tries) for row in found] == [(at_s, len(bars[at_s])) for at_s in sorted(bars)]
    for row in found:
        faults = Counter(one.fault for one in bars[row.at_s])
        causes = Counter(CAUSE[fault] for fault in faults.elements() if fault in CAUSE)
        assert row.causes == {cause: causes[cause] for cause in CAUSES}
        assert row.limited == faults["provider_rate_limited"]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Filled]:
    made = fill(tmp_path, records(1500, seed=11, days=35))
    yield made
    made.archive.close()


async def test_hours_of_the_week_hold_four_weeks(busy: Filled) -> None:
    found = await week(busy.reader, NOW_S, SLUG)
    since_s = NOW_S - NOW_S % HOUR_S + HOUR_S - PATTERN_S
    held: dict[tuple[int, int], list[float | None]] = {}
    for one in busy.records:
        if one.provider == SLUG and one.created_ns / 1e9 >= since_s:
            at = datetime.fromtimestamp(one.created_ns / 1e9, UTC)
            held.setdefault((at.weekday(), at.hour), []).append(one.ttft_ms)
    assert len(held) > 50
    for day in range(7):
        for hour in range(24):
            assert found.hours[day][hour].ttft == counted(held.get((day, hour), ())), (day, hour)
    noon = [value for (_, hour), values in held.items() if hour == 12 for value in values]
    assert found.by_hour[12].ttft == counted(noon)


async def test_nothing_is_told_of_who_was_never_asked(filled: Filled) -> None:
    span = period("30d")
    found = await history(filled.reader, span, "nobody")
    assert (found.uses, found.models) == ({}, [])
    assert await failures(filled.reader, span, "nobody") == []
    assert not any(hour.ttft for hour in (await week(filled.reader, NOW_S, "nobody")).by_hour)
