"""Which request goes where: by its path, also when a model's name is part of it."""

from typing import Any, cast

import pytest

from wideband.dialects.base import Called, Dialect
from wideband.dialects.registry import COUNTERS, DIALECTS
from wideband.server.app import PREFIXES, App
from wideband.server.respond import Scope
from wideband.wire import jsons


class Inference:
    """Remembers who was asked what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Called]] = []

    async def chat(self, dialect: Dialect, called: Called, *_: Any) -> None:
        self.asked.append(("chat", dialect.name, called))

    async def count(self, dialect: Dialect, called: Called, *_: Any) -> None:
        self.asked.append(("count", dialect.name, called))


class Sent:
    """What an application answered."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> Any:
        return jsons.decode(b"".join(message.get("body", b"") for message in self.messages))


async def ask(path: str, query: str = "", method: str = "POST", headers: Any = ()) -> tuple[Any, Sent]:
    """Return who was asked, "management" for the rest, and what was sent back."""
    inference, sent, managed = Inference(), Sent(), []

    async def management(scope: Scope, *_: Any) -> None:
        managed.append(scope["path"])

    app = App(cast("Any", inference), management)
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": list(headers)}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, sent)
    return (inference.asked[0] if inference.asked else managed and "management"), sent


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_path_of_every_dialect_is_served_under_every_prefix(prefix: str) -> None:
    for dialect in DIALECTS.values():
        for path in dialect.paths:
            asked, _ = await ask(prefix + path.replace("{model}", "a/b:free"))
            model = "a/b:free" if "{model}" in path else None
            assert asked == ("chat", dialect.name, Called(path=path, model=model))
    for name, counter in COUNTERS.items():
        for path in counter.paths:
            asked, _ = await ask(prefix + path.replace("{model}", "a/b"))
            assert asked[:2] == ("count", name)


@pytest.mark.parametrize("path", ["/v1//chat/completions", "/v1/chat/completions/", "//v1/chat/completions"])
async def test_a_base_url_that_ends_in_a_slash_does_no_harm(path: str) -> None:
    asked, _ = await ask(path)
    assert asked[:2] == ("chat", "openai_chat")


async def test_the_query_of_a_path_with_a_model_is_read() -> None:
    asked, _ = await ask("/v1beta/models/openai/gpt-5:streamGenerateContent", "alt=sse&key=a%2Bb&$x=")
    called = asked[2]
    assert (called.path, called.model) == ("/models/{model}:streamGenerateContent", "openai/gpt-5")
    assert called.query == {"alt": "sse", "key": "a+b", "$x": ""}


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1beta/models/x:unheardOf", "/v1/models/a/b", "/metrics", "/v1/models/"]
)
async def test_all_else_is_managed(path: str) -> None:
    assert (await ask(path))[0] == "management"


async def test_other_methods_are_refused_in_the_dialect() -> None:
    _, sent = await ask("/v1/messages", method="GET")
    assert (sent.status, sent.body["type"]) == (405, "error")


async def test_a_websocket_is_refused_so_that_codex_goes_on_over_http() -> None:
    _, sent = await ask(
        "/v1/responses", method="GET", headers=[(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
    )
    assert sent.status == 426
    assert "not served over a WebSocket" in sent.body["error"]["message"]
