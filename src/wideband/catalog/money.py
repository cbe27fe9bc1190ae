"""Decimal text to integer nano-dollars and back, exactly; no float is ever involved."""

import re

from wideband.catalog.rows import NANO

_DECIMAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)
_NANO_PLACES = 9
# A rate is nano-dollars per million tokens, so one of it is 10^-15 USD per token.
_RATE_PLACES = 15


def nano_from_usd(text: str) -> int:
    """Read decimal USD as nano-dollars.

    Raises ValueError, which says what is wrong, for anything but a plain decimal number of at most nine places.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not a decimal number such as 0.30")
    sign, whole, places = match.groups()
    places = (places or "").rstrip("0")
    if len(places) > _NANO_PLACES:
        raise ValueError(f"`{text}` is finer than a nano-dollar (nine decimal places)")
    nano = int(whole) * NANO + int(places.ljust(_NANO_PLACES, "0") or "0")
    return -nano if sign else nano


def usd_from_nano(nano: int) -> str:
    """Write nano-dollars as decimal USD, as short as it is exact."""
    return _shift(nano, _NANO_PLACES)


def usd_per_token(rate: int) -> str:
    """Write a rate (nano-dollars per million tokens) as decimal USD per token."""
    return _shift(rate, _RATE_PLACES)


def _shift(value: int, places: int) -> str:
    digits = str(abs(value)).rjust(places + 1, "0")
    whole, fraction = digits[:-places], digits[-places:].rstrip("0")
    text = f"{whole}.{fraction}" if fraction else whole
    return f"-{text}" if value < 0 else text
