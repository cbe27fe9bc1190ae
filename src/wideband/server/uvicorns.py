"""uvicorn, set up for the hot path."""

import asyncio
import contextlib
import errno
import gc
import logging
import socket
from collections.abc import Callable, Generator

import uvicorn

from wideband.config import Settings
from wideband.server.app import App
from wideband.server.connection import Connection, limited

# A request makes a few hundred objects and drops them; looking for cycles every 700 of them is waste.
GC_THRESHOLD = 50_000
KEEP_ALIVE_S = 75
BACKLOG = 4096
# uvicorn's main loop turns ten times a second.
TICKS_A_LOOK = 10

_REMEDIES = {
    errno.EADDRINUSE: "Is another server there? Choose another port with --port (0 for any free one).",
    errno.EACCES: "Choose a port above 1023 with --port.",
}


class ListenError(Exception):
    """The address cannot be listened on; the text says why and what to do."""


class Server(uvicorn.Server):
    """Says when it listens, and leaves signals to the process that owns it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none: uvicorn would raise them again before our own work is put away."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Drop the clients that have stopped reading; uvicorn would keep them and their answers for ever."""
        if counter % TICKS_A_LOOK == 0:
            now_s = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.drop_if_stuck(now_s)
        return await super().on_tick(counter)

    def hang_up(self) -> None:
        """Close every connection at once."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_THRESHOLD)
            self._ready()


def make_server(app: App, settings: Settings, ready: Callable[[], None]) -> Server:
    """Return a server that has not started."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        loop="none",
        http=limited(settings.limits.max_header_bytes, settings.limits.body_s, settings.deadlines.client_s),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.deadlines.drain_s)),
        backlog=BACKLOG,
    )
    return Server(config, ready)


def listen(host: str, port: int, *, shared: bool) -> socket.socket:
    """Bind a socket; `shared` lets several processes take connections of one port. Raises `ListenError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        remedy = _REMEDIES.get(error.errno or 0, "Name an address of this machine with --host.")
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}. {remedy}") from error
    sock.set_inheritable(True)
    return sock
