"""How endpoints of Chat Completions are asked to think: one ask, in each one's own words."""

from typing import Any

import pytest

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
    (ReasoningAsk(enabled=False), (), {"reasoning_effort": "none"}),
    (ReasoningAsk(adaptive=True), (), {"reasoning_effort": "medium"}),
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
