"""Which rates hold at an instant: peak windows, weekdays and long-context tiers, all in UTC."""

from collections.abc import Iterable

import msgspec

from wideband.catalog.rows import Override, Price, Rates, Weekday

MINUTES_A_DAY = 1440
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MINUTE_NS = 60_000_000_000
# 1970-01-01 was a Thursday.
_EPOCH_WEEKDAY = 3


def resolve(price: Price, at_ns: int, prompt_tokens: int) -> Rates:
    """Return the rates for a prompt of a length at an instant (unix nanoseconds, UTC).

    Of the overrides that match, later ones win key by key; keys none of them names keep the base rate.
    """
    if not price.overrides:
        return price.base
    changes: dict[str, int] = {}
    for override in price.overrides:
        if _long_enough(override, prompt_tokens) and in_window(override, at_ns):
            changes.update(override.rates)
    return msgspec.structs.replace(price.base, **changes) if changes else price.base


def in_window(override: Override, at_ns: int) -> bool:
    """Tell whether an instant is in an override's hours and weekdays; one without them always is."""
    day, minute = divmod(at_ns // _MINUTE_NS, MINUTES_A_DAY)
    if override.utc_days and WEEKDAYS[(day + _EPOCH_WEEKDAY) % 7] not in override.utc_days:
        return False
    start, end = override.utc_start, override.utc_end
    if start is None or end is None:
        return True
    if start < end:
        return start <= minute < end
    return minute >= start or minute < end


def is_timed(overrides: Iterable[Override]) -> bool:
    """Tell whether any override depends on the time."""
    return any(override.utc_start is not None or override.utc_days for override in overrides)


def _long_enough(override: Override, prompt_tokens: int) -> bool:
    return override.min_prompt_tokens is None or prompt_tokens > override.min_prompt_tokens
