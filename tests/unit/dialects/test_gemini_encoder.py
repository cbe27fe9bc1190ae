"""Canonical events as a stream of generateContent chunks."""

import base64
import itertools
import json
from typing import Any

import pytest

from wideband.canon.events import (
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
from wideband.canon.request import Reasoning
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.encoder import KEEPALIVE, StreamEncoder
from wideband.wire import jsons, sse

SSE = {"alt": jsons.Raw(b'"sse"')}
ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", created_s=1, asked=SSE)
ARRAY = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", created_s=1, asked={"alt": jsons.Raw(b'"json"')})
HIDING = Envelope(id="gen-1", model="m", provider="p", created_s=1, asked=SSE, hides_reasoning=True)
USAGE = Usage(prompt_tokens=142, completion_tokens=9, cached_tokens=100, reasoning_tokens=4)
CLOSING = Closing(usage=USAGE, cost_nano=1_234_567_890, prompt_cost_nano=1_000_000_000, completion_cost_nano=100)
BROKEN = Closing(usage=USAGE, fault=Fault(kind=FaultKind.PROVIDER_OVERLOADED, message="Overloaded."))
CLAUDE, GEMINI = "anthropic-claude-v1", words.REASONING_FORMAT


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    """Read a stream as Google's SDKs do: nothing but `data: ` lines and blank ones."""
    lines = data.split(b"\r\n")
    assert all(line.startswith(b"data: {") for line in lines if line)
    assert not any(one and next_one for one, next_one in itertools.pairwise(lines))
    decoder = sse.Decoder()
    return [json.loads(frame.data) for frame in decoder.feed(data) + decoder.close()]


def encode(
    *events: Event, closing: Closing = CLOSING, envelope: Envelope = ENVELOPE
) -> tuple[list[dict[str, Any]], list[str]]:
    encoder = StreamEncoder(envelope)
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(closing)
    return chunks_of(data), [loss.feature for loss in encoder.losses]


def parts_of(*events: Event, **how: Any) -> list[dict[str, Any]]:
    """Return all the parts of the first candidate."""
    chunks, _ = encode(*events, **how)
    told = [each for chunk in chunks for each in chunk["candidates"] if each["index"] == 0]
    return [part for candidate in told for part in candidate["content"]["parts"]]


def called(index: int, arguments: str, name: str = "f", call_id: str | None = None) -> list[Event]:
    return [ToolOpened(index, call_id or f"c{index}", name), ToolArgs(index, arguments)]


def function_call(index: int = 0, name: str = "f", **args: Any) -> dict[str, Any]:
    return {"functionCall": {"id": f"c{index}", "name": name, "args": args}}


END = {"text": ""}
DONE = Finished("tool_calls")


def test_text_comes_as_it_is_said_and_the_end_says_the_rest() -> None:
    chunks, losses = encode(Started(id="x"), TextDelta("Hel"), TextDelta("lo"), Finished("stop", "end_turn"))
    told = {"modelVersion": "acme/m1", "responseId": "gen-1"}
    assert chunks[:2] == [
        {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}], **told}
        for text in ("Hel", "lo")
    ]
    assert chunks[2] == {
        "candidates": [{"content": {"parts": [END], "role": "model"}, "finishReason": "STOP", "index": 0}],
        **told,
        "provider": "My Own Box",
        "usageMetadata": {
            "promptTokenCount": 142,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 100,
            "totalTokenCount": 151,
        },
        "usage": {
            "cost": 1.23456789,
            "is_byok": False,
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 1,
                "upstream_inference_completions_cost": 1e-07,
            },
        },
    }
    assert losses == []


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finished("stop"), "STOP"),
        (Finished("tool_calls", "tool_use"), "STOP"),
        (Finished("length", "max_tokens"), "MAX_TOKENS"),
        (Finished("content_filter"), "SAFETY"),
        (Finished("content_filter", "RECITATION"), "RECITATION"),
        (Finished("stop", "SAFETY"), "STOP"),
    ],
)
def test_reasons_to_finish(finish: Finished, word: str) -> None:
    chunks, _ = encode(TextDelta("x"), finish)
    assert chunks[-1]["candidates"][0]["finishReason"] == word
    assert not any("finishReason" in chunk["candidates"][0] for chunk in chunks[:-1])


def test_an_answer_without_a_word_still_ends_as_google_ends_one() -> None:
    chunks, _ = encode()
    assert [chunk["candidates"][0]["finishReason"] for chunk in chunks] == ["STOP"]
    assert parts_of() == [END]


def test_a_call_is_said_when_it_is_whole() -> None:
    encoder = StreamEncoder(ENVELOPE)
    for event in (ToolOpened(0, "c0", "f"), ToolArgs(0, '{"a"'), ToolArgs(0, ": 1.50}")):
        assert encoder.feed([event]) == b""
    assert b'"args":{"a": 1.50}' in encoder.feed([Finished("tool_calls")])


def test_calls_keep_their_order_however_they_come() -> None:
    mixed: list[Event] = [
        ToolOpened(0, "c0", "f"), ToolOpened(1, "c1", "f"), ToolArgs(1, '{"n":1}'), ToolArgs(0, '{"n":'),
        ToolArgs(0, "0}"),
        ToolOpened(2, "c2", "f"), Finished("tool_calls"),
    ]  # fmt: skip
    assert parts_of(*mixed) == [function_call(0, n=0), function_call(1, n=1), function_call(2), END]


def test_text_after_a_call_stands_behind_it() -> None:
    assert parts_of(*called(0, "{}"), TextDelta("Done.")) == [function_call(), {"text": "Done."}, END]


def test_arguments_stay_the_bytes_they_were_on_one_line() -> None:
    arguments = '{\r\n  "big": 12345678901234567890123, "f": 1.0, "e": "\\ud83d\\ude00\\n", "u": "é"\n}'
    encoder = StreamEncoder(ENVELOPE)
    data = encoder.feed([*called(0, arguments), Finished("tool_calls")])
    assert arguments.replace("\r", " ").replace("\n", " ").encode() in data
    assert len(chunks_of(data)) == 1


@pytest.mark.parametrize("arguments", ["[1]", '"x"', "{oops", '{"a": 1', "12"])
def test_arguments_that_are_no_object_are_kept_as_text(arguments: str) -> None:
    chunks, losses = encode(*called(0, arguments), Finished("tool_calls"))
    (part,) = chunks[0]["candidates"][0]["content"]["parts"]
    assert part == function_call(input=arguments)
    assert losses == ["tool_arguments"]


def test_a_call_that_was_cut_short_is_not_made() -> None:
    chunks, losses = encode(*called(0, "{}"), *called(1, '{"path": "/tm'), Finished("length"))
    assert [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]] == [function_call(), END]
    assert losses == ["tool_arguments"]


def test_free_text_of_a_custom_tool_is_one_argument() -> None:
    events: list[Event] = [ToolOpened(0, "c0", "f", custom=True), ToolArgs(0, "{} \n"), Finished("tool_calls")]
    assert parts_of(*events) == [function_call(input="{} \n"), END]


def test_thoughts_are_parts_of_their_own_or_hidden() -> None:
    events: list[Event] = [ReasoningDelta("Hm"), TextDelta("Hi")]
    assert parts_of(*events) == [{"text": "Hm", "thought": True}, {"text": "Hi"}, END]
    assert parts_of(*events, envelope=HIDING) == [{"text": "Hi"}, END]


@pytest.mark.parametrize("envelope", [ENVELOPE, HIDING])
def test_geminis_own_seal_stands_on_its_call(envelope: Envelope) -> None:
    sealed = ReasoningSealed(data="QUJD", format=GEMINI, id="c0")
    parts = parts_of(TextDelta("x"), sealed, *called(0, "{}"), DONE, envelope=envelope)
    assert parts == [{"text": "x"}, {**function_call(), "thoughtSignature": "QUJD"}, END]


def test_a_seal_that_leads_to_no_call_stands_on_an_empty_part_at_the_end() -> None:
    parts = parts_of(ReasoningSealed(data="QUJD", format=GEMINI), TextDelta("x"), Finished("stop"))
    assert parts == [{"text": "x"}, {"text": "", "thoughtSignature": "QUJD"}]


@pytest.mark.parametrize("envelope", [ENVELOPE, HIDING])
def test_others_thinking_travels_packed_with_its_words(envelope: Envelope) -> None:
    events: list[Event] = [
        ReasoningDelta("Let me", block=0, format=CLAUDE),
        ReasoningDelta(" look.", block=0, format=CLAUDE),
        ReasoningSealed(signature="sig", block=0, format=CLAUDE),
        ReasoningSealed(data="wideband@x:enc", block=1, format="openai-responses-v1", id="rs_1"),
        TextDelta("I look."),
        *called(0, "{}"),
        *called(1, "{}"),
    ]
    first, second = [part for part in parts_of(*events, envelope=envelope) if "functionCall" in part]
    base64.b64decode(first["thoughtSignature"], altchars=b"-_", validate=True)
    assert words.unseal(first["thoughtSignature"]) == (
        Reasoning(text="Let me look.", signature="sig", format=CLAUDE),
        Reasoning(data="wideband@x:enc", format="openai-responses-v1", id="rs_1"),
    )
    assert "thoughtSignature" not in second


def test_a_seal_marked_with_its_provider_is_base64_too() -> None:
    sealed = ReasoningSealed(data="wideband@google:QUJD", format=GEMINI, id="c0")
    part, _ = parts_of(sealed, *called(0, "{}"), DONE)
    assert words.unseal(part["thoughtSignature"]) == (Reasoning(data="wideband@google:QUJD", format=GEMINI),)


def test_words_without_a_seal_come_back_only_where_they_led_to_a_call() -> None:
    assert words.unseal(parts_of(ReasoningDelta("Hm"), *called(0, "{}"))[1]["thoughtSignature"]) == (
        Reasoning(text="Hm"),
    )
    assert parts_of(ReasoningDelta("Hm"), TextDelta("x"))[-1] == END
    assert "thoughtSignature" not in parts_of(ReasoningDelta("Hm", format=GEMINI), *called(0, "{}"))[1]


def test_a_seal_that_comes_late_finds_its_call() -> None:
    late = ReasoningSealed(data="QUJD", format=GEMINI, id="c0")
    parts = parts_of(ToolOpened(0, "c0", "f"), late, ToolArgs(0, "{}"), Finished("tool_calls"))
    assert parts == [{**function_call(), "thoughtSignature": "QUJD"}, END]


def test_candidates_are_told_apart() -> None:
    events: list[Event] = [
        TextDelta("a", 0),
        TextDelta("b", 1),
        Finished("length", choice=1),
        Finished("stop", choice=0),
    ]
    chunks, losses = encode(*events)
    assert [chunk["candidates"][0]["index"] for chunk in chunks[:-1]] == [0, 1]
    assert [(each["index"], each["finishReason"]) for each in chunks[-1]["candidates"]] == [
        (0, "STOP"),
        (1, "MAX_TOKENS"),
    ]
    assert losses == []


def test_what_only_gemini_says_is_said_again_and_others_words_are_losses() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    chunks, losses = encode(
        OpaqueDelta(dialect=words.NAME, kind="server_tool_blocks", raw=code),
        OpaqueDelta(dialect=words.NAME, kind="grounding", raw={"groundingMetadata": {"a": 1}}),
        OpaqueDelta(dialect="openai_chat", kind="annotations", raw=[1]),
    )
    assert chunks[0]["candidates"][0]["content"]["parts"] == [code]
    assert chunks[-1]["candidates"][0]["groundingMetadata"] == {"a": 1}
    assert losses == ["annotations"]


def test_words_of_refusal_are_text_and_its_reason() -> None:
    chunks, losses = encode(RefusalDelta("No."), Finished("stop"))
    assert chunks[0]["candidates"][0]["content"]["parts"] == [{"text": "No."}]
    assert chunks[-1]["candidates"][0]["finishReason"] == "SAFETY"
    assert losses == ["refusal"]


def test_log_probabilities() -> None:
    row = {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": [98]}],
    }
    chunks, _ = encode(TextDelta("a"), Logprobs(value={"content": [row]}), Logprobs(value={"content": None}))
    assert chunks[-1]["candidates"][0]["logprobsResult"] == {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -1.0}]}],
    }


@pytest.mark.parametrize(
    ("events", "closing"),
    [([], BROKEN), ([TextDelta("x")], BROKEN), (called(0, "{}"), BROKEN), ([Finished("error")], CLOSING)],
)
def test_a_broken_stream_ends_in_an_error_and_without_a_finish(events: list[Event], closing: Closing) -> None:
    chunks, _ = encode(*events, closing=closing)
    assert chunks[-1]["error"].keys() == {"code", "message", "status", "details"}
    assert all("finishReason" not in json.dumps(chunk) for chunk in chunks)
    assert not any("functionCall" in json.dumps(chunk) for chunk in chunks)


def test_an_error_in_a_stream_begins_as_googles_sdk_knows_it() -> None:
    assert StreamEncoder(ENVELOPE).close(BROKEN).startswith(b'data: {"error":{"code":503')


@pytest.mark.parametrize("events", [[], [TextDelta("a")], [TextDelta("a"), *called(0, "{}")]])
@pytest.mark.parametrize("closing", [CLOSING, BROKEN])
def test_an_array_is_valid_json_whatever_was_said(events: list[Event], closing: Closing) -> None:
    encoder = StreamEncoder(ARRAY)
    data = b"\n" + b"".join(encoder.feed([event]) + b"\n" for event in events) + encoder.close(closing)
    chunks, _ = encode(*events, closing=closing)
    assert json.loads(data) == chunks


def test_what_keeps_a_line_open_is_no_event() -> None:
    assert chunks_of(KEEPALIVE * 2 + StreamEncoder(ENVELOPE).close(CLOSING)) == encode()[0]
    assert not KEEPALIVE.strip()


def test_the_routers_metadata_is_told_when_it_is_asked_for() -> None:
    chunks, _ = encode(closing=Closing(usage=USAGE, metadata={"a": 1}))
    assert chunks[-1]["openrouter_metadata"] == {"a": 1}


@pytest.mark.parametrize("rows", [7, [7], [{"token": 7, "logprob": "x", "top_logprobs": 7}], [{"top_logprobs": [7]}]])
def test_log_probabilities_of_the_wrong_types_are_left_out(rows: Any) -> None:
    chunks, _ = encode(Logprobs(value={"content": rows}), Finished("stop"))
    for row in chunks[-1]["candidates"][0].get("logprobsResult", {}).get("chosenCandidates", ()):
        assert row == {"token": None, "logProbability": None}
