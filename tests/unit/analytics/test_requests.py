"""The log finds what its filters say, newest first, page by page, and counts it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.analytics.filled import KEYS, NOW_S, Filled, filled as fill, records

from wideband.analytics import rankings, requests
from wideband.analytics.periods import DAY_S, Period, period_of
from wideband.analytics.requests import Cursor, Found, Wanted
from wideband.metering.record import Generation
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons

MONTH = period_of({"period": "30d"}, NOW_S)
HOUR = period_of({"period": "1h"}, NOW_S)


def outcome(record: Generation) -> str:
    if record.cancelled or record.status == 499:
        return "cancelled"
    return "ok" if record.fault is None and record.status < 400 else "failed"


def saved(record: Generation) -> bool:
    return outcome(record) == "ok" and any(one.fault not in (None, "cancelled") for one in record.tries)


def app(record: Generation) -> str | None:
    if record.app_title and record.app_title.strip():
        return record.app_title
    if record.app_url:
        return record.app_url.split("://")[1].split("/")[0].split(":")[0]
    return record.user_agent.split("/")[0] if record.user_agent else None


def expected(filled: Filled, period: Period, holds: Callable[[Generation], bool]) -> list[str]:
    """Return the ids of a period's records for which something holds, newest first."""
    found = [one for one in filled.records if period.start_s * 10**9 <= one.created_ns and holds(one)]
    return [one.id for one in sorted(found, key=lambda one: (one.created_ns, one.id), reverse=True)]


FILTERS: dict[str, tuple[dict[str, Any], Callable[[Generation], bool]]] = {
    "none": ({}, lambda _: True),
    "model": ({"model": "openai/gpt-5-mini"}, lambda r: r.model == "openai/gpt-5-mini"),
    "provider": ({"provider": "groq"}, lambda r: r.provider == "groq"),
    "key": ({"key_hash": KEYS[1]}, lambda r: r.key_hash == KEYS[1]),
    "account": ({"account_id": "acme"}, lambda r: r.account_id == "acme"),
    "app": ({"app": "docs.example"}, lambda r: app(r) == "docs.example"),
    "ok": ({"outcome": "ok"}, lambda r: outcome(r) == "ok"),
    "failed": ({"outcome": "failed"}, lambda r: outcome(r) == "failed"),
    "cancelled": ({"outcome": "cancelled"}, lambda r: outcome(r) == "cancelled"),
    "saved": ({"outcome": "saved"}, saved),
    "fault": ({"fault": "provider_timeout"}, lambda r: r.fault == "provider_timeout"),
    "status": ({"status": 429}, lambda r: r.status == 429),
    "duration": ({"min_ms": 20_000.0}, lambda r: r.duration_ms >= 20_000),
    "cost": ({"min_nano": 100_000_000}, lambda r: r.cost_nano >= 100_000_000),
    "session": ({"session_id": "session-3"}, lambda r: r.session_id == "session-3"),
    "id": ({"name": "0007"}, lambda r: "0007" in r.id),
    "several": (
        {"model": "moonshotai/kimi-k2", "outcome": "ok", "min_ms": 5_000.0},
        lambda r: r.model == "moonshotai/kimi-k2" and outcome(r) == "ok" and r.duration_ms >= 5_000,
    ),
}


async def ids(filled: Filled, wanted: Wanted, period: Period, **where: Any) -> Found:
    return await requests.find(filled.reader, wanted, period, **where)


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_finds_its_records_and_no_others(filled: Filled, name: str) -> None:
    fields, holds = FILTERS[name]
    found = await ids(filled, Wanted(**fields), MONTH, limit=1000)
    there = expected(filled, MONTH, holds)
    assert there, "the filter must have something to find"
    assert [row.id for row in found.rows] == there
    assert not found.more
    assert found.complete


async def test_sealed_and_late_records_are_found_and_counted_with_the_newest(tmp_path: Path) -> None:
    given = records(60, days=6)
    late, early = given[3], [one for one in given if one is not given[3]]
    made = fill(tmp_path, early)
    Upkeep(made.archive).tidy(NOW_S)
    made.archive.append([jsons.encode(late)])
    assert len({day.file for day in made.archive.state.days}) > 2, "days are sealed"
    whole = msgspec.structs.replace(made, records=given)
    for fields, holds in FILTERS.values():
        found = await ids(whole, Wanted(**fields), MONTH, limit=100)
        assert [row.id for row in found.rows] == expected(whole, MONTH, holds)
        assert (await requests.count(whole.reader, Wanted(**fields), MONTH)).requests == len(found.rows)
    assert len((await ids(whole, Wanted(), MONTH, limit=100)).rows) == len(given)
    first_s = min(one.created_ns for one in given) // 10**9
    assert await rankings.first_s(whole.reader) == first_s - first_s % DAY_S
    made.archive.close()


@pytest.mark.parametrize("length", ["1h", "24h", "7d", "30d"])
@pytest.mark.parametrize("name", FILTERS)
async def test_the_count_is_that_of_the_records(filled: Filled, name: str, length: str) -> None:
    fields, holds = FILTERS[name]
    period = period_of({"period": length}, NOW_S)
    told = await requests.count(filled.reader, Wanted(**fields), period)
    assert (told.requests, told.complete) == (len(expected(filled, period, holds)), True)


async def test_pages_follow_each_other_without_gap_or_repetition_and_back(filled: Filled) -> None:
    wanted, there = Wanted(provider="groq"), expected(filled, MONTH, lambda r: r.provider == "groq")
    seen: list[str] = []
    place, pages = None, list[Found]()
    while True:
        found = await ids(filled, wanted, MONTH, place=place, limit=7)
        pages.append(found)
        seen += [row.id for row in found.rows]
        if not found.more:
            break
        place = Cursor(found.rows[-1].created_ns, found.rows[-1].id)
    assert seen == there
    first_of_third = pages[2].rows[0]
    back = await ids(
        filled, wanted, MONTH, place=Cursor(first_of_third.created_ns, first_of_third.id), direction="newer", limit=7
    )
    assert back.rows == pages[1].rows
    assert back.more


async def test_records_of_one_instant_are_told_apart_by_their_ids(filled: Filled) -> None:
    row = (await ids(filled, Wanted(), MONTH, limit=1)).rows[0]
    at, below, above = row.created_ns, Cursor(row.created_ns, row.id + "0"), Cursor(row.created_ns, row.id[:-1])
    assert (await ids(filled, Wanted(), MONTH, place=below, limit=1)).rows[0].id == row.id
    assert all(one.created_ns < at for one in (await ids(filled, Wanted(), MONTH, place=above, limit=5)).rows)


async def test_a_span_of_ones_own_ends_where_it_says(filled: Filled) -> None:
    start_s, end_s = NOW_S - 20 * 86_400, NOW_S - 10 * 86_400
    period = Period(start_s, end_s, "day")
    found = await ids(filled, Wanted(), period, limit=1000)
    there = [one for one in filled.records if start_s <= one.created_ns / 1e9 < end_s]
    assert {row.id for row in found.rows} == {one.id for one in there}
    assert (await requests.count(filled.reader, Wanted(), period)).requests == len(there)


async def test_a_search_that_takes_too_long_says_how_far_it_came_and_goes_on_from_there(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_NS", -1)
    monkeypatch.setattr(requests, "COUNT_NS", -1)
    last = next(one for one in filled.records if one.created_ns > (NOW_S - 2 * 86_400) * 10**9)
    wanted = Wanted(name=last.id)
    period = msgspec.structs.replace(MONTH, start_s=int(last.created_ns / 1e9) - 60)
    found = await ids(filled, wanted, period)
    assert (found.rows, found.complete) == ((), False)
    assert found.until_s > period.start_s
    steps = 0
    while not found.rows:
        found = await ids(filled, wanted, period, place=Cursor(found.until_s * 10**9, ""))
        steps += 1
        assert steps < 60
    assert found.rows[0].id == last.id
    told = await requests.count(filled.reader, Wanted(name="gen"), period)
    assert not told.complete
    assert told.requests == sum(one.created_ns >= told.since_s * 10**9 for one in filled.records)


async def test_a_row_says_what_its_record_says(filled: Filled) -> None:
    rows = {row.id: row for row in (await ids(filled, Wanted(), MONTH, limit=1000)).rows}
    for record in filled.records:
        row = rows.get(record.id)
        if row is None:
            continue
        for name in ("model", "provider", "key_hash", "prompt_tokens", "cost_nano", "ttft_ms", "is_replayed"):
            assert getattr(row, name) == getattr(record, name)
        assert (row.outcome, row.is_saved, row.app) == (outcome(record), saved(record), app(record))
        assert row.try_count == len(record.tries)


async def test_what_can_be_filtered_by_is_what_was_there(filled: Filled) -> None:
    told = await requests.choices(filled.reader, HOUR)
    there = [one for one in filled.records if one.created_ns >= HOUR.start_s * 10**9]
    assert told.models == tuple(sorted({one.model for one in there}))
    assert told.providers == tuple(sorted({one.provider for one in there if one.provider}))
    assert {name for one in there if (name := app(one))} <= set(told.apps)


async def test_an_account_is_offered_only_what_it_used_itself(filled: Filled) -> None:
    told = await requests.choices(filled.reader, MONTH, "acme")
    week = [
        one for one in filled.records if one.account_id == "acme" and one.created_ns >= (NOW_S - 7 * 86_400) * 10**9
    ]
    assert told.models == tuple(sorted({one.model for one in week}))
    assert told.apps == tuple(sorted({name for one in week if (name := app(one))}))
    assert (await requests.choices(filled.reader, MONTH, "nobody")).models == ()
