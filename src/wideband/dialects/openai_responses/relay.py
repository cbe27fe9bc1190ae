"""The fast lane: a provider's own frames, re-addressed, and its last one held until the bill is known.

Pieces of text, of thoughts and of arguments name no response: they pass as the bytes they were. Where a response begins
or ends it is re-addressed; items that are told whole have their seals marked.
"""

from typing import Any, Final

import msgspec

from wideband.canon.events import Event, Failed, Finished
from wideband.canon.faults import Fault
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.readdress import begun, ended, is_touched, item_for_client
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame


class _Kind(msgspec.Struct, gc=False):
    type: Any = None


class _Number(msgspec.Struct, gc=False):
    sequence_number: Any = None


_read_kind = jsons.Reader(_Kind)
_read_number = jsons.Reader(_Number)

_PIECES: Final = (
    "response.output_text.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
    "response.refusal.delta",
)
_THOUGHTS: Final = (
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
)
# Event -> the beginning of its data as nearly everyone writes it, and what goes before it to the client.
_READY: Final = {
    kind: (b'{"type":"' + kind.encode() + b'"', b"event: " + kind.encode() + b"\ndata: ")
    for kind in (*_PIECES, *_THOUGHTS)
}
_CREATED: Final = "response.created"
_BEGINNINGS: Final = frozenset({_CREATED, "response.in_progress", "response.queued"})
_ITEMS: Final = frozenset({"response.output_item.added", "response.output_item.done"})
_ITEM_DONE: Final = "response.output_item.done"
# How a response ended is told at the end, with the money.
_HELD: Final = frozenset(
    {
        "response.completed",
        "response.done",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "response.error",
        "error",
    }
)


class Relay:
    """Implements `dialects.base.Relay`."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._begun = False
        self._last = b""
        self._held: dict[str, Any] = {}
        self._items: list[Any] = []
        self._end: Finished | Fault | None = None

    def feed(self, frame: Frame, events: list[Event]) -> bytes:
        """Return what of a frame goes to the client now."""
        data = frame.data
        if self._end is not None:
            return b""
        if events and type(events[-1]) is Failed:
            self._end = events[-1].fault
            return b""
        ready = _READY.get(frame.event or "")
        if ready is not None and self._begun and data.startswith(ready[0]) and not self._envelope.hides_reasoning:
            self._last = data
            return ready[1] + sse.one_line(data) + b"\n\n"
        self._end = next((event for event in events if type(event) is Finished), None)
        kind, data = _named(frame)
        return b"" if kind is None else self._pass(kind, data)

    def _pass(self, kind: str, data: bytes) -> bytes:
        if kind in _HELD:
            self._held = _fields(data)
            return b""
        if kind.startswith("response.reasoning") and self._envelope.hides_reasoning:
            return b""
        self._last = data
        if kind in _BEGINNINGS:
            return self._beginning(kind, data)
        opening = b"" if self._begun else self._open()
        return opening + sse.encode(self._item(kind, data) if kind in _ITEMS else sse.one_line(data), kind)

    def _beginning(self, kind: str, data: bytes) -> bytes:
        opening = b"" if self._begun or kind == _CREATED else self._open()
        self._begun = True
        fields = _fields(data)
        fields["response"] = begun(_response(fields), self._envelope)
        return opening + sse.encode(jsons.encode(fields), kind)

    def _open(self) -> bytes:
        """Begin the response in the provider's stead: clients keep nothing of one that has not begun."""
        self._begun = True
        return _written(_CREATED, begun({}, self._envelope), 0)

    def _item(self, kind: str, data: bytes) -> bytes:
        fields = _fields(data) if kind == _ITEM_DONE or is_touched(data, self._envelope) else {}
        raw = bytes(fields.get("item", b""))
        if not raw.startswith(b"{"):
            return sse.one_line(data)
        item = fields["item"] = item_for_client(raw, self._envelope)
        if kind == _ITEM_DONE:
            self._items.append(item)
        return jsons.encode(fields) if is_touched(raw, self._envelope) else sse.one_line(data)

    def close(self, closing: Closing) -> bytes:
        """Return the end of the stream: the whole response once more, or how it failed."""
        opening = b"" if self._begun else self._open()
        held = self._held
        whole = ended(_response(held), self._items, self._envelope, closing, self._end)
        number = _number(held.get("sequence_number"))
        if number is None:
            # The first number is 0: the one after a stream that numbers nothing is as good as any.
            number = (_number_in(self._last) or 0) + 1
        return opening + _written(f"response.{whole['status']}", whole, number)


def _written(kind: str, response: dict[str, Any], number: int) -> bytes:
    return sse.encode(jsons.encode({"type": kind, "response": response, "sequence_number": number}), kind)


def _named(frame: Frame) -> tuple[str | None, bytes]:
    """Return an event's name, None for what is none, and its data, which name it too."""
    try:
        told = _read_kind(frame.data).type
    except jsons.DecodeError:
        return None, b""
    if isinstance(told, str) and _is_name(told):
        return told, frame.data
    kind = frame.event if frame.event and _is_name(frame.event) else None
    return kind, jsons.encode(_fields(frame.data) | {"type": kind})


def _is_name(told: str) -> bool:
    """Tell whether a type can stand in an `event:` line."""
    return told.isascii() and told.isprintable()


def _fields(data: bytes) -> dict[str, Any]:
    """Return the top level of an object; what is none (the decoder has said so, or overlooked it) is empty."""
    try:
        return dict(jsons.fields(sse.one_line(data)))
    except jsons.DecodeError:
        return {}


def _response(fields: dict[str, Any]) -> dict[str, Any]:
    return _fields(bytes(fields.get("response", b"")))


def _number(raw: Any) -> int | None:
    found = jsons.decode(raw) if isinstance(raw, msgspec.Raw) else None
    return found if type(found) is int else None


def _number_in(data: bytes) -> int | None:
    try:
        found = _read_number(data).sequence_number
    except jsons.DecodeError:
        return None
    return found if type(found) is int else None
