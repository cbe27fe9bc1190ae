"""Server-sent events as bytes, both ways. A line ends in CR, LF or CRLF, in nothing else (WHATWG HTML 9.2)."""

import re

import msgspec

MAX_EVENT_BYTES = 16 * 1024 * 1024

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
# What most chunks of a live stream are: one whole event, written in the usual way.
_LONE = re.compile(rb"(?:event: ([^\r\n]*)\n)?data: ([^\r\n]*)\n\n")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One event of a stream: its `event:` name if it had one, and its `data:` lines joined by newlines."""

    data: bytes
    event: str | None = None


class TooLargeError(ValueError):
    """An event grew past `MAX_EVENT_BYTES` without ending."""


class Decoder:
    """Feed it bytes as they come, cut anywhere; it gives back the events that are complete."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        # The pieces of a line that has not ended yet, kept apart so that a long one is joined once.
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event: str | None = None
        self._max = max_event_bytes
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that this chunk completes. Raises `TooLargeError`, after which the stream is lost."""
        if self._at_start or self._after_cr:
            chunk = self._trimmed(chunk)
        if not chunk:
            return []
        if not (self._held or self._data or self._event) and (lone := _LONE.fullmatch(chunk)):
            self._check(len(b"data: ") + len(lone[2]))
            return [Frame(lone[2], _name(lone[1]) if lone[1] else None)]
        lines = chunk.split(b"\n") if b"\r" not in chunk else _LINE_END.split(chunk)
        # A CR ends its line at once; the LF that may follow in the next chunk belongs to it.
        self._after_cr = chunk.endswith(b"\r")
        rest = lines.pop()
        frames: list[Frame] = []
        if lines and self._held:
            lines[0] = b"".join(self._held) + lines[0]
            self._held, self._held_bytes = [], 0
        for line in lines:
            self._line(line, frames)
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
            self._check(self._held_bytes)
        return frames

    def close(self) -> list[Frame]:
        """Return what a stream that ended without its last blank line still held."""
        frames: list[Frame] = []
        if self._held:
            self._line(b"".join(self._held), frames)
            self._held, self._held_bytes = [], 0
        self._line(b"", frames)
        return frames

    def _trimmed(self, chunk: bytes) -> bytes:
        """Take off what a chunk may begin with by its place: the byte order mark, the LF of a CRLF cut in two."""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if self._at_start:
            chunk = b"".join(self._held) + chunk
            self._held, self._held_bytes = [], 0
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                if chunk:
                    self._held, self._held_bytes = [chunk], len(chunk)
                return b""
            self._at_start = False
            chunk = chunk.removeprefix(_BOM)
        return chunk

    def _check(self, more_bytes: int) -> None:
        if self._data_bytes + more_bytes > self._max:
            raise TooLargeError(f"a server-sent event is larger than {self._max} bytes")

    def _line(self, line: bytes, frames: list[Frame]) -> None:
        if not line:
            if self._data:
                frames.append(Frame(self._data[0] if len(self._data) == 1 else b"\n".join(self._data), self._event))
                self._data, self._data_bytes = [], 0
            self._event = None
            return
        self._check(len(line))
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(line)
        elif name == b"event":
            self._event = _name(value.removeprefix(b" "))


def _name(raw: bytes) -> str | None:
    return raw.decode("utf-8", "replace") or None


def encode(data: bytes, event: str | None = None) -> bytes:
    """Write one event. `data` must hold no line end (JSON never does)."""
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def one_line(data: bytes) -> bytes:
    """Return JSON as one line of UTF-8, as it has to stand in an event: a line end in it is always white space.

    What is not UTF-8 stands in strings that nobody read, for the parser does not look into those.
    """
    if b"\n" in data:
        data = data.replace(b"\n", b" ")
    return data if data.isascii() else data.decode("utf-8", "replace").encode()


def comment(text: str) -> bytes:
    """Write a comment, which clients ignore."""
    return b": " + text.encode() + b"\n\n"
