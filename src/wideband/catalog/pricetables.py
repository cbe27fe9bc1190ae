"""A price as written in a TOML table: decimal strings, USD per million tokens, overrides in OpenRouter's shape."""

from collections.abc import Mapping
from typing import Any, get_args

from wideband.catalog.money import nano_from_usd
from wideband.catalog.rows import Override, Price, Rates, Weekday
from wideband.catalog.tables import Place, listed, nearest

RATES = tuple(Rates.__struct_fields__)
WEEKDAYS = frozenset(get_args(Weekday))

# OpenRouter's names are understood too.
_ALIASES = {
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
    "input_cache_write_1h": "cache_write_1h",
    "internal_reasoning": "reasoning",
    "audio": "audio_prompt",
    "audio_output": "audio_completion",
    "image_output": "image_completion",
}
_OVERRIDES = ("overrides", "windows")
_CONDITIONS = ("utc_start", "utc_end", "utc_days", "min_prompt_tokens")
_HHMM = 'write UTC times as "HHMM", such as "0130"'


def read_price(table: Mapping[str, Any], place: Place) -> Price:
    """Read a price table; what is wrong in it is noted under `price.`."""
    rates = _rates({key: value for key, value in table.items() if key not in _OVERRIDES}, "price", place)
    overrides: list[Override] = []
    for name in _OVERRIDES:
        entries = table.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            place.note(f"price.{name}", "must be a list of tables")
            continue
        overrides.extend(_override(entry, f"price.{name}[{i}]", place) for i, entry in enumerate(entries))
    return Price(base=Rates(**rates), overrides=tuple(overrides))


def _rates(table: Mapping[str, Any], path: str, place: Place) -> dict[str, int]:
    rates: dict[str, int] = {}
    for key, value in table.items():
        name = _ALIASES.get(key, key)
        if name not in RATES:
            place.note(f"{path}.{key}", f"unknown price{nearest(key, (*RATES, *_OVERRIDES))}")
        elif (amount := _amount(value, f"{path}.{key}", place)) is not None:
            rates[name] = amount
    return rates


def _amount(value: Any, path: str, place: Place) -> int | None:
    if not isinstance(value, str):
        place.note(path, f'write prices as decimal strings, such as "{value}": numbers lose digits')
        return None
    try:
        nano = nano_from_usd(value)
    except ValueError as error:
        place.note(path, f"{error}; write USD per million tokens as a decimal string")
        return None
    if nano < 0:
        place.note(path, "a price cannot be negative")
        return None
    return nano


def _override(entry: Mapping[str, Any], path: str, place: Place) -> Override:
    if not any(name in entry for name in _CONDITIONS):
        place.note(path, f"needs a condition: {listed(_CONDITIONS)}")
    start, end = (_minute(entry.get(name), f"{path}.{name}", place) for name in ("utc_start", "utc_end"))
    if ("utc_start" in entry) != ("utc_end" in entry):
        place.note(path, "give both `utc_start` and `utc_end`, or neither for whole days")
    elif start is not None and start == end:
        place.note(path, "`utc_start` and `utc_end` are the same; leave both out for whole days")
    return Override(
        rates=_rates({key: value for key, value in entry.items() if key not in _CONDITIONS}, path, place),
        min_prompt_tokens=_length(entry.get("min_prompt_tokens"), f"{path}.min_prompt_tokens", place),
        utc_start=start,
        utc_end=end,
        utc_days=_days(entry.get("utc_days", []), f"{path}.utc_days", place),
    )


def _minute(value: Any, path: str, place: Place) -> int | None:
    if value is None:
        return None
    text = f"{value:04d}" if type(value) is int and value >= 0 else value
    if not isinstance(text, str) or len(text) != 4 or not (text.isascii() and text.isdigit()):
        place.note(path, _HHMM)
        return None
    hours, minutes = int(text[:2]), int(text[2:])
    if hours > 23 or minutes > 59:
        place.note(path, f"`{text}` is no time of day; {_HHMM}")
        return None
    return hours * 60 + minutes


def _length(value: Any, path: str, place: Place) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    place.note(path, "must be a number of tokens")
    return None


def _days(value: Any, path: str, place: Place) -> tuple[Weekday, ...]:
    if not isinstance(value, list) or not all(isinstance(day, str) and day in WEEKDAYS for day in value):
        place.note(path, 'must be a list of weekdays in English, such as ["monday", "friday"]')
        return ()
    return tuple(value)
