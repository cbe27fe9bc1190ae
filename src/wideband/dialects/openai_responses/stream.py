"""A provider's Responses stream, frame by frame, as canonical events; it trusts no order and never raises."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    Started,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects import loose, openai_faults
from wideband.dialects.excerpts import excerpt
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.heard import INPUTS
from wideband.dialects.openai_responses.saying import (
    INPUT_STRINGS,
    REFUSAL,
    SUMMARY,
    TEXT,
    THOUGHT,
    Sayings,
    String,
    annotations,
)
from wideband.dialects.openai_responses.upstream_faults import decode_event, decode_failure
from wideband.dialects.openai_streams import DONE
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons
from wideband.wire.sse import Frame


class Told(msgspec.Struct, gc=False):
    """What of a response object is read; no provider keeps all the types."""

    id: Any = None
    model: Any = None
    created_at: Any = None
    status: Any = None
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None
    service_tier: Any = None


class _Wire(msgspec.Struct, gc=False):
    """Every kind of event at once: one decoder, no look ahead for the kind."""

    type: Any = None
    delta: Any = None
    output_index: Any = None
    content_index: Any = None
    summary_index: Any = None
    item_id: Any = None
    logprobs: Any = None
    item: Any = None
    response: Told | None = None
    text: Any = None
    refusal: Any = None
    arguments: Any = None
    input: Any = None
    annotation: Any = None
    error: Any = None


# Event, without its last word -> the string it tells a piece of (`delta`) or the whole (`done`).
_STRINGS: Final[dict[str, String]] = {
    "response.output_text": TEXT,
    "response.refusal": REFUSAL,
    "response.reasoning_summary_text": SUMMARY,
    "response.reasoning_text": THOUGHT,
    "response.reasoning": THOUGHT,
    "response.function_call_arguments": INPUT_STRINGS[words.FUNCTION_CALL],
    "response.custom_tool_call_input": INPUT_STRINGS[words.CUSTOM_CALL],
}
_DELTAS: Final = {f"{name}.delta": string for name, string in _STRINGS.items()}
_DONES: Final = {f"{name}.done": string for name, string in _STRINGS.items()}

# Event that ends an answer -> the status its response has if it does not say.
_ENDS: Final = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_STATUSES: Final = frozenset(_ENDS.values())

_read = jsons.Reader(_Wire)
_read_whole = jsons.Reader(Told)


class StreamDecoder:
    """Implements `dialects.base.StreamDecoder`."""

    def __init__(self) -> None:
        self._sayings = Sayings()
        self._items = self._sayings.items
        self._started = False
        self._heard = False
        self._over = False

    def feed(self, frame: Frame) -> list[Event]:
        if self._over:
            return []
        try:
            wire = _read(frame.data)
            kind = wire.type if isinstance(wire.type, str) else frame.event or ""
            self._heard = True
            if (string := _DELTAS.get(kind)) is not None:
                return self._piece(wire, string)
            if (take := _TAKERS.get(kind)) is not None:
                return take(self, wire, kind, frame.data)
        except (jsons.DecodeError, jsons.EncodeError):
            return self._unreadable(frame.data)
        # An error object without a name, as proxies put into a stream.
        return self._error(wire, kind, frame.data) if wire.error else []

    def close(self) -> list[Event]:
        if self._over:
            return []
        if not self._heard:
            return self._fail(Fault(kind=FaultKind.PROVIDER_GARBLED, message="The provider's stream was empty."))
        message = "The provider's stream broke off before it was finished."
        return self._fail(Fault(kind=FaultKind.PROVIDER_CUT, message=message))

    def whole(self, body: bytes) -> list[Event]:
        """Return the events of an answer that is not streamed."""
        try:
            told = _read_whole(body)
            if told.output is None and not told.error:
                return self._unreadable(body)
            return self._end(told, "completed")
        except (jsons.DecodeError, jsons.EncodeError):
            return self._unreadable(body)

    def _piece(self, wire: _Wire, string: String) -> list[Event]:
        fragment = wire.delta
        if not fragment or not isinstance(fragment, str):
            return []
        item = self._items.of_event(string.item, wire.output_index, wire.item_id)
        if item.done:
            return []
        events = self._sayings.say(item, string, _part(wire), fragment)
        if wire.logprobs and string is TEXT:
            events.append(Logprobs(value={"content": wire.logprobs}))
        return events

    def _string_done(self, wire: _Wire, kind: str, _data: bytes) -> list[Event]:
        string = _DONES[kind]
        whole = getattr(wire, string.whole)
        item = self._items.of_event(string.item, wire.output_index, wire.item_id)
        if item.done or not isinstance(whole, str):
            return []
        part = _part(wire)
        fresh = not item.has_said(string.name)
        rest = item.rest_of_part(string.name, part, whole)
        events = self._sayings.say(item, string, part, rest) if rest else []
        if fresh and events and wire.logprobs and string is TEXT:
            events.append(Logprobs(value={"content": wire.logprobs}))
        return events

    def _item_added(self, wire: _Wire, _kind: str, _data: bytes) -> list[Event]:
        row = loose.obj(wire.item)
        item = self._items.of_row(row, wire.output_index)
        item.adopt(row)
        return self._sayings.open(item) if item.kind in INPUTS and not item.done else []

    def _item_done(self, wire: _Wire, _kind: str, _data: bytes) -> list[Event]:
        row = loose.obj(wire.item)
        return self._sayings.complete(self._items.of_row(row, wire.output_index), row) if row else []

    def _annotation(self, wire: _Wire, _kind: str, _data: bytes) -> list[Event]:
        if not isinstance(wire.annotation, dict):
            return []
        item = self._items.of_event(words.MESSAGE, wire.output_index, wire.item_id)
        if item.done:
            return []
        item.annotated += 1
        return [annotations([wire.annotation])]

    def _begin(self, wire: _Wire, _kind: str, _data: bytes) -> list[Event]:
        return self._start(wire.response or Told())

    def _start(self, told: Told) -> list[Event]:
        """Open the answer, if nothing of it has been said yet."""
        if self._started or len(self._items):
            return []
        self._started = True
        self._sayings.response_id = loose.text(told.id) or ""
        created = int(told.created_at) if type(told.created_at) in {int, float} else None
        tier = loose.text(told.service_tier)
        extras = {} if tier in {None, "auto"} else {"service_tier": tier}
        return [Started(id=loose.text(told.id), model=loose.text(told.model), created_s=created, extras=extras)]

    def _ended(self, wire: _Wire, kind: str, _data: bytes) -> list[Event]:
        return self._end(wire.response or Told(), _ENDS[kind])

    def _end(self, told: Told, default: str) -> list[Event]:
        events = self._start(told)
        rows = loose.rows(told.output)
        for item, row in zip(self._items.of_output(rows), rows, strict=True):
            events.extend(self._sayings.complete(item, row))
        for item in self._items:
            if item.kind in INPUTS:
                events.extend(self._sayings.open(item, nameless=True))
        if told.usage and isinstance(told.usage, dict):
            events.append(Counted(decode_usage(told.usage)))
        status = told.status if isinstance(told.status, str) and told.status in _STATUSES else default
        if told.error or status in {"failed", "cancelled"}:
            return [*events, *self._fail(decode_failure(told.error or f"The provider's answer is {status}."))]
        reason = loose.text(loose.obj(told.incomplete_details).get("reason")) if status == "incomplete" else None
        return [*events, *self._finish(status, reason)]

    def _finish(self, status: str | None, incomplete: str | None) -> list[Event]:
        self._over = True
        reason: FinishReason = "tool_calls" if self._sayings.tools else "stop"
        if status == "incomplete":
            reason = words.INCOMPLETE.get(incomplete or "", "length")
        return [Finished(reason, incomplete or status)]

    def _error(self, _wire: _Wire, _kind: str, data: bytes) -> list[Event]:
        return self._fail(decode_event(data))

    def _unreadable(self, data: bytes) -> list[Event]:
        stripped = data.strip()
        if not stripped:
            return []
        if stripped == DONE:
            # The end of an answer that said all it had to, though not that it is the end.
            whole = len(self._items) > 0 and all(item.done for item in self._items)
            return self._finish(None, None) if whole else []
        try:
            error = openai_faults.find_error(jsons.decode(data))
        except jsons.DecodeError:
            error = None
        if error is not None:
            return self._fail(decode_failure(error))
        message = "The provider's answer cannot be read."
        return self._fail(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message, raw=excerpt(data)))

    def _fail(self, fault: Fault) -> list[Event]:
        self._over = True
        return [Failed(fault)]


def _part(wire: _Wire) -> int:
    for index in (wire.content_index, wire.summary_index):
        if type(index) is int:
            return index
    return 0


_TAKERS: Final[dict[str, Callable[[StreamDecoder, _Wire, str, bytes], list[Event]]]] = {
    "error": StreamDecoder._error,
    "response.created": StreamDecoder._begin,
    "response.error": StreamDecoder._error,
    "response.in_progress": StreamDecoder._begin,
    "response.output_item.added": StreamDecoder._item_added,
    "response.output_item.done": StreamDecoder._item_done,
    "response.output_text.annotation.added": StreamDecoder._annotation,
    "response.queued": StreamDecoder._begin,
    **dict.fromkeys(_DONES, StreamDecoder._string_done),
    **dict.fromkeys(_ENDS, StreamDecoder._ended),
}
