"""Peak hours, weekdays and long-context tiers, at their edges."""

from datetime import UTC, datetime

import pytest

from wideband.catalog.rows import Override, Price, Rates
from wideband.pricing import resolve
from wideband.pricing.windows import WEEKDAYS, in_window, uncovered

BASE = Rates(prompt=150_000_000, completion=600_000_000, cache_read=3_000_000)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def peak(text: str, **conditions: object) -> bool:
    price = Price(base=BASE, overrides=(Override(rates={"prompt": 300_000_000}, **conditions),))  # type: ignore[arg-type]  # mixed values
    return resolve(price, at(text), 1).prompt == 300_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T00:59:59", False),
        ("2026-11-23T01:00:00", True),
        ("2026-11-23T03:59:59", True),
        ("2026-11-23T04:00:00", False),
    ],
)
def test_a_window_takes_its_first_minute_and_leaves_its_last(text: str, expected: bool) -> None:
    assert peak(text, utc_start=60, utc_end=240) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T16:29:59", False),
        ("2026-11-22T16:30:00", True),
        ("2026-11-23T00:29:59", True),
        ("2026-11-23T00:30:00", False),
    ],
)
def test_a_window_may_wrap_midnight(text: str, expected: bool) -> None:
    assert peak(text, utc_start=990, utc_end=30) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T23:59:59", False),
        ("2026-11-23T00:00:00", True),
        ("2026-11-27T23:59:59", True),
        ("2026-11-28T00:00:00", False),
    ],
)
def test_weekdays_without_hours_are_whole_days(text: str, expected: bool) -> None:
    assert peak(text, utc_days=("monday", "tuesday", "wednesday", "thursday", "friday")) is expected


def test_after_midnight_a_wrapping_window_is_on_the_new_weekday() -> None:
    assert not peak("2026-11-24T00:10:00", utc_start=990, utc_end=30, utc_days=("monday",))
    assert peak("2026-11-24T00:10:00", utc_start=990, utc_end=30, utc_days=("tuesday",))


def test_a_tier_begins_strictly_above_its_length() -> None:
    price = Price(base=BASE, overrides=(Override(rates={"prompt": 1}, min_prompt_tokens=200_000),))
    assert resolve(price, 0, 200_000).prompt == BASE.prompt
    assert resolve(price, 0, 200_001).prompt == 1


def test_all_conditions_must_hold_and_unnamed_keys_keep_the_base() -> None:
    both = Override(rates={"prompt": 7}, min_prompt_tokens=10, utc_start=60, utc_end=240)
    price = Price(base=BASE, overrides=(both,))
    assert resolve(price, at("2026-11-23T02:00:00"), 10) == BASE
    assert resolve(price, at("2026-11-23T05:00:00"), 11) == BASE
    assert resolve(price, at("2026-11-23T02:00:00"), 11) == Rates(
        prompt=7, completion=600_000_000, cache_read=3_000_000
    )


def test_what_no_window_covers_is_named_by_hours_and_weekdays() -> None:
    weekdays = WEEKDAYS[:5]
    rest = uncovered([Override(rates={}, utc_start=60, utc_end=240, utc_days=weekdays)])
    assert [(each.utc_days, each.utc_start, each.utc_end) for each in rest] == [
        (weekdays, 0, 60),
        (weekdays, 240, 0),
        (("saturday", "sunday"), None, None),
    ]


def test_windows_and_their_rest_tile_the_week() -> None:
    windows = [
        Override(rates={}, utc_start=990, utc_end=30),
        Override(rates={}, utc_start=600, utc_end=720, utc_days=("friday",)),
    ]
    tiles = [*windows, *uncovered(windows)]
    for minute in range(0, 7 * 1440, 30):
        assert sum(in_window(tile, minute * 60_000_000_000) for tile in tiles) == 1


def test_prices_that_know_no_time_leave_nothing_uncovered() -> None:
    assert uncovered([Override(rates={}, min_prompt_tokens=1)]) == []
