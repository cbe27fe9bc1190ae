"""What clients of each protocol do depends on these: statuses, headers, and a few words of errors."""

from typing import Any

import httpx
import pytest
from tests.e2e.agents import events
from tests.e2e.served import Served
from tests.e2e.speakers import SPEAKERS, Fields, Wish

CLIENTS = ("chat", "messages", "responses", "gemini")
ANY = pytest.mark.parametrize("client", CLIENTS)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(served: Served, client: str, words: str, *, stream: bool = False, key: str | None = None) -> httpx.Response:
    speaker, model = SPEAKERS[client](), "sandbox/chat-only"
    body = speaker.body(model, [speaker.user(f"Hi [[sandbox {words}]]")], Wish(stream=stream))
    with served.http(key) as http:
        return http.post(speaker.path(model, stream=stream), json=body)


@ANY
@BOTH
def test_a_rate_limit_always_says_how_long_to_wait(served: Served, client: str, stream: bool) -> None:
    answer = ask(served, client, "fault=429", stream=stream)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "x-should-retry" not in answer.headers
    error = answer.json()["error"]
    assert {
        "chat": error.get("metadata", {}).get("error_type") == "rate_limit_exceeded",
        "messages": error.get("type") == "rate_limit_error",
        "responses": error.get("metadata", {}).get("error_type") == "rate_limit_exceeded",
        "gemini": error.get("status") == "RESOURCE_EXHAUSTED",
    }[client]
    if client == "gemini":
        assert any(row["@type"].endswith("RetryInfo") and row["retryDelay"].endswith("s") for row in error["details"])


@ANY
@BOTH
def test_a_key_nobody_knows_is_refused_for_good(served: Served, client: str, stream: bool) -> None:
    answer = ask(served, client, "tokens=20", stream=stream, key="sk-wb-v1-nobody")
    assert answer.status_code == 401
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()["error"]
    words: dict[str, Any] = {"messages": "authentication_error", "gemini": "UNAUTHENTICATED"}
    assert (error.get("status") or error["type"]) == words.get(client, "authentication")


@ANY
@BOTH
def test_out_of_credits_is_said_as_each_client_stops_at_it(served: Served, client: str, stream: bool) -> None:
    poor = served.cli("keys", "create", f"poor-{client}-{stream}", "--limit", "0.000001")
    answer = ask(served, client, "tokens=20", stream=stream, key=poor)
    assert answer.status_code == (402 if client == "chat" else 429)
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    error: Fields = answer.json()["error"]
    if client == "messages":
        assert error["type"] == "billing_error"
    elif client == "responses":
        assert error["code"] == "insufficient_quota"
    elif client == "gemini":
        (quota,) = [row for row in error["details"] if row["@type"].endswith("QuotaFailure")]
        assert "PerDay" in quota["violations"][0]["quotaId"]
        assert not any(row["@type"].endswith("RetryInfo") for row in error["details"])


@ANY
@pytest.mark.parametrize("fault", ["500", "503"])
def test_what_passes_may_be_tried_again(served: Served, client: str, fault: str) -> None:
    answer = ask(served, client, f"fault={fault}")
    assert answer.status_code in (502, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert "x-should-retry" not in answer.headers
    assert "retry" in answer.json()["error"]["message"]


@ANY
def test_what_does_not_pass_may_not(served: Served, client: str) -> None:
    speaker = SPEAKERS[client]()
    body = speaker.body("sandbox/nope", [speaker.user("Hi")], Wish())
    with served.http() as http:
        answer = http.post(speaker.path("sandbox/nope", stream=False), json=body)
    assert answer.status_code == 400
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    assert "sandbox/nope" in speaker.error(answer.json())


@ANY
@pytest.mark.parametrize("fault", ["cut_late", "200_error_late"])
def test_a_stream_that_breaks_never_looks_whole_and_always_ends(served: Served, client: str, fault: str) -> None:
    """No client is cut off: Gemini CLI, goose and llm would die of that; aider takes a plain end for the answer."""
    answer = ask(served, client, f"tokens=60 fault={fault}", stream=True)
    assert answer.status_code == 200
    told = events(answer)
    last = told[-1]
    if client == "chat":
        assert last["error"]["message"]
        assert last["choices"][0]["finish_reason"] == "error"
        assert answer.text.rstrip().endswith("[DONE]") or last["error"]
    elif client == "messages":
        assert last["type"] == "error"
        assert last["error"]["type"] in ("api_error", "overloaded_error")
        assert not any(event["type"] in ("message_delta", "message_stop") for event in told)
    elif client == "responses":
        assert last["type"] == "response.failed"
        assert last["response"]["error"]["code"]
    else:
        assert "error" in last
        assert not any("finishReason" in one for event in told for one in event.get("candidates", ()))


@ANY
def test_every_answer_and_every_error_names_its_record(served: Served, client: str) -> None:
    for words in ("tokens=20", "fault=500"):
        assert ask(served, client, words).headers["x-generation-id"].startswith("gen-")
