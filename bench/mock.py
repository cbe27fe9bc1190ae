"""The upstream under the gateway: a raw server that answers each request by the script its model names.

`python -m bench.mock PORT` serves until it is ended. It does no work that could be mistaken for the gateway's.
"""

import asyncio
import random
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

import uvloop

from bench.answers import EVENTS, REPLIES, Events
from bench.traffic import BURST_EVENTS, DIALECTS, PACED_GAP_S, Dialect, Script, path_of

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model"\s*:\s*"([a-z-]+)"')
_MODEL_IN_PATH = re.compile(rb"/models/([a-z-]+):")
_SCRIPTS: tuple[Script, Script] = ("reply", "burst")
# How paths end that are asked in a protocol.
_ENDINGS: dict[bytes, Dialect] = {
    path_of(dialect, "", script).rpartition("/")[2].encode(): dialect for dialect in DIALECTS for script in _SCRIPTS
}
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_MISSING = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
MAX_STREAM_S = 120


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One keep-alive connection: requests one after the other, answered as their model's name says."""

    def __init__(self, pace: random.Random) -> None:
        self._held = b""
        self._pace = pace
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without saying so

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (request := self._take()) is not None:
            self._answer(*request)

    def _take(self) -> tuple[bytes, bytes] | None:
        """Return (path, body) of the next request once all of it has come."""
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._held[:end]
        length = _LENGTH.search(head)
        total = end + 4 + (int(length[1]) if length else 0)
        if len(self._held) < total:
            return None
        body, self._held = self._held[end + 4 : total], self._held[total:]
        return head.split(b" ", 2)[1], body

    def _answer(self, path: bytes, body: bytes) -> None:
        dialect = next((name for known, name in _ENDINGS.items() if path.endswith(known)), None)
        model = _MODEL.search(body) or _MODEL_IN_PATH.search(path)
        if dialect is None or model is None:
            self._write(_MISSING)
            return
        answers: dict[bytes, Callable[[Events], None]] = {
            b"paced": self._paced,
            b"burst": self._burst,
            b"idle": self._idle,
        }
        if answer := answers.get(model[1]):
            answer(EVENTS[dialect])
        else:
            self._write(_WHOLE[dialect])

    def _burst(self, events: Events) -> None:
        every = _chunked(events.opening) + _chunked(events.delta) * BURST_EVENTS + _chunked(events.ending)
        self._write(_STREAM_HEAD + every + b"0\r\n\r\n")

    def _idle(self, events: Events) -> None:
        self._write(_STREAM_HEAD + _chunked(events.opening) + _chunked(events.delta))
        self._later(MAX_STREAM_S, self._end, events)

    def _paced(self, events: Events) -> None:
        self._write(_STREAM_HEAD + _chunked(events.opening) + _chunked(events.delta))
        # Streams start out of step, as callers do, so that their events do not fall together.
        self._later(self._pace.uniform(0, PACED_GAP_S), self._tick, events, int(MAX_STREAM_S / PACED_GAP_S))

    def _tick(self, events: Events, left: int) -> None:
        if left == 0:
            self._end(events)
            return
        self._write(_chunked(events.delta))
        self._later(PACED_GAP_S, self._tick, events, left - 1)

    def _end(self, events: Events) -> None:
        self._write(_chunked(events.ending) + b"0\r\n\r\n")

    def _later(self, delay_s: float, call: Callable[..., None], *arguments: object) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, partial(call, *arguments))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _whole(dialect: Dialect) -> bytes:
    reply = REPLIES[dialect]
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(reply), reply)


_WHOLE: dict[Dialect, bytes] = {dialect: _whole(dialect) for dialect in DIALECTS}


async def serve(port: int) -> asyncio.Server:
    """Listen on the loopback address; port 0 takes a free one."""
    pace = random.Random(port)
    return await asyncio.get_running_loop().create_server(lambda: Connection(pace), "127.0.0.1", port, backlog=2048)


async def _main(port: int) -> None:
    server = await serve(port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1])))
