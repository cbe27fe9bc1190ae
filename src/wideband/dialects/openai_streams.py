"""How a provider's stream of chunks is read in OpenAI's two older protocols: where it ends, breaks off or says why."""

from abc import ABC, abstractmethod
from typing import Any, Final, Generic, Protocol, TypeVar

from wideband.canon.events import Event, Failed, say_anything
from wideband.canon.faults import Fault, Faulted, FaultKind, garbled
from wideband.canon.reply import Reply, fold
from wideband.dialects.excerpts import excerpt
from wideband.dialects.openai_faults import decode_error, find_error
from wideband.wire import jsons
from wideband.wire.sse import Frame

DONE: Final = b"[DONE]"


class Choice:
    """What has been heard of one choice."""

    __slots__ = ("finished",)

    def __init__(self) -> None:
        self.finished = False


class Chunk(Protocol):
    """What every chunk may hold; of which types, no provider is held to."""

    choices: Any
    usage: Any
    error: Any


K = TypeVar("K", bound=Chunk)
C = TypeVar("C", bound=Choice)


class ChunkDecoder(ABC, Generic[K, C]):
    """Implements `dialects.base.StreamDecoder`, but for what a chunk says."""

    def __init__(self, read: jsons.Reader[K]) -> None:
        self._read = read
        self._choices: dict[int, C] = {}
        self._started = False
        self._done = False
        self._failed = False

    @abstractmethod
    def _chunk(self, chunk: K) -> list[Event]:
        """Return what a chunk says."""

    @abstractmethod
    def _end(self, index: int, choice: C) -> list[Event]:
        """Return the end of a choice that did not say why it ended."""

    def feed(self, frame: Frame) -> list[Event]:
        if self._failed or self._done:
            return []
        data = frame.data
        if data == DONE:
            return self._finish_all()
        try:
            chunk = self._read(data)
            if chunk.error or frame.event == "error" or (chunk.choices is None and chunk.usage is None):
                return self._suspect(data, named_error=frame.event == "error")
            return self._chunk(chunk)
        except (jsons.DecodeError, jsons.EncodeError):
            return self._unreadable(data)

    def close(self) -> list[Event]:
        if self._failed or self._done:
            return []
        if not self._started:
            return self._fail(FaultKind.PROVIDER_GARBLED, "The provider's stream was empty.")
        if self._choices and all(choice.finished for choice in self._choices.values()):
            return []
        return self._fail(FaultKind.PROVIDER_CUT, "The provider's stream broke off before it was finished.")

    def whole(self, body: bytes) -> Reply:
        """Return an answer that is not streamed. Raises `Faulted` for one unreadable, or that holds only an error."""
        events = self.feed(Frame(body))
        if not events:
            raise garbled("The provider's answer holds no choices.")
        if not isinstance(events[-1], Failed):
            # A choice that does not say why it ended is taken at its word: the answer is whole.
            events.extend(self.feed(Frame(DONE)))
        reply = fold(events)
        if reply.fault is not None and not say_anything(events):
            raise Faulted(reply.fault)
        return reply

    def _finish_all(self) -> list[Event]:
        """Take `[DONE]` for the end of every choice that did not say why it ended."""
        if not self._choices:
            return self._fail(FaultKind.PROVIDER_GARBLED, "The provider's stream ended without an answer.")
        self._done = True
        told = (self._end(index, choice) for index, choice in self._choices.items() if not choice.finished)
        return [event for events in told for event in events]

    def _unreadable(self, data: bytes) -> list[Event]:
        stripped = data.strip()
        if not stripped:
            return []
        if stripped == DONE:
            return self._finish_all()
        try:
            error = find_error(jsons.decode(data))
        except jsons.DecodeError:
            error = None
        if error is not None:
            return self._fail_with(decode_error(error))
        message = "The provider's stream cannot be read."
        return self._fail_with(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message, raw=excerpt(data)))

    def _suspect(self, data: bytes, *, named_error: bool) -> list[Event]:
        """Look closer at a chunk that says `error`, or has neither choices nor counts."""
        error = find_error(jsons.decode(data))
        if error is not None or named_error:
            return self._fail_with(decode_error(error or {}))
        return []

    def _say_error(self, error: Any) -> list[Event]:
        """End with what a choice says went wrong."""
        return self._fail_with(decode_error(error if isinstance(error, dict) else {"message": error}))

    def _break_off(self, native: str) -> list[Event]:
        """End for a reason that is none to finish."""
        return self._fail(FaultKind.PROVIDER_ERROR, f"The provider broke the answer off ({native[:100]}).")

    def _fail(self, kind: FaultKind, message: str) -> list[Event]:
        return self._fail_with(Fault(kind=kind, message=message))

    def _fail_with(self, fault: Fault) -> list[Event]:
        self._failed = True
        return [Failed(fault)]
