"""Requests as coding agents send them, and what becomes of them: bodies in their words, read where they arrive."""

import json
from typing import Any
from uuid import uuid4

import httpx
from tests.e2e.served import Served
from tests.e2e.speakers import Fields, events_of

# Every other provider protocol than the client's own has to be translated to.
PROVIDERS = ("chat", "messages", "responses", "gemini")


def direction(words: str) -> tuple[str, str]:
    """Return a name under which the sandbox keeps a request, and the direction that says so."""
    name = uuid4().hex
    return name, f"[[sandbox keep={name} {words}]]"


def sent(served: Served, name: str) -> Fields:
    """Return the one request that reached a provider under a name."""
    kept: list[dict[str, str]] = httpx.get(f"{served.facts['sandbox_url']}/kept/{name}").json()
    assert len(kept) == 1
    body: Fields = json.loads(kept[0]["body"])
    return body


def post(served: Served, path: str, body: Fields, **headers: str) -> httpx.Response:
    """Ask as an agent does, and be sure that it is answered."""
    with served.http() as http:
        answer = http.post(path, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, answer.text
    return answer


def offered(body: Fields) -> list[str]:
    """Return the names of the functions that a provider of any protocol was offered."""
    tools = [one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", [tool])]
    named = [tool.get("function", tool) for tool in tools]
    return [tool.get("name", tool.get("type")) for tool in named]


def holds(body: Any, *words: str) -> bool:
    """Tell whether a request says these words anywhere, in this order."""
    text, at = json.dumps(body, ensure_ascii=False), 0
    for word in words:
        at = text.find(json.dumps(word, ensure_ascii=False)[1:-1], at)
        if at < 0:
            return False
    return True


def events(answer: httpx.Response) -> list[Fields]:
    """Return the events of a stream."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events_of(answer.text)
