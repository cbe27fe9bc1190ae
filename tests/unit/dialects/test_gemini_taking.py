"""A whole answer of a Gemini upstream: read, and passed on by the fast lane."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.dialects.gemini_chunks import GOLDENS, candidate, case, chunk, plain

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.request import Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects import seals
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.taking import decode_reply, relay_reply

ENVELOPE = Envelope(
    id="gen-9", model="google/gemini", provider="Google AI Studio", provider_slug="google-ai-studio", created_s=1
)
CLOSING = Closing(usage=Usage(prompt_tokens=3, completion_tokens=2), cost_nano=1_500)


def settled(value: Any) -> Any:
    """Say what a reply means, whatever white space its calls' arguments have; a fault without the provider's bytes."""
    if isinstance(value, dict):
        told = {key: settled(each) for key, each in value.items() if key != "raw"}
        return told | ({"arguments": json.loads(value["arguments"])} if "arguments" in value else {})
    return [settled(each) for each in value] if isinstance(value, list) else value


@case
def test_a_whole_reply_means_the_same_as_its_stream(golden: Path) -> None:
    expected = json.loads((golden / "canon.json").read_bytes())["reply"]
    body = (golden / "reply.json").read_bytes()
    if "choices" in expected:
        assert settled(plain(decode_reply(body))) == settled(expected)
        return
    with pytest.raises(Faulted) as caught:
        decode_reply(body)
    assert settled(plain(caught.value.fault)) == settled(expected["fault"])


@case
def test_a_stream_in_google_s_own_framing_means_the_same(golden: Path) -> None:
    events = (golden / "stream.sse").read_bytes().split(b"\r\n\r\n")[:-1]
    body = b"[" + b",\r\n".join(event.removeprefix(b"data: ") for event in events) + b"]"
    expected = json.loads((golden / "canon.json").read_bytes())["reply"]
    if "choices" in expected:
        assert plain(decode_reply(body)) == expected
    else:
        with pytest.raises(Faulted):
            decode_reply(body)


def parts_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for each in body["candidates"] for part in each.get("content", {}).get("parts", [])]


def with_bare_seals(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with its seals as the provider made them, having seen that each is marked as its."""
    for part in parts_of(body):
        if "thoughtSignature" in part:
            (block,) = words.unseal(part["thoughtSignature"])
            part["thoughtSignature"], maker = seals.untag(block.data or "")
            assert maker == "google-ai-studio"
    return body


@case
def test_a_relayed_reply_says_the_same_with_its_seals_marked(golden: Path) -> None:
    given = json.loads((golden / "reply.json").read_bytes())
    if "candidates" not in given:
        return
    found = with_bare_seals(json.loads(relay_reply((golden / "reply.json").read_bytes(), ENVELOPE, CLOSING)))
    added = {"modelVersion": "google/gemini", "responseId": "gen-9", "provider": "Google AI Studio"}
    assert found.pop("usage")["cost"] == 0.0000015
    assert found == {**given, **added}


def test_goldens_hold_seals() -> None:
    replies = [json.loads((golden / "reply.json").read_bytes()) for golden in GOLDENS]
    answers = [body for body in replies if "candidates" in body]
    assert sum("thoughtSignature" in part for body in answers for part in parts_of(body)) >= 2


def test_arguments_keep_every_byte_on_their_way() -> None:
    part = b'{"functionCall":{"name":"f","args":{"a" : 1e3,"n":123456789012345678901}},"thoughtSignature":"S"}'
    body = b'{"candidates":[{"content":{"parts":[%s]},"finishReason":"STOP"}]}' % part
    assert part[: part.index(b"}}") + 2] in relay_reply(body, ENVELOPE, CLOSING)


def test_an_answer_without_counts_gets_ours() -> None:
    written = json.loads(relay_reply(json.dumps(chunk({"text": "x"}, finish="STOP")).encode(), ENVELOPE, CLOSING))
    assert written["usageMetadata"] == {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def test_thoughts_are_left_out_for_who_hides_them_but_their_seals_are_not() -> None:
    envelope = Envelope(id="g", model="m", provider="P", created_s=1, hides_reasoning=True)
    parts = ({"text": "a", "thought": True}, {"text": "b", "thought": True, "thoughtSignature": "S"}, {"text": "c"})
    written = json.loads(relay_reply(json.dumps(chunk(*parts, finish="STOP")).encode(), envelope, CLOSING))
    assert written["candidates"][0]["content"]["parts"] == [{"text": "", "thoughtSignature": "S"}, {"text": "c"}]


def test_a_list_of_chunks_becomes_one_answer() -> None:
    body = json.dumps([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")]).encode()
    written = json.loads(relay_reply(body, ENVELOPE, CLOSING))
    assert "".join(part["text"] for part in written["candidates"][0]["content"]["parts"]) == "ab"
    assert (written["responseId"], written["modelVersion"]) == ("gen-9", "google/gemini")


def test_a_fault_takes_the_answer_s_place() -> None:
    closing = Closing(usage=Usage(), fault=Fault(kind=FaultKind.PROVIDER_ERROR, message="Broken."))
    assert json.loads(relay_reply(b"{}", ENVELOPE, closing))["error"]["message"] == "Broken."


@pytest.mark.parametrize(
    "body", [b"", b"5", b'"x"', b"[5]", b"[", b"{}", b'{"candidates":[]}', b"[]", b'{"candidates":5}']
)
def test_what_is_no_answer_is_a_fault(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        decode_reply(body)
    assert caught.value.fault.kind in {FaultKind.PROVIDER_GARBLED, FaultKind.PROVIDER_CUT}


def test_an_answer_that_says_no_reason_to_finish_is_whole_all_the_same() -> None:
    reply = decode_reply(json.dumps({"candidates": [candidate({"text": "x"})]}).encode())
    assert (reply.fault, reply.choices[0].parts, reply.choices[0].finish) == (None, (Text(text="x"),), None)


def test_an_answer_that_broke_after_some_output_keeps_it() -> None:
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    reply = decode_reply(json.dumps(chunk(call, finish="MALFORMED_FUNCTION_CALL")).encode())
    assert reply.choices[0].parts == (ToolCall(id="c", name="f", arguments="{}"),)
    assert reply.fault is not None
    with pytest.raises(Faulted, match="MALFORMED"):
        decode_reply(json.dumps(chunk(finish="MALFORMED_FUNCTION_CALL")).encode())
