"""Several serving processes on one port: the parent owns the ledger, its hub, the sandbox and the boards."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from wideband.clock import monotonic_ns
from wideband.config import Settings, load_market
from wideband.gateway.exchange import Exchange
from wideband.sandbox.market import market as sandbox_rows
from wideband.server.boards import boards_of, linked_boards, relayed_boards
from wideband.server.build import build
from wideband.server.clients import CLIENTS
from wideband.server.metrics import Metrics, Snapshot, render
from wideband.server.process import Ready, Running, announce, forget_running, opened, serve_app, url_of
from wideband.server.uvicorns import listen
from wideband.store.files import write_whole
from wideband.store.socket import LedgerServer, RemoteLedger
from wideband.tasks import spawn
from wideband.wire import jsons

log = logging.getLogger("wideband.server")

READY_LINE = b"ready\n"
READY_S = 30.0
# A worker that dies sooner than this after its start is restarted with a pause, not at once.
SHORT_LIFE_S = 5.0
PAUSE_S = 1.0
METRICS_EVERY_S = 1.0


def ledger_socket(home: Path) -> Path:
    """Return where workers reach the ledger."""
    return home / "run" / "ledger.sock"


async def serve_many(settings: Settings, ready: Ready) -> None:
    """Keep `settings.workers` workers serving until SIGTERM or SIGINT."""
    # Bound but not listening: it keeps the port ours, and decides it when any will do.
    sock = listen(settings.host, settings.port, shared=True)
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        home = await stack.enter_async_context(opened(settings))
        server = LedgerServer(home.ledger, ledger_socket(settings.home))
        await server.start()
        stack.push_async_callback(server.close)
        await stack.enter_async_context(relayed_boards(settings.home))
        crew = Crew(settings, sock.getsockname()[1], home.sandbox_url)
        stack.push_async_callback(crew.stop)
        await crew.start()
        url = url_of(settings.host, sock)
        announce(Running(url, settings, home.market, home.sandbox_url, home.key), ready)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        forget_running(settings.home)


class WorkerError(Exception):
    """A worker did not start; the text says which."""


class Crew:
    """The worker processes; one that dies is replaced."""

    def __init__(self, settings: Settings, port: int, sandbox_url: str | None) -> None:
        self._settings, self._port, self._sandbox_url = settings, port, sandbox_url
        self._keepers: list[asyncio.Task[None]] = []
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False

    async def start(self) -> None:
        """Start all and wait until each one serves. Raises `WorkerError`."""
        await asyncio.gather(*(self._launch(number) for number in range(self._settings.workers)))
        self._keepers = [
            spawn(self._keep(number), name=f"keeper of worker {number}") for number in range(self._settings.workers)
        ]

    async def stop(self) -> None:
        """Have every worker drain and end."""
        self._stopping = True
        for process in self._workers.values():
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in self._workers.values()))
        for keeper in self._keepers:
            keeper.cancel()

    def _ending(self) -> bool:
        return self._stopping

    async def _launch(self, number: int) -> None:
        settings = self._settings
        extra = ("--config", str(settings.config_file)) if settings.config_file else ()
        process = self._workers[number] = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "wideband", "worker", "--number", str(number)),
            *("--home", str(settings.home), "--host", settings.host, "--port", str(self._port), *extra),
            *(("--sandbox-url", self._sandbox_url) if self._sandbox_url else ()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if process.stdout is None:
            raise RuntimeError("workers are started with a pipe for their output")
        line = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
        if line != READY_LINE:
            raise WorkerError(f"worker {number} did not start; what it logged above says why")

    async def _keep(self, number: int) -> None:
        while not self._ending():
            began_ns = monotonic_ns()
            await self._workers[number].wait()
            if self._ending():
                return
            log.error("worker %d ended with code %s; starting another", number, self._workers[number].returncode)
            if monotonic_ns() - began_ns < SHORT_LIFE_S * 1e9:
                await asyncio.sleep(PAUSE_S)
            try:
                await self._launch(number)
            except (WorkerError, OSError) as error:
                log.error("worker %d: %s", number, error)  # noqa: TRY400  the reason is whole; a trace adds nothing


async def work(settings: Settings, number: int, sandbox_url: str | None, ready: Callable[[], None]) -> None:
    """Serve as one worker of a crew, until a signal or until the parent is gone."""
    sock = listen(settings.host, settings.port, shared=True)
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        market = load_market(settings, extra_rows=sandbox_rows(sandbox_url) if sandbox_url else None)
        ledger = RemoteLedger(ledger_socket(settings.home), settings.home)
        await ledger.connect()
        stack.push_async_callback(ledger.close)
        upstream = CLIENTS[settings.upstream.client]()
        stack.push_async_callback(upstream.close)
        counters = Counters(settings.home, number)
        parts = build(settings, market, ledger, upstream, metrics_text=counters.text)
        stack.callback(parts.close)
        writer = spawn(counters.keep_writing(parts.metrics, parts.exchange), name="metrics")
        stack.callback(writer.cancel)
        stack.callback(counters.forget)
        await stack.enter_async_context(
            linked_boards(boards_of(parts.exchange.health, parts.exchange.sticky), settings.home)
        )
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _parent_spoke)
        await serve_app(parts, settings, sock, ready)


def _parent_spoke() -> None:
    """End like on SIGTERM when the parent's end of the pipe is closed: nobody keeps the ledger then."""
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


class Counters:
    """Each worker leaves its counters in a file, so that any of them can answer for all."""

    def __init__(self, home: Path, number: int) -> None:
        self._folder = home / "run"
        self._path = self._folder / f"metrics-{number}.json"

    def text(self, metrics: Metrics, exchange: Exchange) -> str:
        """Return the metrics of all workers: ours as of now, the others' at most a second old."""
        others = [path for path in sorted(self._folder.glob("metrics-*.json")) if path != self._path]
        return render([metrics.snapshot(exchange.open_requests, exchange.hedges.withheld), *_snapshots(others)])

    async def keep_writing(self, metrics: Metrics, exchange: Exchange) -> None:
        """Write ours every second; what a full disk refuses is written when it is not full any more."""
        is_failing = False
        while True:
            counted = metrics.snapshot(exchange.open_requests, exchange.hedges.withheld)
            try:
                write_whole(self._path, jsons.encode(counted))
            except OSError as error:
                if not is_failing:
                    log.warning("the counters of this worker cannot be written: %s", error)
                is_failing = True
            else:
                is_failing = False
            await asyncio.sleep(METRICS_EVERY_S)

    def forget(self) -> None:
        """Take the file away."""
        self._path.unlink(missing_ok=True)


def _snapshots(paths: list[Path]) -> list[Snapshot]:
    found: list[Snapshot] = []
    for path in paths:
        try:
            counts, times = jsons.decode(path.read_bytes())
            found.append((counts, times))
        except (OSError, jsons.DecodeError, ValueError):
            log.warning("the counters in %s cannot be read; they are left out", path)
    return found
