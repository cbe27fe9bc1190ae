"""Activity adds up to the records, whichever table it is read from, and says what came before."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.analytics.filled import KEYS, NOW_S, Filled
from tests.unit.analytics.test_requests import app

from wideband.analytics import activity as module
from wideband.analytics.activity import BYS, Bounds, By, Volume, activity, added, overview
from wideband.analytics.periods import Period, period_of
from wideband.canon.faults import Faulted
from wideband.metering.record import Generation

GROUP: dict[By, Callable[[Generation], str]] = {
    "model": lambda r: r.model,
    "key": lambda r: r.key_hash,
    "app": lambda r: app(r) or "",
    "provider": lambda r: r.provider or "",
    "author": lambda r: r.model.split("/")[0],
}
BOUNDS: dict[str, tuple[dict[str, str], Callable[[Generation], bool]]] = {
    "all": ({}, lambda _: True),
    "model": ({"model": "openai/gpt-5-mini"}, lambda r: r.model == "openai/gpt-5-mini"),
    "key": ({"key": KEYS[0]}, lambda r: r.key_hash == KEYS[0]),
    "app": ({"app": "Night Shift"}, lambda r: app(r) == "Night Shift"),
    "provider": ({"provider": "groq"}, lambda r: r.provider == "groq"),
    "account": ({"account": "acme"}, lambda r: r.account_id == "acme"),
}


def volume(records: list[Generation]) -> Volume:
    return Volume(
        requests=len(records),
        prompt_tokens=sum(one.prompt_tokens for one in records),
        completion_tokens=sum(one.completion_tokens for one in records),
        reasoning_tokens=sum(one.reasoning_tokens for one in records),
        cached_tokens=sum(one.cached_tokens for one in records),
        cost_nano=sum(one.cost_nano for one in records),
    )


def expected(filled: Filled, by: By, period: Period, holds: Callable[[Generation], bool]) -> dict[Any, Volume]:
    cells: dict[tuple[int, str], list[Generation]] = defaultdict(list)
    for one in filled.records:
        at_s = one.created_ns // 10**9
        if at_s >= period.start_s and holds(one):
            start_s = max(start for start in period.starts if start <= at_s)
            cells[start_s, GROUP[by](one)].append(one)
    return {place: volume(group) for place, group in cells.items()}


@pytest.mark.parametrize("length", ["1h", "24h", "7d", "30d"])
@pytest.mark.parametrize("by", BYS)
async def test_every_bar_and_group_is_the_sum_of_its_records(filled: Filled, by: By, length: str) -> None:
    period = period_of({"period": length}, NOW_S)
    found = await activity(filled.reader, by, Bounds(), period, NOW_S)
    assert found.cells == expected(filled, by, period, lambda _: True)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("by", BYS)
async def test_bounds_leave_what_is_within_them(filled: Filled, by: By, name: str) -> None:
    fields, holds = BOUNDS[name]
    period = period_of({"period": "7d"}, NOW_S)
    found = await activity(filled.reader, by, Bounds(**fields), period, NOW_S)
    assert found.cells == expected(filled, by, period, holds)
    assert found.cells


async def test_the_sum_of_the_groups_is_the_total(filled: Filled) -> None:
    found = await activity(filled.reader, "app", Bounds(), period_of({"period": "7d"}, NOW_S), NOW_S)
    assert sum((each.cost_nano for each in found.groups.values()), 0) == found.total.cost_nano
    costs = [each.cost_nano for each in found.groups.values()]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("most", [(1, 2), (2, 3), (50, 50)])
@pytest.mark.parametrize("by", BYS)
async def test_an_overview_is_the_first_groups_and_the_rest_as_one(
    filled: Filled, by: By, most: tuple[int, int]
) -> None:
    asked = (filled.reader, by, Bounds(), period_of({"period": "7d"}, NOW_S), NOW_S)
    whole, found = await activity(*asked), await overview(*asked, most)
    first, listed = list(whole.groups)[: most[0]], list(whole.groups)[: most[1]]
    assert found.cells == {place: volume for place, volume in whole.cells.items() if place[1] in first}
    for bar in {bar for bar, _ in whole.cells}:
        left = added(each for (at, group), each in whole.cells.items() if at == bar and group not in first)
        assert found.rest.get(bar, Volume()) == left
    assert list(found.groups.items()) == [(name, whole.groups[name]) for name in listed]
    assert found.count == len(whole.groups)
    assert found.total == whole.total
    assert found.others == added(each for name, each in whole.groups.items() if name not in listed)
    assert found.change("tokens") == whole.change("tokens")


@pytest.mark.parametrize("name", BOUNDS)
async def test_what_came_before_is_that_of_the_span_before_to_the_hour(filled: Filled, name: str) -> None:
    fields, holds = BOUNDS[name]
    period = period_of({"period": "7d"}, NOW_S)
    found = await activity(filled.reader, "model", Bounds(**fields), period, NOW_S)
    # Hours of keys and apps are gone by then: days tell, or the records.
    coarse = {"key": "day", "app": "day", "account": "day"}.get(name, "hour")
    width = 86_400 if coarse == "day" else 3600
    end_s, length_s = period.start_s // width * width, period.end_s - period.start_s
    start_s = (period.start_s - length_s) // width * width
    there = [one for one in filled.records if holds(one) and start_s <= one.created_ns // 10**9 < end_s]
    assert found.before == volume(there)
    # A day more or less is no change: what is compared is as much in the same time.
    pace, earlier = found.total.requests / length_s, len(there) / (end_s - start_s)
    assert found.change("requests") == (pytest.approx(pace / earlier - 1) if there else None)


async def test_nothing_is_compared_with_a_span_that_records_do_not_fill(filled: Filled) -> None:
    whole = await activity(filled.reader, "model", Bounds(), period_of({"period": "30d"}, NOW_S), NOW_S)
    assert whole.before.requests > 0, "of forty days, ten are before the last thirty"
    assert whole.change("requests") is None


async def test_what_no_cube_tells_is_asked_of_records_for_a_month_and_no_longer(filled: Filled) -> None:
    month = period_of({"period": "30d"}, NOW_S)
    found = await activity(filled.reader, "app", Bounds(key=KEYS[0]), month, NOW_S)
    assert found.cells == expected(filled, "app", month, lambda r: r.key_hash == KEYS[0])
    with pytest.raises(Faulted, match="last 31 days"):
        await activity(filled.reader, "app", Bounds(key=KEYS[0]), period_of({"period": "90d"}, NOW_S), NOW_S)


def test_old_hours_of_keys_are_not_asked_of_a_cube_that_has_dropped_them() -> None:
    recent, old = NOW_S - 6 * 86_400, NOW_S - 9 * 86_400
    assert module._source({"key"}, "hour", recent, NOW_S).table == "key_{grain}"
    assert module._source({"key"}, "hour", old, NOW_S).table == "record"
    assert module._source({"model"}, "hour", old, NOW_S).table == "usage_{grain}"
    assert module._source({"key"}, "minute", recent, NOW_S).table == "record"
