"""What is remembered of rates is what would be worked out anew, at every instant and length."""

from hypothesis import given, settings, strategies as st

from wideband.catalog.rows import Override, Price, Rates
from wideband.pricing import RateCard, resolve
from wideband.pricing.windows import WEEKDAYS

MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS

rate = st.integers(0, 1000)
minute = st.none() | st.integers(0, 1439)
# Few lengths, so that prompts stand at them, below and above.
length = st.sampled_from([100, 200, 300])
prices = st.builds(
    Price,
    base=st.builds(Rates, prompt=rate, completion=rate),
    overrides=st.lists(
        st.builds(
            Override,
            rates=st.dictionaries(st.sampled_from(["prompt", "completion"]), rate, max_size=2),
            min_prompt_tokens=st.none() | length,
            utc_start=minute,
            utc_end=minute,
            utc_days=st.lists(st.sampled_from(WEEKDAYS), max_size=2).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
)
instants = st.integers(0, 8 * DAY_NS) | st.integers(0, 8 * 1440).map(lambda at: at * MINUTE_NS)


@settings(max_examples=150)
@given(
    st.lists(prices, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), instants, st.integers(99, 301)), max_size=12),
)
def test_a_rate_card_says_what_the_windows_say(rows: list[Price], asked: list[tuple[int, int, int]]) -> None:
    card = RateCard()
    for which, at_ns, tokens in asked:
        price = rows[which % len(rows)]
        for count in (tokens, 100, 200, 300):
            assert card.rates(price, at_ns, count) == resolve(price, at_ns, count)
