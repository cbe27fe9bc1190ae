"""Server-sent events as bytes, both ways. A line ends in CR, LF or CRLF, in nothing else (WHATWG HTML 9.2)."""

import re

import msgspec

MAX_EVENT_BYTES = 16 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event of a stream: its `event:` name if it had one, and its `data:` lines joined by newlines."""

    data: bytes
    event: str | None = None


class TooLargeError(ValueError):
    """An event grew past `MAX_EVENT_BYTES` without ending."""


class Decoder:
    """Feed it bytes as they come, cut anywhere; it gives back the events that are complete."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._held = b""
        self._data: list[bytes] = []
        self._size = 0
        self._event: str | None = None
        self._max = max_event_bytes
        self._first = True

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that this chunk completes. Raises `TooLargeError`."""
        if self._held:
            chunk = self._held + chunk
        if self._first and chunk:
            if len(chunk) < 3 and b"\xef\xbb\xbf".startswith(chunk):
                self._held = chunk
                return []
            self._first = False
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        frames: list[Frame] = []
        lines = self._split(chunk)
        for line in lines:
            self._line(line, frames)
        if self._size + len(self._held) > self._max:
            raise TooLargeError(f"a server-sent event is larger than {self._max} bytes")
        return frames

    def close(self) -> list[Frame]:
        """Return what a stream that ended without its last blank line still held."""
        frames: list[Frame] = []
        if self._held:
            self._line(self._held.rstrip(b"\r"), frames)
            self._held = b""
        self._line(b"", frames)
        return frames

    def _split(self, chunk: bytes) -> list[bytes]:
        if b"\r" not in chunk:
            lines = chunk.split(b"\n")
            self._held = lines.pop()
            return lines
        # A CR at the very end may be half of a CRLF: hold it until more comes.
        tail = b""
        if chunk.endswith(b"\r"):
            chunk, tail = chunk[:-1], b"\r"
        lines = _LINE_END.split(chunk)
        self._held = lines.pop() + tail
        return lines

    def _line(self, line: bytes, frames: list[Frame]) -> None:
        if not line:
            if self._data:
                frames.append(Frame(self._data[0] if len(self._data) == 1 else b"\n".join(self._data), self._event))
                self._data = []
                self._size = 0
            self._event = None
            return
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._size += len(value)
        elif line.startswith(b"event:"):
            self._event = line[6:].strip().decode("utf-8", "replace")


def encode(data: bytes, event: str | None = None) -> bytes:
    """Write one event. `data` must hold no line end (JSON never does)."""
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def comment(text: str) -> bytes:
    """Write a comment, which clients ignore."""
    return b": " + text.encode() + b"\n\n"
