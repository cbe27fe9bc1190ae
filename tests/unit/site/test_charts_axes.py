"""Axes: steps of 1, 2 or 5, times at natural boundaries, all UTC."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from wideband.analytics.periods import LENGTHS, Period, Width, period_of
from wideband.site.charts.figure import Axis, Unit
from wideband.site.charts.scale import scale
from wideband.site.charts.times import running, ticks


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def axis(start: str, end: str, width: Width) -> Axis:
    period = Period(at(start), at(end), width)
    return Axis(period.starts, width, period.end_s)


def texts(of: Axis) -> list[str]:
    return [tick.text for tick in ticks(of)]


@pytest.mark.parametrize(
    ("most", "unit", "labels"),
    [
        (7.0, "whole", ["0", "2", "4", "6", "8"]),
        (3.0, "whole", ["0", "1", "2", "3"]),
        (1.0, "tokens", ["0", "1"]),
        (1_300_000.0, "tokens", ["0", "500K", "1M", "1.5M"]),
        (1_300_000.0, "whole", ["0", "500K", "1M", "1.5M"]),
        (2e9, "usd", ["$0", "$0.50", "$1.00", "$1.50", "$2.00"]),
        (840.0, "ms", ["0 ms", "500 ms", "1 s"]),
        (0.97, "percent", ["0%", "25%", "50%", "75%", "100%"]),
        (0.08, "percent", ["0%", "2.0%", "4.0%", "6.0%", "8.0%"]),
        (0.0, "whole", ["0", "1"]),
        (0.0, "percent", ["0%", "50%", "100%"]),
    ],
)
def test_a_value_axis_has_round_steps(most: float, unit: Unit, labels: list[str]) -> None:
    assert list(scale([None, most / 3, most], unit).labels) == [label.replace(".0%", "%") for label in labels]


@pytest.mark.parametrize("exponent", range(-9, 16))
def test_a_value_axis_holds_its_values_and_is_never_mostly_empty(exponent: int) -> None:
    for factor in (1.0, 1.01, 1.99, 2.5, 4.9, 7.3, 9.99):
        value = factor * 10.0**exponent
        found = scale([value], "usd")
        assert found.top >= value * 0.999
        assert found.top <= value * 2.01
        assert 2 <= len(found.ticks) <= 6
        assert found.ticks[-1] == pytest.approx(found.top)


@pytest.mark.parametrize(
    ("of", "labels"),
    [
        (axis("2026-11-22T10:07", "2026-11-22T11:07", "minute"), "10:10|10:20|10:30|10:40|10:50|11:00"),
        (axis("2026-11-21T13:00", "2026-11-22T12:20", "hour"), "15:00|18:00|21:00|22 Nov|03:00|06:00|09:00|12:00"),
        (axis("2026-11-15T13:00", "2026-11-22T12:20", "hour"), "16 Nov|17 Nov|18 Nov|19 Nov|20 Nov|21 Nov|22 Nov"),
        # Mondays.
        (axis("2026-10-24T00:00", "2026-11-22T12:20", "day"), "26 Oct|2 Nov|9 Nov|16 Nov"),
        (axis("2026-11-16T00:00", "2026-11-19T00:00", "day"), "16 Nov|17 Nov|18 Nov"),
        (axis("2025-12-01T00:00", "2026-11-22T00:00", "month"), "Jan 2026|Apr|Jul|Oct"),
    ],
)
def test_a_time_axis_is_labelled_at_natural_boundaries(of: Axis, labels: str) -> None:
    assert texts(of) == labels.split("|")


@pytest.mark.parametrize("name", LENGTHS)
def test_no_period_crowds_its_axis_at_any_time_of_the_year(name: str) -> None:
    for day in range(0, 366, 5):
        now = datetime(2026, 1, 1, 13, 37, tzinfo=UTC) + timedelta(days=day)
        period = period_of({"period": name}, int(now.timestamp()))
        found = ticks(Axis(period.starts, period.width, period.end_s))
        assert 3 <= len(found) <= 8
        assert len({tick.text for tick in found}) == len(found)
        apart = [after.index - before.index for before, after in pairwise(found)]
        assert min(apart) * 16 >= len(period.starts) - 16
        # Narrow charts keep every other one.
        assert 2 <= len([tick for tick in found if not tick.minor]) <= 4


def test_no_bars_have_no_labels() -> None:
    assert ticks(Axis((), "day", 0)) == ()


@pytest.mark.parametrize(
    ("of", "still"),
    [
        (axis("2026-11-20T00:00", "2026-11-22T12:20", "day"), True),
        (axis("2026-11-20T00:00", "2026-11-22T00:00", "day"), False),
        (axis("2026-02-01T00:00", "2026-03-01T00:00", "month"), False),
        (axis("2026-02-01T00:00", "2026-02-20T00:00", "month"), True),
        (axis("2026-03-01T00:00", "2026-03-30T00:00", "month"), True),
        (Axis((), "day", 0), False),
    ],
)
def test_a_bar_runs_until_its_time_is_over(of: Axis, still: bool) -> None:
    assert running(of) is still
