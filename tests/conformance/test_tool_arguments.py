"""The arguments of a call reach every client byte for byte, whoever made the call and however it was cut."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.conformance.broken import NAMES, tell
from tests.conformance.proper import sse_rows

from wideband.wire import jsons, sse

Row = dict[str, Any]

# Numbers in spellings that parsers change, keys out of order and twice, every kind of escape, white space.
NASTY = (
    r'{"z":1.0,"a":1e2,"n":-0.0,"big":12345678901234567890123,"tiny":1E-400,"b":[1.10,null,true],'
    r'"esc":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude42\u0000","lone\\":"\\u0041","raw":"Zoë 你好 🙂 \u2028'
    "\u2028\u2029\x7f"
    r'","nested":{"y":{},"x":[[],[{}]]} , "":"" ,"end":"}\"}{"}'
)
LONG = json.dumps({"code": "x = '🙂\\n\"'\n" * 8000, "n": 1})
SPACED = '{ "a" : [ 1 , 2 ] ,\t"b" : { } }'
TEXTS = {"nasty": NASTY, "spaced": SPACED, "empty": "{}", "long": LONG}


def openai_chat(pieces: list[str]) -> bytes:
    def chunk(finish: str | None = None, **delta: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse.encode(jsons.encode({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))

    opened = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    told = [chunk(tool_calls=[{"index": 0, "function": {"arguments": piece}}]) for piece in pieces]
    return b"".join([chunk(role="assistant", tool_calls=[opened]), *told, chunk("tool_calls"), b"data: [DONE]\n\n"])


def anthropic_messages(pieces: list[str]) -> bytes:
    def event(kind: str, **fields: Any) -> bytes:
        return sse.encode(jsons.encode({"type": kind, **fields}), kind)

    block = {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    told = [
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": piece})
        for piece in ["", *pieces]
    ]
    return b"".join(
        [
            event("message_start", message={"id": "m", "content": [], "usage": {"input_tokens": 1}}),
            event("content_block_start", index=0, content_block=block),
            *told,
            event("content_block_stop", index=0),
            event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 1}),
            event("message_stop"),
        ]
    )


def openai_responses(pieces: list[str]) -> bytes:
    def event(kind: str, **fields: Any) -> bytes:
        kind = f"response.{kind}"
        return sse.encode(jsons.encode({"type": kind, **fields}), kind)

    item = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}
    whole, place = item | {"arguments": "".join(pieces)}, {"item_id": "fc_1", "output_index": 0}
    return b"".join(
        [
            event("created", response={"id": "r", "output": []}),
            event("output_item.added", output_index=0, item=item),
            *(event("function_call_arguments.delta", **place, delta=piece) for piece in pieces),
            event("function_call_arguments.done", **place, arguments=whole["arguments"]),
            event("output_item.done", output_index=0, item=whole),
            event("completed", response={"id": "r", "status": "completed", "output": [whole]}),
        ]
    )


def gemini_generate(pieces: list[str]) -> bytes:
    """Tell a call whole, as this protocol does: what can be cut are the bytes."""
    part = b'{"functionCall":{"name":"f","id":"call_1","args":%s}}' % "".join(pieces).encode()
    told = b'{"candidates":[{"content":{"parts":[%s],"role":"model"},"index":0,"finishReason":"STOP"}]}' % part
    return b"data: " + told + b"\r\n\r\n"


SAY: dict[str, Callable[[list[str]], bytes]] = {
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini_generate": gemini_generate,
}


def _chat(data: bytes) -> str:
    rows = [row for _, row in sse_rows(data) if row != "[DONE]"]
    calls = [call for row in rows for each in row["choices"] for call in each["delta"].get("tool_calls") or ()]
    return "".join(call["function"].get("arguments") or "" for call in calls)


def _messages(data: bytes) -> str:
    return "".join(row["delta"]["partial_json"] for _, row in sse_rows(data) if row["type"] == "content_block_delta")


def _responses(data: bytes) -> str:
    rows = [row for _, row in sse_rows(data)]
    said = "".join(row["delta"] for row in rows if row["type"] == "response.function_call_arguments.delta")
    (done,) = [row["arguments"] for row in rows if row["type"] == "response.function_call_arguments.done"]
    (item,) = [row["item"] for row in rows if row["type"] == "response.output_item.done"]
    assert said == done == item["arguments"] == rows[-1]["response"]["output"][0]["arguments"]
    return said


_ARGS = re.compile(r'"args":(.*)\}\}\],"role"', re.DOTALL)


def _gemini(data: bytes) -> str:
    """Return the JSON text as it stands on the wire."""
    (found,) = _ARGS.findall(data.decode("utf-8", "strict"))
    return str(found)


HEAR: dict[str, Callable[[bytes], str]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _messages,
    "gemini_generate": _gemini,
}
WAYS = [(source, other, False) for source in NAMES for other in NAMES] + [(name, name, True) for name in NAMES]


def arrived(way: tuple[str, str, bool], pieces: list[str], step: int | None = None) -> str:
    source, other, fast = way
    stream = SAY[source](pieces)
    step = step or len(stream)
    told = tell(source, other, [stream[at : at + step] for at in range(0, len(stream), step)], fast=fast)
    assert (told.fault, [loss.feature for loss in told.losses]) == (None, [])
    return HEAR[other](told.data)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]}{'-fast' if way[2] else ''}")
@pytest.mark.parametrize("text", TEXTS)
def test_no_byte_is_lost(way: tuple[str, str, bool], text: str) -> None:
    arguments = TEXTS[text]
    assert arrived(way, [arguments]) == arguments
    size = 1 if len(arguments) < 1000 else 997
    assert arrived(way, [arguments[at : at + size] for at in range(0, len(arguments), size)]) == arguments


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]}{'-fast' if way[2] else ''}")
def test_every_cut_in_two(way: tuple[str, str, bool]) -> None:
    """A third of them in each way, all of them in each dialect that reads or writes."""
    for at in range(WAYS.index(way) % 3, len(NASTY) + 1, 3):
        assert arrived(way, [NASTY[:at], NASTY[at:]]) == NASTY


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]}{'-fast' if way[2] else ''}")
@pytest.mark.parametrize("step", [1, 7])
def test_bytes_cut_anywhere(way: tuple[str, str, bool], step: int) -> None:
    assert arrived(way, [NASTY[:40], NASTY[40:]], step) == NASTY


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WAYS), st.dictionaries(texts, values, max_size=4), st.booleans(), st.lists(st.integers(0, 400)))
def test_any_arguments_in_any_pieces(
    way: tuple[str, str, bool], told: dict[str, Any], ascii_only: bool, cuts: list[int]
) -> None:
    arguments = json.dumps(told, ensure_ascii=ascii_only)
    marks = sorted({0, len(arguments), *(at for at in cuts if at < len(arguments))})
    assert arrived(way, [arguments[a:b] for a, b in pairwise(marks)]) == arguments


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]}{'-fast' if way[2] else ''}")
def test_surrogates_of_one_sign_in_two_pieces(way: tuple[str, str, bool]) -> None:
    """Some providers cut between the two escapes of one sign: each piece by itself is no valid JSON string content."""
    arguments = r'{"a":"\ud83d\ude42"}'
    at = arguments.index(r"\ude42")
    assert arrived(way, [arguments[:at], arguments[at:]]) == arguments
