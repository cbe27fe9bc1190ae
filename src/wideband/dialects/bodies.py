"""Callers' bodies of the OpenAI-shaped protocols: one typed pass that tells a wrong field by its name."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.wire import jsons

# Top-level fields that speak to the gateway: an upstream gets them only under the quirk "openrouter".
GATEWAY_FIELDS: Final = frozenset(
    {"debug", "models", "plugins", "preset", "provider", "route", "session_id", "trace", "transforms", "usage"}
)


# The ranges of numbers that these protocols share; null stands for not sent.
Unit = Annotated[float, msgspec.Meta(ge=0, le=1)] | None
Heat = Annotated[float, msgspec.Meta(ge=0, le=2)] | None
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)] | None
Positive = Annotated[int, msgspec.Meta(gt=0, lt=2**53)] | None
Natural = Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None


class Addressed(msgspec.Struct, gc=False):
    """What every body says to the gateway. Null stands for not sent, and unknown fields are let through."""

    model: str | None = None
    models: list[str] | None = None
    provider: dict[str, Any] | None = None
    session_id: str | None = None
    user: str | None = None


class _Include(msgspec.Struct, gc=False):
    """`stream_options` (`include_usage`) and `usage` (`include`)."""

    include_usage: bool | None = None
    include: bool | None = None


class Streamed(Addressed, gc=False):
    """What bodies of the older protocols say of how they are answered."""

    stream: bool | None = None
    stream_options: _Include | None = None
    usage: _Include | None = None

    @property
    def asks_for_usage(self) -> bool:
        """Whether a stream's end is to tell counts."""
        options, usage = self.stream_options, self.usage
        return bool((options and options.include_usage) or (usage and usage.include))


T = TypeVar("T", bound=Addressed)
R = TypeVar("R", bound=msgspec.Struct)

# What to do about a field that was refused, for the fields that these protocols share.
REMEDIES: Final[dict[str, str]] = {
    "frequency_penalty": "Send a number from -2 to 2.",
    "model": 'Send the id of a model, such as "openai/text-embedding-3-small", as a string.',
    "models": "Send a list of model ids.",
    "presence_penalty": "Send a number from -2 to 2.",
    "provider": "Send an object of routing preferences.",
    "stream": "Send true or false.",
    "temperature": "Send a number from 0 to 2.",
    "top_k": "Send a whole number from 0 up.",
    "top_logprobs": "Send a whole number from 0 to 20.",
    "top_p": "Send a number from 0 to 1.",
}
_LONGEST_SHOWN = 40
# What a token id is worth in characters, for estimates.
_CHARS_A_TOKEN: Final = 4
_AT = re.compile(r"^(?P<what>.*) - at `\$\.(?P<path>.*)`$", re.DOTALL)


def read_typed(
    body: bytes, reader: jsons.Reader[T], remedies: Mapping[str, str], shown: frozenset[str] = frozenset()
) -> T:
    """Read a body. Raises `Faulted` naming the field, what was found and what to send.

    `shown` are the fields whose value may stand in the fault: never those that hold a caller's words.
    """
    try:
        return reader(body)
    except msgspec.ValidationError as error:
        raise _refused(str(error), remedies, body, shown) from None
    except jsons.DecodeError as error:
        raise _unreadable(error) from None


def need_model(told: Addressed, remedies: Mapping[str, str]) -> None:
    """Check that a body says which model is asked. Raises `Faulted`."""
    if not (told.model or told.models):
        raise missing("model", REMEDIES | dict(remedies))


def read_body(body: bytes, reader: jsons.Reader[T], remedies: Mapping[str, str]) -> T:
    """Read a body that names its model. Raises `Faulted`."""
    told = read_typed(body, reader, remedies)
    need_model(told, remedies)
    return told


def read_json(body: bytes) -> dict[str, Any]:
    """Read in full a body that was found to be an object. Raises `Faulted`."""
    try:
        found: dict[str, Any] = jsons.decode(body)
    except jsons.DecodeError as error:
        raise _unreadable(error) from None
    return found


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


def need_texts(given: object, field: str, remedies: Mapping[str, str]) -> None:
    """Check that a field holds something, and texts or token ids but not both. Raises `Faulted`."""
    if given is None or given == []:
        raise missing(field, remedies)
    if isinstance(given, list) and len({type(each) for each in given} & {str, int, list}) > 1:
        raise invalid(f"`{field}` mixes texts and token ids. {remedies[field]}", field)


def one_by_one(given: str | R | Sequence[str | int | list[int] | R] | None) -> list[str | list[int] | R]:
    """Return texts one by one, each in words or as token ids: a list of numbers is one."""
    if given is None:
        return []
    if isinstance(given, str | msgspec.Struct):
        return [given]
    tokens = [each for each in given if isinstance(each, int)]
    return [tokens] if tokens else [each for each in given if not isinstance(each, int)]


def chars_of(text: str | list[int]) -> int:
    """Return how many characters a text in words or token ids counts for."""
    return len(text) if isinstance(text, str) else len(text) * _CHARS_A_TOKEN


def missing(field: str, remedies: Mapping[str, str]) -> Faulted:
    """Make the fault of a field that has to be there."""
    return invalid(f"`{field}` is missing or empty. {remedies[field]}", field)


def unwritable(error: Exception) -> Faulted:
    """Make the fault of a request that can be read, but not written."""
    return invalid(f"The request cannot be passed on: {error}. Nest it less deeply.")


def _unreadable(error: Exception) -> Faulted:
    return invalid(f"The body cannot be read as JSON: {error}. Send one JSON object in UTF-8.")


def _refused(told: str, remedies: Mapping[str, str], body: bytes, shown: frozenset[str]) -> Faulted:
    """Make a fault of the parser's words: they end in the path of the field."""
    found = _AT.match(told)
    if found is None:
        return invalid(f"The body is not a request: {told}. Send one JSON object.")
    path = found["path"]
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    remedy = remedies.get(top) or REMEDIES.get(top, "Correct it or leave it out.")
    what = found["what"][:1].lower() + found["what"][1:]
    return invalid(f"`{path}`: {what}{_shown(body, top) if top in shown else ''}. {remedy}", path)


def _shown(body: bytes, field: str) -> str:
    """Return a field's value for a fault's words, where it is short enough to be looked at."""
    try:
        raw = bytes(jsons.fields(body).get(field, b"")) if body.isascii() else b""
    except jsons.DecodeError:  # behind the field that is wrong is more that is
        return ""
    return f" (found {raw.decode()})" if 0 < len(raw) <= _LONGEST_SHOWN else ""
