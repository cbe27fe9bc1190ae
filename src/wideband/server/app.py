"""The ASGI application: inference straight to its coroutine, everything else to the management routes."""

import re
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp

from wideband.dialects.base import Dialect
from wideband.dialects.registry import COUNTERS, DIALECTS
from wideband.server.inference import Inference, refuse_method
from wideband.server.respond import Receive, Scope, Send

PREFIXES = ("/api/v1", "/v1")
_SLASHES = re.compile(r"/{2,}")

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class App:
    """Routes a request by its path; the table is made once."""

    def __init__(self, inference: Inference, management: ASGIApp) -> None:
        self._management = management
        self._posts: dict[str, Handler] = {}
        self._dialects: dict[str, Dialect] = {}
        for prefix in PREFIXES:
            for dialect in DIALECTS.values():
                self._add(prefix + dialect.path, inference.chat, dialect)
            for name, counter in COUNTERS.items():
                self._add(prefix + counter.path, inference.count, DIALECTS[name])

    def _add(self, path: str, method: Callable[..., Awaitable[None]], dialect: Dialect) -> None:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            await method(dialect, scope, receive, send)

        self._posts[path], self._dialects[path] = handle, dialect

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
        elif (dialect := self._dialects.get(scope["path"])) is not None:
            await refuse_method(dialect, scope, send)
            return
        await self._management(scope, receive, send)
