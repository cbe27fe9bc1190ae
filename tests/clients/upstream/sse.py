"""How scripted answers are cut into pieces."""

import json
from collections.abc import Iterator
from typing import Any

_PIECE = 7


def data(value: Any, event: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def pieces(text: str) -> Iterator[str]:
    """Cut text into small pieces, escapes and all."""
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
