"""Prices as pages tell them: now, next, through the day, and by the length of a prompt. All UTC."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from wideband.catalog.rows import Endpoint, Price, Rates
from wideband.pricing import resolve
from wideband.pricing.windows import MINUTES_A_DAY, WEEKDAYS
from wideband.site.charts.figure import Figure
from wideband.site.charts.timetable import Lane, Stretch, timetable
from wideband.site.figures import per_million

Level = Literal["peak", "off-peak", "between"]

_MINUTE_NS = 60_000_000_000
# 1970-01-05 was a Monday.
_MONDAY = 4
_DAYS_AHEAD = 8


class Change(msgspec.Struct, frozen=True):
    """When a price changes next, in unix seconds, and to what."""

    at_s: int
    rates: Rates


class Tier(msgspec.Struct, frozen=True):
    """What holds for prompts of more tokens than `above`."""

    above: int
    rates: Rates


def is_timed(price: Price) -> bool:
    """Say whether a price depends on the hour or the weekday."""
    return any(each.utc_start is not None or each.utc_days for each in price.overrides)


def has_weekdays(price: Price) -> bool:
    """Say whether a price depends on the weekday."""
    return any(each.utc_days for each in price.overrides)


def through_day(price: Price, weekday: int) -> list[tuple[int, int, Rates]]:
    """Return the stretches of a weekday (0 is Monday) in minutes, half-open, with what a short prompt costs in each."""
    found: list[tuple[int, int, Rates]] = []
    bounds = [*_bounds(price), MINUTES_A_DAY]
    for start, end in pairwise(bounds):
        rates = resolve(price, ((_MONDAY + weekday) * MINUTES_A_DAY + start) * _MINUTE_NS, 0)
        if found and found[-1][2] == rates:
            found[-1] = (found[-1][0], end, rates)
        else:
            found.append((start, end, rates))
    return found


def next_change(price: Price, at_ns: int) -> Change | None:
    """Return when the price of a short prompt changes next, within a week; None when it stays."""
    if not is_timed(price):
        return None
    now, (today, minute) = resolve(price, at_ns, 0), divmod(at_ns // _MINUTE_NS, MINUTES_A_DAY)
    for day in range(_DAYS_AHEAD):
        for bound in _bounds(price):
            if day == 0 and bound <= minute:
                continue
            when = (today + day) * MINUTES_A_DAY + bound
            rates = resolve(price, when * _MINUTE_NS, 0)
            if rates != now:
                return Change(when * 60, rates)
    return None


def level(price: Price, at_ns: int) -> Level | None:
    """Say whether an instant is at the dearest or the cheapest of a week; None for a price that time does not move."""
    weeks = {_weight(rates) for day in range(len(WEEKDAYS)) for _, _, rates in through_day(price, day)}
    if len(weeks) < 2:
        return None
    now = _weight(resolve(price, at_ns, 0))
    return "peak" if now == max(weeks) else "off-peak" if now == min(weeks) else "between"


def tiers(price: Price, at_ns: int) -> list[Tier]:
    """Return what prompts of each length cost now; only one row when length does not matter."""
    lengths = sorted({each.min_prompt_tokens for each in price.overrides if each.min_prompt_tokens is not None})
    found: list[Tier] = []
    for above in (-1, *lengths):
        rates = resolve(price, at_ns, above + 1)
        if not found or found[-1].rates != rates:
            found.append(Tier(max(above, 0), rates))
    return found


def written(rates: Rates) -> str:
    """Write what a million tokens cost: in, then out; or what a request costs where tokens cost nothing."""
    if rates.request and not rates.prompt and not rates.completion:
        return f"{per_million(rates.request)} a request"
    return f"{per_million(rates.prompt)} / {per_million(rates.completion)}"


def price_table(endpoints: Sequence[Endpoint], weekday: int, now_ns: int) -> Figure:
    """Draw what endpoints cost through a weekday, a lane for each, those first whose prices change."""
    day, minute = divmod(now_ns // _MINUTE_NS, MINUTES_A_DAY)
    today = (day - _MONDAY) % len(WEEKDAYS)
    days = {each.tag: through_day(each.price, weekday) for each in endpoints}
    known = [_weight(rates) for stretches in days.values() for _, _, rates in stretches]
    low, high = min(known, default=0), max(known, default=0)
    lanes = [
        Lane(
            each.tag,
            tuple(
                Stretch(start, end, written(rates), (_weight(rates) - low) / (high - low) if high > low else 0.0)
                for start, end, rates in days[each.tag]
            ),
        )
        for each in sorted(endpoints, key=lambda one: (not is_timed(one.price), -len(days[one.tag]), one.tag))
    ]
    title = f"{WEEKDAYS[weekday].capitalize()}, a million tokens in / out"
    return timetable(title, lanes, minute if weekday == today else None)


def weekday_of(at_ns: int) -> int:
    """Return the weekday of an instant: 0 is Monday."""
    return (at_ns // _MINUTE_NS // MINUTES_A_DAY - _MONDAY) % len(WEEKDAYS)


def _bounds(price: Price) -> list[int]:
    return sorted({0, *_instants(price)})


def _instants(price: Price) -> Iterator[int]:
    for each in price.overrides:
        if each.utc_start is not None and each.utc_end is not None:
            yield from (each.utc_start, each.utc_end % MINUTES_A_DAY)


def _weight(rates: Rates) -> float:
    """Return one figure for a price: three of four tokens are prompt, as in most traffic."""
    return 0.75 * rates.prompt + 0.25 * rates.completion + rates.request
