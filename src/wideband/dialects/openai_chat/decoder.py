"""A provider's stream, read: frames in, canonical events out, whatever the provider makes of the protocol."""

from typing import Any

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Finished,
    FinishReason,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
)
from wideband.dialects import loose
from wideband.dialects.openai_chat import words
from wideband.dialects.openai_chat.calls import Calls
from wideband.dialects.openai_chat.reasoning import Blocks
from wideband.dialects.openai_streams import Choice, ChunkDecoder
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons


class Delta(msgspec.Struct, gc=False):
    """What of a delta or message is read; the types are checked where they are used, for no provider keeps them all."""

    content: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    annotations: Any = None
    audio: Any = None
    images: Any = None


class ChoiceChunk(msgspec.Struct, gc=False):
    """One choice of a chunk, or of a whole reply (`message`)."""

    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    logprobs: Any = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    """The top level of a chunk or reply."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[ChoiceChunk] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None


_read = jsons.Reader(Chunk)


class _Choice(Choice):
    """What has been heard of one choice."""

    __slots__ = ("blocks", "calls")

    def __init__(self, seed: str) -> None:
        super().__init__()
        self.blocks = Blocks()
        self.calls = Calls(seed)


class StreamDecoder(ChunkDecoder[Chunk, _Choice]):
    """Implements `dialects.base.StreamDecoder`."""

    def __init__(self) -> None:
        super().__init__(_read)
        self._response_id = ""

    def _chunk(self, chunk: Chunk) -> list[Event]:
        events: list[Event] = [] if self._started else [self._start(chunk)]
        for position, heard in enumerate(chunk.choices or ()):
            index = heard.index if type(heard.index) is int and heard.index >= 0 else position
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice(f"{self._response_id}:{index}")
            delta = heard.delta or heard.message
            if delta is not None:
                _said(delta, index, choice, events, whole=heard.delta is None)
            if heard.logprobs and isinstance(heard.logprobs, dict) and any(heard.logprobs.values()):
                events.append(Logprobs(value=heard.logprobs, choice=index))
            if heard.error:
                return [*events, *self._say_error(heard.error)]
            if heard.finish_reason and isinstance(heard.finish_reason, str):
                events.extend(self._finish(heard, index, choice))
                if self._failed:
                    return events
        usage = chunk.usage or loose.obj(chunk.x_groq).get("usage")
        if usage and isinstance(usage, dict):
            events.append(Counted(decode_usage(usage)))
        return events

    def _start(self, chunk: Chunk) -> Started:
        self._started = True
        self._response_id = loose.text(chunk.id) or ""
        extras = {name: value for name in words.REPLY_EXTRAS if (value := getattr(chunk, name)) is not None}
        created = chunk.created if type(chunk.created) is int else None
        return Started(id=loose.text(chunk.id), model=loose.text(chunk.model), created_s=created, extras=extras)

    def _finish(self, heard: ChoiceChunk, index: int, choice: _Choice) -> list[Event]:
        if choice.finished:
            return []
        choice.finished = True
        events = choice.calls.flush(index)
        reason = words.finish_reason(heard.finish_reason, bool(choice.calls))
        native = loose.text(heard.native_finish_reason) or heard.finish_reason
        if reason == "error":
            return events + self._break_off(native)
        return [*events, Finished(reason, native, index)]

    def _end(self, index: int, choice: _Choice) -> list[Event]:
        reason: FinishReason = "tool_calls" if choice.calls else "stop"
        return [*choice.calls.flush(index), Finished(reason, None, index)]


def _said(delta: Delta, index: int, choice: _Choice, events: list[Event], *, whole: bool) -> None:
    """Append what a delta says, thinking first: where a chunk holds both, it was thought before it was said."""
    if delta.reasoning_details:
        events.extend(choice.blocks.events(delta.reasoning_details, index))
    else:
        thought = delta.reasoning or delta.reasoning_content
        if thought and isinstance(thought, str):
            events.append(ReasoningDelta(thought, index))
    content = delta.content
    if content:
        if isinstance(content, str):
            events.append(TextDelta(content, index))
        elif isinstance(content, list):
            events.extend(_parts(content, index))
    if delta.tool_calls or delta.function_call:
        entries = delta.tool_calls or [{"index": 0, "function": delta.function_call}]
        events.extend(choice.calls.events(entries, index, whole=whole))
    if delta.refusal or delta.annotations or delta.audio or delta.images:
        events.extend(_rarely_said(delta, index))


def _rarely_said(delta: Delta, index: int) -> list[Event]:
    events: list[Event] = []
    if delta.refusal and isinstance(delta.refusal, str):
        events.append(RefusalDelta(delta.refusal, index))
    told = ((kind, getattr(delta, kind)) for kind in words.OPAQUE_FIELDS)
    events.extend(OpaqueDelta(dialect=words.NAME, kind=kind, raw=raw, choice=index) for kind, raw in told if raw)
    return events


def _parts(content: list[Any], index: int) -> list[Event]:
    """Read content told in parts, as Mistral does: text, and thinking as a list of texts."""
    events: list[Event] = []
    for part in content:
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        match part:
            case {"type": "text" | "output_text", "text": str(said)}:
                events.append(TextDelta(said, index))
            case {"type": "refusal", "refusal": str(said)}:
                events.append(RefusalDelta(said, index))
            case {"type": "thinking", "thinking": thought}:
                said = (
                    thought
                    if isinstance(thought, str)
                    else "".join(str(row.get("text", "")) for row in loose.rows(thought))
                )
                events.append(ReasoningDelta(said, index))
            case dict():
                events.append(OpaqueDelta(dialect=words.NAME, kind="content_part", raw=part, choice=index))
            case _:
                pass
    return events
