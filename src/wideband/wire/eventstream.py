"""Amazon's event streams (`application/vnd.amazon.eventstream`): binary messages of headers and a payload, checksummed.

A message is a prelude (its length, its headers' length, their checksum), headers, payload and a checksum of it all.
"""

import struct
from zlib import crc32

import msgspec

MAX_MESSAGE_BYTES = 24 * 1024 * 1024

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_LEAST_BYTES = _PRELUDE.size + _CHECKSUM.size

# The sizes of header values by the number of their type; strings and bytes (6 and 7) say theirs themselves.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_SIZED = frozenset({6, 7})
_STRING = 7


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. `headers` are those that hold text, which are all that models' streams have."""

    headers: dict[str, str]
    payload: bytes


class BrokenError(ValueError):
    """The bytes are no event stream, or not the one that was sent."""


class Decoder:
    """Feed it bytes as they come, cut anywhere; it gives back the messages that are complete."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> list[Message]:
        """Return the messages that this chunk completes. Raises `BrokenError`, after which the stream is lost."""
        held = self._held
        held += chunk
        messages: list[Message] = []
        start = 0
        while len(held) - start >= _PRELUDE.size:
            total, headers_size = _sizes(bytes(held[start : start + _PRELUDE.size]))
            if len(held) - start < total:
                break
            messages.append(_message(bytes(held[start : start + total]), headers_size))
            start += total
        del held[:start]
        return messages


def _sizes(prelude: bytes) -> tuple[int, int]:
    total, headers_size, checksum = _PRELUDE.unpack(prelude)
    if crc32(prelude[: -_CHECKSUM.size]) != checksum:
        raise BrokenError("an event's lengths do not match their checksum")
    if not _LEAST_BYTES + headers_size <= total <= MAX_MESSAGE_BYTES:
        raise BrokenError(f"an event of {total} bytes with {headers_size} bytes of headers cannot be")
    return total, headers_size


def _message(data: bytes, headers_size: int) -> Message:
    if crc32(data[: -_CHECKSUM.size]) != _CHECKSUM.unpack_from(data, len(data) - _CHECKSUM.size)[0]:
        raise BrokenError("an event does not match its checksum")
    ends = _PRELUDE.size + headers_size
    return Message(_headers(data[_PRELUDE.size : ends]), data[ends : -_CHECKSUM.size])


def _headers(data: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_ends = at + 1 + data[at]
            name, kind = data[at + 1 : name_ends].decode(), data[name_ends]
            at = name_ends + 1
            if kind in _SIZED:
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            else:
                size = _SIZES[kind]
            value = data[at : at + size]
            at += size
            if kind == _STRING:
                headers[name] = value.decode()
    except (IndexError, KeyError, UnicodeDecodeError):
        raise BrokenError("an event's headers cannot be read") from None
    if at != len(data):
        raise BrokenError("an event's headers are cut off")
    return headers
