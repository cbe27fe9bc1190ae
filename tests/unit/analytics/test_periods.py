"""Spans of time that readers ask for: what no calendar or table could tell is refused in words."""

import pytest

from wideband.analytics.periods import period_of
from wideband.canon.faults import Faulted, FaultKind

NOW_S = 1_795_300_000


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01", "0001-02-01"),
        # In UTC this is a day of the year 0, which no calendar here has.
        ("0001-01-01T00:00:00+14:00", "0001-02-01"),
        ("1969-12-31", "1970-02-01"),
    ],
)
def test_a_span_that_begins_before_1970_is_refused(start: str, end: str) -> None:
    with pytest.raises(Faulted) as refused:
        period_of({"from": start, "to": end}, NOW_S)
    assert refused.value.fault.kind is FaultKind.INVALID_REQUEST
    assert refused.value.fault.param == "from"


def test_the_first_year_that_can_be_asked_for_is_1970() -> None:
    period = period_of({"from": "1970-01-01", "to": "1971-01-01"}, NOW_S)
    assert period.end_s == 365 * 86_400
    assert len(period.starts) == 53


def test_a_span_of_one_s_own_is_told_in_whole_bars_and_not_beyond_the_present() -> None:
    hours = period_of({"from": "2026-11-18T10:30Z", "to": "2026-11-19T15:45Z"}, NOW_S)
    assert hours.query == {"from": "2026-11-18T10:00Z", "to": "2026-11-19T16:00Z"}
    assert period_of(hours.query, NOW_S) == hours
    running = period_of({"from": "2026-11-18T10:30Z"}, NOW_S)
    assert running.end_s == NOW_S
