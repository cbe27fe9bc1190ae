"""What Gemini CLI sends, whoever answers, and what it has to get for going on."""

import json
from typing import Any

import httpx
import pytest
from tests.e2e.agents import PROVIDERS, direction, events, holds, offered, sent
from tests.e2e.served import Served
from tests.e2e.speakers import PICTURE, Fields

ANY = pytest.mark.parametrize("provider", PROVIDERS)
OTHER = pytest.mark.parametrize("provider", ["chat", "messages", "responses"])
PATH = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"p": {"type": "string"}}}
CHOICE = {
    "type": "OBJECT",
    "properties": {"reasoning": {"type": "STRING"}, "choice": {"type": "STRING", "enum": ["flash", "pro"]}},
    "required": ["reasoning", "choice"],
}


def ask(served: Served, model: str, verb: str, body: Fields) -> httpx.Response:
    """Ask with Google's header alone, as it does."""
    with served.http() as http:
        del http.headers["authorization"]
        return http.post(f"/v1beta/models/{model}:{verb}", json=body, headers={"x-goog-api-key": served.key})


def request(words: str, turns: list[Fields] | None = None, **more: Any) -> Fields:
    """Return a body with everything that version 0.61.0 puts into one."""
    return {
        "systemInstruction": {"role": "user", "parts": [{"text": "You are Gemini CLI."}]},
        "contents": [*(turns or []), {"role": "user", "parts": [{"text": words}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "write_file", "description": "Writes.", "parametersJsonSchema": PATH},
                    {"name": "read_file", "description": "Reads.", "parametersJsonSchema": PATH},
                ]
            }
        ],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"},
        },
        **more,
    }


def parts_of(told: list[Fields]) -> list[Fields]:
    return [part for event in told for one in event.get("candidates", ()) for part in one["content"].get("parts", ())]


@ANY
@pytest.mark.parametrize("words", ["tokens=20 calls=0", "tokens=40 calls=2"], ids=["text", "calls"])
def test_every_stream_says_why_it_ended(served: Served, provider: str, words: str) -> None:
    answer = ask(served, f"sandbox/{provider}-only", "streamGenerateContent?alt=sse", request(direction(words)[1]))
    assert answer.status_code == 200, answer.text
    told = events(answer)
    finishes = [one["finishReason"] for event in told for one in event["candidates"] if "finishReason" in one]
    assert finishes == ["STOP"]
    assert told[-1]["usageMetadata"]["totalTokenCount"] > 0
    assert told[-1]["responseId"]
    assert told[-1]["modelVersion"]
    assert all(one["index"] == 0 and one["content"]["role"] == "model" for e in told for one in e["candidates"])


@OTHER
def test_calls_have_ids_of_their_own_that_come_back(served: Served, provider: str) -> None:
    model = f"sandbox/{provider}-only"
    words = direction("tokens=40 calls=2 tool=write_file")[1]
    parts = parts_of(events(ask(served, model, "streamGenerateContent?alt=sse", request(words))))
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    assert len({call["id"] for call in calls}) == len(calls) == 2
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": f"Result {number}"}}}
        for number, call in enumerate(calls)
    ]
    name, words = direction("tokens=20 calls=0")
    turns = [{"role": "user", "parts": [{"text": "Go."}]}, {"role": "model", "parts": parts}]
    again = ask(served, model, "generateContent", request(words, [*turns, {"role": "user", "parts": results[::-1]}]))
    assert again.status_code == 200, again.text
    body = sent(served, name)
    assert all(holds(body, call["id"], f"Result {number}") for number, call in enumerate(calls))


@OTHER
def test_calls_without_ids_are_paired_by_their_order_and_pictures_stand_beside_results(
    served: Served, provider: str
) -> None:
    name, words = direction("tokens=20 calls=0")
    call = {"functionCall": {"name": "write_file", "args": {"p": "a"}}}
    turns: list[Fields] = [
        {"role": "user", "parts": [{"text": "Go."}]},
        {
            "role": "model",
            "parts": [
                {"text": "I think.", "thought": True},
                {**call, "thoughtSignature": "skip_thought_signature_validator"},
                call,
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "write_file", "response": {"output": "First."}}},
                {"functionResponse": {"name": "write_file", "response": {"output": "Second."}}},
                {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
            ],
        },
    ]
    answer = ask(served, f"sandbox/{provider}-only", "generateContent", request(words, turns))
    assert answer.status_code == 200, answer.text
    body = sent(served, name)
    assert holds(body, "call_1_0", "call_1_1", "call_1_0", "First.") or holds(body, "call_1_0", "call_1_1", "First.")
    assert holds(body, "First.", "Second.", PICTURE)
    assert not holds(body, "skip_thought_signature_validator")
    assert not holds(body, "I think.")


@ANY
@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema"])
def test_its_classifier_gets_an_object_of_the_schema(served: Served, provider: str, name: str) -> None:
    schema = CHOICE if name == "responseSchema" else json.loads(json.dumps(CHOICE).lower())
    config = {
        "temperature": 0,
        "maxOutputTokens": 1024,
        "thinkingConfig": {"thinkingBudget": 512},
        "responseMimeType": "application/json",
        name: schema,
    }
    body = request(direction("tokens=40")[1], generationConfig=config)
    del body["tools"]
    answer = ask(served, f"sandbox/{provider}-only", "generateContent", body).json()
    (candidate,) = answer["candidates"]
    text = "".join(part.get("text", "") for part in candidate["content"]["parts"] if not part.get("thought"))
    assert json.loads(text)["choice"] in ("flash", "pro")
    assert candidate["finishReason"] == "STOP"


@OTHER
def test_a_search_of_googles_own_is_answered_in_words(served: Served, provider: str) -> None:
    name, words = direction("tokens=20")
    body = request(words, tools=[{"googleSearch": {}}])
    answer = ask(served, f"sandbox/{provider}-only", "generateContent", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["candidates"][0]["content"]["parts"][-1].keys() & {"text", "thoughtSignature"}
    assert "tools" not in sent(served, name)


@ANY
def test_tokens_of_results_with_pictures_are_counted(served: Served, provider: str) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
    result = {"functionResponse": {"name": "read_file", "response": {"output": "See."}}}
    contents = [{"role": "user", "parts": [result, picture]}]
    answer = ask(served, f"sandbox/{provider}-only", "countTokens", {"contents": contents})
    assert answer.status_code == 200, answer.text
    assert answer.json()["totalTokens"] > 100


@ANY
@pytest.mark.parametrize("prefix", ["/v1beta", "/v1", "/api/v1beta"])
def test_names_with_slashes_under_every_prefix(served: Served, provider: str, prefix: str) -> None:
    with served.http() as http:
        body = {"contents": [{"parts": [{"text": direction("tokens=20")[1]}]}]}
        path = f"{prefix}/models/sandbox/{provider}-only:generateContent"
        answer = http.post(path, json=body, params={"key": served.key}, headers={"authorization": ""})
    assert answer.status_code == 200, answer.text


@OTHER
def test_schemas_in_snake_case_are_read_too(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    tools = [{"functionDeclarations": [{"name": "look", "parameters_json_schema": PATH}]}]
    ask(served, f"sandbox/{provider}-only", "generateContent", request(words, tools=tools))
    body = sent(served, name)
    assert offered(body) == ["look"]
    assert holds(body["tools"], "properties", "p")


@ANY
def test_a_broken_stream_ends_cleanly_and_without_a_reason(served: Served, provider: str) -> None:
    words = direction("tokens=60 calls=0 fault=cut_late")[1]
    told = events(ask(served, f"sandbox/{provider}-only", "streamGenerateContent?alt=sse", request(words)))
    assert not any("finishReason" in one for event in told for one in event.get("candidates", ()))
    assert told[-1]["error"]["code"] >= 500
