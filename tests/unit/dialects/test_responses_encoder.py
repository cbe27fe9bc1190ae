"""Streams as clients of Responses get them: every event of the protocol, items one after the other."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from openrouter.components import StreamEvents
from pydantic import TypeAdapter
from tests.unit.dialects.responses_wire import CLOSING, TOOLS, USAGE, envelope, items, parsed, streamed

from wideband.canon.events import (
    Event,
    Finished,
    FinishReason,
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
from wideband.canon.request import Loss, Reasoning, ToolCall
from wideband.dialects import seals
from wideband.dialects.base import Closing
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_responses.encoder import StreamEncoder
from wideband.dialects.openai_responses.request import decode_request

OPENAI: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
OPENROUTER: TypeAdapter[Any] = TypeAdapter(StreamEvents)
CLAUDE, OWN = "anthropic-claude-v1", "openai-responses-v1"
EVERYTHING: list[Event] = [
    Started(id="u", model="u", created_s=3, extras={"service_tier": "flex"}),
    ReasoningDelta("think", format=CLAUDE),
    ReasoningDelta("ing", format=CLAUDE),
    ReasoningSealed(signature="S", format=CLAUDE),
    TextDelta("hi "),
    TextDelta("\u2028\u00e9"),
    RefusalDelta("no"),
    ToolOpened(0, "call_1", "agents__spawn"),
    ToolArgs(0, '{"x":'),
    ToolArgs(0, " 1.0}"),
    ToolOpened(1, "call_2", "patch"),
    ToolArgs(1, '{"input": "*** Be'),
    ToolArgs(1, 'gin\\n"}'),
    Finished("tool_calls"),
]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_the_sdks_read_every_event() -> None:
    for event in streamed(EVERYTHING, told=envelope(tools=TOOLS, stream=True)):
        OPENAI.validate_python(event)
        assert type(OPENROUTER.validate_python(event)).__name__ != "UnknownStreamEvents"


def test_the_bytes_of_a_delta() -> None:
    encoder = StreamEncoder(envelope())
    encoder.feed([Started(), TextDelta("h")])
    assert encoder.feed([TextDelta("i")]) == (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_gen-1_0",'
        b'"output_index":0,"content_index":0,"logprobs":[],"delta":"i","sequence_number":5}\n\n'
    )


def test_text_from_its_first_event_to_its_last() -> None:
    events = streamed([Started(), TextDelta("he"), TextDelta("llo"), Finished("stop")])
    assert kinds(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    part = {"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}
    item = {"id": "msg_gen-1_0", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    assert events[2]["item"] == item | {"status": "in_progress", "content": []}
    assert (events[6]["text"], events[7]["part"], events[8]["item"]) == ("hello", part, item)
    assert events[-1]["response"]["output"] == [item]
    assert {event["item_id"] for event in events if "item_id" in event} == {"msg_gen-1_0"}


def test_refusal_is_a_part_of_its_own_in_the_same_message() -> None:
    events = streamed([TextDelta("well"), RefusalDelta("no"), RefusalDelta("!"), Finished("stop")])
    (item,) = items(events)
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]
    assert item["content"][1] == {"type": "refusal", "refusal": "no!"}
    assert [event["content_index"] for event in events if event["type"].startswith("response.refusal")] == [1, 1, 1]


def test_thinking_is_shown_as_a_summary() -> None:
    events = streamed([ReasoningDelta("a"), ReasoningDelta("b"), TextDelta("t"), Finished("stop")])
    assert kinds(events)[2:9] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done",
        "output_item.done",
    ]  # fmt: skip
    assert items(events)[0] == {
        "id": "rs_gen-1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "ab"}],
    }  # fmt: skip


def test_openais_own_seal_goes_out_as_it_came() -> None:
    (item,) = items(streamed([ReasoningSealed(data="E", format=OWN, id="rs_9"), Finished("stop")]))
    assert (item["id"], item["encrypted_content"], item["summary"]) == ("rs_9", "E", [])
    summed = ReasoningDelta("s", summary=True, format=OWN)
    (item,) = items(streamed([summed, ReasoningSealed(data="E", format=OWN), Finished("stop")]))
    assert item["encrypted_content"] == "E"


def test_a_seal_for_an_id_that_cannot_be_kept_is_packed_with_it() -> None:
    events: list[Event] = [
        ReasoningDelta("s", summary=True, format=OWN), ReasoningSealed(data="E", format=OWN, id="rs_9"),
    ]  # fmt: skip
    (item,) = items(streamed([*events, Finished("stop")]))
    assert returned(item) == (Reasoning(text="s", data="E", summary=True, format=OWN, id="rs_9"),)


def returned(*told: dict[str, Any]) -> tuple[Any, ...]:
    """Return what is read when a client sends items back."""
    (message,) = decode_request(json.dumps({"model": "m", "input": list(told), "tools": TOOLS}).encode()).messages
    return message.parts


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning(text="hm", signature="S", format=CLAUDE),
        Reasoning(data="redacted", format=CLAUDE),
        Reasoning(data="G", format="google-gemini-v1", id="call_1"),
        Reasoning(text="unsealed"),
    ],
)
def test_thinking_comes_back_as_it_was(thought: Reasoning) -> None:
    events: list[Event] = [ReasoningDelta(thought.text, format=thought.format)] if thought.text else []
    events.append(ReasoningSealed(thought.signature, thought.data, format=thought.format, id=thought.id))
    (item,) = items(streamed([*events, Finished("stop")]))
    assert returned(item) == (thought,)


def test_a_seal_that_comes_after_the_text_still_holds_the_thinking() -> None:
    events: list[Event] = [
        ReasoningDelta("hm", format=CLAUDE), TextDelta("t"), ReasoningSealed("S", format=CLAUDE), Finished("stop"),
    ]  # fmt: skip
    sealed = items(streamed(events))[-1]
    assert returned(sealed) == (Reasoning(text="hm", signature="S", format=CLAUDE),)


def test_thinking_is_left_out_for_who_does_not_want_it() -> None:
    events = streamed(EVERYTHING, told=envelope(hides_reasoning=True))
    assert [item["type"] for item in items(events)] == ["message", "function_call", "function_call"]


def test_a_call_of_a_namespaced_tool_has_its_two_names() -> None:
    call = items(streamed(EVERYTHING, told=envelope(tools=TOOLS)))[2]
    assert (call["name"], call["namespace"], call["arguments"]) == ("spawn", "agents", '{"x": 1.0}')
    assert (call["id"], call["call_id"], call["status"]) == ("fc_gen-1_2", "call_1", "completed")
    assert returned(call) == (ToolCall(id="call_1", name="agents__spawn", arguments='{"x": 1.0}'),)


def test_a_call_of_a_tool_that_an_item_added_has_its_two_names() -> None:
    more = [{"type": "additional_tools", "role": "developer", "tools": TOOLS}]
    call = items(streamed(EVERYTHING, told=envelope(input=more)))[2]
    assert (call["name"], call["namespace"]) == ("spawn", "agents")


def test_a_call_of_a_custom_tool_is_free_text_whoever_made_it() -> None:
    wrapped = items(streamed(EVERYTHING, told=envelope(tools=TOOLS)))[3]
    assert (wrapped["type"], wrapped["id"], wrapped["input"]) == ("custom_tool_call", "ctc_gen-1_3", "*** Begin\n")
    plain: list[Event] = [ToolOpened(0, "c", "patch", custom=True), ToolArgs(0, '{"in'), ToolArgs(0, 'put"')]
    events = streamed([*plain, Finished("tool_calls")], told=envelope(tools=TOOLS))
    assert items(events)[0]["input"] == '{"input"'
    deltas = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ['{"in', 'put"']


def test_wrapped_free_text_is_told_once_and_whole() -> None:
    told = [event for event in streamed(EVERYTHING, told=envelope(tools=TOOLS)) if "custom_tool_call" in event["type"]]
    assert [event.get("delta", event.get("input")) for event in told] == ["*** Begin\n", "*** Begin\n"]


def test_a_call_is_done_as_soon_as_another_begins() -> None:
    encoder = StreamEncoder(envelope())
    written = encoder.feed([ToolOpened(0, "a", "f"), ToolArgs(0, "{}"), ToolOpened(1, "b", "f")])
    assert [item["call_id"] for item in items(parsed(written))] == ["a"]


def test_calls_told_at_once_lose_no_byte() -> None:
    events: list[Event] = [
        ToolOpened(0, "a", "f"), ToolOpened(1, "b", "f"), ToolArgs(1, '{"b"'), ToolArgs(0, '{"a"'), TextDelta("t"),
        ToolArgs(0, ": 1}"), ToolArgs(1, ":2} "), Finished("tool_calls"),
    ]  # fmt: skip
    whole = streamed(events)
    assert [(item["type"], item.get("arguments")) for item in whole[-1]["response"]["output"]] == [
        ("function_call", '{"a": 1}'), ("function_call", '{"b":2} '), ("message", None),
    ]  # fmt: skip
    indexes = {event["item"]["id"]: event["output_index"] for event in whole if "item" in event}
    assert indexes == {"fc_gen-1_0": 0, "fc_gen-1_1": 1, "msg_gen-1_2": 2}


def test_text_after_the_end_of_a_call_is_a_loss() -> None:
    encoder = StreamEncoder(envelope())
    encoder.feed([ToolOpened(0, "a", "f"), ToolArgs(0, "{}"), TextDelta("t"), ToolArgs(0, " "), ToolArgs(0, "x")])
    assert [loss.feature for loss in encoder.losses] == ["tool_arguments"]


def test_arguments_without_an_opening_make_a_nameless_call() -> None:
    (item,) = items(streamed([ToolArgs(0, "{}"), Finished("tool_calls")]))
    assert (item["name"], item["arguments"], item["call_id"]) == ("", "{}", "call_gen-1_0")


@pytest.mark.parametrize("said", [[], [ToolArgs(0, "")]])
def test_a_call_without_arguments_has_an_empty_object(said: list[Event]) -> None:
    events = streamed([ToolOpened(0, "c", "f"), *said, Finished("tool_calls")])
    assert items(events)[0]["arguments"] == "{}"
    assert "".join(event["delta"] for event in events if event["type"].endswith("arguments.delta")) == "{}"


def test_log_probabilities_stand_beside_the_text() -> None:
    row = {"token": "t", "logprob": -0.1, "bytes": [116], "top_logprobs": []}
    events = streamed([TextDelta("t"), Logprobs(value={"content": [row]}), Finished("stop")])
    assert [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"] == [[], [row]]
    assert items(events)[0]["content"][0]["logprobs"] == [row]


def test_citations_stand_on_the_text() -> None:
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    opaque = OpaqueDelta(dialect="openai_responses", kind="annotations", raw=[cited])
    events = streamed([TextDelta("t"), opaque, Finished("stop")])
    assert items(events)[0]["content"][0]["annotations"] == [cited]
    assert "output_text.annotation.added" in kinds(events)


def test_an_item_only_this_protocol_knows_goes_through() -> None:
    raw = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    told = OpaqueDelta(dialect="openai_responses", kind="response_item", raw=raw)
    assert items(streamed([TextDelta("t"), told, TextDelta("u"), Finished("stop")]))[1] == raw


def test_what_cannot_be_said_is_a_loss_once() -> None:
    encoder = StreamEncoder(envelope())
    strange = OpaqueDelta(dialect="anthropic_messages", kind="server_tool_blocks", raw={})
    encoder.feed([strange, strange, TextDelta("x", choice=1), Logprobs(value={"content": [{"token": "a"}]})])
    assert encoder.losses == [
        Loss("server_tool_blocks", "anthropic_messages"),
        Loss("n", "only the first choice is shown"),
        Loss("logprobs", "of other tokens than text"),
    ]
    assert all(loss.feature in LOSSES for loss in encoder.losses)


def test_the_response_repeats_what_was_asked_and_stores_nothing() -> None:
    asked: dict[str, Any] = {
        "instructions": "Be brief.", "temperature": 0.25, "tools": TOOLS, "tool_choice": "required", "store": True,
        "metadata": {"k": "v"}, "reasoning": {"effort": "low"}, "parallel_tool_calls": False, "top_p": None,
    }  # fmt: skip
    first, *_, last = streamed([Started(), TextDelta("t"), Finished("stop")], told=envelope(**asked))
    for told in (first["response"], last["response"]):
        assert {name: told[name] for name in asked} == asked | {"store": False}
        assert (told["id"], told["model"], told["provider"]) == ("gen-1", "acme/m1", "My Own Box")
    assert (first["response"]["status"], first["response"]["completed_at"]) == ("in_progress", None)
    assert (last["response"]["status"], last["response"]["completed_at"]) == ("completed", 1763800000)


def test_the_end_tells_counts_cost_and_metadata_if_asked() -> None:
    closing = Closing(usage=CLOSING.usage, cost_nano=12300, prompt_cost_nano=9000, completion_cost_nano=3300)
    assert streamed(EVERYTHING, closing)[-1]["response"]["usage"] == USAGE
    assert "openrouter_metadata" not in streamed(EVERYTHING, closing)[-1]["response"]
    told = Closing(usage=CLOSING.usage, metadata={"strategy": "direct"})
    assert streamed(EVERYTHING, told)[-1]["response"]["openrouter_metadata"] == {"strategy": "direct"}


def test_the_providers_class_of_service_is_told() -> None:
    assert streamed(EVERYTHING, told=envelope(service_tier="auto"))[-1]["response"]["service_tier"] == "flex"


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_cut_answer_is_incomplete_in_its_last_item(finish: FinishReason, reason: str) -> None:
    events = streamed(
        [ReasoningDelta("hm"), TextDelta("t"), ToolOpened(0, "c", "f"), ToolArgs(0, "{"), Finished(finish)]
    )
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}
    assert [item.get("status") for item in items(events)] == [None, "completed", "incomplete"]


def test_a_broken_stream_fails_and_no_broken_call_is_told_as_done() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="The provider hung up.")
    broken: list[Event] = [TextDelta("t"), ToolOpened(0, "c", "f"), ToolArgs(0, '{"x')]
    events = streamed(broken, Closing(usage=CLOSING.usage, fault=fault))
    assert [item["type"] for item in items(events)] == ["message"]
    last = events[-1]
    assert last["type"] == "response.failed"
    assert (last["response"]["status"], last["response"]["error_type"]) == ("failed", "provider_unavailable")
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["output"][1]["status"] == "incomplete"
    OPENAI.validate_python(last)
    OPENROUTER.validate_python(last)


def test_an_answer_the_provider_gave_up_is_a_failure() -> None:
    assert streamed([TextDelta("t"), Finished("error")])[-1]["type"] == "response.failed"


def test_a_stream_that_never_began_still_ends() -> None:
    assert kinds(streamed([])) == ["created", "in_progress", "completed"]
    fault = Fault(kind=FaultKind.PROVIDER_TIMEOUT, message="Too slow.")
    assert kinds(streamed([], Closing(usage=CLOSING.usage, fault=fault))) == ["created", "in_progress", "failed"]


def test_a_seal_marked_with_its_provider_comes_back_marked() -> None:
    (event,) = seals.tag_events([ReasoningSealed(data="E", format=OWN)], "azure")
    (item,) = items(streamed([event, Finished("stop")]))
    assert item["encrypted_content"] == "wideband@azure:E"
