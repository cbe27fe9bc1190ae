"""The server's side of a `Sink`: ASGI messages out, and word of a client that left."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Response:
    """One answer over ASGI."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._connection = scope.get("wideband.connection")
        self.started = False
        self.gone = False
        self._on_gone: Callable[[], None] | None = None
        if self._connection is not None:
            self._connection.gone_calls.append(self._left)

    @property
    def body_arrived(self) -> bool:
        """Whether the whole request body has been received."""
        return self._connection is not None and not self._connection.cycle.more_body

    def on_gone(self, call: Callable[[], None]) -> None:
        self._on_gone = call
        if self.gone:
            call()

    def _left(self) -> None:
        self.gone = True
        if self._on_gone is not None:
            self._on_gone()

    async def start(self, status: int, headers: dict[str, str]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})

    async def send(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        self.close()
        await self._send({"type": "http.response.body", "body": data})

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.started = True
        self.close()
        encoded = _encoded(headers)
        encoded.append((b"content-length", b"%d" % len(body)))
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})

    def close(self) -> None:
        """Stop listening for the client's leaving."""
        if self._connection is not None:
            if self._left in self._connection.gone_calls:
                self._connection.gone_calls.remove(self._left)
            self._connection = None


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
