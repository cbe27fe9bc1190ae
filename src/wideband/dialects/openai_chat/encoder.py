"""A client's stream, written: canonical events in, OpenRouter's chunks out."""

from collections.abc import Callable
from typing import Any

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
from wideband.canon.request import Json, Loss
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.custom_tools import Unwrapper
from wideband.dialects.openai_chat import reasoning, words
from wideband.dialects.openai_faults import encode_error
from wideband.dialects.openai_usage import end_fields
from wideband.wire import jsons

DONE = b"data: [DONE]\n\n"

_TAIL = b',"finish_reason":null}]}\n\n'

Delta = dict[str, Any]


class StreamEncoder:
    """Implements `dialects.base.StreamEncoder`."""

    def __init__(self, envelope: Envelope) -> None:
        self.losses: list[Loss] = []
        # Top-level fields of the provider's that ride on every chunk written from now on.
        self.extras: dict[str, Json] = {}
        self._envelope = envelope
        self._head = b""
        self._openings: dict[int, bytes] = {}
        self._ends: list[Finished] = []
        self._custom: set[tuple[int, int]] = set()
        names = words.custom_names(envelope.asked)
        self._unwrapper = Unwrapper(names) if names else None
        self._write_head()

    def feed(self, events: list[Event]) -> bytes:
        written = b""
        if self._unwrapper is not None:
            events = self._unwrapper.feed(events)
        hides = self._envelope.hides_reasoning
        for event in events:
            write = _WRITERS.get(type(event))
            if write is not None and not (hides and is_reasoning(event)):
                written += write(self, event)
        return written

    def close(self, closing: Closing) -> bytes:
        """Write the finish and the usage (in a chunk of its own where asked for), or the fault; then `[DONE]`."""
        last = end_fields(closing)
        if closing.fault is not None:
            failed = {"index": 0, "delta": self._last_delta(0) | {"content": ""}, "finish_reason": "error"}
            return self._chunk([failed], {"error": encode_error(closing.fault, self._envelope.provider)} | last) + DONE
        chunks = [[self._end(end)] for end in self._ends or [Finished("stop")]]
        if self._envelope.include_usage:
            chunks.append([])
        written = b"".join(self._chunk(choices, {}) for choices in chunks[:-1])
        return written + self._chunk(chunks[-1], last) + DONE

    def said_role(self, choice: int) -> bool:
        """Tell whether the client already knows who speaks in a choice."""
        return choice in self._openings

    def assume_role(self, choice: int) -> None:
        """Take note that a chunk written by others has said the role."""
        self._openings.setdefault(choice, self._opening(choice))

    def _write_head(self) -> None:
        self._head = b"data: " + jsons.encode(self._top())[:-1] + b',"choices":['

    def _top(self) -> dict[str, Json]:
        told = self._envelope
        top = {
            "id": told.id,
            "object": "chat.completion.chunk",
            "created": told.created_s,
            "model": told.model,
            "provider": told.provider,
        }
        return top | self.extras | told.tier_field

    def _opening(self, choice: int) -> bytes:
        return self._head + b'{"index":%d,"delta":' % choice

    def _delta(self, choice: int, delta: Delta) -> bytes:
        opening = self._openings.get(choice)
        if opening is None:
            opening = self._openings[choice] = self._opening(choice)
            delta = {"role": "assistant", "content": ""} | delta
        return opening + jsons.encode(delta) + _TAIL

    def _chunk(self, choices: list[Json], rest: dict[str, Json]) -> bytes:
        return b"data: " + jsons.encode({**self._top(), "choices": choices, **rest}) + b"\n\n"

    def _last_delta(self, choice: int) -> Delta:
        return {} if self.said_role(choice) else {"role": "assistant", "content": ""}

    def _end(self, end: Finished) -> Json:
        return {
            "index": end.choice,
            "delta": self._last_delta(end.choice),
            "logprobs": None,
            "finish_reason": end.reason,
            "native_finish_reason": end.native or end.reason,
        }

    def started(self, event: Started) -> bytes:
        self.extras |= {name: event.extras[name] for name in words.REPLY_EXTRAS if name in event.extras}
        self._write_head()
        return b""

    def text(self, event: TextDelta) -> bytes:
        return self._delta(event.choice, {"content": event.text})

    def reasoning(self, event: ReasoningDelta) -> bytes:
        detail = reasoning.encode_text(event.text, event.block, summary=event.summary, form=event.format)
        return self._delta(event.choice, {"reasoning": event.text, "reasoning_details": [detail]})

    def sealed(self, event: ReasoningSealed) -> bytes:
        return self._delta(event.choice, {"reasoning_details": [reasoning.encode_seal(event, event.block)]})

    def refusal(self, event: RefusalDelta) -> bytes:
        return self._delta(event.choice, {"refusal": event.text})

    def tool(self, event: ToolOpened) -> bytes:
        if event.custom:
            self._custom.add((event.choice, event.index))
            custom = {"name": event.name, "input": ""}
            opened = {"index": event.index, "id": event.id, "type": "custom", "custom": custom}
            return self._delta(event.choice, {"tool_calls": [opened]})
        function = {"name": event.name, "arguments": ""}
        call = {"index": event.index, "id": event.id, "type": "function", "function": function}
        return self._delta(event.choice, {"tool_calls": [call]})

    def arguments(self, event: ToolArgs) -> bytes:
        if (event.choice, event.index) in self._custom:
            more = {"index": event.index, "custom": {"input": event.fragment}}
            return self._delta(event.choice, {"tool_calls": [more]})
        call = {"index": event.index, "function": {"arguments": event.fragment}}
        return self._delta(event.choice, {"tool_calls": [call]})

    def logprobs(self, event: Logprobs) -> bytes:
        delta = {"content": ""} | self._last_delta(event.choice)
        self.assume_role(event.choice)
        choice = {"index": event.choice, "delta": delta, "logprobs": event.value, "finish_reason": None}
        return self._chunk([choice], {})

    def opaque(self, event: OpaqueDelta) -> bytes:
        if event.dialect == words.NAME and event.kind == "reasoning_detail":
            return self._delta(event.choice, {"reasoning_details": [event.raw]})
        if event.dialect == words.NAME and event.kind in words.OPAQUE_FIELDS:
            return self._delta(event.choice, {event.kind: event.raw})
        self.losses.append(Loss(event.kind, event.dialect))
        return b""

    def finished(self, event: Finished) -> bytes:
        self._ends.append(event)
        return b""


def is_reasoning(event: Event) -> bool:
    """Tell whether an event is of the model's thinking."""
    kind = type(event)
    if kind is OpaqueDelta:
        return event.kind == "reasoning_detail"  # type: ignore[union-attr]  # kind says so
    return kind is ReasoningDelta or kind is ReasoningSealed


_WRITERS: dict[type, Callable[[StreamEncoder, Any], bytes]] = {
    Started: StreamEncoder.started,
    TextDelta: StreamEncoder.text,
    ReasoningDelta: StreamEncoder.reasoning,
    ReasoningSealed: StreamEncoder.sealed,
    RefusalDelta: StreamEncoder.refusal,
    ToolOpened: StreamEncoder.tool,
    ToolArgs: StreamEncoder.arguments,
    Logprobs: StreamEncoder.logprobs,
    OpaqueDelta: StreamEncoder.opaque,
    Finished: StreamEncoder.finished,
}
