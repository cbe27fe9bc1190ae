"""How a charge came about: lines that add up to it, to the nano-dollar."""

import msgspec

from wideband.catalog.rows import Rates
from wideband.metering.record import Generation
from wideband.pricing.charges import MOST_NANO

_MILLION = 1_000_000
_HALF = 500_000


class Line(msgspec.Struct, frozen=True):
    """A line of a receipt: how many of what, at which rate, and what that comes to in nano-dollars.

    `rate` is in nano-dollars per million tokens, or for each where `each` is set. None: this line has no count.
    """

    name: str
    amount_nano: int
    count: int | None = None
    rate: int | None = None
    each: bool = False


def receipt(record: Generation) -> tuple[Line, ...]:
    """Return the lines of a record's charge; they add up to its `cost_nano`.

    A direction is rounded once, as `pricing.charge` does: a line may be off by under a nano-dollar, the sum never.
    """
    lines = [*_priced(record)] if record.rates else []
    price = record.upstream_cost_nano if record.is_byok or record.is_insured else record.cost_nano
    if rest := price - sum(line.amount_nano for line in lines):
        lines.append(Line("Images, sound and limits", rest))
    if record.is_insured:
        lines.append(Line("Empty answer: not charged", record.cost_nano - price))
    elif record.is_byok:
        lines.append(Line("Charged by the provider to your own key", -price))
        lines.append(Line("Fee for passing it on", record.cost_nano))
    return tuple(lines)


def _priced(record: Generation) -> list[Line]:
    """Return what the counts of the record come to at its rates."""
    rates = msgspec.convert({name: rate for name, rate in record.rates.items() if rate is not None}, Rates)
    parts: list[tuple[str, int, int | None]] = [
        ("Prompt, read from the cache", record.cached_tokens, rates.cache_read),
        ("Prompt, written to the cache", record.cache_write_tokens, rates.cache_write),
        (
            "Prompt, written to the cache for an hour",
            record.cache_write_1h_tokens,
            rates.cache_write if rates.cache_write_1h is None else rates.cache_write_1h,
        ),
    ]
    lines = _direction("Prompt", record.prompt_tokens, rates.prompt, parts)
    lines += _direction(
        "Completion",
        record.completion_tokens,
        rates.completion,
        [("Completion, reasoning", record.reasoning_tokens, rates.reasoning)],
    )
    if rates.request:
        units = max(1, record.search_units)
        name = "Search units" if record.search_units else "Request"
        lines.append(Line(name, min(rates.request * units, MOST_NANO), units, rates.request, each=True))
    return lines


def _direction(name: str, tokens: int, rate: int, parts: list[tuple[str, int, int | None]]) -> list[Line]:
    """Split one direction into its plain tokens and its parts; what has no rate of its own costs what they do."""
    left, found = tokens, list[tuple[str, int, int]]()
    for part, count, own in parts:
        count = min(count, left)
        left -= count
        if count:
            found.append((part, count, rate if own is None else own))
    lines, total = list[Line](), 0
    for part, count, own in ((name, left, rate), *found):
        if not count:
            continue
        before = (total + _HALF) // _MILLION
        total += count * own
        lines.append(Line(part, (total + _HALF) // _MILLION - before, count, own))
    return lines
