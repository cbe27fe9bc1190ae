"""The sandbox as a process: HTTP/1.1 on bare sockets, so that broken behaviour is really on the wire."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httptools
import msgspec

from wideband.clock import monotonic_ns, now_ns
from wideband.sandbox.desk import Desk, Incoming
from wideband.sandbox.plays import End, Step
from wideband.wire import jsons

# Two writes of one stream are at least so much real time apart; more tokens ride in each when time runs faster.
GRAIN_S = 0.02
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_WAITING = 16

log = logging.getLogger("wideband.sandbox")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a sandbox runs; `speedup` divides all simulated times."""

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    speedup: float = 1.0
    ready_file: Path | None = None
    with_parent: bool = False


class _Clock:
    """Simulated time: it starts now and runs `speedup` times as fast."""

    def __init__(self, speedup: float) -> None:
        self.speedup = speedup
        self._start_s = now_ns() / 1e9
        self._start_ns = monotonic_ns()

    def now_s(self) -> float:
        return self._start_s + (monotonic_ns() - self._start_ns) / 1e9 * self.speedup


class _Connection(asyncio.Protocol):
    """One client's connection: parses requests, and acts out one play at a time."""

    def __init__(self, desk: Desk, clock: _Clock, alive: "set[_Connection]") -> None:
        self._desk = desk
        self._clock = clock
        self._alive = alive
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Incoming] = deque()
        self._steps: Iterator[Step] | None = None
        self._end = End.KEEP
        self._timer: asyncio.TimerHandle | None = None
        self._held: bytes | None = None
        self._is_full = False
        self._is_last = False
        self._transport = cast(asyncio.Transport, None)
        self.on_message_begin()

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._alive.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._alive.discard(self)
        self._steps = None
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._held is not None:
            data, self._held = self._held, None
            self._say(data)

    def close(self) -> None:
        self._transport.abort()

    # The parser's side.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_BODY_BYTES:
            self.close()
            return
        self._body.append(data)

    def on_message_complete(self) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.close()
            return
        incoming = Incoming(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            at_s=self._clock.now_s(),
        )
        self._waiting.append(incoming)
        self._is_last = not self._parser.should_keep_alive()
        if self._steps is None:
            self._begin()

    # The play.

    def _begin(self) -> None:
        play = self._desk.play(self._waiting.popleft())
        self._end = play.end
        self._steps = iter(play.steps)
        self._next()

    def _next(self) -> None:
        assert self._steps is not None
        step = next(self._steps, None)
        if step is None:
            self._finish()
        elif step.wait_s <= 0.0:
            self._say(step.data)
        else:
            self._timer = self._loop.call_later(step.wait_s / self._clock.speedup, self._say, step.data)

    def _say(self, data: bytes) -> None:
        if self._is_full:
            self._held = data
            return
        self._transport.write(data)
        if self._steps is not None:
            self._next()

    def _finish(self) -> None:
        if self._end is End.HANG:
            return
        self._steps = None
        if self._end is End.CUT:
            # What was said still arrives: close sends it, then ends the connection in the middle of the body.
            self._transport.close()
        elif self._waiting:
            self._begin()
        elif self._is_last:
            self._transport.close()


async def serve(settings: Settings) -> None:
    """Run the sandbox until it is told to stop: SIGINT, SIGTERM, or its parent's end."""
    loop = asyncio.get_running_loop()
    desk = Desk(settings.seed, GRAIN_S * settings.speedup)
    clock = _Clock(settings.speedup)
    alive: set[_Connection] = set()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if settings.with_parent:
        threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
    server = await loop.create_server(
        lambda: _Connection(desk, clock, alive), settings.host, settings.port, backlog=4096
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
    port = server.sockets[0].getsockname()[1]
    _announce(settings, f"http://{settings.host}:{port}")
    await stop.wait()
    server.close()
    for connection in list(alive):
        connection.close()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Wait in a thread until standard input ends, which it does when the parent dies, however it dies."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)


def _announce(settings: Settings, url: str) -> None:
    facts: dict[str, Any] = {
        "url": url,
        "pid": os.getpid(),
        "seed": settings.seed,
        "speedup": settings.speedup,
        "simulated": True,
    }
    line = jsons.encode(facts) + b"\n"
    if settings.ready_file is not None:
        draft = settings.ready_file.with_suffix(".part")
        draft.write_bytes(line)
        draft.replace(settings.ready_file)
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
