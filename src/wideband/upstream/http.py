"""The HTTP client on aiohttp: pooled connections, no cookies, no proxies, no redirects, no decompression."""

import asyncio
import functools
import io
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from wideband.canon.faults import Faulted, FaultKind
from wideband.upstream.address import address_of
from wideband.upstream.base import Call
from wideband.upstream.causes import lost
from wideband.upstream.http_causes import HTTP_ERRORS, http_fault

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEEPALIVE_S = 55.0
DNS_TTL_S = 60
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 128
READ_BUFFER_BYTES = 128 * 1024

# aiohttp writes larger bodies piece by piece only if it is handed them as a file.
MAX_BYTES_AT_ONCE = 1024 * 1024

_timeout = functools.lru_cache(maxsize=64)(lambda connect_s: aiohttp.ClientTimeout(total=None, connect=connect_s))


@functools.lru_cache(maxsize=1024)
def _url(url: str) -> URL:
    address_of(url)
    return URL(url, encoded=True)


class _Line(ResponseHandler):
    """A connection that knows how often it was used and whether the answer has begun."""

    asked = 0
    heard = False

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)

    def stale(self) -> bool:
        """Whether this was kept alive and ended before any byte of an answer: the request was not worked on."""
        return self.asked > 1 and not self.heard


# The connection of the call that the current task is making.
_line: ContextVar[_Line | None] = ContextVar("wideband_upstream_line", default=None)


class _Connector(aiohttp.TCPConnector):
    def __init__(self, tls: ssl.SSLContext | bool) -> None:
        super().__init__(limit=0, ssl=tls, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=DNS_TTL_S)
        # aiohttp does not offer to name the protocol; tests/unit/upstream shows that this still takes.
        self._factory = functools.partial(_Line, loop=self._loop)  # type: ignore[assignment]  # the subclass is the point

    async def connect(self, req: "ClientRequest", traces: "list[Trace]", timeout: "ClientTimeout") -> "Connection":  # noqa: ASYNC109  aiohttp's signature
        connection = await super().connect(req, traces, timeout)
        while connection.protocol is not None and connection.protocol.should_close:
            # Something came while it was idle, which must not pass for the answer to this request.
            connection.close()
            connection = await super().connect(req, traces, timeout)
        line = connection.protocol
        if isinstance(line, _Line):
            line.asked += 1
            line.heard = False
            _line.set(line)
        return connection


class HttpUpstream:
    """One pool of connections for all providers, by host. Make and use it on one event loop."""

    def __init__(self, tls: ssl.SSLContext | bool = True) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call) -> "HttpAnswer":
        """Send a call and wait for its headers; one that a stale connection swallowed is sent again, once."""
        try:
            async with asyncio.timeout(call.first_byte_s):
                for last_chance in (False, True):
                    _line.set(None)
                    try:
                        return HttpAnswer(await self._post(call))
                    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                        line = _line.get()
                        if last_chance or line is None or not line.stale():
                            raise
        except HTTP_ERRORS as error:
            raise Faulted(http_fault(error, in_body=False)) from error
        raise AssertionError("the second chance answers or raises")

    async def _post(self, call: Call) -> aiohttp.ClientResponse:
        session = self._session or self._open()
        return await session._request(  # the public post() wraps this in an object that only `async with` needs
            "POST",
            _url(call.url),
            data=call.body if len(call.body) < MAX_BYTES_AT_ONCE else io.BytesIO(call.body),
            headers=call.headers,
            timeout=_timeout(call.connect_s),
            allow_redirects=False,
        )

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=_Connector(self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity"},
            skip_auto_headers=("user-agent", "accept", "content-type"),
            auto_decompress=False,
            requote_redirect_url=False,
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class HttpAnswer:
    """A response while it comes in."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._content = response.content
        if self.status == 101:
            response.close()
            raise Faulted(lost(FaultKind.PROVIDER_GARBLED, "it switched protocols"))
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise Faulted(lost(FaultKind.PROVIDER_GARBLED, "it is compressed, which was not asked for"))

    async def chunk(self) -> bytes:
        """Return the next bytes as they came; b"" at the end."""
        try:
            return await self._content.readany()
        except HTTP_ERRORS as error:
            raise Faulted(http_fault(error, in_body=True)) from error

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
        """Give the connection back if the body was read to its end, else close it."""
        if self._content.at_eof():
            self._response.release()
        else:
            self._response.close()
