"""Mistral's own SDK against a real server: its types are strict about every key of an answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from mistralai.client import Mistral, errors
from tests.e2e.served import Served

ASK: Any = [{"role": "user", "content": "How is the weather in Oslo? [[sandbox tokens=40 calls=0]]"}]
LANES = pytest.mark.parametrize("model", ["sandbox/chat-only", "sandbox/messages-only", "sandbox/gemini-only"])
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Say the weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


@pytest.fixture
def client(served: Served) -> Iterator[Mistral]:
    with Mistral(api_key=served.key, server_url=served.url) as client:
        yield client


@LANES
def test_a_whole_answer(client: Mistral, model: str) -> None:
    answer = client.chat.complete(model=model, messages=ASK)
    assert answer.choices[0].message is not None
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 40


@LANES
def test_a_stream(client: Mistral, model: str) -> None:
    with client.chat.stream(model=model, messages=ASK) as stream:
        chunks = [event.data for event in stream]
    assert "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


@LANES
def test_tools_there_and_back(client: Mistral, model: str) -> None:
    ask: Any = [{"role": "user", "content": "How is the weather in Oslo? [[sandbox tool=get_weather]]"}]
    first = client.chat.complete(model=model, messages=ask, tools=TOOLS)
    said = first.choices[0].message
    assert said is not None
    [call] = said.tool_calls or []
    messages: Any = [*ask, said, {"role": "tool", "tool_call_id": call.id, "name": "get_weather", "content": "rain"}]
    second = client.chat.complete(model=model, messages=messages, tools=TOOLS)
    assert second.choices[0].finish_reason == "stop"


def test_models_are_listed(client: Mistral) -> None:
    listed = client.models.list()
    assert "sandbox/fast" in {getattr(model, "id", None) for model in listed.data or []}


def test_errors_are_typed(client: Mistral) -> None:
    with pytest.raises(errors.SDKError, match="sandbox/nope"):
        client.chat.complete(model="sandbox/nope", messages=ASK)
