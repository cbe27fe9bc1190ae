"""How endpoints of Chat Completions are asked to think, each in its own words, and what is shown of it."""

from typing import Any

import msgspec
import pytest
from tests.unit.dialects.openai_chunks import CLOSING, ENVELOPE, chunk, chunks, heard, said, written

from wideband.canon.request import Message, ReasoningAsk, Request, Text
from wideband.dialects.base import Draft, Target
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons


def drafted(ask: ReasoningAsk, to: Target) -> Draft:
    hello = Message(role="user", parts=(Text(text="Hello"),))
    request = Request(dialect="openai_chat", model="m", messages=(hello,), reasoning=ask, max_tokens=1000)
    return DIALECT.encode_request(request, to)


THINKING: list[tuple[ReasoningAsk, tuple[str, ...], dict[str, Any]]] = [
    (ReasoningAsk(effort="low"), (), {"reasoning_effort": "low"}),
    (ReasoningAsk(effort="max"), (), {"reasoning_effort": "xhigh"}),
    (ReasoningAsk(enabled=True), (), {"reasoning_effort": "medium"}),
    (ReasoningAsk(enabled=False), (), {}),
    (ReasoningAsk(effort="none"), (), {"reasoning_effort": "none"}),
    (ReasoningAsk(adaptive=True), (), {}),
    (ReasoningAsk(max_tokens=100), (), {"reasoning_effort": "low"}),
    (ReasoningAsk(max_tokens=900), (), {"reasoning_effort": "high"}),
    (ReasoningAsk(exclude=True), (), {}),
    (ReasoningAsk(effort="xhigh"), ("basic_effort",), {"reasoning_effort": "high"}),
    (ReasoningAsk(max_tokens=900), ("openrouter",), {"reasoning": {"max_tokens": 900}}),
    (ReasoningAsk(adaptive=True), ("openrouter",), {"reasoning": {"enabled": True}}),
    (ReasoningAsk(effort="high", exclude=True), ("openrouter",), {"reasoning": {"effort": "high", "exclude": True}}),
    (ReasoningAsk(effort="none"), ("enable_thinking",), {"enable_thinking": False}),
    (ReasoningAsk(max_tokens=900), ("enable_thinking",), {"enable_thinking": True, "thinking_budget": 900}),
    (ReasoningAsk(effort="low"), ("thinking_toggle",), {"thinking": {"type": "enabled"}}),
    (ReasoningAsk(enabled=False), ("thinking_toggle",), {"thinking": {"type": "disabled"}}),
]


@pytest.mark.parametrize(("ask", "quirks", "fields"), THINKING)
def test_thinking_is_asked_for_in_the_endpoints_words(
    ask: ReasoningAsk, quirks: tuple[str, ...], fields: dict[str, Any]
) -> None:
    body = jsons.decode(drafted(ask, Target(model="u", provider="p", quirks=frozenset(quirks))).body)
    assert {name: value for name, value in body.items() if "reasoning" in name or "thinking" in name} == fields


def test_no_thinking_is_asked_of_an_endpoint_that_cannot() -> None:
    to = Target(model="u", provider="p", supported_parameters=frozenset({"temperature"}))
    draft = drafted(ReasoningAsk(effort="high"), to)
    assert set(jsons.decode(draft.body)) == {"model", "messages", "max_tokens"}
    assert [(loss.feature, loss.detail) for loss in draft.losses] == [("unsupported_field", "reasoning")]


def test_only_an_endpoint_known_to_reason_is_told_not_to() -> None:
    to = Target(model="u", provider="p", supported_parameters=frozenset({"reasoning"}))
    assert jsons.decode(drafted(ReasoningAsk(enabled=False), to).body)["reasoning_effort"] == "none"


# What is not to be shown.

HIDING = msgspec.structs.replace(ENVELOPE, hides_reasoning=True)
DETAIL = {"type": "reasoning.text", "text": "hm", "signature": "s"}
THOUGHTS: list[dict[str, Any]] = [
    {"reasoning": "hm"},
    {"reasoning_content": "hm"},
    {"reasoning": "hm", "reasoning_details": [DETAIL]},
    {"reasoning_details": [{"type": "from the future"}]},
]


@pytest.mark.parametrize(
    ("fields", "hides"),
    [
        ({}, False),
        ({"reasoning": {"effort": "low"}}, False),
        ({"reasoning": {"exclude": True}}, True),
        ({"include_reasoning": False}, True),
        ({"include_reasoning": True}, False),
    ],
)
def test_a_caller_can_ask_not_to_be_shown_the_thinking(fields: dict[str, Any], hides: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]} | fields
    assert DIALECT.read(jsons.encode(body)).hides_reasoning is hides


@pytest.mark.parametrize("thought", THOUGHTS)
def test_hidden_thinking_is_in_neither_lanes_stream(thought: dict[str, Any]) -> None:
    frames = chunk(said(role="assistant", content="", **thought)), chunk(said(content="a")), chunk(said("stop"))
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(HIDING)
    passed = b"".join(relay.feed(frame, decoder.feed(frame)) for frame in frames) + relay.close(CLOSING)
    for told in (chunks(passed), written(heard(*frames), envelope=HIDING)):
        deltas = [choice["delta"] for one in told for choice in one["choices"]]
        assert "".join(delta.get("content") or "" for delta in deltas) == "a"
        assert deltas[0]["role"] == "assistant"
        assert not any("reason" in name for delta in deltas for name in delta)


@pytest.mark.parametrize("thought", THOUGHTS)
def test_hidden_thinking_is_in_neither_lanes_whole_answer(thought: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "a", **thought}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = jsons.encode({"id": "c", "model": "m", "created": 1, "choices": [choice]})
    relayed = DIALECT.relay_reply(body, HIDING, CLOSING)
    encoded, _ = DIALECT.encode_reply(DIALECT.decode_reply(body), HIDING, CLOSING)
    for told in (relayed, encoded):
        assert jsons.decode(told)["choices"][0]["message"] == {"role": "assistant", "content": "a", "refusal": None}
