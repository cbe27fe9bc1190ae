"""What a Gemini request says in its URL, written into its body."""

import re
from typing import Final

from wideband.canon.faults import invalid
from wideband.dialects.base import Called
from wideband.dialects.gemini_generate import words
from wideband.wire import jsons

_OPENING: Final = re.compile(rb"\s*\{\s*")
_SAID: Final = ("model", "stream", "alt")
_NAMED: Final = tuple(f'"{name}"'.encode() for name in _SAID)


def absorb(called: Called, body: bytes) -> bytes:
    """Write `model`, `stream` and `alt` first into a body, whose own bytes stay as they are. Raises `Faulted`."""
    opening = _OPENING.match(body)
    if opening is None:
        raise invalid('The body must be a JSON object such as {"contents": [{"parts": [{"text": "..."}]}]}.')
    model = (called.model or "").removeprefix("models/")
    if not model:
        raise invalid("The URL names no model; call /models/{model}:generateContent.", "model")
    said = {"model": model, "stream": called.path in words.STREAMING, "alt": called.query.get("alt") or "json"}
    head = jsons.encode(said)[:-1]
    if any(name in body for name in _NAMED) and (own := _others(body)) is not None:
        # Of two members of one name readers take the last: what the URL says is not the body's to say.
        body, opening = own, _OPENING.match(own)
    rest = body[opening.end() if opening is not None else 1 :]
    return head + rest if rest.startswith(b"}") else head + b"," + rest


def _others(body: bytes) -> bytes | None:
    """Return a body without the members that the URL says; None when it cannot be read, which `read` will tell."""
    try:
        fields = jsons.fields(body)
    except jsons.DecodeError:
        return None
    return jsons.encode({name: value for name, value in fields.items() if name not in _SAID})
