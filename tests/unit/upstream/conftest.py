"""Both HTTP clients, on both event loops, against a server that does exactly what a test tells it to."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with a key and a certificate of `localhost` that nobody trusts by default."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
