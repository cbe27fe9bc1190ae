"""The server's side of a `Sink`: ASGI messages out, and word of a client that left."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

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
        self._head: MutableMapping[str, Any] | None = None
        self._opening = asyncio.Lock()
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
        """Begin an answer; its head leaves with the first piece, in one packet."""
        self.started = True
        self._head = {"type": "http.response.start", "status": status, "headers": _encoded(headers)}

    async def send(self, data: bytes) -> None:
        await self._pass({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        self.close()
        await self._pass({"type": "http.response.body", "body": data})

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self.end(body)

    async def _pass(self, message: MutableMapping[str, Any]) -> None:
        if self._unsent() is None:
            await self._send(message)
            return
        # A comment that keeps the line open may come while the first piece waits for a client that does not read.
        async with self._opening:
            head = self._unsent()
            if head is None:
                await self._send(message)
            else:
                await self._open(head, message)
                self._head = None

    def _unsent(self) -> MutableMapping[str, Any] | None:
        return self._head

    async def _open(self, head: MutableMapping[str, Any], message: MutableMapping[str, Any]) -> None:
        cycle = getattr(self._send, "__self__", None)
        if not isinstance(cycle, RequestResponseCycle):
            await self._send(head)
            await self._send(message)
            return
        joined = cycle.transport = _Joined(cycle.transport)
        try:
            await self._send(head)
            await self._send(message)
        finally:
            cycle.transport = joined.part()

    def close(self) -> None:
        """Stop listening for the client's leaving."""
        if self._connection is not None:
            if self._left in self._connection.gone_calls:
                self._connection.gone_calls.remove(self._left)
            self._connection = None


class _Joined(asyncio.Transport):
    """Stands in for a transport while uvicorn writes head and body apart: one system call instead of two."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._pieces: list[bytes] = []
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._pieces.append(bytes(data))

    def close(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def part(self) -> asyncio.Transport:
        """Do what was asked for, in order, and give the transport back."""
        if self._pieces:
            self._transport.write(b"".join(self._pieces))
        if self._closing:
            self._transport.close()
        return self._transport


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
