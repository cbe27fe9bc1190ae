"""Server-sent events: the line rules of WHATWG HTML 9.2, however the bytes are cut."""

import pytest
from hypothesis import given, settings, strategies as st

from wideband.wire import sse
from wideband.wire.sse import Decoder, Frame, TooLargeError


def read(data: bytes, *cuts: int) -> list[Frame]:
    decoder, frames, start = Decoder(), list[Frame](), 0
    for cut in (*sorted(cuts), len(data)):
        frames += decoder.feed(data[start:cut])
        start = cut
    return frames + decoder.close()


CASES: dict[str, tuple[bytes, list[Frame]]] = {
    "one event": (b"data: a\n\n", [Frame(b"a")]),
    "no space after the colon": (b"data:a\n\n", [Frame(b"a")]),
    "only one space is taken off": (b"data:  a\n\n", [Frame(b" a")]),
    "lines are joined": (b"data: a\ndata: b\n\n", [Frame(b"a\nb")]),
    "a field without a colon is empty": (b"data\ndata: b\n\n", [Frame(b"\nb")]),
    "empty data is an event": (b"data:\n\n", [Frame(b"")]),
    "a named event": (b"event: ping\ndata: {}\n\n", [Frame(b"{}", "ping")]),
    "the name is forgotten after its event": (b"event: x\ndata: 1\n\ndata: 2\n\n", [Frame(b"1", "x"), Frame(b"2")]),
    "a name without data is no event": (b"event: x\n\ndata: 2\n\n", [Frame(b"2")]),
    "comments and unknown fields are skipped": (b": hi\nid: 7\nretry: 3\ndata: a\n\n", [Frame(b"a")]),
    "a field is known by its whole name": (b"database: no\ndata: a\n\n", [Frame(b"a")]),
    "CRLF": (b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [Frame(b"a\nb"), Frame(b"c")]),
    "CR": (b"data: a\rdata: b\r\rdata: c\r\r", [Frame(b"a\nb"), Frame(b"c")]),
    "mixed line ends": (b"data: a\r\ndata: b\n\rdata: c\r\r\n", [Frame(b"a\nb"), Frame(b"c")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [Frame(b"a")]),
    "U+2028 ends no line": ("data: a\u2028b\u2029c\x85d\n\n".encode(), [Frame("a\u2028b\u2029c\x85d".encode())]),
    "vertical tab and form feed end no line": (b"data: a\x0bb\x0cc\n\n", [Frame(b"a\x0bb\x0cc")]),
    "the last blank line is missing": (b"data: a\n", [Frame(b"a")]),
    "the last line end is missing": (b"data: a", [Frame(b"a")]),
    "nothing": (b"", []),
    "half a byte order mark": (b"\xef\xbb", []),
}


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES)
def test_reads(data: bytes, frames: list[Frame]) -> None:
    assert read(data) == frames


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES)
def test_reads_the_same_cut_anywhere(data: bytes, frames: list[Frame]) -> None:
    assert read(data, *range(len(data))) == frames
    for cut in range(len(data)):
        assert read(data, cut) == frames


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n"])
def test_an_event_is_given_as_soon_as_its_blank_line_is_there(end: bytes) -> None:
    assert Decoder().feed(b"data: a" + end) == [Frame(b"a")]


def test_the_line_feed_of_a_cut_crlf_makes_no_blank_line() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\ndata: b\r") == []
    assert decoder.feed(b"\n\r\n") == [Frame(b"a\nb")]


def test_an_event_may_not_grow_past_the_limit() -> None:
    whole, pieces = Decoder(max_event_bytes=20), Decoder(max_event_bytes=20)
    assert whole.feed(b"data: 12345678901234\n\n") == [Frame(b"12345678901234")]
    with pytest.raises(TooLargeError, match="20 bytes"):
        whole.feed(b"data: 123456789012345\n\n")
    assert [pieces.feed(b"d") for _ in range(20)] == [[]] * 20
    with pytest.raises(TooLargeError):
        pieces.feed(b"d")


def test_many_small_lines_of_one_event_count_together() -> None:
    decoder = Decoder(max_event_bytes=20)
    with pytest.raises(TooLargeError):
        decoder.feed(b"data: 1\ndata: 2\ndata: 3\n")


def test_small_events_never_add_up_to_the_limit() -> None:
    decoder = Decoder(max_event_bytes=20)
    assert len([frame for _ in range(100) for frame in decoder.feed(b"data: 12345\n\n")]) == 100


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same_frames(data: bytes, cuts: list[int]) -> None:
    assert read(data, *[cut for cut in cuts if cut < len(data)]) == read(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=5))
def test_what_is_written_is_read_back(texts: list[str]) -> None:
    stream = b"".join(sse.encode(text.encode()) + sse.comment("still here") for text in texts)
    assert [frame.data.decode() for frame in read(stream)] == texts


def test_writes_named_events() -> None:
    assert sse.encode(b"{}", "ping") == b"event: ping\ndata: {}\n\n"
    assert sse.comment("OPENROUTER PROCESSING") == b": OPENROUTER PROCESSING\n\n"


def test_json_is_one_line_of_unicode_in_an_event() -> None:
    assert sse.one_line(b'{"a":\n1,"b":"\xff"}') == '{"a": 1,"b":"\N{REPLACEMENT CHARACTER}"}'.encode()
