"""What Codex sends, whoever answers, and what it has to get for going on."""

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.agents import direction, events, holds, offered, post, sent
from tests.e2e.served import Served
from tests.e2e.speakers import PICTURE, Fields

ASKS = "/v1/responses"
OTHER = pytest.mark.parametrize("provider", ["chat", "messages", "gemini"])
PATH = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
SHELL = {"type": "function", "name": "shell", "description": "Runs.", "strict": False, "parameters": PATH}
AGENTS = {
    "type": "namespace",
    "name": "multi_agent_v1",
    "description": "Other agents.",
    "tools": [{"type": "function", "name": "wait_agent", "description": "Waits.", "parameters": PATH}],
}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /.+/'}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Patches.", "format": GRAMMAR}
# What runs at OpenAI, or is none of a provider's business.
ELSEWHERE = [{"type": "tool_search", "execution": "client"}, {"type": "web_search", "external_web_access": False}]


def words_of(role: str, text: str) -> Fields:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def request(provider: str, words: str, items: list[Fields] | None = None, **more: Any) -> Fields:
    """Return a body with everything that version 0.169.0 puts into one."""
    items = [words_of("developer", "You are Codex."), *(items or []), words_of("user", words)]
    return {
        "model": f"sandbox/{provider}-only",
        "input": [{**item, "id": f"item_{number}"} for number, item in enumerate(items)],
        "tools": [SHELL, AGENTS, PATCH, *(ELSEWHERE if provider != "responses" else [])],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"verbosity": "low"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199",
        "client_metadata": {"x-codex-installation-id": "i"},
        "store": False,
        "stream": True,
        **more,
    }


def done(served: Served, body: Fields) -> tuple[list[Fields], Fields]:
    """Return the finished items and the final response of a stream, which is all that Codex reads of one."""
    told = events(post(served, ASKS, body, session_id="s-1", originator="codex_exec"))
    items = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert told[-1]["type"] == "response.completed"
    final: Fields = told[-1]["response"]
    assert final["id"]
    assert all(item["role"] == "assistant" for item in items if item["type"] == "message")
    return items, final


@OTHER
def test_a_turn_with_everything(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    items = [
        words_of("user", "Look."),
        {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "wideband@elsewhere:AAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "wait_agent",
            "namespace": "multi_agent_v1",
            "arguments": "{}",
        },
        {"type": "function_call", "call_id": "c2", "name": "shell", "arguments": '{"command":"ls"}'},
        {"type": "custom_tool_call", "call_id": "c3", "name": "apply_patch", "input": '*** "Begin" Patch\n'},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "A picture."},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
            ],
        },
        {"type": "function_call_output", "call_id": "c1", "output": "Waited."},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "Patched."},
    ]
    _, final = done(served, request(provider, words, items))
    body = sent(served, name)
    assert offered(body) == ["shell", "multi_agent_v1__wait_agent", "apply_patch"]
    assert holds(body, "You are Codex.")
    assert not holds(body, "elsewhere:AAAA")
    assert not any(holds(body, word) for word in ("client_metadata", "tool_search", "web_search"))
    turns = body.get("messages") or body["contents"]
    for said in ("Look.", "I look.", "A picture.", PICTURE, "Waited.", "Patched.", name):
        assert holds(turns, said), said
    usage = final["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] < 5000


@pytest.mark.parametrize("provider", ["chat", "messages", "gemini", "responses"])
def test_a_tool_in_a_namespace_is_called_by_both_its_names(served: Served, provider: str) -> None:
    tool = "wait_agent" if provider == "responses" else "multi_agent_v1__wait_agent"
    items, _ = done(served, request(provider, direction(f"tokens=40 calls=1 tool={tool}")[1]))
    (call,) = [item for item in items if item["type"] == "function_call"]
    assert (call["name"], call["namespace"]) == ("wait_agent", "multi_agent_v1")
    assert call["call_id"]
    assert json.loads(call["arguments"]).keys() == {"command"}


@pytest.mark.parametrize("provider", ["chat", "messages", "gemini", "responses"])
def test_a_patch_is_free_text(served: Served, provider: str) -> None:
    name, words = direction("tokens=40 calls=1 tool=apply_patch")
    items, _ = done(served, request(provider, words))
    (call,) = [item for item in items if item["type"] == "custom_tool_call"]
    assert call["name"] == "apply_patch"
    assert call["call_id"]
    assert not call["input"].startswith("{")
    # Who takes no grammar is told it in words.
    assert holds(sent(served, name), "*** Begin Patch")


@OTHER
def test_thinking_is_given_back_and_found_again(served: Served, provider: str) -> None:
    name, words = direction("tokens=40 calls=1 tool=shell")
    items, _ = done(served, request(provider, words))
    (call,) = [item for item in items if item["type"] == "function_call"]
    echoed = [*items, {"type": "function_call_output", "call_id": call["call_id"], "output": "Done."}]
    name, words = direction("tokens=20 calls=0")
    done(served, request(provider, words, [words_of("user", "Go."), *echoed]))
    assert holds(sent(served, name), "Go.", call["name"], "Done.")


def test_a_summary_is_an_ordinary_request_without_tools(served: Served) -> None:
    """Codex makes a long conversation shorter so."""
    body = request("chat", direction("tokens=30")[1])
    del body["tools"]
    items, final = done(served, body)
    assert items[-1]["type"] == "message"
    assert final["usage"]["total_tokens"] < 5000


def test_a_websocket_is_declined_at_once_and_quietly(served: Served) -> None:
    log = served.home / "server.log"
    before = log.stat().st_size
    place = urlsplit(served.url)
    head = (
        "GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"openai-beta: responses_websockets=2026-02-06\r\nauthorization: Bearer {served.key}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=2) as line:
        line.sendall(head.encode())
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"not served over a WebSocket" in answer
    assert log.read_bytes()[before:] == b""


def test_a_broken_stream_is_a_failed_response_that_says_to_try_again(served: Served) -> None:
    told = events(post(served, ASKS, request("chat", direction("tokens=60 fault=cut_late")[1])))
    assert told[-1]["type"] == "response.failed"
    assert told[-1]["response"]["error"]["code"] == "server_error"
    assert not any(event["type"] == "response.completed" for event in told)


@pytest.mark.parametrize("provider", ["chat", "messages", "gemini", "responses"])
def test_a_rate_limit_says_how_long_to_wait(served: Served, provider: str) -> None:
    with served.http() as http:
        answer = http.post(ASKS, json=request(provider, direction("fault=429")[1]))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_a_prompt_that_is_too_long_is_told_in_a_code(served: Served) -> None:
    with served.http() as http:
        answer = http.post(ASKS, json=request("chat", "word " * 250_000))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert re.search(r"\d+ tokens", answer.json()["error"]["message"])
