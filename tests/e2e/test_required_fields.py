"""Every key that a strict client misses when it is not there, in answers of a real server on either lane."""

import base64
import struct
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from mistralai.client import models as mistral
from openai.types.responses import Response, ResponseStreamEvent
from openrouter import components
from pydantic import TypeAdapter
from tests.e2e.agents import PROVIDERS, events, post
from tests.e2e.served import Served
from tests.e2e.speakers import Fields

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
ANY = pytest.mark.parametrize("provider", PROVIDERS)
SAYS = pytest.mark.parametrize("words", ["tokens=20 calls=0", "tokens=40 calls=2"], ids=["text", "calls"])
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
EMBEDS = "sandbox/embed"


def chat(provider: str, words: str, **more: Any) -> Fields:
    return {
        "model": f"sandbox/{provider}-only",
        "messages": [{"role": "user", "content": f"Hi [[sandbox {words}]]"}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
        **more,
    }


@ANY
@SAYS
def test_a_chat_answer(served: Served, provider: str, words: str) -> None:
    told = post(served, CHAT, chat(provider, words)).json()
    assert {"id", "object", "created", "model", "choices", "system_fingerprint", "usage"} <= told.keys()
    assert told["object"] == "chat.completion"
    (choice,) = told["choices"]
    assert {"index", "finish_reason", "message"} <= choice.keys()
    assert choice["message"]["role"] == "assistant"
    components.ChatResult.model_validate(told)
    mistral.ChatCompletionResponse.model_validate(told)


@ANY
@SAYS
@pytest.mark.parametrize("counted", [False, True], ids=["plain", "usage asked for"])
def test_chat_chunks(served: Served, provider: str, words: str, counted: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if counted else {}
    for told in events(post(served, CHAT, chat(provider, words, stream=True, **options))):
        assert {"id", "object", "created", "model", "choices"} <= told.keys()
        assert told["object"] == "chat.completion.chunk"
        assert all({"index", "delta", "finish_reason"} <= choice.keys() for choice in told["choices"])
        components.ChatStreamChunk.model_validate(told)
        # Mistral's SDK wants a name in every piece of a call, which OpenAI's own streams do not have.
        if not any(choice["delta"].get("tool_calls") for choice in told["choices"]):
            mistral.CompletionChunk.model_validate(told)


@ANY
@SAYS
def test_a_response_and_its_events(served: Served, provider: str, words: str) -> None:
    tools = [{"type": "function", "name": "look", "parameters": SCHEMA}]
    body = {"model": f"sandbox/{provider}-only", "input": f"Hi [[sandbox {words}]]", "tools": tools}
    whole = post(served, RESPONSES, body).json()
    assert Response.model_validate(whole).usage
    told = events(post(served, RESPONSES, {**body, "stream": True}))
    kinds = [event["type"] for event in told]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_item.added" in kinds
    assert "response.content_part.added" in kinds or "calls=2" in words
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for event in told:
        adapter.validate_python(event)
        if event["type"].startswith("response.output_text") or "content_part" in event["type"]:
            assert {"output_index", "content_index", "item_id"} <= event.keys()
    assert told[-1]["response"]["usage"]["total_tokens"] > 0
    for item in told[-1]["response"]["output"]:
        assert item["type"] != "function_call" or item["call_id"]
        assert item["type"] != "message" or item["role"] == "assistant"


@ANY
@SAYS
def test_a_message_and_its_events(served: Served, provider: str, words: str) -> None:
    turn = {"role": "user", "content": f"Hi [[sandbox {words}]]"}
    tools = [{"name": "look", "input_schema": SCHEMA}]
    body = {"model": f"sandbox/{provider}-only", "max_tokens": 900, "messages": [turn], "tools": tools}
    assert Message.model_validate(post(served, MESSAGES, body).json()).stop_reason
    answer = post(served, MESSAGES, {**body, "stream": True})
    told = events(answer)
    assert answer.text.count("event: ") == len(told)
    assert told[0]["message"]["usage"]["input_tokens"] >= 0
    assert told[0]["message"]["content"] == []
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    opened: list[int] = []
    for event in told:
        if event["type"] == "ping":
            continue
        adapter.validate_python(event)
        if event["type"] == "content_block_start":
            opened.append(event["index"])
            block = event["content_block"]
            assert block["type"] != "tool_use" or block["id"]
    assert opened == list(range(len(opened)))
    assert told[-1]["type"] == "message_stop"


def test_vectors_have_an_id_and_come_in_base64_when_asked(served: Served) -> None:
    told = post(served, "/v1/embeddings", {"model": EMBEDS, "input": ["a", "b"]}).json()
    assert told["id"]
    mistral.EmbeddingResponse.model_validate(told)
    coded = post(served, "/v1/embeddings", {"model": EMBEDS, "input": "a", "encoding_format": "base64"}).json()
    packed = base64.b64decode(coded["data"][0]["embedding"])
    numbers = struct.unpack(f"<{len(packed) // 4}f", packed)
    assert numbers == pytest.approx(told["data"][0]["embedding"])


def test_the_list_of_models(served: Served) -> None:
    with served.http() as http:
        told = http.get("/v1/models").json()
        paged = http.get("/v1/models", params={"offset": 1, "limit": 500}).json()
    assert {"data", "links", "total_count"} <= told.keys()
    needed = {
        "id", "canonical_slug", "name", "created", "context_length", "architecture", "pricing", "top_provider",
        "per_request_limits", "default_parameters", "supported_parameters", "supported_voices", "links",
        "type", "capabilities", "object",
    }  # fmt: skip
    for row in told["data"]:
        assert needed <= row.keys()
        assert {"input_modalities", "output_modalities", "modality"} <= row["architecture"].keys()
        assert all(isinstance(row["pricing"][name], str) for name in ("prompt", "completion"))
        assert "is_moderated" in row["top_provider"]
        assert row["links"]["details"]
        assert row["type"] == "base"
    assert len(paged["data"]) == len(told["data"]) - 1


def test_the_key_and_the_credits(served: Served) -> None:
    with served.http() as http:
        key, money = http.get("/v1/key").json()["data"], http.get("/v1/credits").json()["data"]
    periods = ("", "_daily", "_weekly", "_monthly")
    needed = {f"{prefix}usage{period}" for prefix in ("", "byok_") for period in periods}
    needed |= {"label", "limit", "limit_remaining", "limit_reset", "rate_limit", "workspace_id"}
    needed |= {"free_model_daily_requests", "is_free_tier", "expires_at"}
    assert needed <= key.keys()
    assert money.keys() == {"total_credits", "total_usage"}


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models"])
def test_geminis_clients_find_models_under_both_versions(served: Served, path: str) -> None:
    with served.http() as http:
        told = http.get(path, headers={"x-goog-api-key": served.key}).json()
    assert all(row["name"].startswith("models/") for row in told["models"])


def test_geminis_embeddings_and_errors(served: Served) -> None:
    requests = [{"model": f"models/{EMBEDS}", "content": {"parts": [{"text": text}]}} for text in "ab"]
    told = post(served, f"/v1beta/models/{EMBEDS}:batchEmbedContents", {"requests": requests}).json()
    assert len(told["embeddings"]) == 2
    with served.http() as http:
        error = http.post("/v1/models/sandbox/nope:generateContent", json={"contents": []}).json()["error"]
    assert {"code", "message", "status"} <= error.keys()


def test_anthropics_errors(served: Served) -> None:
    with served.http() as http:
        told = http.post(MESSAGES, json={"model": "sandbox/steady"}).json()
    assert told["type"] == "error"
    assert {"type", "message"} <= told["error"].keys()
