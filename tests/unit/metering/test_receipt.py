"""A charge can be followed line by line: the lines add up to it, to the nano-dollar, and each is what it says."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.analytics.filled import records

from wideband.canon.usage import Usage
from wideband.catalog.rows import Rates
from wideband.metering.receipt import Line, receipt
from wideband.metering.record import Generation
from wideband.pricing.charges import charge, fee

BLANK = msgspec.structs.replace(records(1)[0], is_byok=False, is_replayed=False, tool_calls=0)
TOKENS = st.integers(0, 3_000_000)
RATE = st.integers(0, 600_000_000_000)
OWN_RATE = st.none() | RATE
USAGES = st.builds(
    Usage,
    prompt_tokens=TOKENS,
    completion_tokens=TOKENS,
    cached_tokens=TOKENS,
    cache_write_tokens=TOKENS,
    cache_write_1h_tokens=TOKENS,
    reasoning_tokens=TOKENS,
    search_units=st.integers(0, 9),
)
RATES = st.builds(
    Rates,
    prompt=RATE,
    completion=RATE,
    cache_read=OWN_RATE,
    cache_write=OWN_RATE,
    cache_write_1h=OWN_RATE,
    reasoning=OWN_RATE,
    request=st.integers(0, 10_000_000),
)


def record(rates: Rates, usage: Usage, images: int = 0, **fields: Any) -> Generation:
    """Return the record of a request that was charged as the gateway charges."""
    price = charge(rates, usage, images)
    counts = {name: getattr(usage, name) for name in Usage.__struct_fields__ if hasattr(BLANK, name)}
    charged = {"cost_nano": price.total_nano, "upstream_cost_nano": price.total_nano}
    return msgspec.structs.replace(BLANK, **(counts | charged | {"rates": msgspec.structs.asdict(rates)} | fields))


def total(lines: tuple[Line, ...]) -> int:
    return sum(line.amount_nano for line in lines)


@settings(max_examples=40)
@given(RATES, USAGES)
def test_the_lines_of_tokens_and_requests_add_up_to_the_charge_with_nothing_left_over(
    rates: Rates, usage: Usage
) -> None:
    made = record(rates, usage)
    lines = receipt(made)
    assert total(lines) == made.cost_nano
    assert all(line.count is not None for line in lines)


@settings(max_examples=40)
@given(RATES, USAGES)
def test_a_line_is_its_count_at_its_rate_to_less_than_a_nano_dollar(rates: Rates, usage: Usage) -> None:
    for line in receipt(record(rates, usage)):
        assert line.count is not None
        assert line.rate is not None
        exact = line.count * line.rate if line.each else line.count * line.rate / 1_000_000
        assert abs(line.amount_nano - exact) <= 1


@settings(max_examples=40)
@given(USAGES)
def test_every_token_stands_in_one_line(usage: Usage) -> None:
    lines = receipt(record(Rates(prompt=1_000_000, completion=1_000_000), usage))
    assert sum(line.count or 0 for line in lines) == usage.prompt_tokens + usage.completion_tokens


@settings(max_examples=40)
@given(RATES, USAGES, st.integers(1, 9), st.integers(1, 10**9))
def test_what_a_record_does_not_count_has_one_line_of_its_own(
    rates: Rates, usage: Usage, images: int, image: int
) -> None:
    made = record(msgspec.structs.replace(rates, image=image), usage, images)
    *lines, rest = receipt(made)
    assert (rest.name, rest.amount_nano) == ("Images, sound and limits", images * image)
    assert total((*lines, rest)) == made.cost_nano


@settings(max_examples=40)
@given(RATES, USAGES, st.integers(0, 200))
def test_with_an_own_key_only_the_fee_is_charged(rates: Rates, usage: Usage, permille: int) -> None:
    price = charge(rates, usage).total_nano
    charged = fee(price, permille)
    lines = receipt(record(rates, usage, is_byok=True, cost_nano=charged))
    assert total(lines) == charged
    assert [line.amount_nano for line in lines[-2:]] == [-price, charged]


@settings(max_examples=40)
@given(RATES, USAGES)
def test_an_empty_answer_is_priced_and_not_charged(rates: Rates, usage: Usage) -> None:
    lines = receipt(record(rates, usage, is_insured=True, cost_nano=0))
    assert total(lines) == 0
    assert lines[-1].amount_nano == -charge(rates, usage).total_nano


@pytest.mark.parametrize("fields", [{"rates": {}}, {"rates": {}, "is_replayed": True}])
def test_what_nobody_answered_or_the_cache_did_has_no_lines(fields: dict[str, Any]) -> None:
    assert receipt(msgspec.structs.replace(BLANK, cost_nano=0, upstream_cost_nano=0, **fields)) == ()


def test_a_receipt_reads_like_one() -> None:
    usage = Usage(prompt_tokens=1000, cached_tokens=600, completion_tokens=50, reasoning_tokens=20)
    rates = Rates(prompt=3_000_000_000, completion=15_000_000_000, cache_read=300_000_000, request=5_000)
    assert receipt(record(rates, usage)) == (
        Line("Prompt", 1_200_000, 400, 3_000_000_000),
        Line("Prompt, read from the cache", 180_000, 600, 300_000_000),
        Line("Completion", 450_000, 30, 15_000_000_000),
        Line("Completion, reasoning", 300_000, 20, 15_000_000_000),
        Line("Request", 5_000, 1, 5_000, each=True),
    )
