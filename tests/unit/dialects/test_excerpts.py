"""What a provider said of a fault is shown short and without keys, whichever protocol it was said in."""

import pytest

from wideband.canon.events import Failed
from wideband.dialects.base import Dialect
from wideband.dialects.excerpts import MOST_CHARS, excerpt
from wideband.dialects.registry import DIALECTS
from wideband.wire.sse import Frame

KEYS = ("sk-ant-api03-abcdefgh", "gsk_abcdef123456", "Bearer abc.def", "AIzaSyA1234567890")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_blotted_out_of_message_and_excerpt(dialect: Dialect, key: str) -> None:
    fault = dialect.decode_fault(401, f'{{"error":{{"message":"Incorrect key {key} given"}}}}'.encode())
    assert (fault.message, key in (fault.raw or key)) == ("Incorrect key [key] given", False)


def test_a_key_is_blotted_out_of_a_stream_that_cannot_be_read() -> None:
    [failed] = DIALECTS["openai_chat"].stream_decoder().feed(Frame(b"no JSON, but gsk_abcdef123456"))
    assert isinstance(failed, Failed)
    assert failed.fault.raw == "no JSON, but [key]"


def test_a_key_at_the_cut_is_not_shown_by_half() -> None:
    shown = excerpt(b"x" * (MOST_CHARS - 9) + b" sk-abcdefghijkl")
    assert shown is not None
    assert (len(shown) <= MOST_CHARS, "sk-" in shown) == (True, False)


def test_nothing_said_is_no_excerpt() -> None:
    assert excerpt(b"") is None
