"""OpenAI's agents library over chat completions and over responses."""

import asyncio
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.shared import Reasoning
from pydantic import BaseModel
from told import PROMPT, dialect, key, model, tell, url, weather

set_tracing_disabled(disabled=True)
client = AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
kind = OpenAIResponsesModel if dialect == "responses" else OpenAIChatCompletionsModel
speaker = kind(model=model, openai_client=client)
settings = ModelSettings(include_usage=True)
if dialect == "responses":
    settings = ModelSettings(
        store=False, response_include=["reasoning.encrypted_content"], reasoning=Reasoning(effort="low", summary="auto")
    )


class City(BaseModel):
    """A city."""

    city: str


@function_tool
def get_weather(city: str) -> dict[str, Any]:
    """Say the weather of a city."""
    return weather(city)


reporter = Agent(name="Reporter", model=speaker, tools=[get_weather], model_settings=settings)


def came_of(result: Any) -> dict[str, Any]:
    return {"text": result.final_output, "tokens": result.context_wrapper.usage.total_tokens}


async def whole() -> dict[str, Any]:
    return came_of(await Runner.run(reporter, PROMPT))


async def stream() -> dict[str, Any]:
    result = Runner.run_streamed(reporter, PROMPT)
    async for _ in result.stream_events():
        pass
    return came_of(result)


async def structured() -> dict[str, Any]:
    result = await Runner.run(Agent(name="Namer", model=speaker, output_type=City), "Name a city.")
    return {"object": result.final_output.model_dump()}


loop = asyncio.new_event_loop()
tell(
    {
        name: lambda way=way: loop.run_until_complete(way())
        for name, way in {"whole": whole, "stream": stream, "object": structured}.items()
    }
)
