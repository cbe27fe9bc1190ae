"""Frames over a unix socket: each is its length in four bytes and its bytes."""

import asyncio
import socket
from pathlib import Path
from typing import cast

_LENGTH_BYTES = 4


class Line(asyncio.Protocol):
    """One end of a connection: bytes to frames and back.

    What is sent within one turn of the event loop is written at once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def backlog_bytes(self) -> int:
        """How much the other end has not taken yet."""
        written = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return written + sum(map(len, self._out))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._held += data
        at = 0
        while len(self._held) - at >= _LENGTH_BYTES:
            end = at + _LENGTH_BYTES + int.from_bytes(self._held[at : at + _LENGTH_BYTES], "big")
            if len(self._held) < end:
                break
            self.frame(bytes(self._held[at + _LENGTH_BYTES : end]))
            at = end
        del self._held[:at]

    def frame(self, data: bytes) -> None:
        """Take a frame that came."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Write a frame together with the others of this turn; nothing happens when the line is gone."""
        if self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += (len(data).to_bytes(_LENGTH_BYTES, "big"), data)

    def hang_up(self) -> None:
        """Close the line when what was sent is on its way."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def drop(self) -> None:
        """Close the line at once; what is not on its way is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()


def bind_at(path: Path) -> socket.socket:
    """Return a socket bound to a file, in the place of one left over; only this user can connect."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound
