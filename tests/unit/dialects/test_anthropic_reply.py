"""Whole answers of the Messages protocol, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Audio, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.anthropic_messages import DIALECT
from wideband.dialects.base import Closing, Envelope
from wideband.wire import sse

GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic_messages"
ENVELOPE = Envelope(id="gen-1", model="anthropic/claude-sonnet-4.5", provider="Anthropic", created_s=1)
CLOSING = Closing(usage=Usage(prompt_tokens=12, completion_tokens=9), cost_nano=100)


def golden(case: str) -> bytes:
    return (GOLDEN / case / "reply.json").read_bytes()


def streamed(case: str) -> Reply:
    frames, decoder = sse.Decoder(), DIALECT.stream_decoder()
    events = [
        event for frame in frames.feed((GOLDEN / case / "stream.sse").read_bytes()) for event in decoder.feed(frame)
    ]
    return fold(events + decoder.close())


def encode(*parts: Part, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = DIALECT.encode_reply(Reply(choices=(Choice(parts=parts, **fields),)), ENVELOPE, CLOSING)
    return json.loads(body), [loss.feature for loss in losses]


@pytest.mark.parametrize("case", ["text", "thinking_and_tools", "search"])
def test_an_answer_means_the_same_whole_and_streamed(case: str) -> None:
    assert DIALECT.decode_reply(golden(case)) == streamed(case)


@pytest.mark.parametrize("case", ["text", "thinking_and_tools", "search"])
def test_content_survives_both_ways(case: str) -> None:
    body, losses = DIALECT.encode_reply(DIALECT.decode_reply(golden(case)), ENVELOPE, CLOSING)
    before, after = json.loads(golden(case)), json.loads(body)
    for name in ("type", "role", "content", "stop_reason", "stop_sequence"):
        assert after[name] == before[name]
    assert losses == []


def test_an_answer_says_who_gave_it_and_what_it_cost() -> None:
    body, losses = encode(Text(text="Hi"), finish="stop", native_finish="stop")
    assert body == {
        "id": "gen-1",
        "type": "message",
        "role": "assistant",
        "model": "anthropic/claude-sonnet-4.5",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 9,
            "cost": 1e-7,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 0,
                "upstream_inference_completions_cost": 0,
            },
        },
        "provider": "Anthropic",
    }
    assert losses == []


def test_what_this_protocol_cannot_say_is_recorded() -> None:
    body, losses = encode(
        Reasoning(text="hm"),
        Refusal(text="No."),
        Audio(data="A", format="wav"),
        Opaque(dialect="openai_chat", kind="annotations", raw=[]),
        ToolCall(id="a.b", name="f", arguments="{broken"),
        finish="stop",
        logprobs={"content": []},
    )
    assert body["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "No."},
        {"type": "tool_use", "id": "toolu_xa_2e_b", "name": "f", "input": {"_raw": "{broken"}},
    ]
    assert body["stop_reason"] == "refusal"
    assert losses == ["logprobs", "refusal", "output_media", "annotations", "tool_arguments"]
    several = Reply(choices=(Choice(), Choice(index=1)))
    assert [loss.feature for loss in DIALECT.encode_reply(several, ENVELOPE, CLOSING)[1]] == ["n"]


def test_a_broken_answer_is_an_error() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="Cut.")
    for reply, closing in ((Reply(fault=fault), CLOSING), (Reply(), Closing(usage=Usage(), fault=fault))):
        body = json.loads(DIALECT.encode_reply(reply, ENVELOPE, closing)[0])
        assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", "api_error", "gen-1")


@pytest.mark.parametrize("case", ["text", "thinking_and_tools", "search"])
def test_the_fast_lane_changes_only_who_speaks_and_what_it_cost(case: str) -> None:
    closing = Closing(usage=Usage(), cost_nano=100, metadata={"attempt": 1})
    before, after = json.loads(golden(case)), json.loads(DIALECT.relay_reply(golden(case), ENVELOPE, closing))
    named = {"id": "gen-1", "model": "anthropic/claude-sonnet-4.5", "provider": "Anthropic"}
    assert after == {**before, **named, "usage": after["usage"], "openrouter_metadata": {"attempt": 1}}
    assert after["usage"].items() >= before["usage"].items()
    assert after["usage"]["cost"] == 1e-7


def test_the_fast_lane_counts_for_an_upstream_that_does_not() -> None:
    for usage in (b"", b',"usage":null', b',"usage":3'):
        body = json.loads(DIALECT.relay_reply(b'{"content":[]' + usage + b"}", ENVELOPE, CLOSING))
        assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"]) == (12, 9)
    with pytest.raises(Faulted):
        DIALECT.relay_reply(b"[]", ENVELOPE, CLOSING)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FaultKind.PROVIDER_GARBLED),
        (b"<html>", FaultKind.PROVIDER_GARBLED),
        (b"[]", FaultKind.PROVIDER_GARBLED),
        (b"{}", FaultKind.PROVIDER_GARBLED),
        (b'{"content":[3]}', FaultKind.PROVIDER_GARBLED),
        (b'{"content":[{"type":"text"}]}', FaultKind.PROVIDER_GARBLED),
        (b'{"content":"\xff"}', FaultKind.PROVIDER_GARBLED),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', FaultKind.PROVIDER_OVERLOADED),
    ],
)
def test_what_is_no_answer_is_a_fault(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is kind


def test_thinking_that_has_words_and_a_sealed_rest_keeps_both() -> None:
    """OpenAI's Responses give a summary and encrypted content in one item."""
    body, losses = encode(Reasoning(text="So.", data="gAAA", summary=True, format="openai-responses-v1"))
    thinking, redacted = body["content"]
    assert thinking == {"type": "thinking", "thinking": "So.", "signature": ""}
    assert redacted["type"] == "redacted_thinking"
    assert "gAAA" in redacted["data"]
    assert losses == []


def test_free_text_for_a_tool_is_the_input_of_a_function() -> None:
    call = ToolCall(id="c1", name="patch", arguments='a"\n', custom=True)
    body, losses = DIALECT.encode_reply(Reply(choices=(Choice(parts=(call,)),)), ENVELOPE, Closing(usage=Usage()))
    assert (json.loads(body)["content"][0]["input"], losses) == ({"input": 'a"\n'}, [])
