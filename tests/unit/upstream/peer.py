"""The far end of a call: a server that plays what a test tells it to, and the bytes it says."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from wideband.upstream.base import Call


@dataclass
class Visit:
    """One connection to the server. `ask` reads a request: its head and its body."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def ask(self) -> tuple[bytes, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        return head, await self.reader.readexactly(int(fields[b"content-length"]))

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        self.writer.transport.abort()


Play = Callable[[Visit], Awaitable[None]]


@dataclass
class Server:
    """Plays `play` on every connection; `gone` counts the connections that are over."""

    port: int = 0
    visits: list[Visit] = field(default_factory=list)
    gone: list[asyncio.Event] = field(default_factory=list)
    scheme: str = "http"

    def call(self, body: bytes = b"{}", path: str = "/v1/x", **over: float) -> Call:
        times = {"connect_s": 2.0, "first_byte_s": 2.0} | over
        return Call(
            url=f"{self.scheme}://localhost:{self.port}{path}",
            body=body,
            headers={"content-type": "application/json", "authorization": "Bearer secret"},
            **times,
        )

    async def closed(self, number: int) -> None:
        """Wait until the client closed a connection."""
        await asyncio.wait_for(self.gone[number].wait(), 2)


Serve = Callable[..., Awaitable[Server]]


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
