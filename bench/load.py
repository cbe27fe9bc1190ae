"""The callers: keep-alive connections that send one request over and over, as cheaply as Python can.

`python -m bench.load` runs in a process of its own. It reads one JSON `Order` from its first line of input and writes
JSON lines: for streams `{"open": n}` once all are open, then one `Tally`.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import cast

import httptools
import msgspec
import uvloop

STALL_S = 30


class Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What to send where; `payload` is a whole HTTP request."""

    port: int
    payload: bytes
    connections: int


class Closed(Order, frozen=True, kw_only=True, tag="closed"):
    """Every connection sends its next request as soon as it has its answer."""

    seconds: float


class Rate(Order, frozen=True, kw_only=True, tag="rate"):
    """Requests leave at a fixed rate on whichever connection is free, answers or no answers."""

    seconds: float
    per_s: float


class Streams(Order, frozen=True, kw_only=True, tag="streams"):
    """Every connection opens one stream and keeps it; a line of input starts the count, the next one ends it."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Latencies are milliseconds from sending to the last byte, sorted.

    `unsent` counts requests of a fixed rate that found every connection busy.
    """

    answers: int
    errors: int
    events: int
    seconds: float
    latencies_ms: tuple[float, ...] = ()
    unsent: int = 0


class Caller(asyncio.Protocol):
    """One connection; counts answers, bad answers and stream events."""

    def __init__(self, on_answer: Callable[["Caller"], None]) -> None:
        self.answers = self.errors = self.events = 0
        self.sent_at = 0.0
        self.latency_s = 0.0
        self.opened = asyncio.get_running_loop().create_future()
        self._on_answer = on_answer
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport | None = None
        self._last = b""
        self._waiting = False

    def send(self, payload: bytes) -> None:
        assert self._transport is not None
        self._waiting = True
        self.sent_at = time.perf_counter()
        self._transport.write(payload)

    def leave(self) -> None:
        self._waiting = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without saying so

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self.errors += 1
            self._settle_opened()
            self._on_answer(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.events += data.count(b"\n\n") + data.count(b"\n\r\n") + (self._last == b"\n" and data[:1] == b"\n")
        self._last = data[-1:]
        if self.events > 1:
            self._settle_opened()

    def on_message_complete(self) -> None:
        self.latency_s = time.perf_counter() - self.sent_at
        self.answers += 1
        self._waiting = False
        if self._parser.get_status_code() != 200:
            self.errors += 1
        self._parser = httptools.HttpResponseParser(self)
        self._settle_opened()
        self._on_answer(self)

    def _settle_opened(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)


async def _connect(order: Order, on_answer: Callable[[Caller], None]) -> list[Caller]:
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: Caller(on_answer), "127.0.0.1", order.port)
        for _ in range(order.connections)
    ]
    return [caller for _, caller in pairs]


def _tally(callers: list[Caller], seconds: float, latencies: list[float]) -> Tally:
    for caller in callers:
        caller.leave()
    return Tally(
        answers=sum(caller.answers for caller in callers),
        errors=sum(caller.errors for caller in callers),
        events=sum(caller.events for caller in callers),
        seconds=seconds,
        latencies_ms=tuple(round(latency * 1000, 4) for latency in sorted(latencies)),
    )


async def run_closed(order: Closed) -> Tally:
    """Send back to back for the time ordered."""
    finished = asyncio.get_running_loop().create_future()
    waiting = order.connections

    def answered(caller: Caller) -> None:
        nonlocal waiting
        if not caller.errors and time.perf_counter() < until:
            caller.send(order.payload)
            return
        waiting -= 1
        if not waiting and not finished.done():
            finished.set_result(None)

    callers = await _connect(order, answered)
    start = time.perf_counter()
    until = start + order.seconds
    for caller in callers:
        caller.send(order.payload)
    await asyncio.wait_for(finished, order.seconds + STALL_S)
    return _tally(callers, time.perf_counter() - start, [])


async def run_rate(order: Rate) -> Tally:
    """Send at a fixed rate, whether answers come or not."""
    free: list[Caller] = []
    latencies: list[float] = []

    def answered(caller: Caller) -> None:
        latencies.append(caller.latency_s)
        free.append(caller)

    callers = await _connect(order, answered)
    free.extend(callers)
    start = time.perf_counter()
    unsent = 0
    for number in range(int(order.seconds * order.per_s)):
        await asyncio.sleep(start + number / order.per_s - time.perf_counter())
        if free:
            free.pop(0).send(order.payload)
        else:
            unsent += 1
    seconds = time.perf_counter() - start
    deadline = time.perf_counter() + STALL_S
    while len(free) < len(callers) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    return msgspec.structs.replace(_tally(callers, seconds, latencies), unsent=unsent)


async def run_streams(order: Streams) -> Tally:
    """Open the streams, say so, and count events between two lines of input."""
    loop = asyncio.get_running_loop()
    callers = await _connect(order, lambda _: None)
    for caller in callers:
        caller.send(order.payload)
    await asyncio.wait_for(asyncio.gather(*(caller.opened for caller in callers)), STALL_S)
    _say({"open": len(callers) - sum(caller.errors for caller in callers)})
    await loop.run_in_executor(None, sys.stdin.readline)
    start, before = time.perf_counter(), sum(caller.events for caller in callers)
    await loop.run_in_executor(None, sys.stdin.readline)
    seconds, after = time.perf_counter() - start, sum(caller.events for caller in callers)
    return msgspec.structs.replace(_tally(callers, seconds, []), events=after - before)


def _say(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


async def carry_out(order: Closed | Rate | Streams) -> Tally:
    """Do what an order says."""
    match order:
        case Closed():
            return await run_closed(order)
        case Rate():
            return await run_rate(order)
        case Streams():
            return await run_streams(order)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        _say(runner.run(carry_out(msgspec.json.decode(sys.stdin.readline(), type=Closed | Rate | Streams))))
