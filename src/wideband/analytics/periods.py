"""Spans of time that pages and the data API ask about: from when to when, and how wide a bar is. All UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from wideband.canon.faults import invalid

Width = Literal["minute", "hour", "day", "week", "month"]
Grain = Literal["minute", "hour", "day"]

_GRAINS: dict[Width, Grain] = {"minute": "minute", "hour": "hour", "day": "day", "week": "day", "month": "day"}

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
# Name -> (length in seconds, width of a bar). The order is that of the filter bar.
LENGTHS: dict[str, tuple[int, Width]] = {
    "1h": (HOUR_S, "minute"),
    "24h": (DAY_S, "hour"),
    "7d": (7 * DAY_S, "hour"),
    "30d": (30 * DAY_S, "day"),
    "90d": (90 * DAY_S, "day"),
    "1y": (364 * DAY_S, "week"),
}
_MIN_S, _MAX_S = 5 * MINUTE_S, 3 * 366 * DAY_S
# What finer tables remember: minutes for two days, hours for a quarter.
_MINUTES_KEPT_S, _HOURS_KEPT_S = 2 * DAY_S, 92 * DAY_S


class Period(msgspec.Struct, frozen=True):
    """A half-open span `[start_s, end_s)` in unix seconds, cut into bars of one width; it starts where a bar starts.

    `name` is the key of `LENGTHS` it came from, or None for a span of the reader's own.
    """

    start_s: int
    end_s: int
    width: Width
    name: str | None = None

    @property
    def grain(self) -> Grain:
        """Return which table has what this period needs and is the smallest."""
        return _GRAINS[self.width]

    @property
    def words(self) -> dict[str, str]:
        """Return what a query's text leaves open: its table, and the start of the bar a row is in, in unix seconds."""
        return {"grain": self.grain, "bucket": f"epoch(date_trunc('{self.width}', \"at\"))::BIGINT"}

    @property
    def starts(self) -> tuple[int, ...]:
        """Return where each bar starts, in unix seconds, the running one included."""
        return _starts(self)

    @property
    def query(self) -> dict[str, str]:
        """Return what names this period in a URL."""
        if self.name is not None:
            return {"period": self.name}
        return {"from": _iso(self.start_s), "to": _iso(self.end_s)}

    def before(self) -> "Period":
        """Return the span of the same length that ends where this one starts."""
        return Period(2 * self.start_s - self.end_s, self.start_s, self.width)


def period_of(query: Mapping[str, str], now_s: int, default: str = "7d") -> Period:
    """Read `period`, or `from` and `to` (RFC 3339 or a date), of a query. Raises `Faulted` (invalid_request)."""
    if "from" in query or "to" in query:
        start_s = _instant(query.get("from"), "from", now_s - DAY_S)
        end_s = min(_instant(query.get("to"), "to", now_s), now_s + DAY_S)
        if not _MIN_S <= end_s - start_s <= _MAX_S:
            raise invalid("`from` must lie at least five minutes and at most three years before `to`.", "from")
        if start_s < 0:
            raise invalid("`from` must lie in 1970 or later.", "from")
        return spanning(start_s, end_s, now_s)
    name = query.get("period", default)
    if name not in LENGTHS:
        raise invalid(f"`period` is `{name}`; it can be {', '.join(LENGTHS)}.", "period")
    length_s, width = LENGTHS[name]
    return Period(_floor(now_s - length_s + 1, width), now_s, width, name)


def spanning(start_s: int, end_s: int, now_s: int) -> Period:
    """Return the period of a span, with bars of the width that gives at most about 180 of them."""
    length_s, age_s = end_s - start_s, now_s - start_s
    if length_s <= 3 * HOUR_S and age_s < _MINUTES_KEPT_S:
        width: Width = "minute"
    elif length_s <= 8 * DAY_S and age_s < _HOURS_KEPT_S:
        width = "hour"
    elif length_s <= 184 * DAY_S:
        width = "day"
    else:
        width = "week"
    # What is read lies in whole bars of a table: the last one is told to its end, or to the present.
    whole_s = end_s + -end_s % {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}[_GRAINS[width]]
    return Period(_floor(start_s, width), max(end_s, min(whole_s, now_s)), width)


@lru_cache(maxsize=256)
def _starts(period: Period) -> tuple[int, ...]:
    found = [period.start_s] if period.start_s < period.end_s else []
    while found and (at_s := _next(found[-1], period.width)) < period.end_s:
        found.append(at_s)
    return tuple(found)


def _floor(at_s: int, width: Width) -> int:
    if width == "month":
        return int(datetime.fromtimestamp(at_s, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())
    if width == "week":
        at_s -= at_s % DAY_S
        return at_s - datetime.fromtimestamp(at_s, UTC).weekday() * DAY_S
    return at_s - at_s % {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}[width]


def _next(at_s: int, width: Width) -> int:
    if width == "month":
        return _floor(at_s + 32 * DAY_S, "month")
    return at_s + {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S, "week": 7 * DAY_S}[width]


def _instant(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"`{name}` must be an instant like 2026-11-22 or 2026-11-22T10:00Z, not `{text[:40]}`."
        raise invalid(message, name) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))


def _iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%MZ")
