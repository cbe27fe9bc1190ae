"""An upstream's Messages stream, frame by frame, as canonical events; it trusts no order and never raises."""

from collections.abc import Callable
from typing import Any

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.faults import WireError, decode_error
from wideband.wire import jsons
from wideband.wire.sse import Frame


class _Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Any = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Wire(msgspec.Struct):
    """Every kind of event at once: one decoder, no look ahead for the kind."""

    type: str | None = None
    index: int | None = None
    delta: _Delta | None = None
    content_block: dict[str, Any] | None = None
    message: _Message | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: WireError | None = None


_read = jsons.Reader(_Wire)
# What stands where JSON should, and means nothing.
_EMPTY = frozenset({b"", b"[DONE]"})


class _Open:
    """A content block that has started and not stopped."""

    __slots__ = ("block", "citations", "fragments", "kind", "tool")

    def __init__(self, block: dict[str, Any], kind: str, tool: int | None) -> None:
        self.block = block
        self.kind = kind
        self.tool = tool
        self.fragments: list[str] = []
        self.citations: list[Any] = []


class StreamDecoder:
    """Reads one stream. After `Failed` or `message_stop` it reads no more."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._usage = words.WireUsage()
        self._id = ""
        self._tools = 0
        self._started = False
        self._finished = False
        self._done = False

    def feed(self, frame: Frame) -> list[Event]:
        """Return what a frame says; one that cannot be read gives `Failed(provider_garbled)` and ends the stream."""
        if self._done:
            return []
        try:
            wire = _read(frame.data)
        except jsons.DecodeError as error:
            if frame.data.strip() in _EMPTY:
                return []
            return self._fail(f"The provider sent an event that cannot be read: {error}")
        delta = wire.delta
        if delta is not None and delta.type == "text_delta":
            return [TextDelta(delta.text)] if delta.text else []
        take = _TAKERS.get(wire.type or frame.event or "")
        if take is not None:
            return take(self, wire, frame)
        return self._error(wire, frame) if wire.error is not None else []

    def close(self) -> list[Event]:
        """End of bytes: a stream that gave no stop reason was cut."""
        if self._done or self._finished:
            self._done = True
            return []
        self._done = True
        return [
            Failed(Fault(kind=FaultKind.PROVIDER_CUT, message="The provider's stream ended before its answer did."))
        ]

    def _fail(self, message: str) -> list[Event]:
        self._done = True
        return [Failed(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message))]

    def _error(self, wire: _Wire, frame: Frame) -> list[Event]:
        self._done = True
        return [Failed(decode_error(wire.error or WireError(), 0, frame.data))]

    def _message_start(self, wire: _Wire, _frame: Frame) -> list[Event]:
        if self._started:
            return []
        self._started = True
        message = wire.message or _Message()
        self._id = message.id or ""
        events: list[Event] = [Started(id=message.id, model=message.model)]
        if words.merge_usage(self._usage, message.usage):
            events.append(Counted(words.decode_usage(self._usage)))
        return events

    def _block_start(self, wire: _Wire, _frame: Frame) -> list[Event]:
        block, index = wire.content_block or {}, wire.index or 0
        kind = block.get("type")
        if not isinstance(kind, str):
            return self._fail("The provider opened a content block of no type.")
        held = self._open.get(index)
        if held is not None and (held.kind, held.block.get("id")) == (kind, block.get("id")):
            return []
        events = self._settle(index) if held is not None else []
        if self._done:
            return events
        tool = self._tools if kind == "tool_use" else None
        self._open[index] = _Open(block, kind, tool)
        if tool is not None:
            self._tools += 1
            events.append(
                ToolOpened(tool, self._text(block, "id") or f"toolu_{self._id}_{tool}", self._text(block, "name"))
            )
        elif kind == "text" and self._text(block, "text"):
            events.append(TextDelta(block["text"]))
        elif kind in {"thinking", "redacted_thinking"}:
            events.extend(self._thinking(block, index))
        return events

    @staticmethod
    def _text(block: dict[str, Any], name: str) -> str:
        value = block.get(name)
        return value if isinstance(value, str) else ""

    def _thinking(self, block: dict[str, Any], index: int) -> list[Event]:
        events: list[Event] = []
        if text := self._text(block, "thinking"):
            events.append(ReasoningDelta(text, block=index, format=words.REASONING_FORMAT))
        if signature := self._text(block, "signature"):
            value, made_by = words.unseal(signature)
            events.append(ReasoningSealed(signature=value, block=index, format=made_by))
        if sealed := self._text(block, "data"):
            value, made_by = words.unseal(sealed)
            events.append(ReasoningSealed(data=value, block=index, format=made_by))
        return events

    def _block_delta(self, wire: _Wire, _frame: Frame) -> list[Event]:
        delta, index = wire.delta, wire.index or 0
        if delta is None:
            return []
        if delta.thinking is not None:
            return (
                [ReasoningDelta(delta.thinking, block=index, format=words.REASONING_FORMAT)] if delta.thinking else []
            )
        if delta.signature is not None:
            return self._thinking({"signature": delta.signature}, index)
        held = self._open.get(index)
        if delta.partial_json is not None:
            return self._arguments(held, delta.partial_json)
        if held is not None and delta.citation is not None:
            held.citations.append(delta.citation)
        return []

    def _arguments(self, held: _Open | None, fragment: str) -> list[Event]:
        if held is None:
            return self._fail("The provider sent arguments of a tool call it had not opened.") if fragment else []
        if not fragment:
            return []
        held.fragments.append(fragment)
        return [ToolArgs(held.tool, fragment)] if held.tool is not None else []

    def _block_stop(self, wire: _Wire, _frame: Frame) -> list[Event]:
        return self._settle(wire.index or 0)

    def _settle(self, index: int) -> list[Event]:
        """Say what was held of a block until it was whole. A stop that was said twice says nothing more."""
        held = self._open.pop(index, None)
        if held is None:
            return []
        if held.tool is not None:
            return [] if held.fragments else self._whole_input(held.tool, held.block.get("input"))
        if held.kind == "text":
            return [self._opaque("citations", held.citations)] if held.citations else []
        if held.kind in {"thinking", "redacted_thinking"}:
            return []
        if held.fragments:
            try:
                held.block["input"] = jsons.decode("".join(held.fragments))
            except jsons.DecodeError as error:
                return self._fail(f"The provider sent a server tool's input that cannot be read: {error}")
        return [self._opaque(words.block_feature(held.kind), held.block)]

    def _whole_input(self, tool: int, given: Any) -> list[Event]:
        try:
            return [ToolArgs(tool, jsons.encode(given if isinstance(given, dict) else {}).decode())]
        except jsons.EncodeError as error:
            return self._fail(f"The provider sent a tool call's input that cannot be read: {error}")

    @staticmethod
    def _opaque(kind: str, raw: Any) -> OpaqueDelta:
        return OpaqueDelta(dialect=words.NAME, kind=kind, raw=raw)

    def _message_delta(self, wire: _Wire, _frame: Frame) -> list[Event]:
        events: list[Event] = []
        delta = wire.delta
        if delta is not None and delta.stop_reason and not self._finished:
            events.extend(self._finish(delta.stop_reason, delta.stop_sequence))
        if words.merge_usage(self._usage, wire.usage) and not self._done:
            events.append(Counted(words.decode_usage(self._usage)))
        return events

    def _message_stop(self, _wire: _Wire, _frame: Frame) -> list[Event]:
        events = [] if self._finished else self._finish(None, None)
        self._done = True
        return events

    def _finish(self, native: str | None, stop_sequence: str | None) -> list[Event]:
        events = [event for index in sorted(self._open) for event in self._settle(index)]
        if self._done:
            return events[: next(at for at, event in enumerate(events) if isinstance(event, Failed)) + 1]
        self._finished = True
        reason = words.finish_reason(native or "", called_tools=self._tools > 0)
        return [*events, Finished(reason, native, stop_sequence=stop_sequence)]


_TAKERS: dict[str, Callable[[StreamDecoder, _Wire, Frame], list[Event]]] = {
    "content_block_delta": StreamDecoder._block_delta,
    "content_block_start": StreamDecoder._block_start,
    "content_block_stop": StreamDecoder._block_stop,
    "error": StreamDecoder._error,
    "message_delta": StreamDecoder._message_delta,
    "message_start": StreamDecoder._message_start,
    "message_stop": StreamDecoder._message_stop,
}
