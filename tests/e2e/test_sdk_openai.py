"""OpenAI's own SDK against a real server: sync and async, whole and streamed, tools, structured output, errors."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.e2e.served import Served

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Say the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
ASK: Any = [{"role": "user", "content": "How is the weather in Oslo? [[sandbox tokens=40]]"}]


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0) as client:
        yield client


def test_a_whole_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="sandbox/steady", messages=ASK)
    assert answer.id.startswith("gen-")
    assert answer.model == "sandbox/steady"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 40
    assert answer.usage.model_extra is not None
    assert answer.usage.model_extra["cost"] > 0


def test_a_stream_with_usage(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="sandbox/steady", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 40


@pytest.mark.parametrize("provider", ["sim-aurora", "sim-borealis"], ids=["fast lane", "translated lane"])
def test_tools_there_and_back(client: openai.OpenAI, provider: str) -> None:
    only = {"provider": {"only": [provider]}}
    first = client.chat.completions.create(model="sandbox/coder", messages=ASK, tools=[WEATHER], extra_body=only)
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert calls
    call: Any = calls[0]
    assert call.function.name == "get_weather"
    assert '"city"' in call.function.arguments
    messages = [
        *ASK,
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny, 21"},
    ]
    second = client.chat.completions.create(model="sandbox/coder", messages=messages, tools=[WEATHER], extra_body=only)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


@pytest.mark.parametrize("provider", ["sim-aurora", "sim-borealis"], ids=["fast lane", "translated lane"])
def test_a_streamed_tool_call_is_whole(client: openai.OpenAI, provider: str) -> None:
    with client.chat.completions.stream(
        model="sandbox/coder", messages=ASK, tools=[WEATHER], extra_body={"provider": {"only": [provider]}}
    ) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls
    assert message.tool_calls[0].function.parsed_arguments is None or message.tool_calls[0].function.arguments


async def test_the_async_client_streams(served: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/api/v1", api_key=served.key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="sandbox/steady", messages=ASK, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


def test_reasoning_is_shown(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sandbox/thinker",
        messages=ASK,
        reasoning_effort="high",
        extra_body={"provider": {"only": ["sim-harbor"]}},
    )
    extra = answer.choices[0].message.model_extra
    assert extra is not None
    assert extra["reasoning"]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens


def test_structured_output(client: openai.OpenAI) -> None:
    schema: Any = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
        "required": ["city", "degrees"],
    }
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}}
    answer = client.chat.completions.create(
        model="sandbox/steady",
        messages=ASK,
        response_format=wanted,
    )
    content = answer.choices[0].message.content
    assert content is not None
    assert '"degrees"' in content


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert "sandbox/fast" in {model.id for model in client.models.list()}
    assert client.models.retrieve("sandbox/fast").id == "sandbox/fast"


ERRORS: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"model": "sandbox/nope"}, openai.BadRequestError, "sandbox/nope"),
    ({"temperature": "hot"}, openai.BadRequestError, "temperature"),
    ({"messages": []}, openai.BadRequestError, "messages"),
    ({"extra_body": {"provider": {"only": ["nobody"]}}}, openai.NotFoundError, "nobody"),
]


@pytest.mark.parametrize(("change", "error", "named"), ERRORS)
def test_errors_are_typed_and_name_the_cause(
    client: openai.OpenAI, change: dict[str, Any], error: type[openai.APIStatusError], named: str
) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": "sandbox/steady", "messages": ASK, **change})
    assert named in caught.value.message


def test_an_unknown_key_is_refused(served: Served) -> None:
    stranger = openai.OpenAI(base_url=f"{served.url}/v1", api_key="sk-wb-v1-unknown", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="sandbox/steady", messages=ASK)


def test_a_failure_in_the_middle_raises(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="sandbox/steady",
        messages=[{"role": "user", "content": "Go on. [[sandbox tokens=400 fault=cut_late]]"}],
        stream=True,
    )
    with pytest.raises(openai.APIError):
        for _ in stream:
            pass
