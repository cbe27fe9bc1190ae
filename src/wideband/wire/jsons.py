"""The only door to JSON."""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

Raw = msgspec.Raw
DecodeError = msgspec.DecodeError  # also the parent of msgspec.ValidationError
EncodeError = msgspec.EncodeError

_encoder = msgspec.json.Encoder()
_any = msgspec.json.Decoder()
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])

# What the parser raises beside its own errors: for nesting past the interpreter's limit, and for invalid UTF-8.
_UNREADABLE = (RecursionError, UnicodeDecodeError)


def _words(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a string in it is not valid Unicode"


def encode(value: Any) -> bytes:
    """Write a value; `Raw` parts stay as they are. Raises `EncodeError` for too deep nesting and lone surrogates."""
    try:
        return _encoder.encode(value)
    except (RecursionError, UnicodeEncodeError) as error:
        raise EncodeError(_words(error)) from None


def decode(data: bytes | str | msgspec.Raw) -> Any:
    """Read any JSON value. Raises `DecodeError` (also for nesting too deep for the parser and for invalid UTF-8)."""
    try:
        return _any.decode(data)
    except _UNREADABLE as error:
        raise DecodeError(_words(error)) from None


def plain(value: Any) -> Any:
    """Return what a value says, be it plain already or still `Raw`. Raises `DecodeError`."""
    return decode(value) if isinstance(value, msgspec.Raw) else value


def decode_as(data: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """Read JSON into a type. Raises `DecodeError`, whose text names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNREADABLE as error:
        raise DecodeError(_words(error)) from None


class Reader(Generic[T]):
    """`decode_as` for one type, prepared once: for what is read on every request or event."""

    __slots__ = ("_decode",)

    def __init__(self, kind: type[T]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def __call__(self, data: bytes | str | msgspec.Raw) -> T:
        try:
            return self._decode(data)
        except _UNREADABLE as error:
            raise DecodeError(_words(error)) from None


def fields(data: bytes) -> dict[str, msgspec.Raw]:
    """Read only the top level of an object; values stay the bytes they were. Raises `DecodeError`."""
    try:
        if not data.isascii():
            # The parser does not look into strings that it leaves as bytes.
            str(data, "utf-8")
        return _fields.decode(data)
    except _UNREADABLE as error:
        raise DecodeError(_words(error)) from None


def compact(data: bytes) -> bytes:
    """Return a text without the white space that means nothing; all else stays as it is. Raises `DecodeError`."""
    try:
        return msgspec.json.format(data, indent=-1)
    except _UNREADABLE as error:
        raise DecodeError(_words(error)) from None


def pretty(data: bytes) -> bytes:
    """Write JSON over several lines, for people. Raises `DecodeError`."""
    return msgspec.json.format(data, indent=2)


def dollars(nano: int) -> Raw:
    """Write nano-dollars as an exact JSON number of dollars."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    whole, rest = divmod(nano, 1_000_000_000)
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return Raw(f"{sign}{whole}{decimals}".encode())
