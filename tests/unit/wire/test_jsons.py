"""The only door to JSON: what cannot be read or written is one kind of error, whatever is wrong with it."""

from typing import Any

import msgspec
import pytest

from wideband.wire import jsons

DEEP = b"[" * 100_000 + b"]" * 100_000

UNREADABLE = {
    "nothing": b"",
    "malformed": b'{"a": [1, 2}',
    "trailing bytes": b"{} {}",
    "invalid UTF-8": b'{"a": "\xff"}',
    "invalid UTF-8 in a key": b'{"\xff": 1}',
    "a lone surrogate": rb'{"a": "\ud800"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "not a number": b'{"a": NaN}',
    "too deep": b'{"a": ' + DEEP + b"}",
}


class Row(msgspec.Struct):
    a: Any


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_json_is_one_kind_of_error(data: bytes) -> None:
    for read in (jsons.decode, jsons.fields, jsons.Reader(Row), lambda body: jsons.decode_as(body, Row)):
        with pytest.raises(jsons.DecodeError):
            read(data)


def test_a_number_out_of_range_is_unreadable() -> None:
    for number in (b"1e999", b"1" * 5000):
        with pytest.raises(jsons.DecodeError, match="out of range"):
            jsons.decode(number)


def test_fields_keep_the_bytes_and_the_order() -> None:
    read = jsons.fields('{"z": [1,  2], "a" :{"b":1.50}, "é":"\\u00e9"}'.encode())
    assert {name: bytes(raw) for name, raw in read.items()} == {
        "z": b"[1,  2]",
        "a": b'{"b":1.50}',
        "é": b'"\\u00e9"',
    }
    assert jsons.encode(read) == '{"z":[1,  2],"a":{"b":1.50},"é":"\\u00e9"}'.encode()


def test_only_an_object_has_fields() -> None:
    with pytest.raises(jsons.DecodeError, match="Expected `object`"):
        jsons.fields(b"[1]")


def test_a_wrong_type_is_named_with_its_field() -> None:
    with pytest.raises(jsons.DecodeError, match=r"Expected `int`, got `str` - at `\$\[0\]`"):
        jsons.decode_as(b'["x"]', list[int])


def test_what_cannot_be_written_is_one_kind_of_error() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, "\ud800"):
        with pytest.raises(jsons.EncodeError):
            jsons.encode(value)
