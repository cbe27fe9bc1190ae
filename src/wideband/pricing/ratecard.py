"""Rates looked up once for all requests of a minute: which windows hold changes with the minute, and no sooner."""

from bisect import bisect_left

from wideband.catalog.rows import Price, Rates
from wideband.pricing.windows import resolve

_MINUTE_NS = 60_000_000_000


class _Entry:
    """The rates of one price, by how many of its lengths a prompt exceeds. Holding the price keeps its identity."""

    __slots__ = ("lengths", "price", "rates")

    def __init__(self, price: Price) -> None:
        self.price = price
        self.lengths = sorted({o.min_prompt_tokens for o in price.overrides if o.min_prompt_tokens is not None})
        self.rates: dict[int, Rates] = {}


class RateCard:
    """`resolve`, remembered; it says the same."""

    __slots__ = ("_entries", "_minute")

    def __init__(self) -> None:
        self._minute = -1
        self._entries: dict[int, _Entry] = {}

    def rates(self, price: Price, at_ns: int, prompt_tokens: int) -> Rates:
        """Return the rates for a prompt of a length at an instant (unix nanoseconds, UTC)."""
        if not price.overrides:
            return price.base
        minute = at_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute, self._entries = minute, {}
        entry = self._entries.get(id(price))
        if entry is None:
            entry = self._entries[id(price)] = _Entry(price)
        longer = bisect_left(entry.lengths, prompt_tokens)
        found = entry.rates.get(longer)
        if found is None:
            found = entry.rates[longer] = resolve(price, at_ns, prompt_tokens)
        return found
