"""LangChain's models against a real server, each in its own protocol."""

import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic, _client_utils as anthropic_clients
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_openai.chat_models import _client_utils as openai_clients
from pydantic import BaseModel, SecretStr
from tests.e2e.served import Served

UPSTREAMS = pytest.mark.parametrize(
    "model", ["sandbox/chat-only", "sandbox/messages-only", "sandbox/responses-only", "sandbox/gemini-only"]
)
KINDS = pytest.mark.parametrize("kind", ["chat", "responses", "messages"])


class City(BaseModel):
    """A city."""

    name: str


@tool
def get_weather(city: str) -> str:
    """Say the weather of a city."""
    return f"Rain in {city}."


@pytest.fixture(autouse=True, scope="module")
def _without_what_is_left_open() -> Iterator[None]:
    """Drop the connections that LangChain keeps for the life of the process, and what Python says of that."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for kept in (openai_clients, anthropic_clients):
            for name in vars(kept):
                getattr(getattr(kept, name), "cache_clear", lambda: None)()
        gc.collect()


def made(served: Served, kind: str, model: str) -> BaseChatModel:
    key = SecretStr(served.key)
    if kind == "messages":
        return ChatAnthropic(model_name=model, base_url=served.url, api_key=key, max_retries=0, timeout=30, stop=None)
    return ChatOpenAI(
        model=model, base_url=f"{served.url}/v1", api_key=key, max_retries=0, use_responses_api=kind == "responses"
    )


@UPSTREAMS
@KINDS
def test_a_tool_is_called_and_its_result_answered(served: Served, kind: str, model: str) -> None:
    chat = made(served, kind, model).bind_tools([get_weather])
    messages: list[Any] = [HumanMessage("How is the weather in Oslo? [[sandbox tool=get_weather]]")]
    first = chat.invoke(messages)
    [call] = first.tool_calls
    assert call["name"] == "get_weather"
    messages += [first, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    assert chat.invoke(messages).text


@UPSTREAMS
@KINDS
def test_a_stream(served: Served, kind: str, model: str) -> None:
    whole: AIMessageChunk | None = None
    for chunk in made(served, kind, model).stream("Say something. [[sandbox tokens=30 calls=0]]"):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == 30


@KINDS
def test_structured_output(served: Served, kind: str) -> None:
    found = made(served, kind, "sandbox/steady").with_structured_output(City).invoke("Name a city.")
    assert isinstance(found, City)


def test_embeddings(served: Served) -> None:
    embeddings = OpenAIEmbeddings(
        model="sandbox/embed",
        base_url=f"{served.url}/v1",
        api_key=SecretStr(served.key),
        check_embedding_ctx_length=False,
    )
    assert len(embeddings.embed_documents(["one", "two"])) == 2
