"""Time axes: what a bar is called, which are labelled, and whether the last one still runs. All UTC."""

from calendar import monthrange
from datetime import UTC, datetime

import msgspec

from wideband.analytics.periods import DAY_S, HOUR_S, MINUTE_S, Width
from wideband.site.charts.figure import Axis

_LENGTHS: dict[Width, int] = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S, "week": 7 * DAY_S}
# Gridlines stand at whole multiples of these (in seconds, then in days from a Monday, then in months).
_SECONDS = tuple(60 * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720))
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 3, 6, 12)
_MONDAY_S = 4 * DAY_S  # 1970-01-05 was one


class Tick(msgspec.Struct, frozen=True):
    """A label of a time axis: the bar it stands at, what it says, and whether narrow charts leave it out."""

    index: int
    text: str
    minor: bool


def at(start_s: int) -> datetime:
    """Return an instant as a date, in UTC."""
    return datetime.fromtimestamp(start_s, UTC)


def running(axis: Axis) -> bool:
    """Say whether the last bar's time is not over."""
    if not axis.starts:
        return False
    start = at(axis.starts[-1])
    month = monthrange(start.year, start.month)[1] * DAY_S
    return axis.end_s - axis.starts[-1] < _LENGTHS.get(axis.width, month)


def name(start_s: int, width: Width) -> str:
    """Return what a bar is called in tables and under the pointer."""
    day = at(start_s)
    if width == "month":
        return f"{day:%Y-%m}"
    return f"{day:%Y-%m-%d %H:%M}" if width in ("minute", "hour") else f"{day:%Y-%m-%d}"


def ticks(axis: Axis, most: int = 8) -> tuple[Tick, ...]:
    """Return the labels of an axis: at natural boundaries, at most about `most` of them."""
    chosen = _boundaries(axis.starts, most)
    kept = range(0, len(chosen), 2) if len(chosen) > 4 else range(len(chosen))
    texts = [_text(axis.starts, index, axis.width) for index in chosen]
    return tuple(Tick(index, texts[place], place not in kept) for place, index in enumerate(chosen))


def _boundaries(starts: tuple[int, ...], most: int) -> list[int]:
    found = list(range(len(starts)))
    if len(found) <= most:
        return found
    for step in (*_SECONDS, *(days * DAY_S for days in _DAYS)):
        found = [
            index
            for index, start in enumerate(starts)
            if _floor(start, step) != (_floor(starts[index - 1], step) if index else start - 1)
        ]
        found = [index for index in found if index or starts[0] == _floor(starts[0], step)]
        if len(found) <= most:
            return found
    for months in _MONTHS:
        found = [index for index in range(1, len(starts)) if _turn(starts[index - 1], starts[index], months)]
        if len(found) <= most:
            break
    return found


def _floor(start_s: int, step: int) -> int:
    offset = _MONDAY_S if step >= DAY_S else 0
    return start_s - (start_s - offset) % step


def _turn(before_s: int, start_s: int, months: int) -> bool:
    before, after = at(before_s), at(start_s)
    return (before.year * 12 + before.month - 1) // months != (after.year * 12 + after.month - 1) // months


def _text(starts: tuple[int, ...], index: int, width: Width) -> str:
    day = at(starts[index])
    if width in ("minute", "hour") and (day.hour or day.minute):
        return day.strftime("%H:%M")
    if width == "month":
        return day.strftime("%b %Y") if day.month == 1 or index == 0 else day.strftime("%b")
    return f"{day.day} {day:%b}"
