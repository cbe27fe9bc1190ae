"""Streams as clients of Chat Completions get them: OpenRouter's shape, with every key that strict ones ask for."""

from tests.unit.dialects.openai_chunks import ASKED, COUNTS, ENVELOPE, written

from wideband.canon.events import (
    Counted,
    Event,
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
from wideband.dialects.base import Closing
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_chat import DIALECT

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 1,
    "total_tokens": 10,
    "cost": 0.0000123,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    "cost_details": {
        "upstream_inference_cost": None,
        "upstream_inference_prompt_cost": 0.000009,
        "upstream_inference_completions_cost": 0.0000033,
    },
}
EVENTS: list[Event] = [
    Started(id="u", model="u", created_s=3),
    ReasoningDelta("hm", format="anthropic-claude-v1"),
    ReasoningSealed(signature="s", format="anthropic-claude-v1"),
    TextDelta("hi \u2028 \u00e9"),
    ToolOpened(0, "call_1", "f"),
    ToolArgs(0, '{"x":'),
    ToolArgs(0, "1}"),
    Counted(COUNTS),
    Finished("tool_calls", "tool_use"),
]


def test_the_first_chunk_is_openrouters_to_the_byte() -> None:
    encoder = DIALECT.stream_encoder(ENVELOPE)
    assert encoder.feed([Started(), TextDelta("h")]) == (
        b'data: {"id":"gen-1","object":"chat.completion.chunk","created":1763800000,"model":"acme/m1",'
        b'"provider":"My Own Box","choices":[{"index":0,"delta":{"role":"assistant",'
        b'"content":"h"},"finish_reason":null}]}\n\n'
    )


def test_deltas_say_what_the_events_say() -> None:
    deltas = [told["choices"][0]["delta"] for told in written(EVENTS)]
    assert deltas == [
        {
            "role": "assistant",
            "content": "",
            "reasoning": "hm",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "index": 0}
            ],
        },
        {
            "reasoning_details": [
                {"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1", "index": 0}
            ]
        },
        {"content": "hi \u2028 \u00e9"},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
        {},
    ]


def test_usage_rides_on_the_finish_unless_a_chunk_of_its_own_is_asked_for() -> None:
    last = written(EVENTS)[-1]
    assert (last["choices"][0]["finish_reason"], last["choices"][0]["native_finish_reason"]) == (
        "tool_calls",
        "tool_use",
    )
    assert last["usage"] == USAGE
    finish, own = written(EVENTS, envelope=ASKED)[-2:]
    assert "usage" not in finish
    assert (finish["choices"][0]["finish_reason"], own["choices"], own["usage"]) == ("tool_calls", [], USAGE)


def test_the_router_metadata_rides_on_the_last_chunk() -> None:
    closing = Closing(usage=COUNTS, metadata={"attempt": 1})
    for envelope in (ENVELOPE, ASKED):
        told = written(EVENTS, closing, envelope)
        assert [one.get("openrouter_metadata") for one in told[-2:]] == [None, {"attempt": 1}]


def test_a_fault_is_said_in_band() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="Provider disconnected", details={"x": 1})
    last = written(EVENTS[:4], Closing(usage=COUNTS, fault=fault))[-1]
    assert last["error"] == {
        "code": 502,
        "message": "Provider disconnected",
        "type": "provider_unavailable",
        "metadata": {"error_type": "provider_unavailable", "provider_name": "My Own Box", "x": 1},
    }
    assert last["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]


def test_an_empty_answer_still_has_a_role_and_an_end() -> None:
    (only,) = written([])
    assert only["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert only["choices"][0]["finish_reason"] == "stop"


def test_every_choice_has_its_role_and_its_end() -> None:
    told = written([TextDelta("a"), TextDelta("b", 1), Finished("stop"), Finished("length", None, 1)], envelope=ASKED)
    assert [one["choices"][0]["index"] for one in told[:-1]] == [0, 1, 0, 1]
    assert ["role" in one["choices"][0]["delta"] for one in told[:-1]] == [True, True, False, False]
    assert [one["choices"][0]["finish_reason"] for one in told[:-1]] == [None, None, "stop", "length"]


def test_what_another_dialect_alone_says_is_recorded() -> None:
    encoder = DIALECT.stream_encoder(ENVELOPE)
    assert encoder.feed([OpaqueDelta(dialect="anthropic_messages", kind="search_result", raw={})]) == b""
    assert [loss.feature for loss in encoder.losses] == ["search_result"]
    assert encoder.losses[0].feature in LOSSES


def test_own_opaque_parts_log_probabilities_and_refusals_are_said() -> None:
    told = written(
        [
            OpaqueDelta(dialect="openai_chat", kind="images", raw=[1]),
            Logprobs(value={"content": [1]}),
            RefusalDelta("No"),
            Finished("stop"),
        ]
    )
    assert told[0]["choices"][0]["delta"]["images"] == [1]
    assert told[1]["choices"][0]["logprobs"] == {"content": [1]}
    assert told[2]["choices"][0]["delta"] == {"refusal": "No"}
