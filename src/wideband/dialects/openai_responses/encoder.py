"""Canonical events as a Responses stream for a client.

Items follow each other: what a model says or thinks ends where something else begins. Only calls may stay open beside
each other, since some providers tell several at once.
"""

from collections.abc import Callable
from typing import Any, Final

from wideband.canon.events import (
    Event,
    Finished,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Json, Loss
from wideband.dialects import loose
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.noting import note
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.output import Call, Item, Message, Thought, Whole, Wire
from wideband.dialects.openai_responses.shape import ending, response
from wideband.dialects.openai_responses.tools import Known, known_tools
from wideband.wire import jsons

# Fields of the response that are the provider's to say.
_EXTRAS: Final = ("service_tier",)


class StreamEncoder:
    """Implements `dialects.base.StreamEncoder`."""

    def __init__(self, envelope: Envelope) -> None:
        self.losses: list[Loss] = []
        self._envelope = envelope
        self._wire = Wire()
        self._started = False
        self._extras: dict[str, Json] = {}
        self._open: list[Item] = []
        # The items that are done, by their place.
        self._done: dict[int, Json] = {}
        self._message: Message | None = None
        self._thought: Thought | None = None
        self._calls: dict[int, Call] = {}
        # What was said of blocks of thinking that are done.
        self._thoughts: dict[int, str] = {}
        self._known: dict[str, Known] | None = None
        self._finish: Finished | None = None

    def feed(self, events: list[Event]) -> bytes:
        written = b""
        hides = self._envelope.hides_reasoning
        for event in events:
            kind = type(event)
            write = _WRITERS.get(kind)
            if write is None or (hides and kind in _THINKING):
                continue
            if getattr(event, "choice", 0) != 0:
                note(self.losses, "n", "only the first choice is shown")
                continue
            if not self._started:
                written += self._start(event)
            written += write(self, event)
        return written

    def close(self, closing: Closing) -> bytes:
        """Write the end of the stream: the whole response once more, or how it failed."""
        written = b"" if self._started else self._start(None)
        ended, status, whole = self._end(closing)
        return written + ended + self._wire.event(f"response.{status}", {"response": whole})

    def whole(self, closing: Closing) -> bytes:
        """Return, in place of the stream's end, the answer as one that was not streamed."""
        return jsons.encode(self._end(closing)[2])

    def _start(self, event: Event | None) -> bytes:
        self._started = True
        if isinstance(event, Started):
            self._extras = {name: event.extras[name] for name in _EXTRAS if name in event.extras}
        begun = {"response": response(self._envelope, "in_progress", [], self._extras, {})}
        return self._wire.event("response.created", begun) + self._wire.event("response.in_progress", begun)

    def _end(self, closing: Closing) -> tuple[bytes, str, dict[str, Json]]:
        fault = closing.fault
        if fault is None and self._finish is not None and self._finish.reason == "error":
            fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider broke off its answer.")
        # A call that broke off is never told as done: clients would run it.
        written = self._settle() if fault is None else b""
        items = self._done | {item.at: item.told("incomplete") for item in self._open}
        status, rest = ending(closing, fault, self._finish, self._envelope.provider)
        output = [items[at] for at in sorted(items)]
        return written, status, response(self._envelope, status, output, self._extras, rest)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._envelope.id}_{self._at}"

    @property
    def _at(self) -> int:
        return len(self._done) + len(self._open)

    def _begin(self, item: Item) -> bytes:
        """Open an item, those before it done that can be."""
        written = self._advance()
        self._open.append(item)
        return written + item.open()

    def _advance(self) -> bytes:
        whole = [item for item in self._open if item.is_whole()]
        return b"".join([self._finish_item(item, "completed") for item in whole])

    def _settle(self) -> bytes:
        """Finish every item; the last is incomplete where the answer is."""
        broke = self._finish is not None and self._finish.reason in words.INCOMPLETE_WORDS
        written = b""
        while self._open:
            is_last = len(self._open) == 1
            written += self._finish_item(self._open[0], "incomplete" if broke and is_last else "completed")
        return written

    def _finish_item(self, item: Item, status: str) -> bytes:
        if item is self._message:
            self._message = None
        elif isinstance(item, Thought):
            self._thoughts[item.block] = item.said
            self._thought = None
        written = item.close(status)
        self._open.remove(item)
        self._done[item.at] = item.told(status)
        return written

    def _started_event(self, _event: Started) -> bytes:
        return b""

    def _text(self, event: TextDelta) -> bytes:
        message = self._message
        if message is not None:
            return message.text(event.text)
        message, opening = self._new_message()
        return opening + message.text(event.text)

    def _refusal(self, event: RefusalDelta) -> bytes:
        message, opening = (self._message, b"") if self._message is not None else self._new_message()
        return opening + message.refusal(event.text)

    def _new_message(self) -> tuple[Message, bytes]:
        message = Message(self._wire, self._at, self._id("msg"))
        opening = self._begin(message)
        self._message = message
        return message, opening

    def _logprobs(self, event: Logprobs) -> bytes:
        rows = loose.rows(loose.obj(event.value).get("content"))
        if self._message is None or not rows:
            note(self.losses, "logprobs", "of other tokens than text")
            return b""
        return self._message.logprobs(rows)

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        if not event.text:
            return b""
        thought, opening = self._thought, b""
        if thought is None or thought.block != event.block:
            thought, opening = self._new_thought(event.block, None)
        return opening + thought.say(event.text, event.format, summary=event.summary)

    def _sealed(self, event: ReasoningSealed) -> bytes:
        thought, opening = self._thought, b""
        if thought is None or thought.block != event.block or (event.data is not None and thought.has_data):
            is_own = event.format == words.REASONING_FORMAT and event.id is not None and event.id.startswith("rs_")
            thought, opening = self._new_thought(event.block, event.id if is_own else None)
        thought.seal(event)
        return opening

    def _new_thought(self, block: int, item_id: str | None) -> tuple[Thought, bytes]:
        earlier = self._thought.said if self._thought is not None and self._thought.block == block else ""
        earlier = earlier or self._thoughts.get(block, "")
        thought = Thought(self._wire, self._at, item_id or self._id("rs"), block, earlier)
        opening = self._begin(thought)
        self._thought = thought
        return thought, opening

    def _tool_opened(self, event: ToolOpened) -> bytes:
        if event.index in self._calls:
            return b""
        if self._known is None:
            asked = self._envelope.asked
            self._known = known_tools(bytes(asked.get("tools", b"")), bytes(asked.get("input", b"")))
        known = self._known.get(event.name) or Known(event.name)
        wrapped = known.custom and not event.custom
        if event.custom and not known.custom:
            known = Known(known.name, known.namespace, custom=True)
        item_id, call_id = self._id("ctc" if known.custom else "fc"), event.id or self._id("call")
        call = self._calls[event.index] = Call(self._wire, self._at, item_id, call_id, known, wrapped=wrapped)
        return self._begin(call)

    def _tool_args(self, event: ToolArgs) -> bytes:
        opening = self._tool_opened(ToolOpened(event.index, "", "")) if event.index not in self._calls else b""
        call = self._calls[event.index]
        if call.at not in self._done:
            return opening + call.say(event.fragment)
        # It was done when its JSON was whole: only white space can be left to say.
        if event.fragment.strip():
            note(self.losses, "tool_arguments", "text after the end of a call's JSON")
        return b""

    def _opaque(self, event: OpaqueDelta) -> bytes:
        own = event.dialect == words.NAME
        if own and event.kind == words.OPAQUE_ITEM and isinstance(event.raw, dict):
            item = Whole(self._wire, self._at, event.raw)
            return self._begin(item) + self._finish_item(item, "completed")
        if own and event.kind == words.ANNOTATIONS and self._message is not None and isinstance(event.raw, list):
            return self._message.cite(event.raw)
        note(self.losses, event.kind, event.dialect)
        return b""

    def _finished(self, event: Finished) -> bytes:
        self._finish = event
        return self._settle() if event.reason != "error" else b""


_THINKING: Final = frozenset({ReasoningDelta, ReasoningSealed})
_WRITERS: Final[dict[type, Callable[[StreamEncoder, Any], bytes]]] = {
    Finished: StreamEncoder._finished,
    Logprobs: StreamEncoder._logprobs,
    OpaqueDelta: StreamEncoder._opaque,
    ReasoningDelta: StreamEncoder._reasoning,
    ReasoningSealed: StreamEncoder._sealed,
    RefusalDelta: StreamEncoder._refusal,
    Started: StreamEncoder._started_event,
    TextDelta: StreamEncoder._text,
    ToolArgs: StreamEncoder._tool_args,
    ToolOpened: StreamEncoder._tool_opened,
}
