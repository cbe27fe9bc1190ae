"""Instructor with each of its kinds of clients: openai, responses, anthropic, google."""

import os
from typing import Any

import instructor
from pydantic import BaseModel, field_validator
from told import cities, dialect, key, model, tell, url

if dialect == "google":
    client = instructor.from_provider(f"google/{model}", api_key=key, http_options={"base_url": url})
elif dialect == "anthropic":
    os.environ["ANTHROPIC_BASE_URL"] = url
    client = instructor.from_provider(f"anthropic/{model}", api_key=key)
else:
    mode = instructor.Mode.RESPONSES_TOOLS if dialect == "responses" else instructor.Mode.TOOLS
    client = instructor.from_provider(f"openai/{model}", mode=mode, api_key=key, base_url=f"{url}/v1", max_retries=0)
LIMIT = {"max_tokens": 1000} if dialect == "anthropic" else {}
ASK: list[Any] = [{"role": "user", "content": "Name a city."}]


class City(BaseModel):
    """A city."""

    city: str


class SecondCity(BaseModel):
    """A city that is named twice."""

    city: str

    @field_validator("city")
    @classmethod
    def insist(cls, city: str) -> str:
        cities.append(city)
        if len(cities) < 2:
            raise ValueError("say it again")
        return city


def again() -> dict[str, Any]:
    """Refuse the first object, so that the refusal is sent back as the call's result."""
    return {"object": client.create(response_model=SecondCity, messages=ASK, max_retries=2, **LIMIT).model_dump()}


def stream() -> dict[str, Any]:
    partial = client.create_partial(response_model=City, messages=ASK, **LIMIT)
    return {"object": [each.model_dump() for each in partial][-1]}


tell(
    {
        "object": lambda: {
            "object": client.create(response_model=City, messages=ASK, max_retries=1, **LIMIT).model_dump()
        },
        "again": again,
        "stream": stream,
    }
)
