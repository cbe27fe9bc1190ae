"""A Responses provider's stream as canonical events: whole, in pieces, cut, garbled, out of order and incomplete."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wideband.canon.events import (
    Counted,
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
from wideband.canon.faults import FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.openai_responses.stream import StreamDecoder
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_responses"
FORMAT = "openai-responses-v1"

CITED = {
    "type": "url_citation",
    "start_index": 0,
    "end_index": 11,
    "url": "https://example.com/emma",
    "title": "Emma",
}
SEARCH = {
    "id": "ws_01",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "Emma author"},
}


def answer(identity: str, *parts: Any, finish: Any = "stop", native: str = "completed", usage: Usage) -> Reply:
    choice = Choice(parts=parts, finish=finish, native_finish=native)
    is_openai = identity != "resp_min"
    return Reply(
        id=identity,
        model="gpt-5.2-2025-12-11" if is_openai else None,
        created_s=1763800000 if is_openai else None,
        choices=(choice,),
        usage=usage,
    )


EXPECTED: dict[str, Reply] = {
    "text": answer(
        "resp_text",
        Text(text="Hello — 你好 🙂"),
        usage=Usage(prompt_tokens=142, completion_tokens=9, cached_tokens=100),
    ),
    "reasoning": answer(
        "resp_reason",
        Reasoning(
            text="**Reading the request**\n\nTwo cities.\n\n**Planning**\n\nCall once.",
            data="gAAAAABwhole",
            summary=True,
            format=FORMAT,
            id="rs_01",
        ),
        Text(text="Paris it is."),
        usage=Usage(prompt_tokens=400, completion_tokens=120, reasoning_tokens=64),
    ),
    "parallel_calls": answer(
        "resp_calls",
        ToolCall(id="call_a", name="get_weather", arguments='{"city":"Par\\u0069s"}'),
        ToolCall(id="call_b", name="now", arguments="{ }"),
        finish="tool_calls",
        usage=Usage(prompt_tokens=60, completion_tokens=41),
    ),
    "custom_call": answer(
        "resp_custom",
        ToolCall(id="call_p", name="apply_patch", arguments='*** Begin Patch\n+"x"\n*** End Patch', custom=True),
        finish="tool_calls",
        usage=Usage(prompt_tokens=900, completion_tokens=30, cached_tokens=768),
    ),
    "refusal": answer(
        "resp_no", Refusal(text="I can't help with that."), usage=Usage(prompt_tokens=20, completion_tokens=8)
    ),
    "web_search": answer(
        "resp_web",
        Opaque(dialect="openai_responses", kind="response_item", raw=SEARCH),
        Text(text="Jane Austen did."),
        Opaque(dialect="openai_responses", kind="annotations", raw=[CITED]),
        usage=Usage(prompt_tokens=600, completion_tokens=25),
    ),
    "incomplete": answer(
        "resp_long",
        Text(text="Once upon a"),
        finish="length",
        native="max_output_tokens",
        usage=Usage(prompt_tokens=10, completion_tokens=16),
    ),
    "minimal": answer(
        "resp_min",
        Text(text="One moment."),
        ToolCall(id="call_n", name="multi_agent_v1__spawn", arguments="{}"),
        finish="tool_calls",
        usage=Usage(prompt_tokens=5, completion_tokens=7),
    ),
}
BROKEN = ("failed", "error_event")
whole_case = pytest.mark.parametrize("case", EXPECTED)
every_case = pytest.mark.parametrize("case", [*EXPECTED, *BROKEN])


def golden(case: str) -> bytes:
    return (GOLDEN / case / "stream.sse").read_bytes()


def decode(data: bytes, chunk_bytes: int | None = None) -> list[Event]:
    frames, decoder, events = sse.Decoder(), StreamDecoder(), list[Event]()
    step = chunk_bytes or len(data) or 1
    for at in range(0, len(data), step):
        for frame in frames.feed(data[at : at + step]):
            events += decoder.feed(frame)
    for frame in frames.close():
        events += decoder.feed(frame)
    return events + decoder.close()


def heard(*rows: dict[str, Any]) -> list[Event]:
    decoder = StreamDecoder()
    events = [event for row in rows for event in decoder.feed(Frame(jsons.encode(row)))]
    return events + decoder.close()


def parts(events: list[Event]) -> tuple[Any, ...]:
    return fold(events).choices[0].parts


def rows_of(case: str) -> list[dict[str, Any]]:
    return [jsons.decode(frame.data) for frame in sse.Decoder().feed(golden(case))]


def delta(kind: str, said: str, **where: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": said, **where}


def added(index: int | None, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int | None = None, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def message(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}], **more}


def call(call_id: str, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": arguments, **more}


def completed(*output: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "r", "output": list(output), **more}}


def fault(events: list[Event]) -> Any:
    assert isinstance(events[-1], Failed)
    assert not any(isinstance(event, Failed) for event in events[:-1])
    return events[-1].fault


@whole_case
def test_a_stream_means_its_reply(case: str) -> None:
    reply = fold(decode(golden(case)))
    if case == "minimal":
        # Nothing told who answered until the answer was said.
        reply = fold([Started(id="resp_min"), *decode(golden(case))])
    assert reply == EXPECTED[case]


@every_case
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_stream_means_the_same_in_pieces(case: str, size: int) -> None:
    assert decode(golden(case), size) == decode(golden(case))


@whole_case
def test_a_stream_cut_before_its_end_is_one_fault(case: str) -> None:
    data = golden(case)
    for cut in range(0, data.rindex(b"data:"), 97):
        kind = fault(decode(data[:cut])).kind
        assert kind in {FaultKind.PROVIDER_CUT, FaultKind.PROVIDER_GARBLED}


@every_case
def test_a_garbled_stream_never_raises(case: str) -> None:
    chance, stream = random.Random(case), golden(case)
    for _ in range(100):
        ruined = bytearray(stream)
        for _ in range(chance.randint(1, 6)):
            ruined[chance.randrange(len(ruined))] = chance.choice(b'"{}[]:,0\\\xff\n ')
        failures = [event for event in decode(bytes(ruined)) if isinstance(event, Failed)]
        assert len(failures) <= 1


@whole_case
@pytest.mark.parametrize("without", ["delta", "done", "added", "created"])
def test_events_of_a_kind_may_all_be_missing(case: str, without: str) -> None:
    kept = [row for row in rows_of(case) if not row["type"].endswith(f".{without}")]
    found, wanted = fold(heard(*kept)).choices[0], EXPECTED[case].choices[0]
    if (case, without) == ("minimal", "done"):
        # Nothing else told its items.
        wanted = Choice(finish="stop", native_finish="completed")
    # What is told late stands late.
    assert sorted(map(repr, found.parts)) == sorted(map(repr, wanted.parts))
    assert (found.finish, found.native_finish) == (wanted.finish, wanted.native_finish)


@whole_case
def test_places_and_numbers_may_all_be_missing(case: str) -> None:
    hidden = {"output_index", "content_index", "sequence_number", "item_id"}
    kept = [{name: value for name, value in row.items() if name not in hidden} for row in rows_of(case)]
    if case != "parallel_calls":
        assert fold(heard(*kept)).choices == EXPECTED[case].choices


def test_the_end_alone_tells_the_whole_answer() -> None:
    last = rows_of("reasoning")[-1]
    assert fold(heard(last)) == msgspec.structs.replace(EXPECTED["reasoning"], extras={"service_tier": "default"})


def test_a_failed_response_is_a_fault_that_says_how_long_to_wait() -> None:
    events = decode(golden("failed"))
    found = fault(events)
    assert TextDelta("So") in events
    assert (found.kind, found.retry_after_s) == (FaultKind.PROVIDER_RATE_LIMITED, 1.5)


def test_an_error_event_is_a_fault() -> None:
    found = fault(decode(golden("error_event")))
    assert (found.kind, found.provider_code) == (FaultKind.PROVIDER_ERROR, "server_error")
    assert found.message.startswith("The server had an error")


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"type": "error", "error": {"code": "context_length_exceeded", "message": "too long"}}, "CONTEXT_LENGTH"),
        ({"type": "response.error", "code": "insufficient_quota", "message": "no"}, "PROVIDER_AUTH"),
        ({"error": {"message": "boom"}}, "PROVIDER_ERROR"),
        ({"type": "response.failed", "response": {"error": {"code": "bio_policy", "message": "no"}}}, "CONTENT_POLICY"),
        ({"type": "response.failed"}, "PROVIDER_ERROR"),
        ({"type": "response.cancelled", "response": {"id": "r"}}, "PROVIDER_ERROR"),
        ({"type": "response.completed", "response": {"status": "failed", "error": "why"}}, "PROVIDER_ERROR"),
        ({"type": "response.completed", "response": 5}, "PROVIDER_GARBLED"),
    ],
)
def test_faults_are_told_in_many_shapes(row: dict[str, Any], kind: str) -> None:
    assert fault(heard(row)).kind is FaultKind[kind]


def test_nothing_follows_a_fault() -> None:
    assert len(heard({"type": "error", "message": "a"}, completed(message("b")), {"type": "error"})) == 1


def test_an_empty_stream_is_garbled() -> None:
    assert fault(StreamDecoder().close()).kind is FaultKind.PROVIDER_GARBLED


def test_data_that_is_no_json_is_one_fault() -> None:
    decoder = StreamDecoder()
    assert fault(decoder.feed(Frame(b"<html>"))).raw == "<html>"
    assert decoder.feed(Frame(b"<html>")) == decoder.close() == []


def test_pieces_and_the_whole_are_never_told_twice() -> None:
    events = heard(
        delta("output_text", "He", output_index=0, content_index=0),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"},
        done(0, **message("Hello, you")),
        completed(message("Hello, you")),
    )
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["He", "llo", ", you"]


def test_a_whole_that_differs_from_its_pieces_leaves_them_standing() -> None:
    events = heard(delta("output_text", "Hello"), done(0, **message("Goodbye")), completed())
    assert parts(events) == (Text(text="Hello"),)


def test_calls_without_places_are_told_apart_by_their_ids() -> None:
    events = heard(done(**call("a")), done(**call("b", '{"x":1}')), completed(call("a"), call("b", '{"x":1}')))
    assert [part.id for part in parts(events)] == ["a", "b"]
    assert [event.index for event in events if isinstance(event, ToolOpened)] == [0, 1]


def test_calls_that_all_say_place_0_are_told_apart_by_their_ids() -> None:
    events = heard(
        added(0, **call("a", "")), added(0, **call("b", "")), done(0, **call("b", "[1]")), done(0, **call("a")),
        completed(),
    )  # fmt: skip
    assert parts(events) == (
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="f", arguments="[1]"),
    )


def test_an_item_whose_own_id_changes_from_event_to_event_is_one_item() -> None:
    events = heard(
        added(0, type="message", id="x1", role="assistant", content=[]),
        delta("output_text", "Hi", output_index=0, item_id="x2"),
        done(0, **message("Hi", id="x3")),
        completed(message("Hi", id="x4")),
    )
    assert parts(events) == (Text(text="Hi"),)


def test_arguments_wait_for_the_name_of_their_call() -> None:
    pieces = [delta("function_call_arguments", text, output_index=0) for text in ('{"a"', ":1}")]
    events = heard(*pieces, done(0, **call("c", '{"a":1}')), completed())
    assert events[:2] == [ToolOpened(0, "c", "f"), ToolArgs(0, '{"a":1}')]


def test_arguments_without_a_call_are_a_call_without_a_name() -> None:
    events = heard(delta("function_call_arguments", "{}"), completed())
    assert isinstance(events[0], ToolOpened)
    assert events[0].id.startswith("call_")
    assert events[1] == ToolArgs(0, "{}")


def test_arguments_that_are_an_object_become_text() -> None:
    assert parts(heard(done(0, **call("c", {"a": 1})), completed())) == (
        ToolCall(id="c", name="f", arguments='{"a":1}'),
    )


def test_a_call_that_is_left_without_arguments_says_none() -> None:
    assert parts(heard(done(0, **call("c", "")), completed()))[0].arguments == ""


def test_thinking_in_plain_words_and_its_summary_are_two_thoughts() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "S"}],
        "content": [{"type": "reasoning_text", "text": "T"}],
        "encrypted_content": "E",
    }
    assert heard(done(0, **item), completed())[:3] == [
        ReasoningDelta("S", 0, 0, True, FORMAT),
        ReasoningDelta("T", 0, 1, False, FORMAT),
        ReasoningSealed(None, "E", 0, 1, FORMAT, "rs_1"),
    ]


def test_a_thought_that_is_only_sealed_is_sealed_data() -> None:
    events = heard(done(0, type="reasoning", id="rs_1", summary=[], encrypted_content="E"), completed())
    assert parts(events) == (Reasoning(data="E", format=FORMAT, id="rs_1"),)


def test_log_probabilities_come_with_their_text_and_only_once() -> None:
    rows = [{"token": "Hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}]
    told = message("Hi")
    told["content"][0]["logprobs"] = rows
    streamed = heard(delta("output_text", "Hi", output_index=0, logprobs=rows), done(0, **told), completed(told))
    whole = heard(completed(told))
    for events in (streamed, whole):
        assert [event for event in events if isinstance(event, Logprobs)] == [Logprobs(value={"content": rows})]


def test_a_citation_is_told_once() -> None:
    told = message("Hi")
    told["content"][0]["annotations"] = [CITED, {"type": "file_path", "file_id": "f", "index": 0}]
    single = {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": CITED}
    events = heard(delta("output_text", "Hi", output_index=0), single, done(0, **told), completed(told))
    assert [event.raw for event in events if isinstance(event, OpaqueDelta)] == [
        [CITED],
        [{"type": "file_path", "file_id": "f", "index": 0}],
    ]


def test_refusals_are_words_of_their_own() -> None:
    assert heard(delta("refusal", "No."), completed())[0] == RefusalDelta("No.")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("max_messages", "length"),
        (None, "length"),
    ],
)
def test_an_incomplete_answer_says_why(reason: str | None, finish: str) -> None:
    end = {"type": "response.incomplete", "response": {"incomplete_details": {"reason": reason}}}
    last = heard(delta("output_text", "a"), end)[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.native) == (finish, reason or "incomplete")


def test_an_end_mark_ends_an_answer_whose_items_are_done_and_no_other() -> None:
    def ended(*rows: dict[str, Any]) -> Event:
        decoder = StreamDecoder()
        events = [event for row in rows for event in decoder.feed(Frame(jsons.encode(row)))]
        return (events + decoder.feed(Frame(b"[DONE]")) + decoder.close())[-1]

    assert ended(done(0, **message("a"))) == Finished("stop")
    assert isinstance(ended(delta("output_text", "a")), Failed)
    assert isinstance(ended(), Failed)


def test_counts_are_read_with_what_was_cached_written_and_thought() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 120,
    }
    counted = [event for event in heard(completed(usage=usage)) if isinstance(event, Counted)]
    assert counted == [
        Counted(
            Usage(
                prompt_tokens=100,
                completion_tokens=20,
                cached_tokens=60,
                cache_write_tokens=30,
                reasoning_tokens=5,
            )
        )
    ]


def odd() -> Iterator[dict[str, Any]]:
    for value in (None, 5, "x", [], {}, [5], {"type": 5}):
        yield {"type": "response.output_item.added", "output_index": value, "item": value}
        yield {"type": "response.output_item.done", "output_index": value, "item": value}
        yield {"type": "response.output_text.delta", "output_index": value, "delta": value, "item_id": value}
        yield {"type": "response.output_text.done", "content_index": value, "text": value}
        yield {"type": "response.output_text.annotation.added", "annotation": value}
        yield {"type": "response.output_item.done", "item": {"type": "message", "content": value, "role": value}}
        yield {"type": "response.output_item.done", "item": {"type": "reasoning", "summary": value, "content": value}}
        yield {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": value, "name": value}}
        yield {"type": value}


@pytest.mark.parametrize("row", list(odd()))
def test_wrong_types_are_passed_over(row: dict[str, Any]) -> None:
    last = heard(row, completed(usage=row.get("item"), status=row.get("item")))[-1]
    assert isinstance(last, Finished)


def test_an_item_begun_without_a_place_is_found_by_its_id() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
    begun = {"type": "response.output_item.added", "output_index": {}, "item": call}
    piece = {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": "{}"}
    events = heard(begun, piece, completed(call | {"arguments": "{}"}))
    assert [event for event in events if isinstance(event, ToolOpened | ToolArgs)] == [
        ToolOpened(0, "c1", "f"), ToolArgs(0, "{}"),
    ]  # fmt: skip


def test_an_item_of_no_type_is_nothing() -> None:
    assert [type(event) for event in heard(done(0, type=["x"]), completed())] == [Finished]
