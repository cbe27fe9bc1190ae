"""An Anthropic stream as canonical events: whole, in pieces, cut, garbled and out of order."""

import json
from pathlib import Path
from typing import Any

import pytest

from wideband.canon.events import Counted, Event, Failed, Finished, Started, TextDelta, ToolArgs, ToolOpened
from wideband.canon.faults import FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Opaque, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.anthropic_messages import DIALECT
from wideband.wire import sse
from wideband.wire.sse import Frame

GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic_messages"
MODEL = "claude-sonnet-4-5-20250929"

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "Emma author"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_01",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://example.com/emma",
            "title": "Emma",
            "encrypted_content": "EqgfCioI",
            "page_age": "April 30, 2025",
        }
    ],
}
CITED = {
    "type": "web_search_result_location",
    "url": "https://example.com/emma",
    "title": "Emma",
    "encrypted_index": "Eo8BCioI",
    "cited_text": "by Jane Austen",
}


def opaque(kind: str, raw: Any) -> Opaque:
    return Opaque(dialect="anthropic_messages", kind=kind, raw=raw)


EXPECTED: dict[str, Reply] = {
    "text": Reply(
        id="msg_01",
        model=MODEL,
        choices=(
            Choice(
                parts=(Text(text="Hello — 你好 🙂"),),
                finish="stop",
                native_finish="stop_sequence",
                stop_sequence="STOP",
            ),
        ),
        usage=Usage(
            prompt_tokens=142,
            completion_tokens=9,
            cached_tokens=100,
            cache_write_tokens=10,
            cache_write_1h_tokens=20,
        ),
    ),
    "thinking_and_tools": Reply(
        id="msg_02",
        model=MODEL,
        choices=(
            Choice(
                parts=(
                    Reasoning(text="Two calls then.", signature="EqQBCgIYAhIM", format="anthropic-claude-v1"),
                    Reasoning(data="EmwKAhgBEgy3", format="anthropic-claude-v1"),
                    Text(text="Let me look."),
                    ToolCall(id="toolu_01", name="get_weather", arguments='{"city":"Paris"}'),
                    ToolCall(id="toolu_02", name="now", arguments="{}"),
                ),
                finish="tool_calls",
                native_finish="tool_use",
            ),
        ),
        usage=Usage(prompt_tokens=400, completion_tokens=120, reasoning_tokens=40),
    ),
    "search": Reply(
        id="msg_03",
        model=MODEL,
        choices=(
            Choice(
                parts=(
                    opaque("server_tool_blocks", SEARCH),
                    opaque("server_tool_blocks", FOUND),
                    Text(text="Jane Austen"),
                    opaque("citations", [CITED]),
                    Text(text=" did."),
                ),
                finish="stop",
                native_finish="end_turn",
            ),
        ),
        usage=Usage(prompt_tokens=60, completion_tokens=20),
    ),
}


def golden(case: str) -> bytes:
    return (GOLDEN / case / "stream.sse").read_bytes()


def decode(data: bytes, chunk_bytes: int | None = None) -> list[Event]:
    frames, decoder = sse.Decoder(), DIALECT.stream_decoder()
    events: list[Event] = []
    step = chunk_bytes or len(data) or 1
    for at in range(0, len(data), step):
        for frame in frames.feed(data[at : at + step]):
            events += decoder.feed(frame)
    for frame in frames.close():
        events += decoder.feed(frame)
    return events + decoder.close()


def stream(*events: dict[str, Any]) -> list[Event]:
    return decode(b"".join(sse.encode(json.dumps(event).encode(), event["type"]) for event in events))


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn") -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}


def fault_of(events: list[Event]) -> FaultKind | None:
    failed = [event for event in events if isinstance(event, Failed)]
    assert failed == events[-1:] or not failed
    return failed[0].fault.kind if failed else None


@pytest.mark.parametrize("case", EXPECTED)
def test_goldens_whole(case: str) -> None:
    assert fold(decode(golden(case))) == EXPECTED[case]


@pytest.mark.parametrize("case", EXPECTED)
def test_goldens_byte_by_byte_give_the_same_events(case: str) -> None:
    assert decode(golden(case), 1) == decode(golden(case))


@pytest.mark.parametrize("case", EXPECTED)
def test_goldens_cut_anywhere_never_look_whole(case: str) -> None:
    data = golden(case)
    whole = decode(data)
    finished_at = data.index(b"event: message_delta")
    for at in range(0, finished_at, 7):
        events = decode(data[:at])
        assert fault_of(events) in {FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_GARBLED}
        assert not any(isinstance(event, Finished) for event in events)
        assert events[:-1] == whole[: len(events) - 1]


@pytest.mark.parametrize("case", EXPECTED)
def test_goldens_garbled_anywhere_raise_nothing(case: str) -> None:
    data = golden(case)
    for at in range(0, len(data), 5):
        fault_of(decode(data[:at] + b"\xff" + data[at + 1 :]))
        fault_of(decode(data[:at] + data[at + 3 :]))


def test_counts_come_at_the_start_and_at_the_end() -> None:
    counts = [event.usage for event in decode(golden("text")) if isinstance(event, Counted)]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in counts] == [(142, 1), (142, 9)]


def test_an_error_inside_the_stream_ends_it() -> None:
    events = decode(golden("overloaded"))
    assert fault_of(events) is FaultKind.PROVIDER_OVERLOADED
    assert [type(event) for event in events] == [Started, Counted, TextDelta, Failed]


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("overloaded_error", FaultKind.PROVIDER_OVERLOADED),
        ("rate_limit_error", FaultKind.PROVIDER_RATE_LIMITED),
        ("api_error", FaultKind.PROVIDER_ERROR),
        ("timeout_error", FaultKind.PROVIDER_TIMEOUT),
        ("authentication_error", FaultKind.PROVIDER_AUTH),
        ("invalid_request_error", FaultKind.PROVIDER_REJECTED),
        ("something_new", FaultKind.PROVIDER_ERROR),
    ],
)
def test_each_error_is_known_by_its_name(error_type: str, kind: FaultKind) -> None:
    events = stream({"type": "error", "error": {"type": error_type, "message": "m"}})
    assert fault_of(events) is kind


def test_an_input_that_comes_with_the_opening_is_said_whole() -> None:
    events = stream(start(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0), end("tool_use"))
    assert events[:3] == [ToolOpened(0, "t", "f"), ToolArgs(0, '{"a":1}'), Finished("tool_calls", "tool_use")]


def test_missing_stops_lose_nothing() -> None:
    events = stream(
        start(0, type="text", text="He"),
        delta(0, type="text_delta", text="llo"),
        start(1, type="tool_use", id="t", name="f", input={}),
        end("tool_use"),
    )
    assert events[:5] == [
        TextDelta("He"),
        TextDelta("llo"),
        ToolOpened(0, "t", "f"),
        ToolArgs(0, "{}"),
        Finished("tool_calls", "tool_use"),
    ]
    assert fault_of(events) is None


def test_a_stream_that_stops_without_a_reason_gets_one() -> None:
    assert stream(delta(0, type="text_delta", text="x"), {"type": "message_stop"})[-1] == Finished("stop")
    called = stream(start(0, type="tool_use", id="t", name="f", input={}), {"type": "message_stop"})
    assert called[-1] == Finished("tool_calls")


def test_what_is_said_twice_is_read_once() -> None:
    opening = {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 1}}}
    block = start(0, type="tool_use", id="t", name="f", input={})
    events = stream(
        opening, opening, block, block, delta(0, type="input_json_delta", partial_json="{}"), stop(0), stop(0),
        end("tool_use"), end("tool_use"), {"type": "message_stop"}, {"type": "message_stop"},
    )  # fmt: skip
    kinds = [type(event) for event in events]
    assert kinds == [Started, Counted, ToolOpened, ToolArgs, Finished, Counted, Counted]


def test_interleaved_blocks_are_told_apart_by_index() -> None:
    events = stream(
        start(0, type="tool_use", id="a", name="f", input={}),
        start(1, type="tool_use", id="b", name="g", input={}),
        delta(1, type="input_json_delta", partial_json='{"x":'),
        delta(0, type="input_json_delta", partial_json="{}"),
        delta(1, type="input_json_delta", partial_json="1}"),
        stop(1),
        stop(0),
        end("tool_use"),
    )
    assert fold(events).choices[0].parts == (
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="g", arguments='{"x":1}'),
    )


def test_arguments_of_a_call_nobody_opened_are_not_dropped_silently() -> None:
    assert fault_of(stream(delta(3, type="input_json_delta", partial_json="{}"))) is FaultKind.PROVIDER_GARBLED


@pytest.mark.parametrize("frame", [Frame(b""), Frame(b" "), Frame(b"[DONE]"), Frame(b'{"type":"ping"}', "ping")])
def test_what_means_nothing_says_nothing(frame: Frame) -> None:
    assert DIALECT.stream_decoder().feed(frame) == []


def test_events_of_kinds_nobody_knows_are_passed_over() -> None:
    events = stream({"type": "from_the_future"}, delta(0, type="new_delta", shape=1), end())
    assert fault_of(events) is None


def test_a_frame_without_a_type_is_known_by_its_event_name() -> None:
    decoder = DIALECT.stream_decoder()
    assert decoder.feed(Frame(b'{"message":{"id":"m"}}', "message_start")) == [Started(id="m")]
    assert isinstance(decoder.feed(Frame(b'{"error":{"message":"x"}}', None))[0], Failed)


def test_a_cut_is_said_once() -> None:
    decoder = DIALECT.stream_decoder()
    assert fault_of(decoder.close()) is FaultKind.PROVIDER_CUT
    assert decoder.close() == []
    assert decoder.feed(Frame(b'{"type":"message_stop"}')) == []


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("compaction", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("from_the_future", "stop"),
    ],
)
def test_stop_reasons(native: str, reason: str) -> None:
    finished = [event for event in stream(end(native)) if isinstance(event, Finished)]
    assert [(event.reason, event.native) for event in finished] == [(reason, native)]


def test_counts_that_cannot_be_read_do_not_cost_the_answer() -> None:
    events = stream(
        {"type": "message_start", "message": {"usage": {"input_tokens": "many"}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None},
    )
    assert events == [Started(), Finished("stop", "end_turn")]


def test_counts_that_nobody_can_have_are_none() -> None:
    events = stream(
        {"type": "message_start", "message": {"usage": {"input_tokens": -3, "cache_read_input_tokens": 10**30}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2**53}},
    )
    assert {event.usage for event in events if isinstance(event, Counted)} == {Usage()}
