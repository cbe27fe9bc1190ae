"""Google's GenAI SDK against a real server: answers, streams, tools, thoughts, counts, models, embeddings, errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from tests.e2e.served import Served

ASK = "How is the weather in Oslo? [[sandbox tokens=40 calls=0]]"
LANES = pytest.mark.parametrize("model", ["sandbox/gemini-only", "sandbox/chat-only", "sandbox/messages-only"])
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Say the weather of a city.",
            parameters_json_schema={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        )
    ]
)


def made(served: Served, key: str | None = None) -> genai.Client:
    retries = types.HttpRetryOptions(attempts=1)
    return genai.Client(
        api_key=key or served.key, http_options=types.HttpOptions(base_url=served.url, retry_options=retries)
    )


@pytest.fixture
def client(served: Served) -> Iterator[genai.Client]:
    with made(served) as client:
        yield client


@LANES
def test_a_whole_answer(client: genai.Client, model: str) -> None:
    answer = client.models.generate_content(
        model=model,
        contents=ASK,
        config=types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=200),
    )
    assert answer.text
    assert answer.model_version == model
    assert (answer.response_id or "").startswith("gen-")
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.candidates_token_count or 0) + (answer.usage_metadata.thoughts_token_count or 0) == 40


@LANES
def test_a_stream(client: genai.Client, model: str) -> None:
    chunks = list(client.models.generate_content_stream(model=model, contents=ASK))
    assert "".join(chunk.text or "" for chunk in chunks)
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert last.usage_metadata.total_token_count


@LANES
def test_parallel_calls_there_and_back(client: genai.Client, model: str) -> None:
    ask = "How is the weather in Oslo and in Rome? [[sandbox calls=2 tool=get_weather]]"
    config = types.GenerateContentConfig(
        tools=[TOOL],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048),
        max_output_tokens=8000,
    )
    first = client.models.generate_content(model=model, contents=ask, config=config)
    calls = first.function_calls or []
    assert [call.name for call in calls] == ["get_weather", "get_weather"]
    assert all("city" in (call.args or {}) for call in calls)
    if model != "sandbox/gemini-only":
        # Gemini itself tells calls apart by their order and mostly leaves their ids out.
        assert len({call.id for call in calls}) == 2
    assert first.candidates is not None
    said = first.candidates[0].content
    assert said is not None
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "rain"}))
        for call in calls
    ]
    contents: Any = [types.UserContent(ask), said, types.UserContent(results)]
    second = client.models.generate_content(model=model, contents=contents, config=config)
    assert second.text


def test_a_python_function_is_called_and_its_result_sent_back(client: genai.Client) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Say the weather of a city."""
        asked.append(city)
        return "rain"

    config = types.GenerateContentConfig(tools=[get_weather])
    answer = client.models.generate_content(
        model="sandbox/coder", contents="How is the weather in Oslo?", config=config
    )
    assert asked
    assert answer.text


@LANES
def test_structured_output(client: genai.Client, model: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
    answer = client.models.generate_content(model=model, contents="Name a city.", config=config)
    assert isinstance(answer.parsed, dict)
    assert "city" in answer.parsed


@LANES
def test_thoughts_are_shown_to_who_asks_for_them(client: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048), max_output_tokens=8000
    )
    answer = client.models.generate_content(model=model, contents="Think. [[sandbox calls=0]]", config=config)
    assert answer.candidates is not None
    content = answer.candidates[0].content
    assert content is not None
    parts = content.parts or []
    assert any(part.thought and part.text for part in parts)
    assert any(not part.thought and part.text for part in parts)


# Of google-genai's own making, with aiohttp installed.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_the_async_client(served: Served) -> None:
    async with made(served).aio as client:
        stream = await client.models.generate_content_stream(model="sandbox/steady", contents=ASK)
        text = "".join([chunk.text or "" async for chunk in stream])
    assert text


def test_a_chat_goes_on(client: genai.Client) -> None:
    chat = client.chats.create(model="sandbox/gemini-only")
    assert chat.send_message(ASK).text
    assert chat.send_message("And tomorrow? [[sandbox calls=0]]").text


def test_tokens_are_counted(client: genai.Client) -> None:
    for model in ("sandbox/gemini-only", "sandbox/chat-only"):
        short = client.models.count_tokens(model=model, contents="Hi").total_tokens
        long = client.models.count_tokens(model=model, contents="words " * 500).total_tokens
        assert 0 < (short or 0) < (long or 0)


def test_models_are_listed_page_by_page(client: genai.Client) -> None:
    names = [model.name for model in client.models.list(config={"page_size": 3})]
    assert "models/sandbox/fast" in names
    assert len(names) == len(set(names)) > 3
    assert client.models.get(model="sandbox/fast").name == "models/sandbox/fast"


def test_texts_are_embedded(client: genai.Client) -> None:
    listed = client.models.list(config={"page_size": 1000, "query_base": True})
    embeds = [model.name for model in listed if "embedContent" in (model.supported_actions or [])]
    name = (embeds[0] if embeds and embeds[0] else "sandbox/embed").removeprefix("models/")
    answer = client.models.embed_content(model=name, contents=["one", "two"])
    assert answer.embeddings is not None
    assert [bool(each.values) for each in answer.embeddings] == [True, True]


def test_errors_are_typed(served: Served, client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="sandbox/nope") as unknown:
        client.models.generate_content(model="sandbox/nope", contents=ASK)
    assert (unknown.value.code, unknown.value.status) == (400, "INVALID_ARGUMENT")
    with made(served, "sk-wb-v1-unknown") as stranger, pytest.raises(errors.ClientError) as refused:
        stranger.models.generate_content(model="sandbox/fast", contents=ASK)
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
    with pytest.raises(errors.ServerError) as down:
        client.models.generate_content(model="sandbox/gemini-only", contents="Go [[sandbox fault=503]]")
    assert down.value.status == "UNAVAILABLE"
