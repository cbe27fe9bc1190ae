"""Canonical events as a Messages stream for a client.

The protocol shows one content block at a time, while events of several tool calls may come interleaved: the first
block that is not finished goes out as it comes, those behind it wait.
"""

import re
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
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Loss, Reasoning
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.blocks import Block
from wideband.dialects.anthropic_messages.faults import encode_error
from wideband.dialects.anthropic_messages.reply import encode_thinking
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.custom_tools import free_input
from wideband.dialects.noting import note
from wideband.wire import jsons, sse

_MARKS = re.compile(r'[\\"{}\[\]]')

PING = b'event: ping\ndata: {"type": "ping"}\n\n'

# How the delta of each kind of block begins; the JSON of what it adds and two braces follow.
_DELTAS: dict[str, str] = {
    "text": '"text_delta","text":',
    "thinking": '"thinking_delta","thinking":',
    "signature": '"signature_delta","signature":',
    "citation": '"citations_delta","citation":',
    "tool": '"input_json_delta","partial_json":',
}


class _Nesting:
    """Reads JSON text piece by piece and tells when its outermost object or list has closed."""

    __slots__ = ("_begun", "_depth", "_escaped", "_quoted")

    def __init__(self) -> None:
        self._depth = 0
        self._begun = False
        self._quoted = False
        # Where, in the text at hand, a character stands that a backslash has taken the meaning from.
        self._escaped = -1

    def feed(self, text: str) -> None:
        for found in _MARKS.finditer(text):
            at, mark = found.start(), found[0]
            if at == self._escaped:
                continue
            if mark == '"':
                self._quoted = not self._quoted
            elif mark == "\\":
                self._escaped = at + 1
            elif not self._quoted:
                self._begun = True
                self._depth += 1 if mark in "{[" else -1
        self._escaped = self._escaped - len(text) if self._escaped >= len(text) else -1

    def is_over(self) -> bool:
        return self._begun and self._depth <= 0 and not self._quoted


class _Lane:
    """One content block: on the wire when it is the first in line, else what it will say is held."""

    __slots__ = ("free", "heads", "held", "is_over", "key", "kind", "nesting", "start")

    def __init__(self, kind: str, key: int, start: Block) -> None:
        self.kind = kind
        self.key = key
        self.start = start
        self.held: list[tuple[str, bytes]] = []
        self.heads: dict[str, bytes] = {}
        # What a tool that takes free text has been given: it is JSON only once it is whole.
        self.free: list[str] | None = None
        # A tool call is whole when its JSON is; any other block whenever something else begins.
        self.nesting = _Nesting() if kind == "tool" else None
        self.is_over = kind == "block"

    def is_whole(self) -> bool:
        """Say whether the block may be closed."""
        return self.nesting is None or self.nesting.is_over()


class StreamEncoder:
    """Writes one stream; finish and usage wait for `close`."""

    def __init__(self, envelope: Envelope) -> None:
        self.losses: list[Loss] = []
        self._envelope = envelope
        self._started = False
        self._index = -1
        self._lanes: list[_Lane] = []
        self._tools: dict[int, _Lane] = {}
        self._refused = False
        self._finish: Finished | None = None
        self._takers = _QUIET_TAKERS if envelope.hides_reasoning else _TAKERS

    def feed(self, events: list[Event]) -> bytes:
        """Return the bytes of these events; nothing is said twice and no byte of a tool call is lost."""
        out: list[bytes] = []
        for event in events:
            take = self._takers.get(type(event))
            if take is None:
                continue
            if getattr(event, "choice", 0) != 0:
                note(self.losses, "n", "only the first choice is shown")
                continue
            if not self._started:
                self._start(out)
            take(self, event, out)
        return b"".join(out)

    def close(self, closing: Closing) -> bytes:
        """Return the end of the stream, or the fault in-band."""
        fault = closing.fault
        if fault is None and self._finish is not None and self._finish.reason == "error":
            fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="The provider broke off its answer.")
        if fault is not None:
            return error_frame(fault, self._envelope.id)
        out: list[bytes] = []
        if not self._started:
            self._start(out)
        self._drain(out)
        out.append(self._message_delta(closing))
        out.append(stop_frame(closing))
        return b"".join(out)

    def _start(self, out: list[bytes]) -> None:
        self._started = True
        out.append(start_frame(self._envelope))

    def _message_delta(self, closing: Closing) -> bytes:
        finish = self._finish or Finished("tool_calls" if self._tools else "stop")
        reason = words.stop_reason(finish.reason, finish.native, finish.stop_sequence, called_tools=bool(self._tools))
        if reason == "end_turn" and self._refused:
            reason = "refusal"
        delta = {"stop_reason": reason, "stop_sequence": finish.stop_sequence}
        usage = words.encode_usage(closing.usage) | closing.cost_fields | words.tier_field(self._envelope)
        return frame("message_delta", {"delta": delta, "usage": usage})

    def _say(self, lane: _Lane, kind: str, payload: bytes, out: list[bytes]) -> None:
        if lane is not self._lanes[0]:
            lane.held.append((kind, payload))
            return
        head = lane.heads.get(kind)
        if head is None:
            head = lane.heads[kind] = (
                'event: content_block_delta\ndata: {"type":"content_block_delta",'
                f'"index":{self._index},"delta":{{"type":{_DELTAS[kind]}'
            ).encode()
        out.append(head + payload + b"}}\n\n")

    def _lane(self, kind: str, key: int, start: Block, out: list[bytes]) -> _Lane:
        """Put a new block in line, and let those before it go that are finished."""
        lane = _Lane(kind, key, start)
        self._lanes.append(lane)
        if len(self._lanes) == 1:
            self._show(lane, out)
        else:
            self._advance(out)
        return lane

    def _show(self, lane: _Lane, out: list[bytes]) -> None:
        self._index += 1
        out.append(frame("content_block_start", {"index": self._index, "content_block": lane.start}))
        held, lane.held = lane.held, []
        for kind, payload in held:
            self._say(lane, kind, payload, out)

    def _shift(self, out: list[bytes]) -> None:
        self._lanes.pop(0)
        out.append(frame("content_block_stop", {"index": self._index}))
        if self._lanes:
            self._show(self._lanes[0], out)

    def _advance(self, out: list[bytes]) -> None:
        while len(self._lanes) > 1 and self._lanes[0].is_whole():
            self._shift(out)

    def _drain(self, out: list[bytes]) -> None:
        while self._lanes:
            self._shift(out)

    def _last(self, kind: str, key: int) -> _Lane | None:
        """Return the last block in line when more of the same may go to it."""
        lane = self._lanes[-1] if self._lanes else None
        return lane if lane is not None and (lane.kind, lane.key) == (kind, key) and not lane.is_over else None

    def _started_event(self, _event: Started, _out: list[bytes]) -> None:
        """Nothing more: every first event opens the message."""

    def _text(self, event: TextDelta | RefusalDelta, out: list[bytes]) -> None:
        lane = self._last("text", 0) or self._lane("text", 0, {"type": "text", "text": ""}, out)
        self._say(lane, "text", jsons.encode(event.text), out)

    def _refusal(self, event: RefusalDelta, out: list[bytes]) -> None:
        note(self.losses, "refusal", "said as text")
        self._refused = True
        self._text(event, out)

    def _thinking_lane(self, block: int, out: list[bytes]) -> _Lane:
        start = {"type": "thinking", "thinking": "", "signature": ""}
        return self._last("thinking", block) or self._lane("thinking", block, start, out)

    def _reasoning(self, event: ReasoningDelta, out: list[bytes]) -> None:
        self._say(self._thinking_lane(event.block, out), "thinking", jsons.encode(event.text), out)

    def _sealed(self, event: ReasoningSealed, out: list[bytes]) -> None:
        sealed = encode_thinking(Reasoning(signature=event.signature, data=event.data, format=event.format))
        if event.data is not None:
            self._lane("block", event.block, sealed, out)
            return
        lane = self._thinking_lane(event.block, out)
        self._say(lane, "signature", jsons.encode(sealed["signature"]), out)

    def _tool_opened(self, event: ToolOpened, out: list[bytes]) -> None:
        if event.index not in self._tools:
            start = {"type": "tool_use", "id": words.tool_id(event.id), "name": event.name, "input": {}}
            lane = self._tools[event.index] = self._lane("tool", event.index, start, out)
            lane.free = [] if event.custom else None

    def _tool_args(self, event: ToolArgs, out: list[bytes]) -> None:
        lane = self._tools.get(event.index)
        if lane is None:
            self._tool_opened(ToolOpened(event.index, f"call_{event.index}", ""), out)
            lane = self._tools[event.index]
        if lane not in self._lanes:
            # Its block was closed when its JSON was whole: only white space can be left to say.
            if event.fragment.strip():
                note(self.losses, "tool_arguments", "text after the end of a call's JSON")
            return
        if lane.free is not None:
            lane.free.append(event.fragment)
            return
        self._input(lane, event.fragment, out)
        if lane is self._lanes[0] and len(self._lanes) > 1:
            self._advance(out)

    def _input(self, lane: _Lane, fragment: str, out: list[bytes]) -> None:
        if lane.nesting is not None:
            lane.nesting.feed(fragment)
        self._say(lane, "tool", jsons.encode(fragment), out)

    def _logprobs(self, _event: Logprobs, _out: list[bytes]) -> None:
        note(self.losses, "logprobs")

    def _opaque(self, event: OpaqueDelta, out: list[bytes]) -> None:
        own = event.dialect == words.NAME
        if own and event.kind == "citations" and (lane := self._last("text", 0)) is not None:
            for citation in event.raw:
                self._say(lane, "citation", jsons.encode(citation), out)
            lane.is_over = True
        elif own and isinstance(event.raw, dict) and "type" in event.raw:
            self._lane("block", 0, event.raw, out)
        else:
            note(self.losses, event.kind)

    def _finished(self, event: Finished, out: list[bytes]) -> None:
        self._finish = event
        for lane in self._tools.values():
            if lane.free is not None:
                said = free_input("".join(lane.free))
                # What was cut short is not told as whole: clients would run it.
                self._input(lane, said if event.reason != "length" else said.removesuffix('"}'), out)
                lane.free = None


_TAKERS: dict[type, Callable[[StreamEncoder, Any, list[bytes]], None]] = {
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

_QUIET_TAKERS = {kind: take for kind, take in _TAKERS.items() if kind not in (ReasoningDelta, ReasoningSealed)}


def frame(kind: str, fields: dict[str, Any]) -> bytes:
    """Write one event; its name stands in the `event:` line and in the data."""
    return sse.encode(jsons.encode({"type": kind, **fields}), kind)


def start_frame(envelope: Envelope) -> bytes:
    """Write the opening of a stream: the message without content, and a ping as Anthropic sends one."""
    message: dict[str, Any] = {
        "id": envelope.id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
        "provider": envelope.provider,
    }
    return frame("message_start", {"message": message}) + PING


def error_frame(fault: Fault, request_id: str) -> bytes:
    """Write the event that ends a broken stream."""
    return sse.encode(jsons.encode(encode_error(fault, request_id)), "error")


def stop_frame(closing: Closing) -> bytes:
    """Write the last event of a whole stream, with the router's metadata when it was asked for."""
    return frame("message_stop", closing.metadata_field)
