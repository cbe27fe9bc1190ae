"""Canonical events as a Messages stream, and the fast lane beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from wideband.canon.events import (
    Event,
    Failed,
    Finished,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Reasoning, Text
from wideband.canon.usage import Usage
from wideband.dialects.anthropic_messages import DIALECT
from wideband.dialects.base import Closing, Envelope
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic_messages"
ENVELOPE = Envelope(id="gen-1", model="anthropic/claude-sonnet-4.5", provider="Anthropic", created_s=1)
USAGE = Usage(
    prompt_tokens=142, completion_tokens=9, cached_tokens=100, cache_write_tokens=10, cache_write_1h_tokens=20,
    reasoning_tokens=4,
)  # fmt: skip
CLOSING = Closing(usage=USAGE, cost_nano=1_234_567_890, prompt_cost_nano=1_000_000_000, completion_cost_nano=100)
BROKEN = Closing(usage=USAGE, fault=Fault(kind=FaultKind.PROVIDER_OVERLOADED, message="Overloaded."))


def parse(data: bytes) -> list[dict[str, Any]]:
    """Read a stream as a strict client does: every event named, and named alike twice."""
    decoder = sse.Decoder()
    frames = decoder.feed(data) + decoder.close()
    events = [json.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [event["type"] for event in events]
    return events


def encode(*events: Event, closing: Closing = CLOSING) -> tuple[list[dict[str, Any]], list[str]]:
    encoder = DIALECT.stream_encoder(ENVELOPE)
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(closing)
    return parse(data), [loss.feature for loss in encoder.losses]


def blocks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the content together as the official client does, holding the protocol to its rules."""
    found: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(found)
                found.append({**event["content_block"]})
                is_open = True
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(found) - 1
                _add(found[-1], event["delta"])
            case "content_block_stop":
                assert is_open
                assert event["index"] == len(found) - 1
                is_open = False
    assert not is_open
    return found


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "input_json_delta":
            block["json"] = block.get("json", "") + delta["partial_json"]


def test_a_whole_stream() -> None:
    events, losses = encode(Started(id="up"), TextDelta("Half"), TextDelta("lo 🙂"), Finished("stop", "stop"))
    assert [event["type"] for event in events] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[0]["message"] == {
        "id": "gen-1",
        "type": "message",
        "role": "assistant",
        "model": "anthropic/claude-sonnet-4.5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
        "provider": "Anthropic",
    }
    assert events[6] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
            "cost": 1.23456789,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 1,
                "upstream_inference_completions_cost": 0.0000001,
            },
        },
    }
    assert events[7] == {"type": "message_stop"}
    assert losses == []


def test_thinking_of_any_maker() -> None:
    events, _ = encode(
        ReasoningDelta("mine", block=0, format="anthropic-claude-v1"),
        ReasoningSealed(signature="EqQB", block=0, format="anthropic-claude-v1"),
        ReasoningSealed(data="EmwK", block=1, format="anthropic-claude-v1"),
        ReasoningDelta("foreign", block=2),
        ReasoningDelta("sealed", block=3, format="google-gemini-v1"),
        ReasoningSealed(signature="abc", block=3, format="google-gemini-v1"),
        ReasoningSealed(data="gAAA", block=4, format="openai-responses-v1"),
        TextDelta("So"),
        Finished("stop"),
    )
    assert blocks(events) == [
        {"type": "thinking", "thinking": "mine", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "thinking", "thinking": "foreign", "signature": ""},
        {"type": "thinking", "thinking": "sealed", "signature": "wideband:google-gemini-v1:abc"},
        {"type": "redacted_thinking", "data": "wideband:openai-responses-v1:gAAA"},
        {"type": "text", "text": "So"},
    ]


def test_parallel_calls_whose_fragments_interleave() -> None:
    events, losses = encode(
        ToolOpened(0, "call.1", "f"),
        ToolOpened(1, "c2", "g"),
        ToolOpened(2, "c3", "h"),
        ToolArgs(1, '{"b"'),
        ToolArgs(0, '{"a":"}"'),
        ToolArgs(2, ""),
        ToolArgs(0, ":1}"[0:0]),
        ToolArgs(1, ":2}"),
        ToolArgs(0, "}"),
        ToolArgs(2, "{}"),
        Finished("tool_calls", "tool_calls"),
    )
    found = blocks(events)
    assert [(block["id"], block["name"], block["json"]) for block in found] == [
        ("toolu_xcall_2e_1", "f", '{"a":"}"}'),
        ("c2", "g", '{"b":2}'),
        ("c3", "h", "{}"),
    ]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert losses == []


def test_a_second_call_goes_out_as_soon_as_the_first_is_whole() -> None:
    encoder = DIALECT.stream_encoder(ENVELOPE)
    encoder.feed([ToolOpened(0, "a", "f"), ToolArgs(0, '{"x":'), ToolOpened(1, "b", "g")])
    assert b'"b"' not in encoder.feed([ToolArgs(1, "{")])
    shown = parse(encoder.feed([ToolArgs(0, "1}")]))
    assert [event["type"] for event in shown] == [
        "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
    ]  # fmt: skip


def test_text_behind_an_open_call_waits_and_is_not_lost() -> None:
    events, _ = encode(ToolOpened(0, "a", "f"), ToolArgs(0, "{"), TextDelta("wait"), ToolArgs(0, "}"), Finished("stop"))
    assert blocks(events) == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}, "json": "{}"},
        {"type": "text", "text": "wait"},
    ]


def test_what_only_this_dialect_says_comes_back_and_the_rest_is_recorded() -> None:
    cited = {"type": "char_location", "cited_text": "x"}
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}}
    events, losses = encode(
        OpaqueDelta(dialect="anthropic_messages", kind="server_tool_blocks", raw=block),
        TextDelta("A"),
        OpaqueDelta(dialect="anthropic_messages", kind="citations", raw=[cited]),
        TextDelta("B"),
        OpaqueDelta(dialect="openai_chat", kind="annotations", raw=[]),
        Logprobs(value={"content": []}),
        TextDelta("second", choice=1),
        Finished("stop"),
    )
    assert blocks(events) == [
        block,
        {"type": "text", "text": "A", "citations": [cited]},
        {"type": "text", "text": "B"},
    ]
    assert losses == ["annotations", "logprobs", "n"]


def test_words_of_refusal_end_in_a_refusal() -> None:
    events, losses = encode(RefusalDelta("No."), Finished("stop", "stop"))
    assert blocks(events) == [{"type": "text", "text": "No."}]
    assert events[-2]["delta"]["stop_reason"] == "refusal"
    assert losses == ["refusal"]


@pytest.mark.parametrize(
    ("finish", "reason", "sequence"),
    [
        (Finished("stop", "stop"), "end_turn", None),
        (Finished("stop", "pause_turn"), "pause_turn", None),
        (Finished("stop", "end_turn", stop_sequence="x"), "end_turn", "x"),
        (Finished("stop", None, stop_sequence="x"), "stop_sequence", "x"),
        (Finished("length", "length"), "max_tokens", None),
        (Finished("length", "model_context_window_exceeded"), "model_context_window_exceeded", None),
        (Finished("tool_calls", "tool_calls"), "tool_use", None),
        (Finished("content_filter", "content_filter"), "refusal", None),
    ],
)
def test_stop_reasons(finish: Finished, reason: str, sequence: str | None) -> None:
    events, _ = encode(TextDelta("x"), finish)
    assert events[-2]["delta"] == {"stop_reason": reason, "stop_sequence": sequence}


def test_a_fault_ends_the_stream_in_band_without_a_look_of_success() -> None:
    events, _ = encode(TextDelta("Half"), ToolOpened(0, "a", "f"), ToolArgs(0, '{"x'), closing=BROKEN)
    assert events[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded.", "error_type": "provider_overloaded"},
        "request_id": "gen-1",
    }
    assert "message_stop" not in [event["type"] for event in events]
    assert [event["type"] for event in encode(closing=BROKEN)[0]] == ["error"]
    assert encode(TextDelta("x"), Finished("error"))[0][-1]["error"]["type"] == "api_error"


def test_an_answer_that_says_nothing_is_still_a_whole_stream() -> None:
    kinds = [event["type"] for event in encode()[0]]
    assert kinds == ["message_start", "ping", "message_delta", "message_stop"]


def test_the_routers_metadata_rides_on_the_last_event() -> None:
    events, _ = encode(TextDelta("x"), closing=Closing(usage=USAGE, metadata={"attempt": 1}))
    assert events[-1] == {"type": "message_stop", "openrouter_metadata": {"attempt": 1}}


def relay(data: bytes, closing: Closing = CLOSING) -> bytes:
    decoder, frames, passing = DIALECT.stream_decoder(), sse.Decoder(), DIALECT.relay(ENVELOPE)
    out = b""
    for frame in frames.feed(data) + frames.close():
        out += passing.feed(frame, decoder.feed(frame))
    return out + passing.close(closing)


@pytest.mark.parametrize("case", ["text", "thinking_and_tools", "search"])
def test_the_fast_lane_changes_only_who_speaks_and_what_it_cost(case: str) -> None:
    data = (GOLDEN / case / "stream.sse").read_bytes()
    before, after = parse(data), parse(relay(data))
    assert [event["type"] for event in before] == [event["type"] for event in after]
    for old, new in zip(before, after, strict=True):
        match old["type"]:
            case "message_start":
                named = {"id": "gen-1", "model": "anthropic/claude-sonnet-4.5", "provider": "Anthropic"}
                assert new["message"] == {**old["message"], **named}
            case "message_delta":
                assert new["delta"] == old["delta"]
                assert new["usage"].items() >= old["usage"].items()
                assert new["usage"]["cost"] == 1.23456789
            case _:
                assert new == old


def test_the_fast_lane_holds_the_end_until_the_bill_is_known() -> None:
    passing = DIALECT.relay(ENVELOPE)
    assert passing.feed(Frame(b'{"type":"message_start","message":{}}', "message_start"), [Started()])
    assert (
        passing.feed(Frame(b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}', "message_delta"), []) == b""
    )
    assert passing.feed(Frame(b'{"type":"message_stop"}', "message_stop"), []) == b""
    assert [event["type"] for event in parse(passing.close(CLOSING))] == ["message_delta", "message_stop"]


def test_the_fast_lane_names_events_that_have_no_name() -> None:
    data = (GOLDEN / "text" / "stream.sse").read_bytes()
    nameless = b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"event:"))
    assert parse(relay(nameless)) == parse(relay(data))


def test_the_fast_lane_says_faults_in_its_own_words() -> None:
    events = parse(relay((GOLDEN / "overloaded" / "stream.sse").read_bytes(), BROKEN))
    assert [event["type"] for event in events].count("error") == 1
    assert events[-1]["request_id"] == "gen-1"
    passing = DIALECT.relay(ENVELOPE)
    failed = Failed(Fault(kind=FaultKind.PROVIDER_GARBLED, message="x"))
    assert passing.feed(Frame(b"{", "content_block_delta"), [failed]) == b""
    assert parse(passing.close(CLOSING))[-1]["type"] == "error"


def test_the_fast_lane_completes_what_an_upstream_left_out() -> None:
    bare = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\ndata: "delta":{}}\n\n'
    events = parse(relay(bare))
    assert [event["type"] for event in events] == [
        "message_start", "ping", "content_block_delta", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[-2]["usage"]["input_tokens"] == 12
    assert parse(relay(b""))[0]["type"] == "message_start"


def test_who_asked_for_no_thinking_is_shown_none() -> None:
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    assert DIALECT.read(jsons.encode(asked)).hides_reasoning
    assert DIALECT.read(jsons.encode({**asked, "thinking": {"type": "disabled"}})).hides_reasoning
    for kind in ("enabled", "adaptive"):
        assert not DIALECT.read(
            jsons.encode({**asked, "thinking": {"type": kind, "budget_tokens": 1024}})
        ).hides_reasoning

    quiet = Envelope(id="gen-1", model="m", provider="P", created_s=1, hides_reasoning=True)
    encoder = DIALECT.stream_encoder(quiet)
    thought: list[Event] = [ReasoningDelta("Hm."), ReasoningSealed(signature="s"), TextDelta("So."), Finished("stop")]
    said = encoder.feed(thought) + encoder.close(Closing(usage=Usage()))
    assert b"thinking" not in said
    assert b"So." in said
    reply = Reply(choices=(Choice(parts=(Reasoning(text="Hm.", signature="s"), Text(text="So."))),))
    body, losses = DIALECT.encode_reply(reply, quiet, Closing(usage=Usage()))
    assert ([block["type"] for block in jsons.decode(body)["content"]], losses) == (["text"], [])


def test_the_fast_lane_goes_by_what_an_event_is_not_by_its_line() -> None:
    data = (GOLDEN / "text" / "stream.sse").read_bytes()
    for name in (b"content_block_delta", b"error", b"\xff"):
        lines = [b"event: " + name if line[:6] == b"event:" else line for line in data.split(b"\n")]
        assert parse(relay(b"\n".join(lines))) == parse(relay(data))


def test_the_fast_lane_says_in_the_data_too_what_only_the_line_says() -> None:
    typeless = b'event: content_block_stop\ndata: {"type": null, "index": 1}\n\n'
    assert {"index": 1, "type": "content_block_stop"} in parse(relay(typeless))


def test_the_fast_lane_ends_where_the_message_does() -> None:
    data = (GOLDEN / "text" / "stream.sse").read_bytes()
    assert relay(data + data) == relay(data)


def test_what_is_no_unicode_leaves_the_fast_lane_as_unicode() -> None:
    stop = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0,"x":"\xff"}\n\n'
    delta = stop.replace(b"block_stop", b"block_delta").replace(b'"index"', b'"delta":{},"index"')
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"},"x":"\xff"}\n\n'
    told = relay(start + delta + stop)
    assert [event.get("x") for event in parse(told)[:3]] == ["\N{REPLACEMENT CHARACTER}"] * 3
    assert "\N{REPLACEMENT CHARACTER}" in told.decode("utf-8", "strict")


def test_free_text_for_a_tool_is_the_input_of_a_function() -> None:
    opened = ToolOpened(0, "c1", "patch", custom=True)
    other: list[Event] = [ToolOpened(1, "c2", "f"), ToolArgs(1, "{}")]
    events, _ = encode(opened, ToolArgs(0, 'a"'), *other, ToolArgs(0, "\n"), Finished("tool_calls"))
    deltas = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads(deltas[0]) == {"input": 'a"\n'}
    assert [event["index"] for event in events if "index" in event] == [0, 0, 0, 1, 1, 1]
    cut, _ = encode(opened, ToolArgs(0, "a"), Finished("length"))
    assert [event["delta"]["partial_json"] for event in cut if "index" in event and "delta" in event] == ['{"input":"a']
