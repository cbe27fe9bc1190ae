"""A provider's stream, read: frames in, canonical events out."""

from typing import Any

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Finished,
    Logprobs,
    ReasoningDelta,
    Started,
    TextDelta,
)
from wideband.dialects.loose import text
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.logprobs import rows_of
from wideband.dialects.openai_streams import Choice, ChunkDecoder
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons


class ChoiceChunk(msgspec.Struct, gc=False):
    """One choice of a chunk or of a whole reply; the types are checked where they are used."""

    index: Any = None
    text: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    logprobs: Any = None
    finish_reason: Any = None
    native_finish_reason: Any = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    """The top level of a chunk or reply."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[ChoiceChunk] | None = None
    usage: Any = None
    error: Any = None


_read = jsons.Reader(Chunk)


class StreamDecoder(ChunkDecoder[Chunk, Choice]):
    """Implements `dialects.base.StreamDecoder`."""

    def __init__(self) -> None:
        super().__init__(_read)

    def _chunk(self, chunk: Chunk) -> list[Event]:
        events: list[Event] = []
        if not self._started:
            self._started = True
            created = chunk.created if type(chunk.created) is int else None
            events.append(Started(id=text(chunk.id), model=text(chunk.model), created_s=created))
        for position, heard in enumerate(chunk.choices or ()):
            index = heard.index if type(heard.index) is int and heard.index >= 0 else position
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = Choice()
            events.extend(_said(heard, index))
            if heard.error:
                return [*events, *self._say_error(heard.error)]
            if (native := text(heard.finish_reason)) is not None and not choice.finished:
                choice.finished = True
                reason = words.FINISH.get(native.lower(), "stop")
                if reason == "error":
                    return [*events, *self._break_off(native)]
                events.append(Finished(reason, text(heard.native_finish_reason) or native, index))
        if chunk.usage and isinstance(chunk.usage, dict):
            events.append(Counted(decode_usage(chunk.usage)))
        return events

    def _end(self, index: int, _choice: Choice) -> list[Event]:
        return [Finished("stop", None, index)]


def _said(heard: ChoiceChunk, index: int) -> list[Event]:
    events: list[Event] = []
    if thought := text(heard.reasoning) or text(heard.reasoning_content):
        events.append(ReasoningDelta(thought, index))
    if said := text(heard.text):
        events.append(TextDelta(said, index))
    if (logprobs := rows_of(heard.logprobs)) is not None:
        events.append(Logprobs(value=logprobs, choice=index))
    return events
