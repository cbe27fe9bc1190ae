"""An answer as it will cross the wire: bytes with times, HTTP framing included, and how the connection ends.

Everything a provider can do to a socket is decided here, as values; the server only acts it out.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from functools import partial

import msgspec

from wideband.sandbox.behaviour import Pace
from wideband.sandbox.wires.base import Frames

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
LAST_CHUNK = b"0\r\n\r\n"

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    529: "Overloaded",
}


class End(Enum):
    """What becomes of the connection after the last step."""

    KEEP = auto()
    CUT = auto()
    HANG = auto()


class Step(msgspec.Struct, frozen=True, gc=False):
    """Bytes to write, so many simulated seconds after the step before."""

    wait_s: float
    data: bytes


class Play(msgspec.Struct, frozen=True):
    """One answer, good or bad."""

    steps: Iterable[Step] = ()
    end: End = End.KEEP


def head(status: int, content_type: str, length: int | None, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Write a response head; `length` None means a chunked body."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}", f"content-type: {content_type}"]
    lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    lines.append("x-simulated: true")
    lines.extend(f"{name}: {value}" for name, value in headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


EVENTS_HEAD = head(200, EVENTS, None, (("cache-control", "no-cache"),))


def chunk(data: bytes) -> bytes:
    """Frame bytes as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def complete(status: int, body: bytes, *, wait_s: float = 0.0, headers: Iterable[tuple[str, str]] = ()) -> Play:
    """Answer with a whole JSON body."""
    return Play((Step(wait_s, head(status, JSON, len(body), headers) + body),))


def streamed(frames: Frames, pace: Pace) -> Play:
    """Answer with a stream of events, each when the pace says its last token is made."""
    return Play(_with_head(_paced(frames, pace)))


def _with_head(paced: Iterator[tuple[float, bytes, bool]]) -> Iterator[Step]:
    opening = EVENTS_HEAD
    for wait_s, data, is_last in paced:
        yield Step(wait_s, opening + chunk(data) + (LAST_CHUNK if is_last else b""))
        opening = b""


def _paced(frames: Frames, pace: Pace) -> Iterator[tuple[float, bytes, bool]]:
    """Group events by the time they are due: what frames an answer goes with the tokens beside it."""
    due = b""
    wait_s = pace.ttft_s
    has_spoken = False
    for tokens, data in frames:
        if tokens and has_spoken:
            yield wait_s, due, False
            due = b""
            wait_s = tokens / pace.tokens_per_s
        has_spoken = has_spoken or tokens > 0
        due += data
    yield wait_s, due, True


def dripped(data: bytes, interval_s: float) -> Iterator[Step]:
    """Write bytes one at a time."""
    return map(partial(Step, interval_s), (data[at : at + 1] for at in range(len(data))))
