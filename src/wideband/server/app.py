"""The ASGI application: inference straight to its coroutine, everything else to the management routes."""

import re
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp

from wideband.dialects.registry import COUNTERS, DIALECTS
from wideband.server.inference import Inference
from wideband.server.respond import Receive, Scope, Send

PREFIXES = ("/api/v1", "/v1")
_SLASHES = re.compile(r"/{2,}")

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class App:
    """Routes a request by its path; the table is made once."""

    def __init__(self, inference: Inference, management: ASGIApp) -> None:
        self._management = management
        self._posts: dict[str, Handler] = {}
        for prefix in PREFIXES:
            for dialect in DIALECTS.values():
                self._posts[prefix + dialect.path] = _bound(inference.chat, dialect.name)
            for name, counter in COUNTERS.items():
                self._posts[prefix + counter.path] = _bound(inference.count, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"this application does not serve {scope['type']}")
        if scope["method"] == "POST":
            handler = self._posts.get(scope["path"])
            if handler is None:
                # A base URL that ends in a slash gives a double one.
                handler = self._posts.get(_SLASHES.sub("/", scope["path"]).rstrip("/"))
            if handler is not None:
                await handler(scope, receive, send)
                return
        await self._management(scope, receive, send)


def _bound(method: Callable[..., Awaitable[None]], dialect_name: str) -> Handler:
    dialect = DIALECTS[dialect_name]

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await method(dialect, scope, receive, send)

    return handle
