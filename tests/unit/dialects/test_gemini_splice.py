"""A Gemini client's own bytes on their way to a Gemini upstream."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted
from wideband.canon.request import Loss, Reasoning
from wideband.dialects import seals
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.ask import read
from wideband.dialects.gemini_generate.splice import splice
from wideband.wire import jsons

MODEL = "gemini-2.5-flash"
GEMINI_3 = "gemini-3.1-pro-preview"
STAND_IN = "skip_thought_signature_validator"
HEAD = b'{"model":"google/gemini","stream":true,"alt":"sse",'
ASKED = b'"contents":[{"role":"user","parts":[{"text":"Go"}]},'


def target(model: str = MODEL, **fields: Any) -> Target:
    return Target(model=model, provider="google-ai-studio", **fields)


def ask(rest: bytes) -> Ask:
    return read(HEAD + rest)


def sent(rest: bytes, to: Target | None = None) -> tuple[dict[str, Any], tuple[Loss, ...]]:
    draft = splice(ask(rest), to or target())
    return json.loads(draft.body), draft.losses


def packed(seal: str, provider: str | None = "google-ai-studio", made: str = words.REASONING_FORMAT) -> str:
    data = seals.tag(seal, provider) if provider else seal
    return seals.pack(Reasoning(data=data, format=made))


def model_turn(*parts: dict[str, Any]) -> bytes:
    return ASKED + json.dumps({"role": "model", "parts": parts}).encode() + b"]}"


def test_the_caller_s_bytes_go_on_and_what_the_url_said_goes_into_the_url() -> None:
    kept = (b'[ {"parts":[{"text":"\\u0048i","x": 1.0}]} ]', b'{"topK": 5.0}', b"[1 , 2]")
    rest = b'"contents": %s, "generationConfig": %s, "newField": %s}' % kept
    assert splice(ask(rest), target()) == Draft(
        path=f"/models/{MODEL}:streamGenerateContent?alt=sse",
        body=b'{"contents":%s,"generationConfig":%s,"newField":%s}' % kept,
    )


def test_what_is_asked_of_the_gateway_does_not_go_on() -> None:
    body, losses = sent(
        b'"contents":[{"parts":[{"text":"x"}]}],"provider":{},"session_id":"s","sessionId":"s","user":"u"}'
    )
    assert body.keys() == {"contents"}
    assert losses == ()


def test_a_whole_answer_has_its_own_path_and_a_model_its_bare_name() -> None:
    asked = read(b'{"model":"m","stream":false,"alt":"json","contents":[{"parts":[{"text":"x"}]}]}')
    assert splice(asked, target("models/gemini-3-pro")).path == "/models/gemini-3-pro:generateContent"


@pytest.mark.parametrize("name", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("limit", ["maxOutputTokens", "max_output_tokens"])
def test_more_tokens_than_there_are_is_lowered(name: str, limit: str) -> None:
    rest = f'"contents":[{{"parts":[{{"text":"x"}}]}}],"{name}":{{"{limit}":900,"temperature":1.0}}}}'.encode()
    body, losses = sent(rest, target(max_output=500))
    assert body[name] == {limit: 500, "temperature": 1.0}
    assert losses == (Loss("max_tokens", "900 lowered to 500"),)
    assert sent(rest, target(max_output=900))[1] == ()


def test_knobs_that_the_endpoint_refuses_are_left_out() -> None:
    knobs = b'{"top_k":5,"seed":null,"topP":0.5,"candidateCount":2}'
    rest = b'"contents":[{"parts":[{"text":"x"}]}],"generationConfig":%s}' % knobs
    to = target(supported_parameters=frozenset({"top_p"}), quirks=frozenset({"single_choice"}))
    body, losses = sent(rest, to)
    assert body["generationConfig"] == {"topP": 0.5}
    assert losses == (Loss("unsupported_field", "top_k"), Loss("unsupported_field", "n"))


def test_seals_go_back_as_they_were_made_and_nothing_else_changes() -> None:
    parts = (
        {"text": "x", "thoughtSignature": packed("T")},
        {"functionCall": {"name": "f", "args": {}}, "thought_signature": packed("C")},
        {"text": "bare", "thoughtSignature": "QUJD"},
        {"text": "untagged", "thoughtSignature": packed("U", None)},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": STAND_IN},
    )
    body, losses = sent(model_turn(*parts))
    found = body["contents"][1]["parts"]
    assert [part.get("thoughtSignature", part.get("thought_signature")) for part in found] == [
        "T", "C", "QUJD", "U", STAND_IN,
    ]  # fmt: skip
    assert losses == ()


def test_arguments_beside_a_seal_keep_their_bytes() -> None:
    args = b'{"b" : 1.0,"a":1e3, "thoughtSignature":"x","n":123456789012345678901}'
    turn = b'{"role":"model","parts":[{"thoughtSignature":"%s","functionCall":{"name":"f","args":%s}}]}]}'
    assert args in splice(ask(ASKED + turn % (packed("C").encode(), args)), target()).body


@pytest.mark.parametrize(
    "seal", [packed("S", "google-vertex"), packed("S", "anthropic", "anthropic-claude-v1"), packed("S", None, "x")]
)
def test_others_seals_are_left_out_with_what_says_nothing_without_them(seal: str) -> None:
    body, losses = sent(
        model_turn(
            {"text": "hm", "thought": True, "thoughtSignature": seal},
            {"text": "x", "thoughtSignature": seal},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": seal},
            {"text": "", "thoughtSignature": seal},
        )
    )
    assert body["contents"][1]["parts"] == [{"text": "x"}, {"functionCall": {"name": "f", "args": {}}}]
    assert losses == (Loss("reasoning_seal", "4 blocks of another provider's"),)


def test_a_turn_of_nothing_but_another_s_seals_is_left_out() -> None:
    assert len(sent(model_turn({"text": "", "thoughtSignature": packed("S", "x")}))[0]["contents"]) == 1


def test_gemini_3_gets_a_stand_in_where_a_seal_is_left_out() -> None:
    rest = model_turn({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": packed("S", "google-vertex")})
    assert sent(rest, target(GEMINI_3))[0]["contents"][1]["parts"][0]["thoughtSignature"] == STAND_IN


def test_of_several_seals_in_one_the_own_goes_back() -> None:
    seal = words.seal(
        Reasoning(text="hm", signature="S", format="anthropic-claude-v1"),
        Reasoning(data=seals.tag("OWN", "google-ai-studio"), format=words.REASONING_FORMAT),
    )
    body, losses = sent(model_turn({"text": "x", "thoughtSignature": seal}))
    assert (body["contents"][1]["parts"][0]["thoughtSignature"], losses) == ("OWN", ())


@pytest.mark.parametrize("contents", ['{"parts":{"text":"x","thoughtSignature":"%s"}}', '[{"parts":["y"]},"%s"]'])
def test_one_may_stand_for_a_list_of_it(contents: str) -> None:
    rest = ('"contents":' + contents % packed("S") + "}").encode()
    assert json.loads(splice(Ask(dialect="", model="m", fields=jsons.fields(b"{" + rest)), target()).body)


def test_a_body_that_cannot_be_read_is_refused() -> None:
    fields = {"contents": jsons.Raw(b"[]"), "generationConfig": jsons.Raw(b"[]")}
    with pytest.raises(Faulted, match="cannot be passed on"):
        splice(Ask(dialect="", model="m", fields=fields), target())
