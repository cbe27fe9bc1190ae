"""A provider's stream, read: frames in, canonical events out."""

from typing import Any

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    Logprobs,
    ReasoningDelta,
    Started,
    TextDelta,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.excerpts import excerpt
from wideband.dialects.loose import text
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.logprobs import rows_of
from wideband.dialects.openai_faults import decode_error, find_error
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons
from wideband.wire.sse import Frame

DONE = b"[DONE]"


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


class StreamDecoder:
    """Implements `dialects.base.StreamDecoder`."""

    def __init__(self) -> None:
        # Choice -> whether it is finished.
        self._choices: dict[int, bool] = {}
        self._started = False
        self._done = False
        self._failed = False

    def feed(self, frame: Frame) -> list[Event]:
        if self._failed or self._done:
            return []
        data = frame.data.strip()
        if data == DONE:
            return self._finish_all()
        try:
            chunk = _read(data)
            if chunk.error or frame.event == "error" or (chunk.choices is None and chunk.usage is None):
                error = find_error(jsons.decode(data))
                named = error is not None or frame.event == "error"
                return self._fail(decode_error(error or {})) if named else []
            return self._chunk(chunk)
        except (jsons.DecodeError, jsons.EncodeError):
            return self._unreadable(data)

    def close(self) -> list[Event]:
        if self._failed or self._done:
            return []
        if not self._started:
            return self._broken(FaultKind.PROVIDER_GARBLED, "The provider's stream was empty.")
        if self._choices and all(self._choices.values()):
            return []
        return self._broken(FaultKind.PROVIDER_CUT, "The provider's stream broke off before it was finished.")

    def _chunk(self, chunk: Chunk) -> list[Event]:
        events: list[Event] = []
        if not self._started:
            self._started = True
            created = chunk.created if type(chunk.created) is int else None
            events.append(Started(id=text(chunk.id), model=text(chunk.model), created_s=created))
        for position, heard in enumerate(chunk.choices or ()):
            index = heard.index if type(heard.index) is int and heard.index >= 0 else position
            self._choices.setdefault(index, False)
            events.extend(_said(heard, index))
            if heard.error:
                error = heard.error if isinstance(heard.error, dict) else {"message": heard.error}
                return [*events, *self._fail(decode_error(error))]
            if (native := text(heard.finish_reason)) is not None and not self._choices[index]:
                self._choices[index] = True
                reason = words.FINISH.get(native.lower(), "stop")
                if reason == "error":
                    message = f"The provider broke the answer off ({native[:100]})."
                    return [*events, *self._broken(FaultKind.PROVIDER_ERROR, message)]
                events.append(Finished(reason, text(heard.native_finish_reason) or native, index))
        if chunk.usage and isinstance(chunk.usage, dict):
            events.append(Counted(decode_usage(chunk.usage)))
        return events

    def _finish_all(self) -> list[Event]:
        """Take `[DONE]` for the end of every choice that did not say why it ended."""
        if not self._choices:
            return self._broken(FaultKind.PROVIDER_GARBLED, "The provider's stream ended without an answer.")
        self._done = True
        return [Finished("stop", None, index) for index, finished in self._choices.items() if not finished]

    def _unreadable(self, data: bytes) -> list[Event]:
        if not data:
            return []
        try:
            error = find_error(jsons.decode(data))
        except jsons.DecodeError:
            error = None
        if error is not None:
            return self._fail(decode_error(error))
        message = "The provider's stream cannot be read."
        return self._fail(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message, raw=excerpt(data)))

    def _broken(self, kind: FaultKind, message: str) -> list[Event]:
        return self._fail(Fault(kind=kind, message=message))

    def _fail(self, fault: Fault) -> list[Event]:
        self._failed = True
        return [Failed(fault)]


def _said(heard: ChoiceChunk, index: int) -> list[Event]:
    events: list[Event] = []
    if thought := text(heard.reasoning) or text(heard.reasoning_content):
        events.append(ReasoningDelta(thought, index))
    if said := text(heard.text):
        events.append(TextDelta(said, index))
    if (logprobs := rows_of(heard.logprobs)) is not None:
        events.append(Logprobs(value=logprobs, choice=index))
    return events
