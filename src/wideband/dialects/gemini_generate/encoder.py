"""Canonical events as a stream of generateContent chunks: server-sent events, or one JSON array that grows.

A broken stream tells its error in-band and has no reason to finish: measured with Gemini CLI 0.61, which passes over
the error and asks again after 1 s and 2 s, as after a clean end without a reason; Google's SDKs raise the error, and so
can tell a cut answer from a whole one. Comments and `event:` lines break both, so there are none.
"""

from typing import Any, Final

from wideband.canon.events import Counted, Event, Failed, Started
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Json, Loss
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate.candidates import EMPTY, Candidate
from wideband.dialects.gemini_generate.usage import closing_fields
from wideband.dialects.google_faults import encode_error
from wideband.wire import jsons

# A blank line: all that every client passes over between two chunks.
KEEPALIVE: Final = b"\r\n"
_SSE: Final = b'"sse"'


class Framing:
    """Puts chunks on the wire as the caller asked for them by `alt`."""

    __slots__ = ("_began", "_is_sse")

    def __init__(self, asked: dict[str, Any]) -> None:
        self._is_sse = bytes(asked.get("alt", b"")) == _SSE
        self._began = False

    def chunk(self, data: bytes) -> bytes:
        """Return one chunk."""
        if self._is_sse:
            return b"data: " + data + b"\r\n\r\n"
        opening = b",\r\n" if self._began else b"["
        self._began = True
        return opening + data

    def end(self) -> bytes:
        """Return what ends the stream."""
        if self._is_sse:
            return b""
        return b"]" if self._began else b"[]"


def address(envelope: Envelope) -> dict[str, Json]:
    """Return what every chunk says of the answer."""
    return {"modelVersion": envelope.model, "responseId": envelope.id}


class StreamEncoder:
    """Implements `dialects.base.StreamEncoder`."""

    def __init__(self, envelope: Envelope) -> None:
        self.losses: list[Loss] = []
        self._envelope = envelope
        self._framing = Framing(envelope.asked)
        self._candidates: dict[int, Candidate] = {}
        self._tail = b"}]," + jsons.encode(address(envelope))[1:]

    def feed(self, events: list[Event]) -> bytes:
        """Return the chunks of these events; calls wait until they are whole."""
        written = b""
        for event in events:
            if isinstance(event, Started | Counted | Failed):
                continue
            candidate = self._candidate(event.choice)
            parts: list[bytes] = []
            candidate.take(event, parts)
            for part in parts:
                written += self._framing.chunk(self._chunk(candidate.index, part))
        return written

    def close(self, closing: Closing) -> bytes:
        """Return the last chunk, with the reasons, counts and cost; or the fault in-band."""
        fault = closing.fault
        candidates = self._candidates or {0: self._candidate(0)}
        if fault is None and any(each.finish and each.finish.reason == "error" for each in candidates.values()):
            fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider broke off its answer.")
        if fault is not None:
            return self._framing.chunk(jsons.encode(encode_error(fault))) + self._framing.end()
        ends = [_ended(candidates[index]) for index in sorted(candidates)]
        last = {"candidates": ends, **address(self._envelope), "provider": self._envelope.provider}
        return self._framing.chunk(jsons.encode(last | closing_fields(closing))) + self._framing.end()

    def _candidate(self, index: int) -> Candidate:
        found = self._candidates.get(index)
        if found is None:
            hides = self._envelope.hides_reasoning
            found = self._candidates[index] = Candidate(index, self.losses, hides=hides)
        return found

    def _chunk(self, index: int, part: bytes) -> bytes:
        return b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"index":%d' % (part, index) + self._tail


def _ended(candidate: Candidate) -> dict[str, Json]:
    parts = [jsons.Raw(part) for part in candidate.end() or [EMPTY]]
    return {"content": {"parts": parts, "role": "model"}, **candidate.fields()}
