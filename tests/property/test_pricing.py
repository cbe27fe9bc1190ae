"""Money is exact: charges add up, never go below zero, and every minute of the week has one price."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given, settings, strategies as st

from wideband.canon.usage import Usage
from wideband.catalog.rows import Override, Price, Rates
from wideband.pricing import charge, hold_amount, nano_from_usd, resolve, usd_from_nano, usd_per_token
from wideband.pricing.windows import WEEKDAYS, in_window

MINUTE_NS = 60_000_000_000
WEEK_MINUTES = 7 * 1440

rate = st.integers(0, 100_000_000_000)
maybe_rate = st.none() | rate
tokens = st.integers(0, 2_000_000)
rates = st.builds(
    Rates,
    prompt=rate,
    completion=rate,
    cache_read=maybe_rate,
    cache_write=maybe_rate,
    cache_write_1h=maybe_rate,
    reasoning=maybe_rate,
    audio_prompt=maybe_rate,
    audio_completion=maybe_rate,
    image_completion=maybe_rate,
    request=rate,
    image=rate,
)
usages = st.builds(
    Usage,
    prompt_tokens=tokens,
    completion_tokens=tokens,
    cached_tokens=tokens,
    cache_write_tokens=tokens,
    cache_write_1h_tokens=tokens,
    reasoning_tokens=tokens,
    audio_prompt_tokens=tokens,
    audio_completion_tokens=tokens,
    image_completion_tokens=tokens,
)
plain_usages = st.builds(Usage, prompt_tokens=tokens, completion_tokens=tokens)
minutes = st.integers(0, 1439)
instants_ns = st.integers(0, 4_102_444_800_000_000_000)


@settings(max_examples=100)
@given(rates, usages, st.integers(0, 20))
def test_a_charge_is_never_negative_and_is_the_sum_of_its_parts(rates: Rates, usage: Usage, images: int) -> None:
    bill = charge(rates, usage, images)
    assert bill.prompt_nano >= 0
    assert bill.completion_nano >= 0
    assert bill.total_nano == bill.prompt_nano + bill.completion_nano + rates.request


@settings(max_examples=100)
@given(rates, usages)
def test_what_caching_saved_is_the_difference_to_the_same_prompt_uncached(rates: Rates, usage: Usage) -> None:
    fields = ("cached_tokens", "cache_write_tokens", "cache_write_1h_tokens", "audio_prompt_tokens")
    bare = msgspec.structs.replace(usage, **dict.fromkeys(fields, 0))
    no_audio = msgspec.structs.replace(usage, audio_prompt_tokens=0)
    bill = charge(rates, no_audio)
    assert bill.prompt_nano + bill.cache_discount_nano == charge(rates, bare).prompt_nano


@settings(max_examples=100)
@given(rates, plain_usages, plain_usages)
def test_charges_add_up_to_the_charge_of_the_sum_within_one_rounding(rates: Rates, a: Usage, b: Usage) -> None:
    both = Usage(
        prompt_tokens=a.prompt_tokens + b.prompt_tokens, completion_tokens=a.completion_tokens + b.completion_tokens
    )
    apart, together = (charge(rates, a), charge(rates, b)), charge(rates, both)
    assert abs(apart[0].prompt_nano + apart[1].prompt_nano - together.prompt_nano) <= 1
    assert abs(apart[0].completion_nano + apart[1].completion_nano - together.completion_nano) <= 1


@settings(max_examples=100)
@given(rates, usages, st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_tokens_never_cost_less(rates: Rates, usage: Usage, prompt: int, completion: int) -> None:
    plain = Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
    more = Usage(prompt_tokens=plain.prompt_tokens + prompt, completion_tokens=plain.completion_tokens + completion)
    assert charge(rates, more).total_nano >= charge(rates, plain).total_nano


@settings(max_examples=100)
@given(rates, usages)
def test_a_hold_covers_any_text_generation_within_its_counts(rates: Rates, usage: Usage) -> None:
    text = msgspec.structs.replace(usage, audio_prompt_tokens=0, audio_completion_tokens=0, image_completion_tokens=0)
    assert hold_amount(rates, usage.prompt_tokens, usage.completion_tokens) >= charge(rates, text).total_nano


@settings(max_examples=100)
@given(minutes, minutes, st.integers(0, WEEK_MINUTES))
@example(0, 0, 0)
@example(990, 30, 29)
@example(990, 30, 30)
def test_a_window_and_its_complement_cover_the_day_once(start: int, end: int, at: int) -> None:
    window, rest = (
        Override(rates={}, utc_start=start, utc_end=end),
        Override(rates={}, utc_start=end, utc_end=start),
    )
    inside = in_window(window, at * MINUTE_NS), in_window(rest, at * MINUTE_NS)
    assert inside.count(True) == (2 if start == end else 1)


@settings(max_examples=50)
@given(instants_ns)
def test_every_instant_is_in_exactly_one_weekday(at_ns: int) -> None:
    days = [day for day in WEEKDAYS if in_window(Override(rates={}, utc_days=(day,)), at_ns)]
    assert len(days) == 1


@settings(max_examples=100)
@given(
    rates,
    st.lists(
        st.builds(
            Override,
            rates=st.dictionaries(st.sampled_from(["prompt", "completion", "cache_read"]), rate, max_size=3),
            min_prompt_tokens=st.none() | tokens,
            utc_days=st.lists(st.sampled_from(WEEKDAYS), max_size=3).map(tuple),
        ),
        max_size=4,
    ),
    instants_ns,
    tokens,
)
def test_the_last_matching_override_wins_key_by_key(
    base: Rates, overrides: list[Override], at_ns: int, prompt_tokens: int
) -> None:
    resolved = resolve(Price(base=base, overrides=tuple(overrides)), at_ns, prompt_tokens)
    matching = [
        each
        for each in overrides
        if (each.min_prompt_tokens is None or prompt_tokens > each.min_prompt_tokens) and in_window(each, at_ns)
    ]
    for key in ("prompt", "completion", "cache_read", "request"):
        named = [each.rates[key] for each in matching if key in each.rates]
        assert getattr(resolved, key) == (named[-1] if named else getattr(base, key))


@settings(max_examples=100)
@given(st.integers(-(10**24), 10**24))
@example(0)
@example(-1)
def test_money_survives_being_written_and_read(nano: int) -> None:
    text = usd_from_nano(nano)
    assert nano_from_usd(text) == nano
    assert Decimal(text) * 10**9 == nano


@settings(max_examples=100)
@given(st.integers(0, 10**16))
def test_a_price_per_token_is_exact(rate: int) -> None:
    assert Decimal(usd_per_token(rate)) * 10**15 == rate


@given(st.text(max_size=8))
@example("1e3")
@example(".5")
@example("0.0000000001")
@example("٣")
def test_text_that_is_no_amount_is_refused_and_never_misread(text: str) -> None:
    try:
        nano = nano_from_usd(text)
    except ValueError as error:
        assert "`" in str(error)
        return
    assert Decimal(text) * 10**9 == nano


def test_a_price_finer_than_a_nano_dollar_says_so() -> None:
    with pytest.raises(ValueError, match="nine decimal places"):
        nano_from_usd("0.0000000001")
