"""Whole answers of Chat Completions, and money and counts in them; the strictest SDK is the judge of their shape."""

from typing import Any

import pytest
from openrouter import components
from tests.unit.dialects.openai_chunks import CLOSING, COUNTS, ENVELOPE, written

from wideband.canon.events import Event, Finished, ReasoningDelta, TextDelta, ToolArgs, ToolOpened
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons

CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="broke off")


def encoded(*parts: Any, closing: Closing = CLOSING, **facts: Any) -> dict[str, Any]:
    reply = Reply(choices=(Choice(parts=parts, finish="stop", **facts),))
    body: dict[str, Any] = jsons.decode(DIALECT.encode_reply(reply, ENVELOPE, closing)[0])
    return body


def test_a_plain_answer_is_openrouters_to_the_byte() -> None:
    reply = Reply(choices=(Choice(parts=(Text(text="hi"),), finish="stop", native_finish="end_turn"),))
    body, losses = DIALECT.encode_reply(reply, ENVELOPE, CLOSING)
    assert losses == []
    assert body == (
        b'{"id":"gen-1","object":"chat.completion","created":1763800000,"model":"acme/m1","provider":"My Own Box",'
        b'"system_fingerprint":null,"choices":[{"index":0,"finish_reason":"stop","native_finish_reason":"end_turn",'
        b'"logprobs":null,"message":{"role":"assistant","content":"hi","refusal":null}}],'
        b'"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"cost":0.0000123,"is_byok":false,'
        b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"image_tokens":0},'
        b'"cost_details":{"upstream_inference_cost":null,"upstream_inference_prompt_cost":0.000009,'
        b'"upstream_inference_completions_cost":0.0000033}}}'
    )


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, b'"cost":0,'),
        (1, b'"cost":0.000000001,'),
        (300_000_000, b'"cost":0.3,'),
        (10**9, b'"cost":1,'),
        (10 * 10**9, b'"cost":10,'),
        (123_456_789_012, b'"cost":123.456789012,'),
        (10**18 + 1, b'"cost":1000000000.000000001,'),
    ],
)
def test_money_is_an_exact_number(nano: int, text: bytes) -> None:
    assert text in DIALECT.encode_reply(Reply(), ENVELOPE, Closing(usage=COUNTS, cost_nano=nano))[0]


def test_every_part_has_its_place_in_the_message() -> None:
    message = encoded(
        Reasoning(text="hm", signature="s", format="anthropic-claude-v1"),
        Reasoning(data="d", id="r"),
        Text(text="a"),
        Text(text="b"),
        ToolCall(id="c", name="f", arguments='{"x": 1}'),
        Opaque(dialect="openai_chat", kind="annotations", raw=[1]),
        Opaque(dialect="openai_chat", kind="annotations", raw=[2]),
    )["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "ab",
        "refusal": None,
        "reasoning": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "index": 0, "signature": "s"},
            {"type": "reasoning.encrypted", "data": "d", "id": "r", "format": "unknown", "index": 1},
        ],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
        "annotations": [1, 2],
    }


def test_content_is_null_only_beside_calls() -> None:
    assert encoded()["choices"][0]["message"]["content"] == ""
    assert encoded(ToolCall(id="c", name="f", arguments=""))["choices"][0]["message"]["content"] is None
    assert encoded(Refusal(text="No"))["choices"][0]["message"]["refusal"] == "No"


def test_what_another_dialect_alone_says_is_recorded() -> None:
    foreign = Reply(choices=(Choice(parts=(Opaque(dialect="anthropic_messages", kind="search_result", raw={}),)),))
    assert [loss.feature for loss in DIALECT.encode_reply(foreign, ENVELOPE, CLOSING)[1]] == ["search_result"]


def test_a_broken_answer_says_so_in_its_choice() -> None:
    body = encoded(Text(text="a"), closing=Closing(usage=COUNTS, fault=CUT, metadata={"attempt": 1}))
    assert body["choices"][0]["finish_reason"] == "error"
    assert body["choices"][0]["error"]["code"] == 502
    assert body["openrouter_metadata"] == {"attempt": 1}


BARE: dict[str, Any] = {"choices": [{"message": {"content": "a"}}]}


def test_a_bare_answer_is_read_and_relayed_whole() -> None:
    reply = DIALECT.decode_reply(jsons.encode(BARE))
    assert reply.choices == (Choice(parts=(Text(text="a"),), finish="stop"),)
    body = jsons.decode(DIALECT.relay_reply(jsons.encode(BARE), ENVELOPE, CLOSING))
    assert components.ChatResult.model_validate(body).choices[0].finish_reason == "stop"


def test_relaying_keeps_what_is_unknown_and_repairs_what_is_odd() -> None:
    given = {
        "id": "u",
        "model": "u",
        "x_top": [1],
        "choices": [
            {
                "index": 0,
                "x_choice": 2,
                "finish_reason": "eos",
                "message": {
                    "role": "assistant",
                    "x_message": 3,
                    "content": [{"type": "text", "text": "a"}],
                    "reasoning_content": "hm",
                },
            }
        ],
        "usage": {"prompt_tokens": 1},
    }
    body = jsons.decode(DIALECT.relay_reply(jsons.encode(given), ENVELOPE, CLOSING))
    choice, message = body["choices"][0], body["choices"][0]["message"]
    assert (body["id"], body["model"], body["provider"], body["x_top"]) == ("gen-1", "acme/m1", "My Own Box", [1])
    assert (choice["x_choice"], choice["finish_reason"], choice["native_finish_reason"]) == (2, "stop", "eos")
    assert (message["x_message"], message["content"], message["reasoning"]) == (3, "a", "hm")
    assert body["usage"]["total_tokens"] == 10


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FaultKind.PROVIDER_GARBLED),
        (b"<html>ok</html>", FaultKind.PROVIDER_GARBLED),
        (b"{}", FaultKind.PROVIDER_GARBLED),
        (b'{"choices":[]}', FaultKind.PROVIDER_GARBLED),
        (b'{"choices":null,"usage":{}}', FaultKind.PROVIDER_GARBLED),
        (b"[DONE]", FaultKind.PROVIDER_GARBLED),
        (b'{"choices":[{"message":{"content":"a"', FaultKind.PROVIDER_GARBLED),
        (b'{"error":{"code":429,"message":"x"}}', FaultKind.PROVIDER_RATE_LIMITED),
        (b'{"error":"boom"}', FaultKind.PROVIDER_ERROR),
        (b'{"choices":[{"message":{"content":""},"error":{"code":503,"message":"x"}}]}', FaultKind.PROVIDER_OVERLOADED),
    ],
)
def test_no_answer_is_a_fault(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is kind


USAGES: list[tuple[dict[str, Any], Usage]] = [
    ({}, Usage()),
    ({"prompt_tokens": None, "completion_tokens": "5", "total_tokens": -1}, Usage()),
    ({"prompt_tokens": True, "completion_tokens": -5}, Usage()),
    ({"prompt_tokens": 10.0, "completion_tokens": 10**30}, Usage(prompt_tokens=10)),
    ({"input_tokens": 3, "output_tokens": 4}, Usage(prompt_tokens=3, completion_tokens=4)),
    ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(prompt_tokens=9, cached_tokens=4)),
    ({"prompt_tokens": 9, "cached_tokens": 4}, Usage(prompt_tokens=9, cached_tokens=4)),
    ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(prompt_tokens=9, cached_tokens=9)),
    (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
        Usage(prompt_tokens=9, cached_tokens=4, cache_write_tokens=3),
    ),
    (
        {
            "prompt_tokens": 9,
            "completion_tokens": 7,
            "completion_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 16,
        },
        Usage(prompt_tokens=9, completion_tokens=7, reasoning_tokens=5),
    ),
    (  # xAI counts thinking beside the completion
        {
            "prompt_tokens": 9,
            "completion_tokens": 7,
            "completion_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 21,
        },
        Usage(prompt_tokens=9, completion_tokens=12, reasoning_tokens=5),
    ),
]


@pytest.mark.parametrize(("raw", "usage"), USAGES, ids=[str(raw)[:60] for raw, _ in USAGES])
def test_counts_are_read_wherever_they_are(raw: dict[str, Any], usage: Usage) -> None:
    reply = DIALECT.decode_reply(jsons.encode(BARE | {"usage": raw | {"x": 1}}))
    assert reply.usage == usage


def test_the_strict_sdk_reads_our_answers() -> None:
    parts = (Reasoning(text="hm"), Text(text="a"), ToolCall(id="c", name="f", arguments="{}"))
    result = components.ChatResult.model_validate(encoded(*parts))
    assert result.choices[0].message.content == "a"


def test_the_strict_sdk_reads_our_streams() -> None:
    events: list[Event] = [
        ReasoningDelta("hm"),
        TextDelta("a"),
        ToolOpened(0, "c", "f"),
        ToolArgs(0, "{}"),
        Finished("tool_calls"),
    ]
    for closing in (CLOSING, Closing(usage=COUNTS, fault=CUT)):
        for told in written(events, closing):
            assert components.ChatStreamChunk.model_validate(told).id == "gen-1"
