"""One serving process: opens what it needs in order, serves until told to stop, and puts everything away."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from wideband import __version__
from wideband.clock import now_ns
from wideband.config import Market, Settings, load_market, wants_sandbox
from wideband.gateway.exchange import Exchange
from wideband.sandbox.market import market as sandbox_rows
from wideband.server.boards import boards_of, kept_boards
from wideband.server.build import Parts, build
from wideband.server.child import Sandbox
from wideband.server.clients import CLIENTS
from wideband.server.localkey import local_key
from wideband.server.metrics import Metrics, render
from wideband.server.shares import keep_shares
from wideband.server.uvicorns import Server, listen, make_server
from wideband.store.files import write_whole
from wideband.store.hub import Hub
from wideband.store.ledger import LocalLedger
from wideband.store.serverlock import HomeError
from wideband.tasks import spawn
from wideband.wire import jsons

CANCELLED_S = 2.0


@dataclass(frozen=True)
class Running:
    """What a started server tells about itself."""

    url: str
    settings: Settings
    market: Market
    sandbox_url: str | None
    key: str = field(repr=False)


Ready = Callable[[Running], None]


@dataclass(frozen=True)
class Opened:
    """What the one process that owns a home has opened."""

    market: Market
    sandbox_url: str | None
    ledger: LocalLedger
    key: str = field(repr=False)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    """Open a home: the ledger first, so that a second server is refused before it does anything; put all away after.

    Raises `HomeError`, `ConfigError`, `SandboxError`.
    """
    async with AsyncExitStack() as stack:
        try:
            ledger = LocalLedger(settings.home, keeping=settings.analytics)
        except (OSError, apsw.Error) as error:
            message = f"`{settings.home}` cannot be used: {error}. Put it right, or name another home with --home."
            raise HomeError(message) from error
        stack.push_async_callback(ledger.close)
        hub = Hub(ledger)
        hub.start()
        stack.push_async_callback(hub.close)
        stack.callback(spawn(keep_shares(ledger), name="shares of spend").cancel)
        market, sandbox = await open_market(settings)
        if sandbox is not None:
            stack.push_async_callback(sandbox.stop)
        key = await local_key(settings.home, ledger)
        yield Opened(market, sandbox.url if sandbox else None, ledger, key)


async def serve(settings: Settings, ready: Ready) -> None:
    """Serve in this one process until SIGTERM or SIGINT. Raises what opening raises, before anything is served."""
    sock = listen(settings.host, settings.port, shared=False)
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        home = await stack.enter_async_context(opened(settings))
        upstream = CLIENTS[settings.upstream.client]()
        stack.push_async_callback(upstream.close)
        parts = build(settings, home.market, home.ledger, upstream, metrics_text=own_metrics)
        stack.callback(parts.close)
        await stack.enter_async_context(
            kept_boards(boards_of(parts.exchange.health, parts.exchange.sticky), settings.home)
        )
        running = Running(url_of(settings.host, sock), settings, home.market, home.sandbox_url, home.key)
        await serve_app(parts, settings, sock, lambda: announce(running, ready))
        forget_running(settings.home)


async def serve_app(parts: Parts, settings: Settings, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Run the HTTP server until a signal; open streams are drained, then cancelled and settled."""
    server = make_server(parts.app, settings, ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, parts)
    await server.serve([sock])
    if left := list(server.server_state.tasks):
        _, stuck = await asyncio.wait(left, timeout=CANCELLED_S)
        if stuck:  # their clients do not even take the end
            server.hang_up()
            await asyncio.wait(stuck, timeout=CANCELLED_S)


def _stop(server: Server, parts: Parts) -> None:
    parts.pulse.close()
    parts.turns.close()
    # A second signal does not wait for open streams any longer.
    server.force_exit = server.should_exit
    server.should_exit = True


async def open_market(settings: Settings) -> tuple[Market, Sandbox | None]:
    """Load the catalogue; start the sandbox when it is asked for, or when nothing else could answer."""
    market = await asyncio.to_thread(load_market, settings)
    if not wants_sandbox(settings, market):
        return market, None
    sandbox = await Sandbox.start(settings.sandbox.seed, settings.sandbox.speedup)
    return load_market(settings, extra_rows=sandbox_rows(sandbox.url)), sandbox


def own_metrics(metrics: Metrics, exchange: Exchange) -> str:
    """Return the metrics of this process alone."""
    return render([metrics.snapshot(exchange.open_requests, exchange.hedges.withheld)])


def url_of(host: str, sock: socket.socket) -> str:
    """Return the URL a client on this machine uses."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{sock.getsockname()[1]}"


def announce(running: Running, ready: Ready) -> None:
    """Tell programs and people that the server is there."""
    write_running(running)
    ready(running)


def running_file(home: Path) -> Path:
    """Return the file that tells other programs about the server of a home."""
    return home / "run" / "server.json"


def write_running(running: Running) -> None:
    """Tell other programs of this machine where the server is."""
    facts: dict[str, Any] = {
        "url": running.url,
        "pid": os.getpid(),
        "workers": running.settings.workers,
        "sandbox_url": running.sandbox_url,
        "version": __version__,
        "started_ns": now_ns(),
    }
    write_whole(running_file(running.settings.home), jsons.encode(facts))


def forget_running(home: Path) -> None:
    """Take back what `write_running` told."""
    running_file(home).unlink(missing_ok=True)
