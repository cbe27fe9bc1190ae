"""The fast lane: an upstream's own frames, re-addressed, and its last ones held until the bill is known."""

from typing import Any

import msgspec

from wideband.canon.events import Event, Failed, Finished
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.encoder import (
    StreamEncoder,
    error_frame,
    frame as write_frame,
    start_frame,
    stop_frame,
)
from wideband.dialects.anthropic_messages.reply import relay_usage
from wideband.dialects.base import Closing, Envelope
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame


class _Kind(msgspec.Struct, gc=False):
    type: str | None = None


_read_kind = jsons.Reader(_Kind)

# Every delta is this kind: its lines are ready.
_DELTA = "content_block_delta"
_DELTA_START = b'{"type":"content_block_delta"'
_DELTA_HEAD = b"event: content_block_delta\ndata: "


class Relay:
    """Passes one stream on."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._started = False
        self._delta: dict[str, Any] = {}
        self._stop: dict[str, Any] = {}
        self._finish: Finished | None = None
        self._stopped = False
        self._failed = False

    def feed(self, frame: Frame, events: list[Event]) -> bytes:
        """Return what of a frame goes to the client now."""
        self._failed = self._failed or (bool(events) and type(events[-1]) is Failed)
        if self._failed or self._stopped:
            return b""
        data = frame.data
        if frame.event == _DELTA and self._started and data.startswith(_DELTA_START):
            return _DELTA_HEAD + sse.one_line(data) + b"\n\n"
        kind, data = _named(frame)
        if kind is None:
            return b""
        self._finish = next((event for event in events if type(event) is Finished), self._finish)
        return self._pass(kind, data)

    def _pass(self, kind: str, data: bytes) -> bytes:
        match kind:
            case "message_start":
                return self._start(data)
            case "message_delta":
                self._delta |= _fields(data)
                return b""
            case "message_stop":
                self._stopped = True
                self._stop = _fields(data)
                return b""
            case "error":
                return b""
            case _:
                opening = b"" if self._started or kind == "ping" else start_frame(self._envelope)
                self._started = self._started or kind != "ping"
                return opening + sse.encode(sse.one_line(data), kind)

    def close(self, closing: Closing) -> bytes:
        """Return the end of the stream, or the fault in-band."""
        fault = closing.fault
        if fault is None and self._failed:
            fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider broke off its answer.")
        if fault is not None:
            return error_frame(fault, self._envelope.id)
        if not self._started:
            return StreamEncoder(self._envelope).close(closing)
        delta = self._delta
        if "delta" not in delta:
            delta["delta"] = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        delta["usage"] = relay_usage(delta.get("usage"), closing) | words.tier_field(self._envelope)
        delta.pop("type", None)
        return write_frame("message_delta", delta) + self._last(closing)

    def _last(self, closing: Closing) -> bytes:
        self._stop.pop("type", None)
        if not self._stop:
            return stop_frame(closing)
        return write_frame("message_stop", {**self._stop, **closing.metadata_field})

    def _stop_reason(self) -> str:
        reason = self._finish.reason if self._finish else None
        return words.stop_reason(reason, None, None, called_tools=False)

    def _start(self, data: bytes) -> bytes:
        if self._started:
            return b""
        self._started = True
        fields = _fields(data)
        message = _fields(bytes(fields.get("message", b"")))
        message |= {"id": self._envelope.id, "model": self._envelope.model, "provider": self._envelope.provider}
        if self._envelope.service_tier is not None:
            message["usage"] = _fields(bytes(message.get("usage", b""))) | words.tier_field(self._envelope)
        fields["message"] = message
        return sse.encode(jsons.encode(fields), "message_start")


def _named(frame: Frame) -> tuple[str | None, bytes]:
    """Return an event's name, None for what is none, and its data, which name it too."""
    try:
        told = _read_kind(frame.data).type
    except jsons.DecodeError:
        return None, b""
    kind = told or frame.event
    if not (kind and kind.isascii() and kind.isprintable()):
        return None, b""
    return kind, frame.data if told else jsons.encode(_fields(frame.data) | {"type": kind})


def _fields(data: bytes) -> dict[str, Any]:
    """Return the top level of an object; what is none (the decoder has said so, or overlooked it) is empty."""
    try:
        return dict(jsons.fields(sse.one_line(data)))
    except jsons.DecodeError:
        return {}
