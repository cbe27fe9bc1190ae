"""The cheap look at a generateContent body."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.base import Ask
from wideband.dialects.gemini_generate.ask import MEDIA_CHARS, read


def ask(**fields: Any) -> Ask:
    whole = {"model": "m", "stream": True, "alt": "sse", "contents": [{"parts": [{"text": "Hi"}]}]}
    return read(json.dumps({**whole, **fields}).encode())


def test_a_plain_request() -> None:
    found = ask()
    assert (found.dialect, found.model, found.models, found.stream) == ("gemini_generate", "m", (), True)
    assert (found.max_tokens, found.n, found.include_usage, found.needs) == (None, 1, True, frozenset())
    assert found.prompt_chars == len('[{"parts": [{"text": "Hi"}]}]')
    assert found.fields.keys() == {"model", "stream", "alt", "contents"}


@pytest.mark.parametrize(
    ("stream", "alt", "framing"),
    [(True, "sse", "sse"), (True, "json", "json_array"), (True, None, "json_array"), (False, "json", "sse")],
)
def test_a_stream_without_sse_is_an_array(stream: bool, alt: str | None, framing: str) -> None:
    assert ask(stream=stream, alt=alt).framing == framing


def test_what_speaks_to_the_gateway() -> None:
    found = ask(models=["a", "m"], provider={"sort": "price"}, session_id="s", user="u")
    assert (found.models, found.preferences) == (("m", "a"), {"sort": "price"})
    assert (found.session_id, found.user) == ("s", "u")


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"tools": [{"googleSearch": {}}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, set()),
        ({"tool_config": {"function_calling_config": {"mode": "any"}}}, {"tool_choice"}),
        ({"generationConfig": {"maxOutputTokens": 5, "stopSequences": ["x"]}}, {"max_tokens", "stop"}),
        ({"generation_config": {"temperature": 1, "top_p": 1, "topK": 1}}, {"temperature", "top_p", "top_k"}),
        ({"generationConfig": {"responseMimeType": "application/json"}}, {"response_format"}),
        ({"generationConfig": {"responseSchema": {}}}, {"response_format", "structured_outputs"}),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 1}}}, {"reasoning"}),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, set()),
        ({"generationConfig": {"responseLogprobs": True, "logprobs": 2}}, {"logprobs", "top_logprobs"}),
    ],
)
def test_needs(fields: dict[str, Any], needs: set[str]) -> None:
    assert ask(**fields).needs == needs


def test_limits() -> None:
    found = ask(generationConfig={"maxOutputTokens": "64", "candidateCount": 3})
    assert (found.max_tokens, found.n) == (64, 3)


@pytest.mark.parametrize(
    ("config", "hides"),
    [({}, True), ({"thinkingConfig": {}}, True), ({"thinkingConfig": {"includeThoughts": True}}, False)],
)
def test_thoughts_are_shown_only_to_who_asks(config: dict[str, Any], hides: bool) -> None:
    assert ask(generationConfig=config).hides_reasoning is hides


def test_media_are_counted_and_measured_by_the_piece() -> None:
    data = "A" * 90_000
    picture = {"inlineData": {"mimeType": "image/png", "data": data}}
    sound = {"inline_data": {"mime_type": "audio/wav", "data": data}}
    found = ask(
        contents=[
            {"parts": [picture, {"text": "x", "thoughtSignature": data}]},
            {"parts": [{"file_data": {"mime_type": "application/pdf", "file_uri": "u"}}]},
            {"parts": {"functionResponse": {"name": "f", "parts": [sound]}}},
            {"parts": [picture]},
        ]
    )
    assert found.modalities == {"image", "file", "audio"}
    assert found.images == 2
    assert 4 * MEDIA_CHARS < found.prompt_chars < 4 * MEDIA_CHARS + 1000


def test_one_content_stands_for_a_list_and_a_string_for_a_content() -> None:
    assert ask(contents={"parts": {"text": "Hi"}}).modalities == frozenset()
    assert ask(contents="Hi").prompt_chars == len('"Hi"')


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"parts": 7}]}, "contents.0.parts"),
        ({"contents": [{"parts": [{"text": []}]}]}, "contents.0.parts.0.text"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": 7}, "generationConfig"),
        ({"provider": "openai"}, "provider"),
        ({"model": ""}, "model"),
        ({"toolConfig": {"functionCallingConfig": 7}}, "toolConfig.functionCallingConfig"),
    ],
)
def test_wrong_types_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        ask(**fields)
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    assert caught.value.fault.param == param


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "m", "contents": [\xff]}',
        b'{"a": ' + b"[" * 5000,
        b'{"a": 1, "generationConfig": 1e999}',
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        read(body)
    assert "``" not in caught.value.fault.message


def test_unknown_fields_are_let_through() -> None:
    assert ask(whatever={"a": 1}, contents=[{"parts": [{"text": "Hi", "new": 1}], "role": "x", "z": 2}]).model == "m"
