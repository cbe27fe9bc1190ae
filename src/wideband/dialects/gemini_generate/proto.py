"""Proto JSON as clients write it: either spelling of a name, numbers as strings, enums in any case, one for many."""

from typing import Any

from wideband.canon.faults import invalid
from wideband.dialects.gemini_generate.words import pick

Json = Any
Fields = dict[str, Any]


def obj(holder: Fields, name: str, at: str = "") -> Fields | None:
    """Return a field that is an object, or None when it is not there. Raises `Faulted` when it is anything else."""
    value = pick(holder, name)
    if value is not None and not isinstance(value, dict):
        raise invalid(f"`{path(at, name)}` must be an object.", path(at, name))
    return value


def rows(holder: Fields, name: str, at: str = "") -> list[Fields]:
    """Return a repeated field; one object stands for a list of it, as Google takes it. Raises `Faulted`."""
    value = pick(holder, name)
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    for index, row in enumerate(values):
        if not isinstance(row, dict):
            place = f"{path(at, name)}.{index}" if isinstance(value, list) else path(at, name)
            raise invalid(f"`{place}` must be an object.", place)
    return values


def text(holder: Fields, name: str, at: str = "") -> str | None:
    """Return a field that is a string, or None when it is not there. Raises `Faulted` when it is anything else."""
    value = pick(holder, name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"`{path(at, name)}` must be a string.", path(at, name))
    return value


def need_text(holder: Fields, name: str, at: str = "") -> str:
    """Return a string that has to be there. Raises `Faulted`."""
    value = text(holder, name, at)
    if value is None:
        raise invalid(f"`{path(at, name)}` is missing; it must be a string.", path(at, name))
    return value


def texts(holder: Fields, name: str, at: str = "") -> tuple[str, ...]:
    """Return a list of strings; one string stands for a list of it. Raises `Faulted`."""
    value = pick(holder, name)
    values = [] if value is None else value if isinstance(value, list) else [value]
    if any(not isinstance(each, str) for each in values):
        raise invalid(f"`{path(at, name)}` must be a list of strings.", path(at, name))
    return tuple(values)


def flag(holder: Fields, name: str, at: str = "") -> bool | None:
    """Return a field that is true or false, or None when it is not there. Raises `Faulted`."""
    value = pick(holder, name)
    if value in ("true", "false"):
        return bool(value == "true")
    if value is not None and not isinstance(value, bool):
        raise invalid(f"`{path(at, name)}` must be true or false.", path(at, name))
    return value


def number(holder: Fields, name: str, at: str = "") -> float | None:
    """Return a number, which may be written as a string. Raises `Faulted`."""
    value = pick(holder, name)
    if isinstance(value, str):
        value = _number_in(value)
        if value is None:
            raise invalid(f"`{path(at, name)}` must be a number.", path(at, name))
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise invalid(f"`{path(at, name)}` must be a number.", path(at, name))
    return value


def whole(holder: Fields, name: str, at: str = "") -> int | None:
    """Return a whole number, which may be written as a string or with a fraction of zero. Raises `Faulted`."""
    value = number(holder, name, at)
    if value is None:
        return None
    if value != value // 1 or abs(value) >= 2**63:
        raise invalid(f"`{path(at, name)}` must be a whole number.", path(at, name))
    return int(value)


def word(holder: Fields, name: str, at: str = "") -> str | None:
    """Return an enum's value in capitals. Raises `Faulted`."""
    value = text(holder, name, at)
    return value.upper() if value else None


def path(at: str, name: str) -> str:
    """Return where a field stands."""
    return f"{at}.{name}" if at else name


def _number_in(value: str) -> float | None:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        found = float(value)
    except ValueError:
        return None
    # What is no finite number differs from itself when it is taken from itself.
    return found if found - found == 0 else None
