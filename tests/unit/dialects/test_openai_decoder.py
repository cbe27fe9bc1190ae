"""What odd providers mean by their streams, and which faults their faults are."""

from typing import Any

import pytest
from tests.unit.dialects.openai_chunks import DONE, ODDITIES, STOP, call, chunk, heard, said

from wideband.canon.events import (
    Event,
    Failed,
    Finished,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons
from wideband.wire.sse import Frame


def failed(*frames: Frame) -> Fault:
    events = heard(*frames)
    assert [type(event) for event in events].count(Failed) == 1
    assert isinstance(events[-1], Failed)
    return events[-1].fault


def test_the_opening_tells_who_answers() -> None:
    assert DIALECT.stream_decoder().feed(chunk(said(role="assistant"), system_fingerprint="fp")) == [
        Started(id="c-1", model="m", created_s=1, extras={"system_fingerprint": "fp"})
    ]


@pytest.mark.parametrize(("frames", "events"), ODDITIES.values(), ids=ODDITIES)
def test_odd_providers_are_understood(frames: list[Frame], events: list[Event]) -> None:
    assert heard(*frames) == events


def test_the_older_function_call_is_a_call() -> None:
    events = heard(
        chunk(said(function_call={"name": "f", "arguments": "{"})),
        chunk(said("function_call", function_call={"arguments": "}"})),
    )
    opened = events[0]
    assert isinstance(opened, ToolOpened)
    assert (opened.index, opened.name) == (0, "f")
    assert events[1:] == [ToolArgs(0, "{"), ToolArgs(0, "}"), Finished("tool_calls", "function_call")]


@pytest.mark.parametrize("index", [{}, {"index": 0}])
@pytest.mark.parametrize("together", [True, False])
def test_calls_of_one_function_are_told_apart_without_ids(index: dict[str, Any], together: bool) -> None:
    first, second = (call(name="f", arguments=f'{{"x":{at}}}', **index) for at in (1, 2))
    pieces = [[first, second]] if together else [[first], [second]]
    events = heard(*(chunk(said(tool_calls=piece)) for piece in pieces), chunk(said("stop")))
    opened = [event for event in events if isinstance(event, ToolOpened)]
    assert [(event.index, event.name) for event in opened] == [(0, "f"), (1, "f")]
    assert opened[0].id != opened[1].id
    said_by = [(event.index, event.fragment) for event in events if isinstance(event, ToolArgs)]
    assert said_by == [(0, '{"x":1}'), (1, '{"x":2}')]


def test_a_name_said_again_while_arguments_are_under_way_is_the_same_call() -> None:
    pieces = ("{", '"x":1}', "")
    events = heard(*(chunk(said(tool_calls=[call(name="f", arguments=piece)])) for piece in pieces))
    assert sum(isinstance(event, ToolOpened) for event in events) == 1


def test_missing_ids_are_made_up_unique_and_stable() -> None:
    frame = chunk(said("tool_calls", tool_calls=[call(index=0, name="f"), call(index=1, name="f")]))
    ids = [event.id for event in heard(frame) if isinstance(event, ToolOpened)]
    assert len(set(ids)) == 2
    assert ids == [event.id for event in heard(frame) if isinstance(event, ToolOpened)]
    other = chunk(said("tool_calls", tool_calls=[call(index=0, name="f")]), id="c-2")
    assert {event.id for event in heard(other) if isinstance(event, ToolOpened)}.isdisjoint(ids)


FINISHES = [
    ("stop", "stop"),
    ("eos", "stop"),
    ("end_turn", "stop"),
    ("STOP", "stop"),
    ("length", "length"),
    ("max_tokens", "length"),
    ("MAX_TOKENS", "length"),
    ("model_length", "length"),
    ("tool_calls", "tool_calls"),
    ("function_call", "tool_calls"),
    ("content_filter", "content_filter"),
    ("SAFETY", "content_filter"),
    ("something_new", "stop"),
]


@pytest.mark.parametrize(("native", "reason"), FINISHES)
def test_every_word_for_the_end_is_known(native: str, reason: str) -> None:
    assert heard(chunk(said(native, content="x")))[-1:] == [Finished(reason, native)]  # type: ignore[arg-type]  # a literal


# Faults.


def test_a_stream_cut_before_its_finish_is_a_fault_of_the_provider() -> None:
    assert failed(chunk(said(content="a"))).kind is FaultKind.PROVIDER_CUT
    two = chunk(said("stop", content="a"), said(index=1, content="b"))
    assert failed(two).kind is FaultKind.PROVIDER_CUT, "one of two choices was not finished"


@pytest.mark.parametrize("frames", [(), (DONE,), (chunk(), DONE), (Frame(b" "),)])
def test_an_empty_stream_is_garbled(frames: tuple[Frame, ...]) -> None:
    assert failed(*frames).kind is FaultKind.PROVIDER_GARBLED


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>Bad gateway</body></html>",
        b"{",
        b"[1]",
        b'"x"',
        b'{"choices":5}',
        b'{"choices":[5]}',
        b'{"a":"\xff"}',
    ],
)
def test_what_cannot_be_read_is_garbled(data: bytes) -> None:
    fault = failed(Frame(data))
    assert fault.kind is FaultKind.PROVIDER_GARBLED


IN_BAND: list[tuple[Any, FaultKind]] = [
    ({"error": {"code": 502, "message": "gone"}}, FaultKind.PROVIDER_ERROR),
    ({"error": {"code": 429, "message": "slow down"}}, FaultKind.PROVIDER_RATE_LIMITED),
    ({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, FaultKind.PROVIDER_RATE_LIMITED),
    ({"error": {"code": "context_length_exceeded", "message": "x"}}, FaultKind.CONTEXT_LENGTH),
    ({"error": {"type": "overloaded_error", "message": "x"}}, FaultKind.PROVIDER_OVERLOADED),
    ({"error": {"message": "This model's maximum context length is 8 tokens"}}, FaultKind.CONTEXT_LENGTH),
    ({"error": {"message": "x", "code": None}}, FaultKind.PROVIDER_ERROR),
    ({"error": "words"}, FaultKind.PROVIDER_ERROR),
    ({"object": "error", "message": "x", "code": 400}, FaultKind.PROVIDER_REJECTED),
    ({"detail": "x"}, FaultKind.PROVIDER_ERROR),
    ([{"error": {"code": 503, "message": "x"}}], FaultKind.PROVIDER_OVERLOADED),
    ({"choices": [said("error", content="")], "error": {"code": 504, "message": "x"}}, FaultKind.PROVIDER_TIMEOUT),
    ({"choices": [{"index": 0, "delta": {}, "error": {"code": 401, "message": "x"}}]}, FaultKind.PROVIDER_AUTH),
    ({"choices": [said("error")]}, FaultKind.PROVIDER_ERROR),
    ({"choices": [said("insufficient_system_resource")]}, FaultKind.PROVIDER_ERROR),
]


@pytest.mark.parametrize(("answer", "kind"), IN_BAND, ids=[str(answer)[:60] for answer, _ in IN_BAND])
def test_an_error_inside_a_200_is_a_fault(answer: Any, kind: FaultKind) -> None:
    assert failed(chunk(said(content="a")), Frame(jsons.encode(answer)), chunk(said(content="b"))).kind is kind


def test_an_error_event_is_a_fault_whatever_it_holds() -> None:
    assert failed(Frame(b'{"message":"gone"}', "error")).message == "gone"
    assert failed(Frame(b"{}", "error")).kind is FaultKind.PROVIDER_ERROR


def test_an_unknown_object_is_passed_over() -> None:
    assert heard(Frame(b'{"object":"ping"}'), chunk(said("stop", content="a"))) == [TextDelta("a"), STOP]


def test_calls_are_counted_as_they_are_told_also_when_one_has_lost_its_opening() -> None:
    nameless = chunk(said(tool_calls=[call(index=0, arguments="{}")]))
    events = heard(
        nameless, chunk(said(tool_calls=[call(index=1, id="b", name="g", arguments="[]")])), chunk(said("stop"))
    )
    assert [(event.index, event.name) for event in events if isinstance(event, ToolOpened)] == [(0, "g"), (1, "")]
    assert [(event.index, event.fragment) for event in events if isinstance(event, ToolArgs)] == [(0, "[]"), (1, "{}")]
