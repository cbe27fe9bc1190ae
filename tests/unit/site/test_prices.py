"""Prices as pages tell them: what holds now, what comes next, a day's stretches, and longer prompts."""

from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from tests.unit.gateway.stage import endpoint

from wideband.catalog.rows import Override, Price, Rates, Weekday
from wideband.pricing import resolve
from wideband.site.figures import per_million
from wideband.site.views.prices import (
    Tier,
    has_weekdays,
    is_timed,
    level,
    next_change,
    price_table,
    through_day,
    tiers,
    weekday_of,
    written,
)

BASE = Rates(prompt=300_000_000, completion=1_200_000_000, cache_read=30_000_000)
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
FLAT = Price(base=BASE)
# Half price from half past four to half past midnight, over midnight, and all weekend.
NIGHTS = Price(
    base=BASE,
    overrides=(
        Override(rates={"prompt": 150_000_000, "completion": 600_000_000}, utc_start=990, utc_end=30),
        Override(rates={"prompt": 150_000_000, "completion": 600_000_000}, utc_days=("saturday", "sunday")),
    ),
)
# Two peaks on weekdays alone.
PEAKS = Price(
    base=BASE,
    overrides=tuple(
        Override(rates={"prompt": 600_000_000}, utc_start=start, utc_end=end, utc_days=WEEKDAYS)
        for start, end in ((60, 240), (360, 600))
    ),
)
LONG = Price(
    base=BASE,
    overrides=(
        Override(rates={"prompt": 600_000_000}, min_prompt_tokens=128_000),
        Override(rates={"prompt": 900_000_000}, min_prompt_tokens=256_000),
    ),
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_a_day_is_tiled_and_every_minute_costs_what_it_would_be_charged() -> None:
    for price in (FLAT, NIGHTS, PEAKS, LONG):
        for day in range(7):
            stretches = through_day(price, day)
            assert stretches[0][0] == 0
            assert stretches[-1][1] == 1440
            assert all(one[1] == two[0] for one, two in pairwise(stretches))
            midnight = at("2026-11-23T00:00") + day * 86_400 * 10**9
            for start, end, rates in stretches:
                for minute in {start, (start + end) // 2, end - 1}:
                    assert rates == resolve(price, midnight + minute * 60 * 10**9, 0)


def test_neighbouring_windows_of_one_price_are_one_stretch() -> None:
    assert [(start, end) for start, end, _ in through_day(NIGHTS, 0)] == [(0, 30), (30, 990), (990, 1440)]
    assert [(start, end) for start, end, _ in through_day(NIGHTS, 6)] == [(0, 1440)]


@pytest.mark.parametrize(
    ("price", "now", "then"),
    [
        (NIGHTS, "2026-11-24T12:00", "2026-11-24T16:30"),
        (NIGHTS, "2026-11-24T16:30", "2026-11-25T00:30"),
        (NIGHTS, "2026-11-21T03:00", "2026-11-23T00:30"),
        (PEAKS, "2026-11-20T11:00", "2026-11-23T01:00"),
        (PEAKS, "2026-11-23T01:00", "2026-11-23T04:00"),
    ],
)
def test_the_next_change_is_the_next_minute_that_costs_another_price(price: Price, now: str, then: str) -> None:
    change = next_change(price, at(now))
    assert change is not None
    assert change.at_s * 10**9 == at(then)
    assert change.rates == resolve(price, at(then), 0) != resolve(price, at(now), 0)


def test_a_price_that_time_does_not_move_never_changes() -> None:
    for price in (FLAT, LONG):
        assert next_change(price, at("2026-11-24T12:00")) is None
        assert level(price, at("2026-11-24T12:00")) is None
        assert not is_timed(price)


def test_the_dearest_hours_are_peak_and_the_cheapest_off_peak() -> None:
    assert level(NIGHTS, at("2026-11-24T12:00")) == "peak"
    assert level(NIGHTS, at("2026-11-24T20:00")) == "off-peak"
    assert level(NIGHTS, at("2026-11-22T12:00")) == "off-peak"
    assert level(PEAKS, at("2026-11-24T07:00")) == "peak"
    assert is_timed(PEAKS)
    assert has_weekdays(PEAKS)


def test_a_third_price_lies_between() -> None:
    noon = Override(rates={"prompt": 250_000_000}, utc_start=720, utc_end=780)
    price = msgspec.structs.replace(NIGHTS, overrides=(*NIGHTS.overrides, noon))
    assert level(price, at("2026-11-24T12:30")) == "between"


def test_longer_prompts_have_tiers() -> None:
    found = tiers(LONG, at("2026-11-24T12:00"))
    assert [(tier.above, tier.rates.prompt) for tier in found] == [
        (0, 300_000_000),
        (128_000, 600_000_000),
        (256_000, 900_000_000),
    ]
    assert tiers(NIGHTS, at("2026-11-24T12:00")) == [Tier(0, BASE)]


def test_the_table_of_a_day_says_every_stretch_and_marks_now_only_today() -> None:
    rows = [
        msgspec.structs.replace(endpoint("flat"), price=FLAT),
        msgspec.structs.replace(endpoint("night"), price=NIGHTS),
    ]
    now = at("2026-11-24T12:00")
    figure = price_table(rows, weekday_of(now), now)
    assert figure.rows == (
        ("night", "00:00", "00:30", "$0.15 / $0.60"),
        ("night", "00:30", "16:30", "$0.30 / $1.20"),
        ("night", "16:30", "24:00", "$0.15 / $0.60"),
        ("flat", "00:00", "24:00", "$0.30 / $1.20"),
    )
    assert 'class="now" x1="50%"' in figure.svg
    assert 'class="now"' not in price_table(rows, 0, now).svg
    assert "style=" not in figure.svg


def test_weekdays_count_from_monday() -> None:
    assert [weekday_of(at(f"2026-11-{day}T23:59")) for day in (23, 24, 28, 29)] == [0, 1, 5, 6]


def test_what_has_a_price_for_each_request_alone_says_so() -> None:
    assert written(Rates(request=2_000_000)) == "$0.002 a request"
    assert written(BASE) == "$0.30 / $1.20"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (300_000_000, "$0.30"),
        (75_000_000, "$0.075"),
        (12_500_000_000, "$12.50"),
        (2_800_000, "$0.0028"),
        (4_000, "$0.000004"),
        (0, "$0"),
        (None, "-"),
    ],
)
def test_a_price_has_its_cents(rate: int | None, text: str) -> None:
    assert per_million(rate) == text
