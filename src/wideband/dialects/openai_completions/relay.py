"""The fast lane: a provider's chunks go to the client re-addressed; what finishes and counts is said at the end."""

from typing import Final

import msgspec

from wideband.canon.events import Counted, Event, Failed, Finished, ReasoningDelta
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.encoder import StreamEncoder, top
from wideband.wire import jsons
from wideband.wire.sse import Frame

_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_ENDING: Final = frozenset({Finished, Counted, Failed})


class _Choice(msgspec.Struct, gc=False):
    """A choice as strict clients need it: these keys are there and of these types."""

    index: int
    text: str
    finish_reason: None


_are_plain = jsons.Reader(list[_Choice])


class Relay:
    """Implements `dialects.base.Relay`."""

    def __init__(self, envelope: Envelope) -> None:
        self._encoder = StreamEncoder(envelope, echoes=False)
        # Chunks that say any of these are written anew.
        self._rewritten = _ENDING | {ReasoningDelta} if envelope.hides_reasoning else _ENDING
        self._top = top(envelope)

    def feed(self, frame: Frame, events: list[Event]) -> bytes:
        if not events or not self._rewritten.isdisjoint(map(type, events)):
            return self._encoder.feed(events)
        try:
            fields = jsons.fields(frame.data)
            _are_plain(fields["choices"])
        except (jsons.DecodeError, KeyError):
            return self._encoder.feed(events)
        told = {**self._top, "choices": fields["choices"]}
        told |= {name: raw for name, raw in fields.items() if name not in words.OURS}
        # A line end can stand between values only, where a space says the same.
        return b"data: " + jsons.encode(told).translate(_ONE_LINE) + b"\n\n"

    def close(self, closing: Closing) -> bytes:
        return self._encoder.close(closing)
