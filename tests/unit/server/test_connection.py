"""A client's connection: who leaves is noticed, who stops reading is dropped, who reads slowly is waited for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from uvicorn.server import ServerState

from wideband.server.connection import Connection, limited
from wideband.server.respond import Receive, Response, Scope, Send

PIECE = b"x" * 65536
PIECES = 200
CLIENT_S = 0.3


@dataclass
class Port:
    """A listening server; `gone` is set when a client is said to have left, `body` is what it had sent."""

    state: ServerState = field(default_factory=ServerState)
    port: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    body: bytes = b""

    def connect(self) -> socket.socket:
        """Return a connected socket that takes little unread."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.port))
        sock.setblocking(False)
        return sock

    async def look_for(self, seconds: float) -> None:
        """Do what the server does every second, more often."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while loop.time() < ends and self.state.connections:
            for connection in list(self.state.connections):
                assert isinstance(connection, Connection)
                connection.drop_if_stuck(loop.time())
            await asyncio.sleep(0.05)


Talk = Callable[[Response], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[Port]:
    port = Port()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = Response(scope, send)
        response.on_gone(port.gone.set)
        more = True
        while more:
            message = await receive()
            port.body += message.get("body", b"")
            more = message.get("more_body", False)
        port.began.set()
        await talk(response)
        response.close()

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    kind = limited(65536, 30.0, CLIENT_S)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(config, port.state, {}, loop), "127.0.0.1", 0)
    port.port = server.sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        for connection in list(port.state.connections):
            connection.transport.abort()
        for task in list(port.state.tasks):
            task.cancel()
        server.close()
        await asyncio.sleep(0)


async def pour(response: Response) -> None:
    await response.start(200, {})
    for _ in range(PIECES):
        await response.send(PIECE)
    await response.end()


async def whole(response: Response) -> None:
    await response.reply(200, {}, PIECE * PIECES)


ASK = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n"


async def test_a_client_that_stops_reading_a_stream_is_dropped() -> None:
    async with listening(pour) as port:
        client = port.connect()
        await asyncio.get_running_loop().sock_sendall(client, ASK)
        await port.began.wait()
        await port.look_for(2)
        assert port.gone.is_set()
        assert not port.state.connections
        client.close()


async def test_a_client_that_leaves_a_whole_answer_unread_is_dropped() -> None:
    async with listening(whole) as port:
        client = port.connect()
        await asyncio.get_running_loop().sock_sendall(client, ASK)
        await port.began.wait()
        await port.look_for(2)
        assert not port.state.connections
        client.close()


@pytest.mark.parametrize("talk", [pour, whole])
async def test_a_client_that_reads_slowly_gets_everything(talk: Talk) -> None:
    async with listening(talk) as port:
        client, loop, size = port.connect(), asyncio.get_running_loop(), 0
        await loop.sock_sendall(client, ASK)
        looking = loop.create_task(port.look_for(30))
        for _ in range(15):
            await asyncio.sleep(0.05)
            for _ in range(20):
                size += len(await loop.sock_recv(client, 4096))
        while size < len(PIECE) * PIECES:
            got = len(await loop.sock_recv(client, 2**20))
            assert got, size
            size += got
        client.close()
        await looking


async def test_a_client_that_waits_is_not_dropped() -> None:
    async def wait(response: Response) -> None:
        await asyncio.sleep(2 * CLIENT_S)
        await response.reply(200, {}, b"late")

    async with listening(wait) as port:
        client, loop = port.connect(), asyncio.get_running_loop()
        await loop.sock_sendall(client, ASK)
        looking = loop.create_task(port.look_for(30))
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200")
        client.close()
        await looking


@pytest.mark.parametrize("pieces", [1, 2, 5])
async def test_a_client_that_leaves_after_a_large_body_is_missed_at_once(pieces: int) -> None:
    body = b"b" * 500_000

    async def wait(response: Response) -> None:
        await asyncio.Event().wait()

    async with listening(wait) as port:
        client, loop = port.connect(), asyncio.get_running_loop()
        await loop.sock_sendall(client, ASK.replace(b"length: 0", b"length: %d" % len(body)))
        step = len(body) // pieces
        for at in range(0, len(body), step):
            await loop.sock_sendall(client, body[at : at + step])
            await asyncio.sleep(0.01)
        await asyncio.wait_for(port.began.wait(), 2)
        assert port.body == body
        client.close()
        await asyncio.wait_for(port.gone.wait(), 1)
