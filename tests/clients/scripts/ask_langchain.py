"""LangChain's Gemini models."""

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from pydantic import BaseModel
from told import PROMPT, key, model, tell, url, weather

chat = ChatGoogleGenerativeAI(model=model, base_url=url, google_api_key=key, include_thoughts=True, max_retries=1)


class City(BaseModel):
    """A city."""

    city: str


@tool
def get_weather(city: str) -> dict[str, Any]:
    """Say the weather of a city."""
    return weather(city)


def whole(messages: list[Any]) -> AIMessage:
    return chat.bind_tools([get_weather]).invoke(messages)


def stream(messages: list[Any]) -> Any:
    first, *others = chat.bind_tools([get_weather]).stream(messages)
    return sum(others, first)


def talk(answers: Any) -> dict[str, Any]:
    messages: list[Any] = [HumanMessage(PROMPT)]
    tokens, thought = 0, ""
    while True:
        said = answers(messages)
        messages.append(said)
        tokens += said.usage_metadata["total_tokens"]
        thought += "".join(block.get("reasoning", "") for block in said.content_blocks if block["type"] == "reasoning")
        if not said.tool_calls:
            return {"text": said.text, "tokens": tokens, "thought": thought}
        messages += [
            ToolMessage(str(get_weather.invoke(call["args"])), tool_call_id=call["id"]) for call in said.tool_calls
        ]


tell(
    {
        "whole": lambda: talk(whole),
        "stream": lambda: talk(stream),
        "object": lambda: {"object": chat.with_structured_output(City).invoke("Name a city.").model_dump()},
    }
)
