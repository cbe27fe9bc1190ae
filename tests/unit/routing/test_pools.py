"""What the filters leave is remembered for what callers usually ask, and takes no memory for what one makes up."""

from tests.unit.routing.rows import catalogue, endpoint, wish

from wideband.routing.plan import base_rates
from wideband.routing.pools import Sieve

ROW = catalogue(endpoint("one"), endpoint("two")).endpoints["m"]


def test_a_short_list_is_remembered_and_a_long_one_is_not() -> None:
    sift = Sieve().sift
    sift = Sieve().sift
    short = wish({"ignore": ["two"]})
    assert sift(short, ROW, base_rates) is sift(short, ROW, base_rates)
    long = wish({"ignore": ["two", *map(str, range(20))], "only": ["one", *map(str, range(20))]})
    assert sift(long, ROW, base_rates) is not sift(long, ROW, base_rates)
    assert sift(long, ROW, base_rates).stages[-1] == sift(short, ROW, base_rates).stages[-1] == [ROW[0]]
