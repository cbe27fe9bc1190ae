"""Callers' bodies of the OpenAI-shaped protocols: one typed pass that tells a wrong field by its name."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.wire import jsons

# Top-level fields that speak to the gateway: an upstream gets them only under the quirk "openrouter".
GATEWAY_FIELDS: Final = frozenset(
    {"debug", "models", "plugins", "preset", "provider", "route", "session_id", "trace", "transforms", "usage"}
)


class Addressed(msgspec.Struct, gc=False):
    """What every body says to the gateway. Null stands for not sent, and unknown fields are let through."""

    model: str | None = None
    models: list[str] | None = None
    provider: dict[str, Any] | None = None
    session_id: str | None = None
    user: str | None = None


T = TypeVar("T", bound=Addressed)

_REMEDIES: Final[dict[str, str]] = {
    "model": 'Send the id of a model, such as "openai/text-embedding-3-small", as a string.',
    "models": "Send a list of model ids.",
    "provider": "Send an object of routing preferences.",
}
_AT = re.compile(r"^(?P<what>.*) - at `\$\.(?P<path>.*)`$", re.DOTALL)


def read_body(body: bytes, reader: jsons.Reader[T], remedies: Mapping[str, str]) -> T:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    try:
        told = reader(body)
    except msgspec.ValidationError as error:
        raise _refused(str(error), remedies) from None
    except jsons.DecodeError as error:
        raise _unreadable(error) from None
    if not (told.model or told.models):
        raise invalid(f"`model` is missing or empty. {_REMEDIES['model']}", "model")
    return told


def read_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Read a body's top level, every value still bytes. Raises `Faulted`."""
    try:
        return jsons.fields(body)
    except jsons.DecodeError as error:
        raise _unreadable(error) from None


def for_gateway(told: Addressed) -> dict[str, Any]:
    """Return the fields of an `Ask` that the gateway reads in every protocol alike."""
    fallbacks = tuple(told.models or ())
    # Told by name, a model comes first; with nothing to fall back on there is no list.
    models = tuple(dict.fromkeys((told.model, *fallbacks))) if told.model and fallbacks else fallbacks
    return {
        "model": told.model or fallbacks[0],
        "models": models,
        "preferences": told.provider or {},
        "session_id": told.session_id,
        "user": told.user,
    }


def missing(field: str, remedies: Mapping[str, str]) -> Faulted:
    """Make the fault of a field that has to be there."""
    return invalid(f"`{field}` is missing or empty. {remedies[field]}", field)


def _unreadable(error: Exception) -> Faulted:
    return invalid(f"The body cannot be read as JSON: {error}. Send one JSON object in UTF-8.")


def _refused(told: str, remedies: Mapping[str, str]) -> Faulted:
    """Make a fault of the parser's words: they end in the path of the field."""
    found = _AT.match(told)
    if found is None:
        return invalid(f"The body is not a request: {told}. Send one JSON object.")
    path = found["path"]
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    remedy = remedies.get(top) or _REMEDIES.get(top, "Correct it or leave it out.")
    return invalid(f"`{path}`: {found['what'][:1].lower()}{found['what'][1:]}. {remedy}", path)
