"""Amazon's event streams, checked against botocore's own reader."""

import struct
from importlib import import_module
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, strategies as st

from wideband.wire.eventstream import BrokenError, Decoder, Message


def written(headers: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    start = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return start + struct.pack(">I", crc32(start))


def text(name: str, value: str) -> bytes:
    raw = value.encode()
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(raw)) + raw


# One header of each type, in the order of their numbers.
EVERY_TYPE = b"".join(
    b"\x01" + bytes([97 + kind]) + bytes([kind]) + value
    for kind, value in enumerate(
        [b"", b"", b"\x05", b"\x00\x05", b"\0" * 4, b"\0" * 8, b"\x00\x02ab", b"\x00\x02cd", b"\0" * 8, b"\0" * 16]
    )
)
STREAM = [
    written(text(":event-type", "chunk") + text(":message-type", "event"), b'{"bytes":"e30="}'),
    written(b"", b""),
    written(EVERY_TYPE, "ünï".encode()),
]


def theirs(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = import_module("botocore.eventstream").EventStreamBuffer()
    buffer.add_data(data)
    return [(event.headers, event.payload) for event in buffer]


def test_it_reads_what_botocore_reads() -> None:
    data = b"".join(STREAM)
    read = Decoder().feed(data)
    assert [message.payload for message in read] == [payload for _, payload in theirs(data)]
    assert [message.headers for message in read] == [
        {name: value for name, value in headers.items() if isinstance(value, str)} for headers, _ in theirs(data)
    ]
    assert read[2].headers == {"h": "cd"}


@given(st.lists(st.integers(0, len(b"".join(STREAM)))))
def test_any_cut_of_the_bytes_gives_the_same_messages(cuts: list[int]) -> None:
    data = b"".join(STREAM)
    decoder, read, last = Decoder(), list[Message](), 0
    for cut in [*sorted(cuts), len(data)]:
        read += decoder.feed(data[last:cut])
        last = cut
    assert read == Decoder().feed(data)


@pytest.mark.parametrize("at", range(len(STREAM[0])))
def test_no_changed_byte_goes_unseen(at: int) -> None:
    broken = bytearray(STREAM[0])
    broken[at] ^= 0x01
    with pytest.raises(BrokenError):
        Decoder().feed(bytes(broken))


@pytest.mark.parametrize(
    "headers",
    [b"\x05ab", b"\x01a\x0b", b"\x01a\x07\x00\x09ab", b"\x01\xff\x00", b"\x01a\x07\x00\x01\xff", b"\x01a"],
    ids=["name cut off", "unknown type", "value cut off", "name no text", "value no text", "type missing"],
)
def test_headers_that_cannot_be_are_refused(headers: bytes) -> None:
    with pytest.raises(BrokenError):
        Decoder().feed(written(headers, b""))


def test_a_length_that_cannot_be_is_refused_before_its_bytes_come() -> None:
    for lengths in (struct.pack(">II", 2**31, 0), struct.pack(">II", 12, 0), struct.pack(">II", 20, 8)):
        with pytest.raises(BrokenError, match="cannot be"):
            Decoder().feed(lengths + struct.pack(">I", crc32(lengths)))


@given(st.binary(max_size=200))
def test_what_is_no_event_stream_is_refused_or_waited_for(data: bytes) -> None:
    try:
        assert Decoder().feed(data) == []
    except BrokenError:
        assert len(data) >= 12
