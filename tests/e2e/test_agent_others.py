"""What other agents and libraries send: their habits, each before every provider protocol."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.agents import PROVIDERS, direction, events, holds, post, sent
from tests.e2e.served import CONFIG, Served, serving
from tests.e2e.speakers import Fields

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
ANY = pytest.mark.parametrize("provider", PROVIDERS)
FUNCTION = {"name": "shell", "description": "Runs.", "parameters": {"type": "object", "properties": {}}}
MARK = {"cache_control": {"type": "ephemeral"}}


def chat(provider: str, messages: list[Fields], words: str, **more: Any) -> Fields:
    return {
        "model": f"sandbox/{provider}-only",
        "messages": [*messages, {"role": "user", "content": words}],
        "tools": [{"type": "function", "function": FUNCTION}],
        **more,
    }


def call(number: int = 1, **more: Any) -> Fields:
    return {"id": f"call_{number}", "type": "function", "function": {"name": "shell", "arguments": "{}"}, **more}


@ANY
def test_goose_parts_a_turn_from_its_calls(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    messages: list[Fields] = [
        {"role": "system", "content": [{"type": "text", "text": "You are goose.", **MARK}]},
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": "I run it."},
        {"role": "user", "content": "<info-msg>It is noon.</info-msg>"},
        {"role": "assistant", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Ran."},
    ]
    tools = [{"type": "function", "function": FUNCTION, **MARK}]
    body = chat(provider, messages, words, stream=True, tools=tools, transforms=["middle-out"], user="goose")
    post(served, CHAT, body, user_agent="")
    body = sent(served, name)
    assert holds(body.get("messages") or body.get("input") or body["contents"], "Go.", "I run it.", "noon", "Ran.")
    assert not holds(body, "middle-out")
    assert holds(body, "cache_control") == (provider == "messages")


@ANY
def test_mini_swe_agent_echoes_what_litellm_noted(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    said = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call(provider_specific_fields={"a": 1})],
        "function_call": None,
        "provider_specific_fields": {"refusal": None},
    }
    result = {"role": "tool", "tool_call_id": "call_1", "content": "Ran."}
    answer = post(served, CHAT, chat(provider, [{"role": "user", "content": "Go."}, said, result], words))
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    body = sent(served, name)
    assert holds(body, "Go.", "Ran.")
    assert not holds(body, "provider_specific_fields")


@ANY
def test_vibe_echoes_places_and_names(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    said = {"role": "assistant", "content": "", "tool_calls": [call(index=0)]}
    result = {"role": "tool", "tool_call_id": "call_1", "name": "shell", "content": "Ran."}
    post(served, CHAT, chat(provider, [{"role": "user", "content": "Go."}, said, result], words, stream=True))
    body = sent(served, name)
    assert holds(body, "Go.", "Ran.")
    assert '"index"' not in str(body)


@ANY
def test_the_openrouter_provider_asks_for_usage_in_its_own_way(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    said = {"role": "assistant", "content": "", "tool_calls": [call()]}
    result = {"role": "tool", "tool_call_id": "call_1", "name": "shell", "content": "Ran."}
    turns: list[Fields] = [{"role": "user", "content": "Go."}, said, result]
    told = events(post(served, CHAT, chat(provider, turns, words, stream=True, usage={"include": True})))
    assert told[-1]["usage"]["total_tokens"] > 0
    assert told[-1]["usage"]["cost"] > 0
    assert not sent(served, name).get("usage")


@ANY
def test_usage_nobody_asked_for_rides_on_the_finish(served: Served, provider: str) -> None:
    """The AI SDK's Mistral provider crashes on a chunk without choices."""
    told = events(post(served, CHAT, chat(provider, [], direction("tokens=20 calls=0")[1], stream=True)))
    assert all(chunk["choices"] for chunk in told)
    assert all("finish_reason" in choice for chunk in told for choice in chunk["choices"])
    assert told[-1]["choices"][0]["finish_reason"] == "stop"
    assert told[-1]["usage"]["total_tokens"] > 0


@ANY
def test_usage_that_was_asked_for_has_a_chunk_of_its_own(served: Served, provider: str) -> None:
    body = chat(provider, [], direction("tokens=20 calls=0")[1], stream=True, stream_options={"include_usage": True})
    told = events(post(served, CHAT, body))
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] > 0
    assert told[-2]["choices"][0]["finish_reason"] == "stop"


@ANY
def test_pi_and_opencode_ask_in_openais_newer_words(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    post(served, CHAT, chat(provider, [], words, stream=True, store=False, max_completion_tokens=700))
    body = sent(served, name)
    limits = (body.get("max_tokens"), body.get("max_completion_tokens"), body.get("max_output_tokens"))
    assert 700 in (*limits, body.get("generationConfig", {}).get("maxOutputTokens"))


@ANY
def test_qwen_code_thinks_with_all_it_has(served: Served, provider: str) -> None:
    """A budget as large as the answer, which Anthropic refuses."""
    name, words = direction("tokens=20")
    thinking = {"type": "enabled", "budget_tokens": 16000}
    turn = {"role": "user", "content": [{"type": "text", "text": words}]}
    body: Fields = {"model": f"sandbox/{provider}-only", "max_tokens": 16000, "thinking": thinking, "messages": [turn]}
    post(served, MESSAGES, {**body, "stream": True}, user_agent="claude-cli/2.1.330")
    body = sent(served, name)
    if provider == "messages":
        assert body["thinking"]["budget_tokens"] < body["max_tokens"] == 16000


@ANY
def test_the_ai_sdk_marks_calls_and_results_for_caching(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    use = {"type": "tool_use", "id": "toolu_1", "name": "shell", "input": {}, **MARK}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Ran.", **MARK}
    turns: list[Fields] = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result, {"type": "text", "text": words}]},
    ]
    tools = [{"name": "shell", "input_schema": {"type": "object"}}]
    body = {"model": f"sandbox/{provider}-only", "max_tokens": 900, "messages": turns, "tools": tools}
    post(served, MESSAGES, body)
    body = sent(served, name)
    assert holds(body, "Go.", "Ran.")
    assert holds(body, "cache_control") == (provider == "messages")


@ANY
def test_opencodes_items_have_neither_types_nor_ids(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    items: list[Fields] = [
        {"role": "developer", "content": "You are opencode."},
        {"role": "user", "content": [{"type": "input_text", "text": "Go."}]},
        {"type": "reasoning", "encrypted_content": "wideband@elsewhere:AAAA", "summary": []},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I run it."}]},
        {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Ran."},
        {"role": "user", "content": words},
    ]
    tools = [{"type": "function", **FUNCTION, "strict": False}]
    body = {"model": f"sandbox/{provider}-only", "input": items, "tools": tools, "store": False, "stream": True}
    told = events(post(served, RESPONSES, body))
    assert told[-1]["type"] == "response.completed"
    assert holds(sent(served, name), "Go.", "I run it.", "Ran.")


@ANY
def test_the_ai_sdk_drops_the_ids_of_geminis_calls(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    calls: list[Fields] = [{"functionCall": {"name": "shell", "args": {"n": number}}} for number in range(2)]
    results = [
        {"functionResponse": {"name": "shell", "response": {"name": "shell", "content": f"Ran {number}."}}}
        for number in range(2)
    ]
    # A provider of Gemini 3 wants a signature, or to be told why there is none.
    first = {**calls[0], "thoughtSignature": "skip_thought_signature_validator"}
    contents = [
        {"role": "user", "parts": [{"text": "Go."}]},
        {"role": "model", "parts": [first, calls[1]]},
        {"role": "user", "parts": results},
        {"role": "user", "parts": [{"text": words}]},
    ]
    tools = [{"functionDeclarations": [{"name": "shell", "parameters": {"type": "OBJECT", "properties": {}}}]}]
    path = f"/v1beta/models/sandbox/{provider}-only:streamGenerateContent?alt=sse"
    post(served, path, {"contents": contents, "tools": tools})
    assert holds(sent(served, name), "Go.", "Ran 0.", "Ran 1.")


@pytest.fixture(scope="module")
def aliased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    rows = '\n[aliases]\n"claude-haiku-*" = "sandbox/chat-only"\n"*" = "sandbox/steady"\n'
    home: Path = tmp_path_factory.mktemp("aliased")
    with serving(home, CONFIG + rows) as running:
        yield running


@pytest.mark.parametrize(
    "name", ["claude-haiku-4-5", "google/gemini-2.5-flash", "gemini-3.5-flash-lite", "gpt-5-nano", "stub-model"]
)
def test_side_requests_ask_for_models_that_nobody_named(aliased: Served, name: str) -> None:
    served = "sandbox/chat-only" if name.startswith("claude-haiku") else "sandbox/steady"
    hello = [{"role": "user", "content": "A title, please. [[sandbox tokens=20]]"}]
    assert post(aliased, CHAT, {"model": name, "messages": hello}).json()["model"] == served
    assert post(aliased, MESSAGES, {"model": name, "max_tokens": 9, "messages": hello}).json()["model"] == served
    assert post(aliased, RESPONSES, {"model": name, "input": "Hi [[sandbox tokens=20]]"}).json()["model"] == served
    body = {"contents": [{"parts": [{"text": "Hi [[sandbox tokens=20]]"}]}]}
    answer = post(aliased, f"/v1beta/models/{name}:generateContent", body)
    assert answer.json()["modelVersion"] == served


def test_names_that_stand_for_models_are_listed_to_claude_code(tmp_path: Path) -> None:
    with (
        serving(tmp_path, CONFIG + '\n[aliases]\n"claude-mine" = "sandbox/steady"\n') as running,
        running.http() as http,
    ):
        found = http.get("/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}).json()["data"]
    assert "claude-mine" in [row["id"] for row in found if "claude" in row["id"]]


def test_a_mistake_does_not_put_a_provider_to_rest(served: Served) -> None:
    wrong = {"model": "sandbox/chat-only", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "?"}]}
    right = chat("chat", [], "Hi [[sandbox tokens=20]]")
    with served.http() as http:
        for _ in range(4):
            assert http.post(CHAT, json=wrong).status_code in (200, 400)
            assert http.post(CHAT, json={**right, "model": "sandbox/none"}).status_code == 400
            assert http.post(CHAT, json=right).status_code == 200
