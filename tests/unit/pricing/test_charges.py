"""What a generation costs, worked by hand."""

from wideband.canon.usage import Usage
from wideband.catalog.rows import Rates
from wideband.pricing import Charge, charge, hold_amount, nano_from_usd, usd_from_nano, usd_per_token
from wideband.pricing.charges import MOST_NANO

# Three dollars a million in, fifteen out, a tenth for what was cached, a quarter more for what is written.
SONNET = Rates(
    prompt=3_000_000_000,
    completion=15_000_000_000,
    cache_read=300_000_000,
    cache_write=3_750_000_000,
    cache_write_1h=6_000_000_000,
)


def test_a_plain_generation() -> None:
    assert charge(SONNET, Usage(prompt_tokens=1000, completion_tokens=200)) == Charge(6_000_000, 3_000_000, 3_000_000)


def test_cached_tokens_are_part_of_the_prompt_and_cost_their_own_price() -> None:
    bill = charge(SONNET, Usage(prompt_tokens=1000, cached_tokens=900))
    assert bill.prompt_nano == 100 * 3000 + 900 * 300
    assert bill.cache_discount_nano == 900 * 2700


def test_writing_a_cache_costs_more_and_the_discount_says_so() -> None:
    bill = charge(SONNET, Usage(prompt_tokens=1000, cache_write_tokens=400, cache_write_1h_tokens=100))
    assert bill.prompt_nano == 500 * 3000 + 400 * 3750 + 100 * 6000
    assert bill.cache_discount_nano == -(400 * 750 + 100 * 3000)


def test_without_prices_of_their_own_cached_and_written_tokens_cost_what_a_prompt_token_costs() -> None:
    bare = Rates(prompt=3_000_000_000, completion=0)
    bill = charge(bare, Usage(prompt_tokens=10, cached_tokens=4, cache_write_tokens=3))
    assert bill == Charge(30_000, 30_000, 0, 0)


def test_an_hours_write_without_a_price_costs_what_any_write_costs() -> None:
    rates = Rates(prompt=1_000_000, cache_write=2_000_000)
    assert charge(rates, Usage(prompt_tokens=5, cache_write_1h_tokens=5)).prompt_nano == 10


def test_reasoning_and_audio_have_their_own_prices_inside_their_direction() -> None:
    rates = Rates(prompt=1_000_000, completion=2_000_000, reasoning=5_000_000, audio_prompt=9_000_000)
    bill = charge(rates, Usage(prompt_tokens=10, audio_prompt_tokens=4, completion_tokens=10, reasoning_tokens=3))
    assert bill.prompt_nano == 6 + 4 * 9
    assert bill.completion_nano == 7 * 2 + 3 * 5


def test_parts_larger_than_the_whole_are_cut_to_fit() -> None:
    bill = charge(SONNET, Usage(prompt_tokens=10, cached_tokens=50, cache_write_tokens=50))
    assert bill.prompt_nano == 10 * 300


def test_half_a_nano_dollar_rounds_up_and_less_rounds_down() -> None:
    assert charge(Rates(prompt=500_000), Usage(prompt_tokens=1)).prompt_nano == 1
    assert charge(Rates(prompt=499_999), Usage(prompt_tokens=1)).prompt_nano == 0


def test_the_fee_per_request_and_images_are_added_whole() -> None:
    rates = Rates(request=5_000, image=700)
    assert charge(rates, Usage(), images=3) == Charge(7_100, 2_100, 0)


def test_a_ranking_costs_a_request_for_each_search_unit() -> None:
    rates = Rates(request=5_000)
    assert charge(rates, Usage(search_units=3)).total_nano == 15_000
    assert hold_amount(rates, 0, 0, documents=100) == 5_000
    assert hold_amount(rates, 0, 0, documents=201) == 15_000


def test_a_hold_takes_the_dearest_way_a_prompt_can_be_billed() -> None:
    assert hold_amount(SONNET, 1000, 100) == 1000 * 6000 + 100 * 15000


def test_money_is_written_as_short_as_it_is_exact() -> None:
    assert usd_from_nano(1_500_000_000) == "1.5"
    assert usd_from_nano(-1) == "-0.000000001"
    assert usd_from_nano(0) == "0"
    assert nano_from_usd("0.30") == 300_000_000
    assert nano_from_usd("-2") == -2_000_000_000
    assert usd_per_token(280_000_000) == "0.00000028"
    assert usd_per_token(0) == "0"


def test_absurd_counts_cost_a_million_dollars_a_direction_and_no_more() -> None:
    absurd = 2**53
    usage = Usage(prompt_tokens=absurd, cached_tokens=absurd // 2, completion_tokens=absurd)
    assert charge(SONNET, usage) == Charge(2 * MOST_NANO, MOST_NANO, MOST_NANO, 0)
    # Sums of thousands of them fit 64 bits: a ledger that cannot be written refuses everybody.
    assert 4000 * hold_amount(SONNET, absurd, 10**30) < 2**63
