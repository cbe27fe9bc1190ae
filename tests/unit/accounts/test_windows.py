"""The day, week and month that a limit is counted over."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, strategies as st

from wideband.accounts.windows import DAY_NS, windows_at, windows_of_day

EPOCH = date(1970, 1, 1).toordinal()


def day_number(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH


@pytest.mark.parametrize(
    ("day", "week_from", "month_from"),
    [
        ("2026-11-22", "2026-11-16", "2026-11-01"),  # a Sunday
        ("2026-11-23", "2026-11-23", "2026-11-01"),  # the Monday after
        ("2027-01-01", "2026-12-28", "2027-01-01"),  # a week over the turn of a year
        ("2028-02-29", "2028-02-28", "2028-02-01"),
        ("1970-01-01", "1969-12-29", "1970-01-01"),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(day: str, week_from: str, month_from: str) -> None:
    windows = windows_of_day(day_number(day))
    assert (windows.daily, windows.weekly, windows.monthly) == tuple(map(day_number, (day, week_from, month_from)))
    assert windows.first_day == min(windows.weekly, windows.monthly)


def test_a_day_ends_at_midnight_utc() -> None:
    last = int(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000_000 + 999_999_999
    assert windows_at(last).daily + 1 == windows_at(last + 1).daily


@given(st.integers(0, 60_000))
def test_every_day_lies_in_one_week_and_one_month_without_gaps(day: int) -> None:
    today, tomorrow = windows_at(day * DAY_NS), windows_at((day + 1) * DAY_NS)
    assert 0 <= today.daily - today.weekly <= 6
    assert 0 <= today.daily - today.monthly <= 30
    assert tomorrow.weekly in (today.weekly, tomorrow.daily)
    assert tomorrow.monthly in (today.monthly, tomorrow.daily)
