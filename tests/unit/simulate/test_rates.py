"""Rates over time, from a file or by the built-in day."""

import pytest

from wideband.canon.faults import Faulted
from wideband.simulate.rates import Rates, daily, read_rates

FILE = ["t_seconds,m-small,m-mid\n", "0,10,1\n", "600,20,3\n", "1200,30,2\n"]


def wrong(*lines: str, column: str | None = "m") -> str:
    with pytest.raises(Faulted) as caught:
        read_rates("rates.csv", lines, column)
    return caught.value.fault.message


def test_a_column_is_read_by_its_name() -> None:
    assert read_rates("rates.csv", FILE, "m-mid") == Rates((0.0, 600.0, 1200.0), (1.0, 3.0, 2.0), 1800.0)


def test_the_only_column_needs_no_name() -> None:
    assert read_rates("rates.csv", ["t,rate", "0,5", "60,7", ""]).per_s == (5.0, 7.0)


def test_times_count_from_the_first_row() -> None:
    assert read_rates("rates.csv", ["t,rate", "300,5", "900,7"]) == Rates((0.0, 600.0), (5.0, 7.0), 1200.0)


def test_what_is_wrong_is_told_with_its_line() -> None:
    assert wrong("t,m\n", "0,1\n", "60,many\n") == "rates.csv:3: `many` must be a number, 0 or more"
    assert wrong("t,m\n", "0,1\n", "60,-1\n") == "rates.csv:3: `-1` must be a number, 0 or more"
    assert wrong("t,m\n", "0,1\n", "60\n") == "rates.csv:3: there are 1 columns, too few"
    assert wrong("t,m\n", "60,1\n", "\n", "60,2\n") == "rates.csv:4: times must grow, but 60 comes after 60"
    assert wrong("t,a,b\n", "0,1,2\n") == "rates.csv:1: there is no column m; there are a, b"
    assert wrong("t,a,b\n", "0,1,2\n", column=None) == "rates.csv:1: name a column; there are a, b"
    assert (
        wrong("5\n", column=None) == "rates.csv:1: needs a header that names a column of rates after that of the times"
    )
    assert wrong("t,m\n", "0,1\n") == "rates.csv: needs two rows at least, and a rate above 0"


def test_a_mean_may_be_asked_for_and_the_ups_and_downs_stay() -> None:
    rates = read_rates("rates.csv", FILE, "m-mid").scaled(10)
    assert rates.mean == pytest.approx(10)
    assert [rate / rates.per_s[0] for rate in rates.per_s] == pytest.approx([1, 3, 2])


def test_the_built_in_day_is_busiest_in_the_afternoon() -> None:
    rates = daily(20, 0.5)
    assert rates.mean == pytest.approx(20)
    assert max(range(24), key=rates.per_s.__getitem__) in (14, 15)
    assert max(rates.per_s) == pytest.approx(30, rel=0.01)
    assert min(rates.per_s) == pytest.approx(10, rel=0.01)
