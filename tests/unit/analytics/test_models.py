"""What was used of models, compared with sums that plain Python makes of the same records."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from tests.unit.analytics import filled as fixtures
from tests.unit.analytics.filled import NOW_S, Filled, records

from wideband.analytics.models import Cell, apps, history, tasks, tokens_over_time, use_by_model
from wideband.analytics.periods import HOUR_S, Period, period_of, spanning
from wideband.analytics.use import (
    MOST_BINS,
    Speeds,
    Use,
    bin_step_s,
    grouped_speeds,
    grouped_uses,
    merged_speeds,
    total_use,
    was_used,
)
from wideband.metering.record import Generation

MODEL = "moonshotai/kimi-k2"
NAMES = ("1h", "24h", "7d", "30d", "1y")


def period(name: str) -> Period:
    return period_of({"period": name}, NOW_S)


def within(filled: Filled, span: Period, fits: Callable[[Generation], bool] = lambda _: True) -> list[Generation]:
    return [one for one in filled.records if span.start_s <= one.created_ns / 1e9 < span.end_s and fits(one)]


def of_model(one: Generation) -> bool:
    return one.model == MODEL


def answered(one: Generation) -> bool:
    return one.fault is None and one.status < 400 and not one.cancelled


def tokens_per_s(one: Generation) -> float | None:
    if one.completion_tokens < 8 or one.generation_ms is None or one.is_replayed:
        return None
    return one.completion_tokens * 1000 / ((one.ttft_ms or 0) + one.generation_ms)


def added_up(found: Iterable[Generation]) -> Use:
    """Add records up without any SQL."""
    rows = list(found)
    return Use(
        requests=len(rows),
        ok=sum(answered(one) for one in rows),
        failed=sum(not answered(one) and not one.cancelled for one in rows),
        cancelled=sum(one.cancelled for one in rows),
        served=sum(answered(one) and bool(one.tries) for one in rows),
        unserved=sum(not answered(one) and not one.cancelled and bool(one.tries) for one in rows),
        saved=sum(answered(one) and any(each.fault for each in one.tries) for one in rows),
        tokens=sum(one.prompt_tokens + one.completion_tokens for one in rows),
        prompt_tokens=sum(one.prompt_tokens for one in rows),
        completion_tokens=sum(one.completion_tokens for one in rows),
        reasoning_tokens=sum(one.reasoning_tokens for one in rows),
        cached_tokens=sum(one.cached_tokens for one in rows),
        cost_nano=sum(one.cost_nano for one in rows),
        prompt_cost_nano=sum(one.prompt_cost_nano for one in rows),
        completion_cost_nano=sum(one.completion_cost_nano for one in rows),
        tool_requests=sum(one.tool_calls > 0 for one in rows),
        tools_judged=sum(one.tool_verdict is not None for one in rows),
        tools_valid=sum(one.tool_verdict == "valid" for one in rows),
        structured_judged=sum(one.structured_verdict is not None for one in rows),
        structured_valid=sum(one.structured_verdict == "valid" for one in rows),
    )


def counted(values: Iterable[float | None]) -> dict[int, int]:
    return dict(Counter(math.floor(math.log2(value) * 8) for value in values if value))


@pytest.mark.parametrize("name", NAMES)
async def test_every_model_has_the_sums_of_its_records(filled: Filled, name: str) -> None:
    span = period(name)
    found = await use_by_model(filled.reader, span)
    rows = within(filled, span)
    assert {model: use for model, (use, _) in found.items()} == {
        model: added_up(one for one in rows if one.model == model) for model in {one.model for one in rows}
    }


async def test_distributions_count_what_was_measured(filled: Filled) -> None:
    span = period("30d")
    _, alone = (await use_by_model(filled.reader, span))[MODEL]
    speeds = merged_speeds((await history(filled.reader, span, MODEL)).by_endpoint.values())
    rows = within(filled, span, of_model)
    assert speeds.ttft == counted(one.ttft_ms for one in rows)
    assert speeds.latency == counted(one.duration_ms for one in rows)
    assert alone.speed == speeds.speed == counted(tokens_per_s(one) for one in rows)
    median = sorted(one.ttft_ms for one in rows if one.ttft_ms)[math.ceil(sum(speeds.ttft.values()) / 2) - 1]
    assert speeds.ttft_p50 == pytest.approx(median, rel=0.05)


@pytest.mark.parametrize(("name", "step_h"), [("24h", 1), ("7d", 6), ("90d", 72), ("1y", 168)])
async def test_bars_hold_all_tokens_each_in_its_own(filled: Filled, name: str, step_h: int) -> None:
    span = period(name)
    bars = (await tokens_over_time(filled.reader, span))[MODEL]
    rows = within(filled, span, of_model)
    assert bars == tuple(
        sum(
            one.prompt_tokens + one.completion_tokens
            for one in rows
            if at_s <= one.created_ns / 1e9 < at_s + step_h * HOUR_S
        )
        for at_s in range(span.start_s, span.end_s, step_h * HOUR_S)
    )


@pytest.mark.parametrize("name", ["24h", "30d"])
async def test_a_models_history_is_by_endpoint_and_bar(filled: Filled, name: str) -> None:
    span = period(name)
    found = await history(filled.reader, span, MODEL)
    rows = within(filled, span, of_model)
    cells: dict[Cell, list[Generation]] = {}
    for one in rows:
        bar_s = max(at_s for at_s in span.starts if at_s <= one.created_ns / 1e9)
        cells.setdefault(Cell(one.provider or "", one.endpoint_id or "", bar_s), []).append(one)
    assert found.uses == {cell: added_up(group) for cell, group in cells.items()}
    assert total_use(found.uses.values()) == added_up(rows)
    answering = Counter(one.provider for one in rows if one.provider)
    assert found.providers == sorted(answering, key=lambda slug: (-answering[slug], slug))


async def test_cells_can_be_put_together_by_any_part(filled: Filled) -> None:
    span = period("30d")
    found = await history(filled.reader, span, MODEL)
    rows = within(filled, span, of_model)
    by_provider = grouped_uses(found.uses, lambda cell: cell.provider)
    assert by_provider["groq"] == added_up(one for one in rows if one.provider == "groq")
    assert grouped_speeds(found.by_bin, lambda key: key[0])["groq"].ttft == counted(
        one.ttft_ms for one in rows if one.provider == "groq"
    )


@pytest.mark.parametrize("name", ["1h", "24h", "7d", "90d", "1y"])
async def test_distributions_are_told_by_endpoint_and_by_provider_and_bin(filled: Filled, name: str) -> None:
    span = period(name)
    found = await history(filled.reader, span, MODEL)
    step_s = bin_step_s(span)
    bins = sorted({max(at_s - at_s % step_s, span.start_s) for at_s in span.starts})
    assert len(bins) <= (MOST_BINS + 1 if name != "1y" else 53)
    by_endpoint: dict[str, list[Generation]] = {}
    by_bin: dict[tuple[str, int], list[Generation]] = {}
    for one in within(filled, span, of_model):
        by_endpoint.setdefault(one.endpoint_id or "", []).append(one)
        bin_s = max(at_s for at_s in bins if at_s <= one.created_ns / 1e9)
        by_bin.setdefault((one.provider or "", bin_s), []).append(one)
    assert by_bin
    for mine, rows in [
        *((found.by_endpoint.get(key), rows) for key, rows in by_endpoint.items()),
        *((found.by_bin.get(key), rows) for key, rows in by_bin.items()),
    ]:
        told = mine or Speeds()
        assert told.ttft == counted(one.ttft_ms for one in rows)
        assert told.speed == counted(tokens_per_s(one) for one in rows)
        assert told.latency == counted(one.duration_ms for one in rows)
    assert set(found.by_endpoint) <= set(by_endpoint)
    assert set(found.by_bin) <= set(by_bin)


async def test_apps_and_kinds_of_work_stand_by_their_tokens(filled: Filled) -> None:
    span = period("30d")
    rows = within(filled, span, of_model)
    by_task: Counter[str] = Counter()
    for one in rows:
        by_task[one.task_tag or ""] += one.prompt_tokens + one.completion_tokens
    found = await tasks(filled.reader, span, MODEL)
    assert [(part.name, part.tokens) for part in found] == sorted(by_task.items(), key=lambda row: (-row[1], row[0]))
    used = {part.name: part for part in await apps(filled.reader, span, MODEL)}
    night = [one for one in rows if one.app_title == "Night Shift"]
    assert (used["Night Shift"].requests, used["Night Shift"].cost_nano) == (
        len(night),
        sum(one.cost_nano for one in night),
    )
    assert sum(part.requests for part in used.values()) == len(rows)


async def test_a_span_of_minutes_counts_apps_from_its_hour_on(filled: Filled) -> None:
    span = period("1h")
    whole = spanning(span.start_s - span.start_s % HOUR_S, NOW_S, NOW_S)
    found = await apps(filled.reader, span, MODEL)
    assert sum(part.requests for part in found) == len(within(filled, whole, of_model)) > 0


async def test_routing_answers_for_what_was_tried_and_no_caller_s_mistake(tmp_path: Path) -> None:
    wanted = {
        "provider_unreachable": 0.5,
        "provider_rate_limited": 0.5,
        "unavailable": 0.5,
        "context_length_exceeded": 1.0,
        "provider_rejected": 1.0,
        "content_policy_violation": 1.0,
    }
    base = next(one for one in records() if one.tries and answered(one))
    failed = msgspec.structs.replace(base, status=502)
    untried = msgspec.structs.replace(base, status=402, fault="payment_required", tries=())
    replayed = msgspec.structs.replace(base, tries=(), is_replayed=True)
    # A model for each fault, with one request of each kind.
    made = [
        msgspec.structs.replace(one, id=f"gen-{number}-{fault}", model=fault)
        for fault in wanted
        for number, one in enumerate((base, msgspec.structs.replace(failed, fault=fault), untried, replayed))
    ]
    given = fixtures.filled(tmp_path, made)
    uses = await use_by_model(given.reader, Period(0, NOW_S, "day"))
    given.archive.close()
    found = {model: (use.requests, use.failed, use.success) for model, (use, _) in uses.items()}
    assert found == {fault: (4, 2, share) for fault, share in wanted.items()}


async def test_nobody_asked_for_a_model_that_is_not_there(filled: Filled) -> None:
    found = await history(filled.reader, period("30d"), "acme/none")
    assert (found.uses, found.by_endpoint, found.by_bin, found.providers) == ({}, {}, {}, [])


async def test_what_was_used_is_known_by_its_name_within_a_span(filled: Filled) -> None:
    whole = period("90d")
    before = Period(whole.start_s - 30 * 86_400, whole.start_s, "day")
    told = [await was_used(filled.reader, whole, "model", name) for name in (MODEL, "acme/none")]
    assert told == [True, False]
    assert await was_used(filled.reader, whole, "provider", "groq")
    assert not await was_used(filled.reader, before, "model", MODEL)


def test_shares_and_prices_follow_from_the_sums() -> None:
    use = Use(
        ok=19, failed=11, cancelled=5, served=9, unserved=1, prompt_tokens=2_000, cached_tokens=500,
        prompt_cost_nano=3_000, tools_judged=4, tools_valid=3, completion_tokens=10, completion_cost_nano=40,
        structured_judged=5, structured_valid=5,
    )  # fmt: skip
    assert use.success == 0.9
    assert use.prompt_price == 1_500_000
    assert use.completion_price == 4_000_000
    assert (use.cache_rate, use.tool_errors, use.structured_errors) == (0.25, 0.25, 0.0)
    assert (Use().success, Use().prompt_price, Use().cache_rate, Use().tool_errors) == (None, None, None, None)
