"""The only door to JSON."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

encode = msgspec.json.Encoder(decimal_format="number").encode
Raw = msgspec.Raw
DecodeError = msgspec.DecodeError  # also the parent of msgspec.ValidationError

_any = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])

MAX_DEPTH = 64


def decode(data: bytes | str | msgspec.Raw) -> Any:
    """Read any JSON value. Raises `DecodeError` (also for nesting too deep for the parser and for invalid UTF-8)."""
    try:
        return _any.decode(data)
    except (RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from None


def decode_as(data: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """Read JSON into a type. Raises `DecodeError`, whose text names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from None


def fields(data: bytes) -> dict[str, msgspec.Raw]:
    """Read only the top level of an object; values stay the bytes they were. Raises `DecodeError`."""
    try:
        return _fields.decode(data)
    except (RecursionError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from None
