"""Market files: what they may hold, and what is told of wrong ones."""

import tomllib

import pytest

from wideband.simulate.reading import built_in, names, read_world, text_of
from wideband.simulate.rows import Capacity, Outage

LEAST = """
[[provider]]
name = "one"
price = { prompt = "0.20", completion = "0.80" }
"""


def problems(text: str) -> list[str]:
    world, found = read_world("mine", tomllib.loads(text))
    assert world is None
    return [f"{each.table} {each.nth} {each.field}: {each.text}" for each in found]


@pytest.mark.parametrize("name", names())
def test_every_built_in_market_can_be_read_and_says_what_it_is(name: str) -> None:
    world = built_in(name)
    assert world.about.endswith(".")
    assert len(world.providers) >= 3


def test_a_market_that_is_not_built_in_is_not_found() -> None:
    with pytest.raises(KeyError):
        text_of("../steady")


def test_a_name_and_a_price_are_enough() -> None:
    world, found = read_world("mine", tomllib.loads(LEAST))
    assert found == []
    assert world is not None
    assert world.providers[0].price.base.prompt == 200_000_000
    assert world.providers[0].cache is None
    assert world.demand.requests_per_s == pytest.approx(20)


def test_limits_outages_and_hours_of_prices_are_rows_of_a_provider() -> None:
    text = """
[demand]
requests_per_s = 3
hours = 0.5

[[provider]]
name = "one"
price = { prompt = "0.20", completion = "0.80", overrides = [{ utc_start = "1600", utc_end = "2000", prompt = "0.4" }] }
capacity = { concurrent = 4, over = "queue" }
outages = [{ at_s = 10, for_s = 5, fault = "hang" }]
"""
    world, found = read_world("mine", tomllib.loads(text))
    assert found == []
    assert world is not None
    (row,) = world.providers
    assert row.capacity == Capacity(concurrent=4, over="queue")
    assert row.outages == (Outage(at_s=10, for_s=5, fault="hang"),)
    assert row.price.overrides[0].utc_start == 16 * 60


def test_everything_that_is_wrong_is_told_at_once_with_its_row() -> None:
    text = """
wurst = 1
[demand]
hours = 0
agent_share = 2
[[provider]]
name = "one"
price = { prompt = 0.2 }
ttft = 1
[[provider]]
name = "two"
price = { prompt = "0.2" }
tokens_per_s = 0
faults = { 500 = 0.7, 503 = 0.4, oops = 0.1 }
capacity = { concurrent = 4, requests_per_s = 2 }
cache = { hit = 1.5 }
outages = [{ at_s = 1, for_s = 0 }]
"""
    found = "\n".join(problems(text))
    for word in (
        "the file 0 wurst: unknown table",
        "demand 0 hours: must be more than 0",
        "demand 0 agent_share: is a share: between 0 and 1",
        "provider 0 price.prompt: write prices as decimal strings",
        "provider 0 ttft: unknown field; did you mean `ttft_s`?",
        "provider 1 tokens_per_s: must be more than 0",
        "provider 1 faults: `oops` is no fault; known are",
        "provider 1 faults: are shares of the tries: none negative, together at most 1",
        "provider 1 capacity: needs either `concurrent` or `requests_per_s`",
        "provider 1 cache.hit: is a share: between 0 and 1",
        "provider 1 outages[0].for_s: must be more than 0",
    ):
        assert word in found


def test_two_providers_cannot_bear_one_name() -> None:
    assert problems(LEAST + LEAST) == ["provider 1 name: `one` stands twice in this file; keep one"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("provider = [1]", "provider 0 : must be a table"),
        ("provider = { name = 'one' }", "provider 0 : write `[[provider]]`, with two brackets"),
        ("demand = 3" + LEAST, "demand 0 : must be a table"),
        ("about = 3" + LEAST, "the file 0 about: must be a string"),
        (
            LEAST + "faults = { 500 = nan }",
            "provider 0 faults: are shares of the tries: none negative, together at most 1",
        ),
    ],
)
def test_what_is_of_the_wrong_kind_is_told(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_a_market_needs_a_provider() -> None:
    assert problems("about = 'Nobody.'") == ["the file 0 : needs at least one [[provider]]"]
