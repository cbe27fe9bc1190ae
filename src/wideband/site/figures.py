"""How figures are written, everywhere on the site: the one table of units, which templates have as filters."""

from collections.abc import Callable
from datetime import UTC, datetime

Format = Callable[[float | None], str]

NOTHING = "-"


def tokens(count: float | None) -> str:
    """Write a count short: 950, 12.3K, 4.56M, 1.2B, 3.4T."""
    if count is None:
        return NOTHING
    size = abs(count)
    for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size >= limit * 0.9995:
            return f"{count / limit:.3g}{letter}" if size < limit * 999.5 else f"{count / limit:,.0f}{letter}"
    return f"{count:.0f}" if size >= 10 or count == int(count) else f"{count:.1f}"


def usd(nano: float | None) -> str:
    """Write nano-dollars: $1,234, $12.34, $0.0123, $0.000004."""
    if nano is None:
        return NOTHING
    dollars = abs(nano) / 1e9
    sign = "-" if nano < 0 else ""
    if dollars == 0:
        return "$0"
    if dollars >= 1000:
        return f"{sign}${dollars:,.0f}"
    if dollars >= 1:
        return f"{sign}${dollars:.2f}"
    return f"{sign}${dollars:.3g}" if dollars >= 0.001 else f"{sign}${dollars:.9f}".rstrip("0")


def ms(value: float | None) -> str:
    """Write milliseconds: 87 ms, 1.24 s, 3.5 min."""
    if value is None:
        return NOTHING
    if value < 999.5:
        return f"{value:.3g} ms"
    return f"{value / 1000:.3g} s" if value < 60_000 else f"{value / 60_000:.3g} min"


def percent(share: float | None) -> str:
    """Write a share of one: 99.95%, 12.3%, 0%."""
    if share is None:
        return NOTHING
    value = share * 100
    if value in (0, 100):
        return f"{value:.0f}%"
    if value > 99:
        # Never round a flaw away.
        return f"{min(value, 99.99):.2f}%"
    return f"{value:.1f}%" if value >= 0.95 else f"{value:.2g}%"


def speed(value: float | None) -> str:
    """Write tokens a second."""
    return NOTHING if value is None else f"{value:.3g} tok/s"


def whole(value: float | None) -> str:
    """Write a whole number in full, with commas."""
    return NOTHING if value is None else f"{value:,.0f}"


def instant(at_s: float | None) -> str:
    """Write an instant to the second, UTC."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(at_s: float | None) -> str:
    """Write an instant for machines."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# By the name that charts and templates use.
FORMATS: dict[str, Format] = {
    "tokens": tokens,
    "usd": usd,
    "ms": ms,
    "percent": percent,
    "speed": speed,
    "whole": whole,
    "instant": instant,
    "iso": iso,
}
