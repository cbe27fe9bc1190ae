"""The short way for plain answers comes to the same as the long one, and takes nothing that it would get wrong."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.dialects.openai_chunks import CLOSING, ENVELOPE

from wideband.dialects.openai_chat import reply as replies
from wideband.dialects.openai_chat.decoder import StreamDecoder
from wideband.dialects.openai_chat.plain import plain_reply, read_plain
from wideband.wire import jsons

text = st.text(max_size=20)
flag: st.SearchStrategy[Any] = st.booleans()
calls = st.lists(
    st.builds(lambda name, arguments: {"name": name, "arguments": arguments}, st.text(min_size=1, max_size=8), text),
    max_size=3,
).map(lambda made: [{"id": f"call_{at}", "type": "function", "function": one} for at, one in enumerate(made)])


@st.composite
def choice(draw: st.DrawFn, index: int) -> dict[str, Any]:
    called: list[Any] = draw(calls)
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.one_of(st.none(), text)), "refusal": None}
    if called or draw(flag):
        message["tool_calls"] = called or None
    if draw(flag):
        message["annotations"] = []
    finish = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    return {"index": index, "message": message, "finish_reason": finish, "logprobs": None}


@st.composite
def answer(draw: st.DrawFn) -> bytes:
    fields: dict[str, Any] = {
        "id": draw(text),
        "object": "chat.completion",
        "created": draw(st.integers(0, 2**40)),
        "model": draw(text),
        "choices": [draw(choice(index)) for index in range(draw(st.integers(1, 2)))],
        "usage": {"prompt_tokens": draw(st.integers(0, 999)), "completion_tokens": draw(st.integers(0, 999))},
        "system_fingerprint": draw(st.one_of(st.none(), text)),
        "service_tier": "default",
        "shoe_size": draw(st.integers()),
    }
    return jsons.encode(fields)


@settings(max_examples=100, deadline=None)
@given(answer())
def test_both_ways_read_the_same(body: bytes) -> None:
    plain = read_plain(body)
    if plain is not None:
        assert plain_reply(plain) == StreamDecoder().whole(body)


@settings(max_examples=100, deadline=None)
@given(answer())
def test_both_ways_write_the_same(body: bytes) -> None:
    short = jsons.decode(replies.relay_reply(body, ENVELOPE, CLOSING))
    assert short == jsons.decode(replies._reshaped(body, ENVELOPE, CLOSING))


PLAIN: dict[str, Any] = {
    "id": "a",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {},
}


def changed(**fields: Any) -> bytes:
    one = PLAIN["choices"][0]
    message = {**one["message"], **{name: fields.pop(name) for name in list(fields) if name in MESSAGE}}
    return jsons.encode({**PLAIN, "choices": [{**one, "message": message, **fields}]})


MESSAGE = {"content", "reasoning", "reasoning_content", "tool_calls", "annotations", "refusal"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_plain_answer_is_recognised() -> None:
    assert read_plain(changed()) is not None
    assert read_plain(changed(tool_calls=[CALL], finish_reason="tool_calls")) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"index": 1},
        {"finish_reason": "eos"},
        {"finish_reason": None},
        {"logprobs": {"content": []}},
        {"stop_reason": 7},
        {"content": ["parts"]},
        {"content": None},
        {"reasoning": "hm"},
        {"reasoning_content": "hm"},
        {"refusal": "no"},
        {"annotations": [{"type": "url_citation"}]},
        {"tool_calls": [CALL]},
        {"tool_calls": [CALL, CALL], "finish_reason": "tool_calls"},
        {"tool_calls": [{**CALL, "id": ""}], "finish_reason": "tool_calls"},
        {"tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}], "finish_reason": "tool_calls"},
    ],
)
def test_what_needs_interpretation_is_not_plain(fields: dict[str, Any]) -> None:
    assert read_plain(changed(**fields)) is None
