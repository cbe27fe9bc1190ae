"""Anthropic's own SDK against a real server: sync and async, whole and streamed, tools, thinking, counts, errors."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from tests.e2e.served import Served

TOOL: Any = {
    "name": "get_weather",
    "description": "Say the weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ASK: Any = [{"role": "user", "content": "How is the weather in Oslo? [[sandbox tokens=40]]"}]
LANES = pytest.mark.parametrize("provider", ["sim-borealis", "sim-aurora"], ids=["fast lane", "translated lane"])


def only(provider: str) -> Any:
    return {"provider": {"only": [provider]}}


@pytest.fixture
def client(served: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=f"{served.url}/api", api_key=served.key, max_retries=0) as client:
        yield client


@LANES
def test_a_whole_answer(client: anthropic.Anthropic, provider: str) -> None:
    answer = client.messages.create(
        model="sandbox/steady", max_tokens=200, messages=ASK, system="Be brief.", extra_body=only(provider)
    )
    assert answer.id.startswith("gen-")
    assert answer.model == "sandbox/steady"
    assert answer.stop_reason == "end_turn"
    assert answer.content[0].type == "text"
    assert answer.usage.output_tokens == 40


@LANES
def test_a_stream(client: anthropic.Anthropic, provider: str) -> None:
    with client.messages.stream(
        model="sandbox/steady", max_tokens=200, messages=ASK, extra_body=only(provider)
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 40


@LANES
def test_tools_there_and_back(client: anthropic.Anthropic, provider: str) -> None:
    with client.messages.stream(
        model="sandbox/coder", max_tokens=400, messages=ASK, tools=[TOOL], extra_body=only(provider)
    ) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    [call] = [block for block in first.content if block.type == "tool_use"]
    assert call.name == "get_weather"
    assert isinstance(call.input, dict)
    assert "city" in call.input
    messages: Any = [
        *ASK,
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "no such city", "is_error": True}],
        },
    ]
    second = client.messages.create(
        model="sandbox/coder", max_tokens=400, messages=messages, tools=[TOOL], extra_body=only(provider)
    )
    assert second.stop_reason == "end_turn"


@LANES
def test_thinking(client: anthropic.Anthropic, provider: str) -> None:
    model = "sandbox/thinker"
    answer = client.messages.create(
        model=model,
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=ASK,
        extra_body={"provider": {"only": ["sim-borealis" if provider == "sim-borealis" else "sim-harbor"]}},
    )
    assert answer.content[0].type == "thinking"
    assert answer.content[0].thinking
    assert answer.content[-1].type == "text"


async def test_the_async_client(served: Served) -> None:
    async with (
        anthropic.AsyncAnthropic(base_url=served.url, auth_token=served.key, api_key=None, max_retries=0) as client,
        client.messages.stream(model="sandbox/steady", max_tokens=100, messages=ASK) as stream,
    ):
        message = await stream.get_final_message()
    assert message.content


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    short = client.messages.count_tokens(model="sandbox/steady", messages=ASK)
    long = client.messages.count_tokens(model="sandbox/steady", messages=ASK, system="words " * 500, tools=[TOOL])
    assert 0 < short.input_tokens < long.input_tokens


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    rows = client.models.list(limit=1000)
    assert "sandbox/fast" in {model.id for model in rows}


def test_errors_are_typed(served: Served, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="sandbox/nope"):
        client.messages.create(model="sandbox/nope", max_tokens=10, messages=ASK)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        client.messages.create(model="sandbox/steady", max_tokens=-1, messages=ASK)
    stranger = anthropic.Anthropic(base_url=served.url, api_key="sk-wb-v1-unknown", max_retries=0)
    with stranger, pytest.raises(anthropic.AuthenticationError) as caught:
        stranger.messages.create(model="sandbox/steady", max_tokens=10, messages=ASK)
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_failure_in_the_middle_raises(client: anthropic.Anthropic) -> None:
    ask: Any = [{"role": "user", "content": "Go on. [[sandbox tokens=400 fault=cut_late]]"}]
    with (
        pytest.raises(anthropic.APIStatusError),
        client.messages.stream(model="sandbox/steady", max_tokens=500, messages=ask) as stream,
    ):
        stream.get_final_message()
