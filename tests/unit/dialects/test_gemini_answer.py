"""A whole answer for a Gemini client."""

import json
from typing import Any

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.answer import encode_reply
from wideband.dialects.gemini_generate.usage import usage_metadata

ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", created_s=1)
CLOSING = Closing(usage=Usage(prompt_tokens=3, completion_tokens=2), cost_nano=5)


def encode(*choices: Choice, closing: Closing = CLOSING, **reply: Any) -> tuple[Any, list[str]]:
    body, losses = encode_reply(Reply(choices=choices, **reply), ENVELOPE, closing)
    return json.loads(body), [loss.feature for loss in losses]


def test_an_answer_with_everything() -> None:
    body, losses = encode(
        Choice(
            parts=(
                Reasoning(text="Hm"),
                Text(text="I look."),
                Reasoning(data="QUJD", format=words.REASONING_FORMAT, id="a"),
                ToolCall(id="a", name="f", arguments='{"n": 1.50}'),
                ToolCall(id="b", name="g", arguments=""),
            ),
            finish="tool_calls",
        )
    )
    (candidate,) = body["candidates"]
    sealed = candidate["content"]["parts"][2].pop("thoughtSignature")
    assert words.unseal(sealed) == (Reasoning(text="Hm"), Reasoning(data="QUJD", format=words.REASONING_FORMAT))
    assert candidate == {
        "content": {
            "parts": [
                {"text": "Hm", "thought": True},
                {"text": "I look."},
                {"functionCall": {"id": "a", "name": "f", "args": {"n": 1.5}}},
                {"functionCall": {"id": "b", "name": "g", "args": {}}},
            ],
            "role": "model",
        },
        "finishReason": "STOP",
        "index": 0,
    }
    assert (body["modelVersion"], body["responseId"], body["provider"]) == ("acme/m1", "gen-1", "My Own Box")
    assert body["usageMetadata"] == {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    assert body["usage"]["cost"] == 5e-09
    assert losses == []


def test_several_candidates() -> None:
    body, _ = encode(Choice(parts=(Text(text="a"),)), Choice(index=1, parts=(Text(text="b"),), finish="length"))
    told = [(each["index"], each["content"]["parts"][0]["text"], each["finishReason"]) for each in body["candidates"]]
    assert told == [(0, "a", "STOP"), (1, "b", "MAX_TOKENS")]


def test_an_answer_without_a_word() -> None:
    body, _ = encode()
    assert body["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}


def test_losses_are_told() -> None:
    _, losses = encode(
        Choice(parts=(Refusal(text="No."), Opaque(dialect="openai_chat", kind="images", raw=[])), finish="stop")
    )
    assert losses == ["refusal", "images"]


def test_a_broken_answer_is_an_error() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="Cut.")
    for body, _ in (encode(Choice(), fault=fault), encode(closing=Closing(usage=Usage(), fault=fault))):
        assert body["error"]["status"] == "UNAVAILABLE"
        assert "candidates" not in body


def test_counts_of_other_kinds_than_text() -> None:
    counts = usage_metadata(
        Usage(prompt_tokens=10, completion_tokens=5, audio_prompt_tokens=4, image_completion_tokens=5)
    )
    assert counts["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 6},
        {"modality": "AUDIO", "tokenCount": 4},
    ]
    assert counts["candidatesTokensDetails"] == [{"modality": "IMAGE", "tokenCount": 5}]
