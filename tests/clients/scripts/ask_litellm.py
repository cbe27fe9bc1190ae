"""LiteLLM as a library, in each of the dialects it speaks: openai, anthropic, gemini, openrouter."""

import json
from typing import Any

import litellm
from pydantic import BaseModel
from told import DESCRIPTION, PROMPT, dialect, key, model, tell, url, weather

PLACES = {
    "openai": (f"openai/{model}", f"{url}/v1"),
    "anthropic": (f"anthropic/{model}", url),
    "gemini": (f"gemini/{model}", f"{url}/v1beta"),
    "openrouter": (f"openrouter/{model}", f"{url}/api/v1"),
}
litellm.suppress_debug_info = True
name, base = PLACES[dialect]
common: dict[str, Any] = {"model": name, "api_base": base, "api_key": key, "max_retries": 0, "num_retries": 0}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": DESCRIPTION, "parameters": SCHEMA}}]


class City(BaseModel):
    """A city."""

    city: str


def whole(messages: list[Any]) -> Any:
    return litellm.completion(messages=messages, tools=TOOLS, **common)


def stream(messages: list[Any]) -> Any:
    options = {"include_usage": True}
    chunks = list(litellm.completion(messages=messages, tools=TOOLS, stream=True, stream_options=options, **common))
    return litellm.stream_chunk_builder(chunks, messages=messages)


def talk(answers: Any) -> dict[str, Any]:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    tokens = 0
    while True:
        answer = answers(messages)
        message = answer.choices[0].message
        tokens += answer.usage.total_tokens
        messages.append(message.model_dump())
        if not message.tool_calls:
            return {"text": message.content, "tokens": tokens}
        for call in message.tool_calls:
            content = json.dumps(weather(**json.loads(call.function.arguments)))
            messages.append({"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": content})


def structured() -> dict[str, Any]:
    messages = [{"role": "user", "content": "Name a city."}]
    answer = litellm.completion(messages=messages, response_format=City, **common)
    return {"object": json.loads(answer.choices[0].message.content)}


tell({"whole": lambda: talk(whole), "stream": lambda: talk(stream), "object": structured})
