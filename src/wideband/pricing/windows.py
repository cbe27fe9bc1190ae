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


def uncovered(overrides: Iterable[Override]) -> list[Override]:
    """Return the conditions (without rates) of all times no timed override covers; none if nothing is timed."""
    timed = [each for each in overrides if each.utc_start is not None or each.utc_days]
    if not timed:
        return []
    days_by_gaps: dict[tuple[tuple[int, int], ...], list[Weekday]] = {}
    for day in WEEKDAYS:
        windows = [each for each in timed if each.min_prompt_tokens is None and day in (each.utc_days or WEEKDAYS)]
        days_by_gaps.setdefault(_gaps(windows), []).append(day)
    return [
        Override(
            rates={},
            utc_start=None if (start, end) == (0, MINUTES_A_DAY) else start,
            utc_end=None if (start, end) == (0, MINUTES_A_DAY) else end % MINUTES_A_DAY,
            utc_days=() if len(days) == len(WEEKDAYS) else tuple(days),
        )
        for gaps, days in days_by_gaps.items()
        for start, end in gaps
    ]


def _gaps(windows: Iterable[Override]) -> tuple[tuple[int, int], ...]:
    """Return the half-open stretches of a day, in minutes, that no window covers."""
    free, gaps = 0, list[tuple[int, int]]()
    for start, end in sorted(stretch for each in windows for stretch in _stretches(each)):
        if start > free:
            gaps.append((free, start))
        free = max(free, end)
    if free < MINUTES_A_DAY:
        gaps.append((free, MINUTES_A_DAY))
    return tuple(gaps)


def _stretches(window: Override) -> list[tuple[int, int]]:
    start, end = window.utc_start, window.utc_end
    if start is None or end is None:
        return [(0, MINUTES_A_DAY)]
    return [(start, end)] if start < end else [(0, end), (start, MINUTES_A_DAY)]


def _long_enough(override: Override, prompt_tokens: int) -> bool:
    return override.min_prompt_tokens is None or prompt_tokens > override.min_prompt_tokens
