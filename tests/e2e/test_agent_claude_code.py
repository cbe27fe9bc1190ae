"""What Claude Code sends, whatever model it believes to talk to, and what it has to get for going on."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.e2e.agents import direction, events, holds, offered, post, sent
from tests.e2e.served import Served
from tests.e2e.speakers import Fields

# Whom it does not know to be anybody else than Claude.
OTHERS = ("chat", "responses", "gemini")
OTHER = pytest.mark.parametrize("provider", OTHERS)
ASKS = "/v1/messages?beta=true"
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,"
    "effort-2025-11-24,of-the-future-2030-01-01"
)
HEADERS = {"anthropic_version": "2023-06-01", "anthropic_beta": BETAS, "x_app": "cli", "x_stainless_retry_count": "0"}
MARK = {"cache_control": {"type": "ephemeral"}}


def tool(name: str, **more: Any) -> Fields:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {}}
    return {"name": name, "description": f"Does {name}.", "input_schema": schema, **more}


def request(provider: str, words: str, turns: list[Fields] | None = None, **more: Any) -> Fields:
    """Return a body with everything that version 2.1.330 puts into one."""
    return {
        "model": f"sandbox/{provider}-only",
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.f3a"},
            {"type": "text", "text": "You are Claude Code.", **MARK},
            {"type": "text", "text": "These are the rules.", **MARK},
        ],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": json.dumps({"device_id": "d", "session_id": "s"})},
        "messages": [*(turns or []), {"role": "user", "content": [{"type": "text", "text": words, **MARK}]}],
        **more,
    }


def said(answer: httpx.Response) -> str:
    deltas = [event["delta"] for event in events(answer) if event["type"] == "content_block_delta"]
    return "".join(delta.get("text", "") for delta in deltas)


@OTHER
def test_all_that_it_sends_is_taken(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    answer = post(served, ASKS, request(provider, words, tools=[tool("Bash")]), **HEADERS)
    kinds = [event["type"] for event in events(answer)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") > 0
    assert all(frame.startswith("event: ") for frame in answer.text.split("\n\n") if "data: " in frame)
    body = sent(served, name)
    assert holds(body, "You are Claude Code.", "These are the rules.") or provider == "gemini"
    assert not any(holds(body, word) for word in ("context_management", "cache_control", "clear_thinking", "display"))


@OTHER
def test_system_turns_keep_their_place_in_either_form_and_part_no_call_from_its_result(
    served: Served, provider: str
) -> None:
    name, words = direction("tokens=20 calls=0")
    turns: list[Fields] = [
        {"role": "user", "content": "One."},
        {"role": "system", "content": [{"type": "text", "text": "Reminder A.", **MARK}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}, **MARK}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Done.", **MARK}]},
        {"role": "system", "content": "Reminder B."},
    ]
    post(served, ASKS, request(provider, words, turns, tools=[tool("Bash")]), **HEADERS)
    body = sent(served, name)
    turns_sent = body.get("messages") or body.get("input") or body["contents"]
    assert holds(turns_sent, "One.", "Reminder A.", "Bash", "Done.", "Reminder B.", name)


@OTHER
def test_tools_that_wait_are_hidden_until_a_search_finds_them(served: Served, provider: str) -> None:
    waiting = [tool(name, defer_loading=True) for name in ("WebFetch", "NotebookEdit", "DeferredToolPlaceholder")]
    tools = [tool("ToolSearch"), *waiting]
    before, words = direction("tokens=20 calls=0")
    post(served, ASKS, request(provider, words, tools=tools), **HEADERS)
    assert offered(sent(served, before)) == ["ToolSearch"]
    after, words = direction("tokens=20 calls=0")
    found = [{"type": "tool_reference", "tool_name": "WebFetch"}]
    turns: list[Fields] = [
        {"role": "user", "content": "Fetch it."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": found}]},
    ]
    post(served, ASKS, request(provider, words, turns, tools=tools), **HEADERS)
    body = sent(served, after)
    assert offered(body) == ["ToolSearch", "WebFetch"]
    assert holds(body, "The tool WebFetch can be called now.")


@OTHER
def test_thinking_that_nobody_signed_goes_nowhere(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    thought = {"type": "thinking", "thinking": "Nobody vouches for this.", "signature": ""}
    turns: list[Fields] = [
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Yes."}]},
    ]
    post(served, ASKS, request(provider, words, turns), **HEADERS)
    body = sent(served, name)
    assert not holds(body, "Nobody vouches for this.")
    assert holds(body, "Yes.")


def test_thinking_that_nobody_signed_does_not_reach_anthropic_either(served: Served) -> None:
    name, words = direction("tokens=20")
    thought = {"type": "thinking", "thinking": "Nobody vouches for this.", "signature": ""}
    turns: list[Fields] = [
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Yes."}]},
    ]
    post(served, ASKS, request("messages", words, turns), **HEADERS)
    body = sent(served, name)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]
    # All else is Anthropic's business.
    assert body["context_management"]["edits"]
    assert body["output_config"] == {"effort": "high"}


@OTHER
def test_results_of_every_kind(served: Served, provider: str) -> None:
    name, words = direction("tokens=20 calls=0")
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    paper = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    contents: list[Any] = [
        "As a string.",
        [{"type": "text", "text": "As a list."}],
        [picture],
        [paper],
        [],
        "It broke.",
    ]
    uses = [{"type": "tool_use", "id": f"toolu_{i}", "name": "Read", "input": {"n": i}} for i in range(len(contents))]
    results: list[Fields] = [
        {"type": "tool_result", "tool_use_id": f"toolu_{i}", "content": content} for i, content in enumerate(contents)
    ]
    results[-1]["is_error"] = True
    turns: list[Fields] = [
        {"role": "user", "content": "Read."},
        {"role": "assistant", "content": uses},
        # Parallel results come in any order.
        {"role": "user", "content": results[::-1]},
    ]
    post(served, ASKS, request(provider, words, turns, tools=[tool("Read")]), **HEADERS)
    body = sent(served, name)
    for word in ("As a string.", "As a list.", "iVBORw0KGgo=", "JVBERi0=", "It broke."):
        assert holds(body, word), word
    assert holds(body, "Error: It broke.") or holds(body, "error", "It broke.")
    if provider == "chat":
        roles = [message["role"] for message in body["messages"]]
        assert roles == ["system", "user", "assistant", *["tool"] * len(contents), "user", *roles[10:]]


@OTHER
def test_a_search_of_anthropics_own_is_answered_in_words(served: Served, provider: str) -> None:
    name, words = direction("tokens=30")
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    answer = post(served, ASKS, request(provider, words, tools=[search]), **HEADERS)
    assert len(said(answer)) == 72  # of 30 tokens thinking takes two in five
    assert "tools" not in sent(served, name)


@OTHER
def test_safeguards_are_refused_by_name_where_nobody_keeps_them(served: Served, provider: str) -> None:
    with served.http() as http:
        answer = http.post(ASKS, json=request(provider, "Hi", safeguards={"mode": "auto"}))
    assert answer.status_code == 400
    assert "safeguards" in answer.json()["error"]["message"]


def test_safeguards_and_betas_pass_to_who_speaks_messages_and_tags_do_not(served: Served) -> None:
    name, words = direction("tokens=20")
    post(served, ASKS, request("messages", words, safeguards={"mode": "auto"}, tags=["a"]), **HEADERS)
    body = sent(served, name)
    assert body["safeguards"] == {"mode": "auto"}
    assert "tags" not in body


@pytest.mark.parametrize("provider", [*OTHERS, "messages"])
def test_a_prompt_that_is_too_long_is_told_with_both_numbers(served: Served, provider: str) -> None:
    with served.http() as http:
        answer = http.post(ASKS, json=request(provider, "word " * 250_000))
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    found = re.search(r"prompt is too long: (\d+) tokens > (\d+) maximum", error["message"])
    assert found
    assert int(found[1]) > int(found[2]) == 262_144


def test_two_dozen_counts_at_once(served: Served) -> None:
    def count(number: int) -> int:
        body = {
            "model": f"sandbox/{OTHERS[number % 3]}-only",
            "messages": [{"role": "user", "content": "x"}],
            "tools": [tool(f"Tool{number}")],
        }
        return int(post(served, "/v1/messages/count_tokens?beta=true", body, **HEADERS).json()["input_tokens"])

    with ThreadPoolExecutor(24) as pool:
        counts = list(pool.map(count, range(24)))
    assert all(count > 0 for count in counts)


@pytest.mark.parametrize(("path", "status"), [("/api/hello", 404), ("/", 200), ("/v1/api/hello", 404)])
def test_a_greeting_is_no_fault_of_ours(served: Served, path: str, status: int) -> None:
    with served.http() as http:
        assert http.head(path).status_code == status


def test_models_are_found_by_their_ids(served: Served) -> None:
    with served.http() as http:
        found = http.get("/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}).json()
    assert all(row["id"] and row["display_name"] for row in found["data"])
    assert not found["has_more"]


def test_both_of_its_keys_at_once(served: Served) -> None:
    body = request("chat", direction("tokens=20")[1])
    post(served, ASKS, body, x_api_key="stale", **HEADERS)
    with served.http() as http:
        http.headers["authorization"] = "Bearer stale"
        assert http.post(ASKS, json=body, headers={"x-api-key": served.key}).status_code == 200


@pytest.mark.parametrize(
    "name", ["x-session-id", "x-claude-code-session-id", "session-id", "thread-id", "agent-session-id"]
)
def test_its_conversation_is_in_the_record_as_are_other_agents(served: Served, name: str) -> None:
    headers = {name.replace("-", "_"): "conversation-7", "user_agent": "claude-cli/2.1.330", "x_title": "Mine"}
    answer = post(served, ASKS, request("chat", direction("tokens=20")[1]), **headers)
    with served.http() as http:
        record = http.get("/api/v1/generation", params={"id": answer.headers["x-generation-id"]}).json()["data"]
    assert (record["session_id"], record["user_agent"]) == ("conversation-7", "claude-cli/2.1.330")
