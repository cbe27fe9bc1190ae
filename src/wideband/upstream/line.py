"""One HTTP/1.1 connection to a provider: a protocol over httptools that carries one exchange after another."""

import asyncio
import select
from collections.abc import Callable, Mapping
from typing import cast

import httptools

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.upstream.causes import fault_of, lost

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128
# Bytes that carry no body (chunk sizes and extensions, trailers): more of them in a row than this is an attack.
MAX_IDLE_BYTES = 64 * 1024
# Reading pauses when this much waits for the caller, and goes on when all of it was taken.
HIGH_WATER_BYTES = 64 * 1024
# A connection that was closed while it was idle says so within a round trip. One that is lost later was working.
STALE_S = 2.0


class StaleError(Exception):
    """A kept-alive connection ended before any byte of the answer: nobody worked on the request."""


class Incoming:
    """An answer while it comes in over a line; it outlives the exchange, so that what has come can still be taken."""

    __slots__ = ("_line", "_loop", "_pieces", "_waiter", "complete", "fault", "headers", "status", "waiting_bytes")

    def __init__(self, line: "Line", loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0  # 0 until the headers are here
        self.headers: Mapping[str, str] = {}
        self.complete = False
        self.fault: Fault | None = None
        self.waiting_bytes = 0
        self._line = line
        self._loop = loop
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Wait for the headers. Raises `Faulted`."""
        while not self.status:
            if self.fault is not None:
                raise Faulted(self.fault)
            await self._news()

    async def chunk(self) -> bytes:
        """Return what has come of the body; b"" at its proper end. Raises `Faulted`."""
        while not self._pieces:
            if self.complete:
                return b""
            if self.fault is not None:
                raise Faulted(self.fault)
            await self._news()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.waiting_bytes = 0
        self._line.resume()
        return data

    async def read(self, limit: int) -> bytes:
        """Return the rest of the body."""
        pieces, size = [], 0
        while piece := await self.chunk():
            size += len(piece)
            if size > limit:
                self.release()
                raise Faulted(lost(FaultKind.PROVIDER_GARBLED, f"it is longer than {limit} bytes"))
            pieces.append(piece)
        return b"".join(pieces)

    def release(self) -> None:
        """Close the connection unless the whole answer has come: then it is already free for the next exchange."""
        if not self.complete:
            self._line.drop(self)

    def put(self, piece: bytes) -> None:
        """Take in a piece of the body."""
        self._pieces.append(piece)
        self.waiting_bytes += len(piece)

    def wake(self) -> None:
        """Tell who waits that something has changed."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _news(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Line(asyncio.Protocol):
    """A connection. `ask` sends a request and returns its answer; one exchange at a time.

    `on_idle` is called when an exchange ended so that another may follow, `on_lost` when the connection is gone.
    """

    def __init__(self, on_idle: "Callable[[Line], None]", on_lost: "Callable[[Line], None]") -> None:
        self.exchanges = 0
        self.idle_since_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting = select.poll()
        self._answer: Incoming | None = None
        self._begin()

    def _begin(self) -> None:
        self._heard = False
        self._framed = False  # the body's end is announced; else the end of the connection ends it
        self._keep = False
        self._paused = False
        self._idle_bytes = 0
        self._fields: list[tuple[bytes, bytes]] = []

    # What the caller does.

    @property
    def usable(self) -> bool:
        """Whether a request can be sent now."""
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    @property
    def quiet(self) -> bool:
        """Whether nothing came while the line was idle, also nothing that the loop has not seen yet.

        A line with an end or with bytes on it cannot be asked: those bytes would pass for the answer to this request.
        """
        return not self._waiting.poll(0)

    async def ask(self, head: bytes, body: bytes, deadline_s: float) -> Incoming:
        """Send a request and wait for the answer's headers. Raises `Faulted`, or `StaleError` if it may be repeated."""
        if self._answer is not None:
            raise RuntimeError("a line carries one exchange at a time")
        if self._transport is None:
            raise Faulted(_loss(None, in_body=False))
        self._begin()
        self.exchanges += 1
        asked_s = self._loop.time()
        answer = self._answer = Incoming(self, self._loop)
        timer = self._loop.call_later(deadline_s, self._late, answer)
        try:
            if len(body) < MAX_HEAD_BYTES:
                self._transport.write(head + body)
            else:
                self._transport.writelines((head, body))
            await answer.head()
        except Faulted as error:
            self.drop(answer)
            stale = self.exchanges > 1 and not self._heard and self._loop.time() - asked_s < STALE_S
            if stale and error.fault.kind is FaultKind.PROVIDER_UNREACHABLE:
                raise StaleError from None
            raise
        except BaseException:  # a cancelled caller: whatever comes now belongs to nobody
            self.drop(answer)
            raise
        finally:
            timer.cancel()
        return answer

    def drop(self, answer: Incoming) -> None:
        """Close the connection at once if it still carries this answer."""
        if self._answer is answer:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _pause(self) -> None:
        if self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on reading if that was paused."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _late(self, answer: Incoming) -> None:
        """End the exchange of an answer whose headers did not come in time; by now the line may carry another one."""
        if self._answer is answer and not answer.status:
            self._fail(lost(FaultKind.PROVIDER_TIMEOUT, "the deadline passed"))

    def _fail(self, fault: Fault) -> None:
        answer, self._answer = self._answer, None
        self.abort()
        if answer is not None and not answer.complete:
            answer.fault = fault
            answer.wake()

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of this class but behave so
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._waiting.register(sock.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.abort()  # unasked bytes on an idle line
            return
        self._heard = True
        self._idle_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(lost(FaultKind.PROVIDER_GARBLED, "it switched protocols"))
        except httptools.HttpParserError as error:
            self._keep = False
            if not answer.complete:
                self._fail(lost(FaultKind.PROVIDER_GARBLED, str(error).rstrip(".") or "it cannot be parsed"))
        if self._idle_bytes > MAX_IDLE_BYTES:
            self._fail(lost(FaultKind.PROVIDER_GARBLED, "it holds too many bytes that are no content"))
        if answer.complete:
            self._end()
        elif self._answer is answer and answer.waiting_bytes > HIGH_WATER_BYTES and not self._paused:
            self._pause()
        answer.wake()

    def _end(self) -> None:
        """End the exchange: the connection waits for another one, or closes if that would not be safe."""
        self._answer = None
        transport = self._transport
        # A request that was answered before it was sent whole leaves the peer out of step.
        if transport is None or transport.is_closing() or not self._keep or transport.get_write_buffer_size():
            self.abort()
            return
        self.resume()
        self._on_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost(self)
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if answer.status and not self._framed and exc is None:
            answer.complete = True
        else:
            answer.fault = _loss(exc, in_body=bool(answer.status))
        answer.wake()

    # What the parser says.

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.complete:
            self._keep = False  # more than was asked for: it must not pass for the next answer

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and not self._answer.status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        fields, self._fields = self._fields, []
        status = self._parser.get_status_code()
        answer = self._answer
        if answer is None or answer.status or 100 <= status < 200:
            return
        if status < 100:
            self._fail(lost(FaultKind.PROVIDER_GARBLED, "its status is none"))
            return
        self._idle_bytes = 0
        if len(fields) > MAX_HEADERS or sum(len(name) + len(value) for name, value in fields) > MAX_HEAD_BYTES:
            self._fail(lost(FaultKind.PROVIDER_GARBLED, "its headers are too large"))
            return
        headers = _joined(fields)
        self._framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        answer.status, answer.headers = status, headers

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        if self._answer is not None and not self._answer.complete:
            self._answer.put(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is not None and answer.status and not answer.complete:
            answer.complete = True
            self._keep = self._parser.should_keep_alive()


def _joined(fields: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined as HTTP says they may be."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _loss(error: Exception | None, *, in_body: bool) -> Fault:
    """Return what the end of a connection in the middle of an exchange means."""
    if isinstance(error, OSError):
        return fault_of(error, in_body=in_body)
    if in_body:
        return lost(FaultKind.PROVIDER_CUT, "the body is not complete")
    return lost(FaultKind.PROVIDER_UNREACHABLE, "it closed the connection")
