"""How a provider wants to be shown its key."""

from collections.abc import Callable

from wideband.catalog.rows import AuthStyle

_HEADERS: dict[AuthStyle, Callable[[str], dict[str, str]]] = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
    "api-key": lambda key: {"api-key": key},
    "none": lambda _: {},
}


def headers_for(style: AuthStyle, key: str | None) -> dict[str, str]:
    """Return the headers that carry a key; none without a key (servers on this machine often want none)."""
    key = key.strip() if key else ""
    return _HEADERS[style](key) if key else {}
