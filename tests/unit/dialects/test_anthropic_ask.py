"""The cheap look at a Messages body: what it tells routing, what it refuses, what it sends on untouched."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.anthropic_messages import COUNT, DIALECT
from wideband.dialects.base import Target

TARGET = Target(model="claude-sonnet-4-5-20250929", provider="anthropic")


def body(**fields: Any) -> bytes:
    whole = {"model": "anthropic/claude-sonnet-4.5", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    return json.dumps({**whole, **fields}, ensure_ascii=False).encode()


def refused(data: bytes) -> tuple[str | None, str]:
    with pytest.raises(Faulted) as caught:
        DIALECT.read(data)
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    return caught.value.fault.param, caught.value.fault.message


def test_tells_routing_what_is_asked_for() -> None:
    ask = DIALECT.read(
        body(
            stream=True,
            temperature=0.5,
            top_k=3,
            stop_sequences=["x"],
            tools=[{"name": "f", "input_schema": {"type": "object"}}],
            tool_choice={"type": "any"},
            thinking={"type": "adaptive"},
            output_config={"effort": "high", "format": {"type": "json_schema", "schema": {}}},
            metadata={"user_id": "u-1"},
            provider={"order": ["anthropic"]},
            session_id="s-1",
        )
    )
    assert ask.dialect == "anthropic_messages"
    assert (ask.model, ask.stream, ask.max_tokens, ask.user, ask.session_id) == (
        "anthropic/claude-sonnet-4.5", True, 10, "u-1", "s-1",
    )  # fmt: skip
    assert ask.preferences == {"order": ["anthropic"]}
    assert ask.needs == {
        "temperature", "top_k", "stop", "tools", "tool_choice", "reasoning", "structured_outputs",
    }  # fmt: skip


def test_needs_nothing_when_nothing_special_is_asked() -> None:
    ask = DIALECT.read(body(thinking={"type": "disabled"}, tools=[], temperature=None))
    assert ask.needs == frozenset()
    assert ask.modalities == frozenset()


def test_finds_media_in_messages_and_in_tool_results_but_not_in_text() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "see"}, document]}
    assert DIALECT.read(body(messages=[{"role": "user", "content": [image]}])).modalities == {"image"}
    assert DIALECT.read(body(messages=[{"role": "user", "content": [image, result]}])).modalities == {"image", "file"}
    said = '{"type":"image"}'
    assert DIALECT.read(body(messages=[{"role": "user", "content": said}])).modalities == frozenset()
    input_block = {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "image"}}
    assert DIALECT.read(body(messages=[{"role": "assistant", "content": [input_block]}])).modalities == frozenset()


def test_measures_text_by_its_length_and_media_by_a_fixed_rule() -> None:
    short, long = DIALECT.read(body()), DIALECT.read(body(system="x" * 5000))
    assert 5000 <= long.prompt_chars - short.prompt_chars <= 5010

    def with_image(size: int) -> int:
        source = {"type": "base64", "media_type": "image/png", "data": "A" * size}
        return DIALECT.read(
            body(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])
        ).prompt_chars

    assert with_image(400_000) == with_image(4000) > 6000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 2**53}, "max_tokens"),
        ({"messages": {}}, "messages"),
        ({"messages": [3]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"content": "x"}]}, "messages.0"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": 4}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 4}]}]}, "messages.0.content.0.text"),
        ({"system": 4}, "system"),
        ({"system": [{"text": "x"}]}, "system.0"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": 4}]}, "tools.0.name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools.0.input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences.0"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 1.5}, "top_k"),
        ({"thinking": "yes"}, "thinking"),
        ({"thinking": {"type": "enabled", "budget_tokens": "many"}}, "thinking.budget_tokens"),
        ({"metadata": {"user_id": 4}}, "metadata.user_id"),
        ({"provider": "anthropic"}, "provider"),
        ({"models": "x"}, "models"),
        ({"fallbacks": [{"model": "a", "provider": "b"}]}, "fallbacks.0"),
        ({"fallbacks": [{"model": "a"}] * 4}, "fallbacks"),
        ({"fallbacks": [{"model": "a"}], "models": ["b"]}, "fallbacks"),
        ({"messages": []}, "messages"),
    ],
)
def test_refuses_wrong_types_naming_the_field(fields: dict[str, Any], param: str) -> None:
    found, message = refused(body(**fields))
    assert found == param
    assert param in message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"model": }',
        b'{"model":"m","max_tokens":1}',
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"y"}],"x":"\xff"}',
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"y"}],"x":"\\ud800"}',
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"y"}],"x":'
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}",
    ],
)
def test_refuses_what_is_no_request_with_a_remedy(data: bytes) -> None:
    _, message = refused(data)
    assert "send" in message


def test_tolerates_unknown_fields_and_system_turns() -> None:
    ask = DIALECT.read(
        body(context_management={"edits": []}, speed="fast", messages=[{"role": "system", "content": "Now be brief."}])
    )
    assert "context_management" in ask.fields


def test_the_named_model_comes_before_its_fallbacks_in_both_spellings() -> None:
    named = "anthropic/claude-sonnet-4.5"
    assert DIALECT.read(body()).models == ()
    assert DIALECT.read(body(fallbacks=[{"model": "a"}, {"model": "b"}])).models == (named, "a", "b")
    assert DIALECT.read(body(models=["a", named])).models == (named, "a")
    alone = DIALECT.read(body(model=None, models=["a", "b"]))
    assert (alone.model, alone.models) == ("a", ("a", "b"))


def test_counting_needs_no_max_tokens() -> None:
    assert COUNT.read(body(max_tokens=None)).max_tokens is None


def test_splice_changes_the_model_and_nothing_else() -> None:
    data = (
        b'{"model":"x","messages":[ {"role":"user", "content":"\\u00e9t\\u00e9 1.0"} ],"max_tokens":  7,'
        b'"temperature":1.0,"tools":[{"name":"f","input_schema":{"b":1,"a":2}}],"unknown":{"z":1,"a":[ ]}}'
    )
    draft = DIALECT.splice(DIALECT.read(data), TARGET)
    assert draft.path == "/messages"
    assert draft.headers == {"anthropic-version": "2023-06-01"}
    assert draft.losses == ()
    assert json.loads(draft.body) == {**json.loads(data), "model": TARGET.model}
    assert b'[ {"role":"user", "content":"\\u00e9t\\u00e9 1.0"} ]' in draft.body
    assert b'{"b":1,"a":2}' in draft.body
    assert b'"unknown":{"z":1,"a":[ ]}' in draft.body


def test_splice_keeps_the_gateways_own_fields_to_itself() -> None:
    ask = DIALECT.read(
        body(
            provider={"order": ["anthropic"]},
            models=["a"],
            session_id="s",
            plugins=[],
            trace={},
            transforms=[],
            preset="p",
            metadata={"user_id": "u"},
        )
    )
    assert json.loads(DIALECT.splice(ask, TARGET).body).keys() == {"model", "max_tokens", "messages", "metadata"}


def test_splice_takes_out_thinking_that_claude_did_not_sign() -> None:
    own = {"type": "thinking", "thinking": "mine", "signature": "EqQB"}
    unsigned = {"type": "thinking", "thinking": "foreign", "signature": ""}
    sealed = {"type": "redacted_thinking", "data": "wideband:openai-responses-v1:gAAA"}
    said = {"type": "text", "text": "ok"}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [own, unsigned, sealed, said]},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": [unsigned]},
        {"role": "user", "content": 'a "signature": "" in text'},
    ]
    draft = DIALECT.splice(DIALECT.read(body(messages=turns)), TARGET)
    assert json.loads(draft.body)["messages"] == [turns[0], {**turns[1], "content": [own, said]}, turns[2], turns[4]]
    assert [loss.feature for loss in draft.losses] == ["reasoning_seal"]


def test_splice_leaves_out_what_the_endpoint_does_not_take() -> None:
    ask = DIALECT.read(body(temperature=0.5, top_p=0.5, stop_sequences=["x"], thinking={"type": "adaptive"}))
    target = Target(model="m", provider="p", supported_parameters=frozenset({"top_p"}))
    draft = DIALECT.splice(ask, target)
    assert json.loads(draft.body).keys() == {"model", "max_tokens", "messages", "top_p"}
    assert sorted(loss.detail for loss in draft.losses) == ["stop_sequences", "temperature", "thinking"]
    assert {loss.feature for loss in draft.losses} == {"unsupported_field"}


def test_splice_does_as_the_quirks_say() -> None:
    ask = DIALECT.read(body(temperature=0.5, top_k=3))
    draft = DIALECT.splice(ask, Target(model="m", provider="p", quirks=frozenset({"fixed_sampling"})))
    assert json.loads(draft.body).keys() == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("max_tokens", "budget", "max_output", "sent", "thinking", "features"),
    [
        (5000, 2000, None, 5000, {"type": "enabled", "budget_tokens": 2000}, []),
        (128_000, 2000, 64_000, 64_000, {"type": "enabled", "budget_tokens": 2000}, ["max_tokens"]),
        (32_000, 32_000, None, 32_000, {"type": "enabled", "budget_tokens": 31_999}, ["reasoning_budget"]),
        (9000, 8000, 4096, 4096, {"type": "enabled", "budget_tokens": 4095}, ["max_tokens", "reasoning_budget"]),
        (1000, 2000, None, 1000, None, ["reasoning"]),
    ],
)
def test_splice_keeps_within_the_endpoints_limits(
    max_tokens: int, budget: int, max_output: int | None, sent: int, thinking: Any, features: list[str]
) -> None:
    ask = DIALECT.read(body(max_tokens=max_tokens, thinking={"type": "enabled", "budget_tokens": budget}))
    draft = DIALECT.splice(ask, Target(model="m", provider="p", max_output=max_output))
    told = json.loads(draft.body)
    assert (told["max_tokens"], told.get("thinking")) == (sent, thinking)
    assert [loss.feature for loss in draft.losses] == features
