"""A Gemini upstream's stream as canonical events."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dialects.gemini_chunks import candidate, case, chunk, plain

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import FaultKind
from wideband.canon.reply import fold
from wideband.dialects.gemini_generate.stream import StreamDecoder
from wideband.dialects.losses import LOSSES
from wideband.wire import sse
from wideband.wire.sse import Frame

OWN = "google-gemini-v1"


def stream(golden: Path) -> bytes:
    return (golden / "stream.sse").read_bytes()


def events_of(data: bytes, size: int | None = None) -> list[Event]:
    reader, decoder, events = sse.Decoder(), StreamDecoder(), list[Event]()
    size = size or len(data) or 1
    frames = [frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])]
    for frame in frames + reader.close():
        events += decoder.feed(frame)
    return events + decoder.close()


def decode(*chunks: dict[str, Any] | bytes) -> list[Event]:
    """Return the events of chunks and of the end behind them, without the `Started` before them all."""
    decoder, events = StreamDecoder(), list[Event]()
    for told in chunks:
        events += decoder.feed(Frame(told if isinstance(told, bytes) else json.dumps(told).encode()))
    return [event for event in events + decoder.close() if not isinstance(event, Started)]


@case
def test_a_stream_means_its_canonical_reply(golden: Path) -> None:
    assert plain(fold(events_of(stream(golden)))) == json.loads((golden / "canon.json").read_bytes())["reply"]


@case
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_stream_means_the_same_in_pieces(golden: Path, size: int) -> None:
    assert events_of(stream(golden), size) == events_of(stream(golden))


@case
def test_a_stream_cut_anywhere_ends_in_one_fault(golden: Path) -> None:
    data = stream(golden)
    for cut in range(0, len(data), 11):
        events = events_of(data[:cut])
        faults = [event for event in events if isinstance(event, Failed)]
        assert faults == events[-1:] if faults else any(isinstance(event, Finished) for event in events)


@case
def test_a_garbled_stream_never_raises(golden: Path) -> None:
    chance, data = random.Random(golden.name), stream(golden)
    for _ in range(100):
        ruined = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            ruined[chance.randrange(len(ruined))] = chance.choice(b'"{}[]:,0\\\xff\n ')
        assert sum(isinstance(event, Failed) for event in events_of(bytes(ruined))) <= 1


def test_the_first_chunk_starts_the_answer() -> None:
    assert StreamDecoder().feed(Frame(json.dumps(chunk({"text": "a"})).encode()))[0] == Started(
        id="r1", model="gemini-x"
    )


def test_thoughts_are_blocks_that_anything_else_ends() -> None:
    events = decode(
        chunk({"text": "a", "thought": True}, {"text": "b", "thought": True}, {"text": "x"}),
        chunk({"text": "c", "thought": True, "thoughtSignature": "S"}, {"text": "d", "thought": True}),
    )
    assert events[:-1] == [
        ReasoningDelta("a", format=OWN),
        ReasoningDelta("b", format=OWN),
        TextDelta("x"),
        ReasoningDelta("c", block=1, format=OWN),
        ReasoningSealed(signature="S", block=1, format=OWN),
        ReasoningDelta("d", block=2, format=OWN),
    ]


def test_a_seal_stands_before_its_call_and_behind_its_text() -> None:
    events = decode(
        chunk({"text": "x", "thoughtSignature": "T"}),
        chunk({"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "C"}, finish="STOP"),
    )
    assert events == [
        TextDelta("x"),
        ReasoningSealed(data="T", format=OWN),
        ReasoningSealed(data="C", block=1, format=OWN, id="c1"),
        ToolOpened(0, "c1", "f"),
        ToolArgs(0, "{}"),
        Finished("tool_calls", "STOP"),
    ]


@pytest.mark.parametrize(
    "args", ['{"b": 1.0,"a":1e3}', '{"n":123456789012345678901234567890}', '{"s":"\\u00e9\\/\\ud83d\\ude42é"}', "{ }"]
)
def test_arguments_keep_every_byte(args: str) -> None:
    data = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":%s}}]}}]}' % args.encode()
    assert ToolArgs(0, args) in decode(data)


@pytest.mark.parametrize("call", [{"name": "f"}, {"name": "f", "args": None}])
def test_a_call_without_arguments_has_empty_ones(call: dict[str, Any]) -> None:
    assert ToolArgs(0, "{}") in decode(chunk({"functionCall": call}))


def ids(*chunks: dict[str, Any]) -> list[str]:
    return [event.id for event in decode(*chunks) if isinstance(event, ToolOpened)]


def test_calls_without_ids_get_one_each_that_the_same_answer_always_gives() -> None:
    twice = {"functionCall": {"name": "f", "args": {"a": 1}}}
    found = ids(chunk(twice, twice), chunk(twice))
    assert len(set(found)) == 3
    assert all(len(each) <= 40 and each.replace("_", "").isalnum() for each in found)
    assert found == ids(chunk(twice), chunk(twice, twice))
    assert found != ids({**chunk(twice, twice, twice), "responseId": "r2"})


def test_without_an_answer_s_id_what_is_called_makes_the_difference() -> None:
    def one(name: str) -> list[str]:
        return ids({"candidates": [candidate({"functionCall": {"name": name}})]})

    assert one("f") == one("f") != one("g")


def test_an_id_that_two_calls_have_is_the_first_one_s() -> None:
    twice = {"functionCall": {"id": "same", "name": "f", "args": {}}}
    first, second = ids(chunk(twice, twice))
    assert first == "same" != second


def test_candidates_are_choices_of_their_own() -> None:
    events = decode(
        {"candidates": [candidate({"text": "a"}), candidate({"text": "b"}, index=1)]},
        {"candidates": [candidate({"functionCall": {"id": "c", "name": "f"}}, index=1, finish="STOP")]},
        chunk(finish="STOP"),
    )
    assert events == [
        TextDelta("a"),
        TextDelta("b", 1),
        ToolOpened(0, "c", "f", 1),
        ToolArgs(0, "{}", 1),
        Finished("tool_calls", "STOP", 1),
        Finished("stop", "STOP"),
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("SPII", "content_filter"),
        ("NEW_IN_2027", "stop"),
    ],
)
def test_reasons_to_finish(native: str, reason: FinishReason) -> None:
    assert decode(chunk({"text": "x"}, finish=native))[-1] == Finished(reason, native)


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", FaultKind.PROVIDER_ERROR),
        ("UNEXPECTED_TOOL_CALL", FaultKind.PROVIDER_ERROR),
        ("MISSING_THOUGHT_SIGNATURE", FaultKind.PROVIDER_REJECTED),
    ],
)
def test_endings_that_are_no_answer_are_faults(native: str, kind: FaultKind) -> None:
    *_, failed = decode(chunk(finish=native, finishMessage="Malformed function call: f("), chunk({"text": "x"}))
    assert isinstance(failed, Failed)
    assert (failed.fault.kind, failed.fault.provider_code) == (kind, native)
    assert failed.fault.message == "Malformed function call: f("


def test_a_prompt_that_is_refused_is_a_fault_with_its_counts() -> None:
    counted, failed = decode(
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}, chunk({"text": "x"})
    )
    assert isinstance(counted, Counted)
    assert isinstance(failed, Failed)
    assert failed.fault.kind is FaultKind.CONTENT_POLICY
    assert failed.fault.details == {"reasons": ["SAFETY"]}


def test_feedback_that_blocks_nothing_says_nothing() -> None:
    assert decode({**chunk({"text": "x"}, finish="STOP"), "promptFeedback": {"safetyRatings": []}}) == [
        TextDelta("x"),
        Finished("stop", "STOP"),
    ]


def test_an_error_ends_the_stream() -> None:
    error = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}
    *_, failed = decode(chunk({"text": "x"}), error, chunk({"text": "y"}, finish="STOP"))
    assert isinstance(failed, Failed)
    assert (failed.fault.kind, failed.fault.message) == (FaultKind.PROVIDER_RATE_LIMITED, "Slow down.")


@pytest.mark.parametrize(
    "chunks",
    [(), (chunk({"text": "x"}),), ({"candidates": [candidate(finish="STOP"), candidate({"text": "y"}, index=1)]},)],
)
def test_an_answer_that_does_not_finish_was_cut(chunks: tuple[dict[str, Any], ...]) -> None:
    *_, failed = decode(*chunks)
    assert isinstance(failed, Failed)
    assert failed.fault.kind is FaultKind.PROVIDER_CUT


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b"5", b'{"candidates":[null]}', b'{"candidates":[{"content":{"parts":[{"text":5}]}}]}']
)
def test_what_cannot_be_read_is_one_fault(data: bytes) -> None:
    (failed,) = decode(data, chunk({"text": "x"}, finish="STOP"))
    assert isinstance(failed, Failed)
    assert failed.fault.kind is FaultKind.PROVIDER_GARBLED


def test_arguments_that_are_no_text_are_garbled() -> None:
    data = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"\xff"}}}]}}]}'
    (failed,) = decode(data)
    assert isinstance(failed, Failed)
    assert failed.fault.kind is FaultKind.PROVIDER_GARBLED


def test_what_means_nothing_is_passed_over() -> None:
    assert decode(b"", b"[DONE]", chunk(finish="STOP"), b" ") == [Finished("stop", "STOP")]


def test_counts_that_cannot_be_read_cost_no_answer() -> None:
    assert decode({**chunk({"text": "x"}, finish="STOP"), "usageMetadata": {"promptTokenCount": "many"}}) == [
        TextDelta("x"),
        Finished("stop", "STOP"),
    ]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, "output_media"),
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, "server_tool_blocks"),
        ({"codeExecutionResult": {"outcome": "OUTCOME_OK"}}, "server_tool_blocks"),
        ({"newKind": {"a": 1}}, "unknown_block"),
    ],
)
def test_parts_only_gemini_has_are_carried_whole(part: dict[str, Any], kind: str) -> None:
    assert kind in LOSSES
    sealed, opaque, *_ = decode(chunk({**part, "thoughtSignature": "S"}))
    assert sealed == ReasoningSealed(data="S", format=OWN)
    assert opaque == OpaqueDelta(dialect="gemini_generate", kind=kind, raw=part)


def test_a_part_that_says_nothing_is_nothing() -> None:
    assert decode(chunk({}, {"thought": True}, {"text": ""}, finish="STOP")) == [Finished("stop", "STOP")]


def test_what_an_answer_is_grounded_on_and_its_log_probabilities_come_before_its_end() -> None:
    token = {"token": "é", "logProbability": -0.25}
    events = decode(
        chunk(
            {"text": "é"},
            finish="STOP",
            groundingMetadata={"a": 1},
            citationMetadata={"b": 2},
            logprobsResult={"chosenCandidates": [token], "topCandidates": [{"candidates": [token]}]},
        )
    )
    row = {"token": "é", "logprob": -0.25, "bytes": [195, 169]}
    assert events == [
        TextDelta("é"),
        Logprobs(value={"content": [{**row, "top_logprobs": [row]}]}),
        OpaqueDelta(dialect="gemini_generate", kind="grounding", raw={"citationMetadata": {"b": 2}}),
        OpaqueDelta(dialect="gemini_generate", kind="grounding", raw={"groundingMetadata": {"a": 1}}),
        Finished("stop", "STOP"),
    ]
