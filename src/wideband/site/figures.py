"""How figures are written, everywhere on the site: the one table of units, which templates have as filters."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

Format = Callable[[float | None], str]

NOTHING = "-"
# Where a letter begins: what would be written as 1,000 of the smaller one has the larger one.
_SIZES = ((9.995e11, 1e12, "T"), (9.995e8, 1e9, "B"), (9.995e5, 1e6, "M"), (999.5, 1e3, "K"))


def tokens(count: float | None) -> str:
    """Write a count short: 950, 12.3K, 4.56M, 1.2B, 3.4T."""
    if count is None:
        return NOTHING
    size = abs(count)
    for least, limit, letter in _SIZES:
        if size >= least:
            return f"{count / limit:.3g}{letter}" if size < limit * 999.5 else f"{count / limit:,.0f}{letter}"
    return f"{count:.0f}" if size >= 10 or count == int(count) else f"{count:.1f}"


def usd(nano: float | None) -> str:
    """Write nano-dollars: $1,234, $12.34, $0.50, $0.0123, $0.000004."""
    if nano is None:
        return NOTHING
    dollars = abs(nano) / 1e9
    sign = "-" if nano < 0 else ""
    if dollars == 0:
        return "$0"
    if dollars >= 999.995:
        return f"{sign}${dollars:,.0f}"
    if dollars >= 0.9995:
        return f"{sign}${dollars:.2f}"
    if dollars < 0.001:
        # Three digits, however many zeros come before.
        return f"{sign}${dollars:.{2 - math.floor(math.log10(dollars))}f}".rstrip("0")
    cents, finer = f"{dollars:.2f}", f"{dollars:.3g}"
    return f"{sign}${finer if len(finer) > len(cents) else cents}"


def per_million(nano: float | None) -> str:
    """Write a price of a million tokens, in nano-dollars, to the cent at least: $0.30, $12.50, $0.075."""
    if nano is None:
        return NOTHING
    dollars = nano / 1e9
    if dollars == 0:
        return "$0"
    if round(dollars * 100, 9) % 1 < 1e-6 or dollars >= 10:
        return f"${dollars:,.2f}"
    digits = f"{dollars:.4f}" if dollars >= 0.001 else f"{dollars:.9f}"
    return f"${digits.rstrip('0')}"


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
    return NOTHING if value is None else f"{value:.3g} tok/s" if value < 999.5 else f"{value:,.0f} tok/s"


def whole(value: float | None) -> str:
    """Write a whole number in full, with commas."""
    return NOTHING if value is None else f"{value:,.0f}"


def instant(at_s: float | None) -> str:
    """Write an instant to the second, UTC."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(at_s: float | None) -> str:
    """Write an instant to the minute, UTC."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def date(at_s: float | None) -> str:
    """Write a day, UTC."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")


def duration(seconds: float | None) -> str:
    """Write a length of time in its two largest parts: 42 s, 3 min 5 s, 2 h 10 min, 4 d 6 h."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    for large, small, names in ((86_400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{whole} s"


def change(share: float | None) -> str:
    """Write how much more or less than before: +12.3%, -4%, +250%, 0%."""
    if share is None:
        return NOTHING
    value = share * 100
    written = f"{value:+.1f}" if abs(value) < 99.95 else f"{value:+,.0f}"
    return "0%" if float(written.replace(",", "")) == 0 else f"{written.removesuffix('.0')}%"


def iso(at_s: float | None) -> str:
    """Write an instant for machines."""
    return NOTHING if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# By the name that charts and templates use.
FORMATS: dict[str, Format] = {
    "tokens": tokens,
    "usd": usd,
    "per_million": per_million,
    "ms": ms,
    "percent": percent,
    "speed": speed,
    "whole": whole,
    "instant": instant,
    "minute": minute,
    "date": date,
    "duration": duration,
    "change": change,
    "iso": iso,
}
