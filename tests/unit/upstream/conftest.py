"""Both HTTP clients, on both event loops, against a server that does exactly what a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop
from tests.unit.upstream.peer import Play, Serve, Server, Visit

from wideband.tasks import spawn
from wideband.upstream.base import Upstream
from wideband.upstream.http import HttpUpstream
from wideband.upstream.raw import RawUpstream

CLIENTS: dict[str, Callable[[ssl.SSLContext | None], Upstream]] = {
    "aiohttp": lambda tls: HttpUpstream() if tls is None else HttpUpstream(tls),
    "raw": RawUpstream,
}


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=CLIENTS)
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[Upstream]:
    client = CLIENTS[request.param](None)
    yield client
    await client.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    running: list[asyncio.Server] = []

    async def start(play: Play, tls: ssl.SSLContext | None = None) -> Server:
        server = Server(scheme="https" if tls else "http")

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            visit = Visit(reader, writer, len(server.visits))
            server.visits.append(visit)
            gone = asyncio.Event()
            server.gone.append(gone)
            try:
                await play(visit)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                gone.set()
                writer.close()

        listening = await asyncio.start_server(
            lambda r, w: spawn(meet(r, w), name="visit"), "127.0.0.1", 0, ssl=tls, limit=2**20
        )
        running.append(listening)
        server.port = listening.sockets[0].getsockname()[1]
        return server

    yield start
    for listening in running:
        listening.close()
