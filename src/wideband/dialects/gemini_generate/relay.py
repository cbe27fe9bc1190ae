"""The fast lane: an upstream's own chunks, re-addressed, and the last one held until the bill is known."""

from typing import Any

from wideband.canon.events import Counted, Event, Failed, Finished, ReasoningDelta
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate.encoder import Framing, address
from wideband.dialects.gemini_generate.seal_marks import holds_seals, settle_chunk
from wideband.dialects.gemini_generate.usage import closing_fields
from wideband.dialects.google_faults import encode_error
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame


class Relay:
    """Passes one stream on."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._framing = Framing(envelope.asked)
        self._address = address(envelope)
        self._held: dict[str, Any] | None = None
        self._failed = False

    def feed(self, frame: Frame, events: list[Event]) -> bytes:
        """Return what of a chunk goes to the client now: all but one that finishes, until another comes."""
        self._failed = self._failed or (bool(events) and type(events[-1]) is Failed)
        hides = self._envelope.hides_reasoning and any(type(event) is ReasoningDelta for event in events)
        fields = None if self._failed else _fields(frame.data, self._envelope.provider_slug, hides=hides)
        if fields is None:
            return b""
        held = self._held
        if held is not None and ("candidates" not in fields or all(type(event) is Counted for event in events)):
            # Of candidates that are over nothing more is said.
            held |= {name: value for name, value in fields.items() if name != "candidates"}
            return b""
        if any(type(event) is Finished for event in events):
            self._held = fields
            return self._chunk(held) if held is not None else b""
        self._held = None
        return (self._chunk(held) if held is not None else b"") + self._chunk(fields)

    def close(self, closing: Closing) -> bytes:
        """Return the end of the stream, or the fault in-band."""
        fault = closing.fault
        if fault is None and self._failed:
            fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider broke off its answer.")
        if fault is not None:
            return self._framing.chunk(jsons.encode(encode_error(fault))) + self._framing.end()
        last = settled(self._held or {}, self._envelope, closing)
        return self._framing.chunk(jsons.encode(last)) + self._framing.end()

    def _chunk(self, fields: dict[str, Any]) -> bytes:
        return self._framing.chunk(jsons.encode(fields | self._address))


def settled(fields: dict[str, Any], envelope: Envelope, closing: Closing) -> dict[str, Any]:
    """Return a last chunk, or a whole answer, re-addressed and with the bill; the provider's own counts are kept."""
    end = closing_fields(closing)
    own = fields.get("usageMetadata")
    if own is not None and bytes(own).startswith(b"{"):
        end["usageMetadata"] = own
    return {**fields, **address(envelope), "provider": envelope.provider, **end}


def _fields(data: bytes, provider: str, *, hides: bool) -> dict[str, Any] | None:
    """Return the top level of a chunk; None for what is none, of which the decoder has said what there is to say."""
    try:
        data = sse.one_line(data)
        fields: dict[str, Any] = dict(jsons.fields(data))
        if hides or holds_seals(data):
            settle_chunk(fields, provider, hides=hides)
    except jsons.DecodeError:
        return None
    return fields
