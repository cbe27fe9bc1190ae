"""pydantic-ai's agents against a real server, in three protocols: a tool, a typed answer, a stream."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from tests.e2e.served import Served

UPSTREAMS = pytest.mark.parametrize(
    "name", ["sandbox/chat-only", "sandbox/messages-only", "sandbox/responses-only", "sandbox/gemini-only"]
)
KINDS = pytest.mark.parametrize("kind", ["chat", "responses", "gemini"])


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


def made(served: Served, http: httpx2.AsyncClient, kind: str, name: str) -> Model:
    if kind == "gemini":
        return GoogleModel(name, provider=GoogleProvider(api_key=served.key, base_url=served.url, http_client=http))
    provider = OpenAIProvider(base_url=f"{served.url}/v1", api_key=served.key, http_client=http)
    return (
        OpenAIResponsesModel(name, provider=provider)
        if kind == "responses"
        else OpenAIChatModel(name, provider=provider)
    )


@UPSTREAMS
@KINDS
async def test_an_agent_calls_its_tool_and_answers(
    served: Served, http: httpx2.AsyncClient, kind: str, name: str
) -> None:
    agent = Agent(made(served, http, kind, name), instructions="Be brief.")
    asked: list[str] = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """Say the weather of a city."""
        asked.append(city)
        return "rain"

    result = await agent.run("How is the weather in Oslo? [[sandbox tool=get_weather]]")
    assert len(asked) == 1
    assert result.output
    assert result.usage.output_tokens > 0


@KINDS
async def test_a_typed_answer(served: Served, http: httpx2.AsyncClient, kind: str) -> None:
    agent = Agent(made(served, http, kind, "sandbox/steady"), output_type=City)
    assert isinstance((await agent.run("Name a city.")).output, City)


@KINDS
async def test_a_stream(served: Served, http: httpx2.AsyncClient, kind: str) -> None:
    agent = Agent(made(served, http, kind, "sandbox/steady"))
    async with agent.run_stream("Say something. [[sandbox tokens=30]]") as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces)
