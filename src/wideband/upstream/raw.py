"""The HTTP client of our own: HTTP/1.1 over httptools and the event loop's transports, and nothing else."""

import asyncio
import contextlib
import ssl
from collections import defaultdict

from wideband.canon.faults import Faulted, FaultKind
from wideband.upstream.address import Address, address_of, head_of
from wideband.upstream.base import Call
from wideband.upstream.causes import fault_of, lost
from wideband.upstream.line import Incoming, Line, StaleError
from wideband.upstream.names import Names

KEEPALIVE_S = 55.0
SWEEP_S = 15.0

# Codings after which a body is what was said; `chunked` has been taken off by then.
_PLAIN = frozenset({"", "identity", "chunked"})

Origin = tuple[str, int, bool]


class RawUpstream:
    """Pools of connections by origin, the last used first. Make and use it on one event loop."""

    def __init__(self, tls: ssl.SSLContext | None = None, names: Names | None = None) -> None:
        self._tls = tls
        self._names = names or Names()
        self._idle: defaultdict[Origin, list[Line]] = defaultdict(list)
        self._lines: dict[Line, Origin] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, call: Call) -> Incoming:
        """Send a call and wait for its headers; one that a stale connection swallowed is sent again on a new one."""
        address = address_of(call.url)
        head = head_of(address, call.headers, len(call.body))
        line = self._take(address.origin)
        if line is not None:
            with contextlib.suppress(StaleError):
                return _readable(await line.ask(head, call.body, call.first_byte_s))
        line = await self._connect(address, call.connect_s)
        return _readable(await line.ask(head, call.body, call.first_byte_s))

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for line in list(self._lines):
            line.abort()
        await asyncio.sleep(0)  # lets the transports say that they are closed

    def _take(self, origin: Origin) -> Line | None:
        idle = self._idle.get(origin)
        while idle:
            line = idle.pop()
            if line.usable and line.quiet:
                return line
            line.abort()
        return None

    async def _connect(self, address: Address, connect_s: float) -> Line:
        if self._closed:
            raise Faulted(lost(FaultKind.PROVIDER_UNREACHABLE, "this client is closed"))
        try:
            async with asyncio.timeout(connect_s):
                line = await self._dial(address, connect_s)
        except TimeoutError:
            raise Faulted(lost(FaultKind.PROVIDER_UNREACHABLE, "connecting took too long")) from None
        except OSError as error:
            raise Faulted(fault_of(error, in_body=False)) from error
        if line.usable and line.quiet:
            self._lines[line] = address.origin
        return line

    async def _dial(self, address: Address, connect_s: float) -> Line:
        """Connect to the first of the host's addresses that answers, each having its share of the time."""
        loop = asyncio.get_running_loop()
        hosts = await self._names.addresses(address.host)
        tls, name = (self._context(), address.host) if address.tls else (None, None)
        error = OSError("the name has no address")
        for host in hosts:
            try:
                async with asyncio.timeout(connect_s / len(hosts)):
                    dialling = loop.create_connection(self._line, host, address.port, ssl=tls, server_hostname=name)
                    line = (await dialling)[1]
            except OSError as lost_way:
                error = lost_way
            else:
                self._names.reached(address.host, host)
                return line
        self._names.lost(address.host)
        raise error

    def _line(self) -> Line:
        return Line(self._rest, self._forget)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _rest(self, line: Line) -> None:
        """Keep a line whose exchange ended for the next call to its origin."""
        origin = self._lines.get(line)
        if origin is None or self._closed:
            line.abort()
            return
        loop = asyncio.get_running_loop()
        line.idle_since_s = loop.time()
        self._idle[origin].append(line)
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    def _forget(self, line: Line) -> None:
        origin = self._lines.pop(line, None)
        if origin is not None:
            with contextlib.suppress(ValueError):
                self._idle[origin].remove(line)

    def _sweep(self) -> None:
        """Close the lines that nobody has used for long; the oldest come first in each list."""
        self._sweeper = None
        loop = asyncio.get_running_loop()
        for origin, idle in list(self._idle.items()):
            while idle and loop.time() - idle[0].idle_since_s > KEEPALIVE_S:
                idle.pop(0).abort()
            if not idle:
                del self._idle[origin]
        if self._idle:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep)


def _readable(answer: Incoming) -> Incoming:
    for name in ("content-encoding", "transfer-encoding"):
        codings = answer.headers.get(name, "")
        if codings not in _PLAIN and not {each.strip().lower() for each in codings.split(",")} <= _PLAIN:
            answer.release()
            raise Faulted(lost(FaultKind.PROVIDER_GARBLED, "it is compressed, which was not asked for"))
    return answer
