"""One client connection: uvicorn's httptools protocol with limits on headers, and word of a client that leaves."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_TOO_LARGE = (
    b'{"error":{"code":431,"message":"The request headers are larger than this server takes. Send fewer or shorter '
    b'headers.","metadata":{"error_type":"payload_too_large"}}}'
)
_TOO_SLOW = (
    b'{"error":{"code":408,"message":"The request headers did not arrive in time. Send the whole request at once.",'
    b'"metadata":{"error_type":"timeout"}}}'
)
_MALFORMED = (
    b'{"error":{"code":400,"message":"This is not a valid HTTP/1.1 request.","metadata":{"error_type":'
    b'"invalid_request"}}}'
)
_STATUS_LINES = {400: b"400 Bad Request", 408: b"408 Request Timeout", 431: b"431 Request Header Fields Too Large"}


class Connection(HttpToolsProtocol):
    """Adds to uvicorn what a public port needs. `max_header_bytes`, `header_s` and `client_s` are set by `limited`."""

    max_header_bytes = 64 * 1024
    header_s = 30.0
    client_s = 60.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.gone_calls: list[Callable[[], None]] = []
        self._header_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._unread_bytes = 0
        self._stuck_since_s: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._header_timer = self.loop.call_later(self.header_s, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)
        calls, self.gone_calls = self.gone_calls, []
        for call in calls:
            call()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self.scope["wideband.connection"] = self  # type: ignore[typeddict-unknown-key]  # our own extension of the scope
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_s, self._headers_late)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._stop_header_timer()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()
            # uvicorn leaves reading paused after a large body, and who does not read does not see a client leave.
            if not self.pipeline:
                self.flow.resume_reading()

    def drop_if_stuck(self, now_s: float) -> None:
        """Close the connection at once if its client has long stopped reading; to be called every second or so.

        Only while nothing is added to what it is sent can be seen whether it reads.
        """
        unread_bytes = self._unread()
        answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # it begins as None
        steady = answered or self.flow.write_paused
        if not (steady and unread_bytes >= self._unread_bytes > 0):
            self._stuck_since_s = None
        elif self._stuck_since_s is None:
            self._stuck_since_s = now_s
        elif now_s - self._stuck_since_s >= self.client_s:
            self.transport.abort()
        self._unread_bytes = unread_bytes

    def _unread(self) -> int:
        """Return how much the client has not taken; 0 when what there is has left this process.

        The kernel may hold megabytes for the client, so that only its queue tells whether a slow one reads.
        """
        buffered = self.transport.get_write_buffer_size()
        if not buffered:
            return 0
        queued = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
        return buffered + int(struct.unpack("i", queued)[0])

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature; our text is JSON
        self._refuse(400, _MALFORMED)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: Codex asks for a WebSocket in every session, and is answered (clients.md 1.7)."""

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.max_header_bytes:
            self._refuse(431, _TOO_LARGE)

    def _headers_late(self) -> None:
        self._header_timer = None
        self._refuse(408, _TOO_SLOW)

    def _refuse(self, status: int, body: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        head = b"HTTP/1.1 " + _STATUS_LINES[status] + b"\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def limited(max_header_bytes: int, header_s: float, client_s: float) -> type[Connection]:
    """Return the protocol class with these limits."""
    limits = {"max_header_bytes": max_header_bytes, "header_s": header_s, "client_s": client_s}
    return type("LimitedConnection", (Connection,), limits)
