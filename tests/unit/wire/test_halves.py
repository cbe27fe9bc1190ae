"""Characters cut in two by who streams UTF-16 units come out whole."""

import json

import pytest
from hypothesis import given, strategies as st

from wideband.wire.halves import Mender
from wideband.wire.sse import Frame


def streamed(text: str, size: int, *, ascii_only: bool = True) -> list[Frame]:
    """Cut a text into events by UTF-16 units, as JavaScript's slices do."""
    units = text.encode("utf-16-le", "surrogatepass")
    pieces = [units[at : at + 2 * size].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2 * size)]
    return [Frame(json.dumps({"delta": piece}, ensure_ascii=ascii_only).encode()) for piece in pieces]


@given(st.text(alphabet=st.sampled_from('a\\"u\U0001f642\U0001f1e9é\nd8'), min_size=1), st.integers(1, 3))
def test_however_a_text_is_cut_it_comes_out_whole(text: str, size: int) -> None:
    mender = Mender()
    mended = [mender.mend(frame) for frame in streamed(text, size)]
    said = "".join(json.loads(frame.data)["delta"] for frame in mended)
    assert said == text
    assert all(frame.data.decode() for frame in mended)


def test_frames_that_need_nothing_are_the_same_objects() -> None:
    mender = Mender()
    for data in (b'{"a":"\\ud83d\\ude42"}', b'{"a":"x"}', b'{"a":"{\\"b\\":\\"\\\\ud83d"}', b'{"a":"\\\\ud83d"}'):
        frame = Frame(data, "message")
        assert mender.mend(frame) is frame


def test_a_half_waits_while_other_things_are_told() -> None:
    mender = Mender()
    first, second, third = (
        mender.mend(Frame(data, "delta")) for data in (b'{"a":"x\\uD83D"}', b'{"b":1}', b'{"a":"\\uDE42y"}')
    )
    assert (first.data, second.data, third.data) == (b'{"a":"x"}', b'{"b":1}', b'{"a":"\\uD83D\\uDE42y"}')
    assert third.event == "delta"


@pytest.mark.parametrize("data", [b'{"a":"\\ude42"}', b'{"a":"\\ud83dx"}'])
def test_halves_of_nothing_are_left_to_the_decoder(data: bytes) -> None:
    assert Mender().mend(Frame(data)).data == data
