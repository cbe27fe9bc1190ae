"""Counting a prompt's tokens for Gemini clients: passed on, read, or estimated."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.request import Loss, Reasoning
from wideband.dialects import seals
from wideband.dialects.base import Called, Draft, Target
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.count import COUNT, text_tokens

TARGET = Target(model="models/gemini-2.5-flash", provider="google-ai-studio")
VERTEX = Target(model="gemini-2.5-flash", provider="google-vertex", quirks=frozenset({"plain_count_tokens"}))
CONTENTS = [{"role": "user", "parts": [{"text": "Hello there"}]}]
PATH = "/models/gemini-2.5-flash:countTokens"


def absorbed(**body: Any) -> bytes:
    assert COUNT.absorb is not None
    return COUNT.absorb(Called(path=COUNT.paths[0], model="google/gemini"), json.dumps(body).encode())


def encoded(body: dict[str, Any], target: Target = TARGET) -> tuple[dict[str, Any], Draft]:
    draft = COUNT.encode(COUNT.read(absorbed(**body)), target)
    return json.loads(draft.body), draft


def estimated(*parts: dict[str, Any], **fields: Any) -> int:
    return COUNT.estimate(absorbed(contents=[{"role": "user", "parts": parts}], **fields))


def test_bare_contents_are_counted_as_they_are() -> None:
    body, draft = encoded({"contents": CONTENTS})
    assert (body, draft.path, draft.losses) == ({"contents": CONTENTS}, PATH, ())


def test_all_else_is_counted_as_a_request_of_its_own_without_what_concerns_the_answer() -> None:
    prompt = {"contents": CONTENTS, "systemInstruction": {"parts": [{"text": "S"}]}, "tools": [{"googleSearch": {}}]}
    body, _ = encoded({**prompt, "generationConfig": {"temperature": 1}, "safetySettings": [], "provider": {}})
    assert body == {"generateContentRequest": {"model": "models/gemini-2.5-flash", **prompt}}


def test_vertex_takes_the_fields_themselves() -> None:
    prompt = {"contents": CONTENTS, "system_instruction": {"parts": [{"text": "S"}]}}
    assert encoded(prompt, VERTEX)[0] == prompt


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_a_request_in_a_request_is_read_too(name: str) -> None:
    inner = {"model": "models/other", "contents": CONTENTS, "tools": [{"googleSearch": {}}]}
    body, _ = encoded({name: inner})
    assert body["generateContentRequest"] == {**inner, "model": "models/gemini-2.5-flash"}
    ask = COUNT.read(absorbed(**{name: inner}))
    assert (ask.model, "tools" in ask.needs) == ("google/gemini", True)


def test_seals_go_back_as_they_were_made() -> None:
    def turn(seal: str) -> list[dict[str, Any]]:
        return [*CONTENTS, {"role": "model", "parts": [{"text": "x", "thoughtSignature": seal}]}]

    seal = seals.pack(Reasoning(data=seals.tag("S", "google-ai-studio"), format=words.REASONING_FORMAT))
    assert encoded({"contents": turn(seal)})[0] == {"contents": turn("S")}
    assert encoded({"contents": turn(seal)}, VERTEX)[1].losses == (
        Loss("reasoning_seal", "1 blocks of another provider's"),
    )


@pytest.mark.parametrize("body", [{}, {"contents": []}, {"generateContentRequest": 5}, {"generateContentRequest": {}}])
def test_a_body_without_contents_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(Faulted) as caught:
        COUNT.read(absorbed(**body))
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST


def test_the_count_is_read_and_written() -> None:
    assert COUNT.decode(b'{"totalTokens": 31, "promptTokensDetails": []}') == 31
    assert COUNT.decode(COUNT.encode_reply(12)) == 12
    assert json.loads(COUNT.encode_reply(12))["totalTokens"] == 12


@pytest.mark.parametrize("body", [b"", b"{}", b'{"totalTokens":"many"}', b"[]"])
def test_a_count_that_cannot_be_read_is_a_fault(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        COUNT.decode(body)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED


def test_four_bytes_are_a_token() -> None:
    assert estimated({"text": "a" * 400}) == 100
    assert text_tokens("") == 0
    assert text_tokens("abcde") == 2
    assert text_tokens("你好世界") == 3


def test_media_count_by_rule_and_not_by_size() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "A" * 100_000}}
    assert estimated(image, image) == 2 * 258
    assert estimated({"inlineData": {"mimeType": "application/pdf", "data": "A" * 120_000}}) == 2 * 258
    assert estimated({"inlineData": {"mimeType": "audio/mp3", "data": "A" * 67_000}}) == 100


def test_tools_calls_and_results_count() -> None:
    tools = [{"functionDeclarations": [{"name": "f", "description": "d" * 40, "parameters": {"type": "OBJECT"}}]}]
    assert estimated({"text": "x"}, tools=tools) > estimated({"text": "x"}) + 20
    call = {"functionCall": {"name": "f", "args": {"a": "b" * 40}}}
    assert estimated(call) > 20
    assert estimated({"functionResponse": {"name": "f", "response": {"output": "b" * 400}}}) > 100
