"""An upstream's generateContent stream, frame by frame, as canonical events; it trusts no order and never raises."""

import hashlib

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    Logprobs,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.chunks import (
    Candidate,
    Chunk,
    WireCall,
    WirePart,
    beside,
    block_fault,
    ending_fault,
    openai_logprobs,
    other_part,
    read_chunk,
)
from wideband.dialects.gemini_generate.counts import decode_counts
from wideband.dialects.google_upstream_faults import decode_error
from wideband.wire import jsons
from wideband.wire.sse import Frame

# What stands where JSON should, and means nothing.
_EMPTY = frozenset({b"", b"[DONE]"})


class _Choice:
    """One candidate while its chunks come in; `block` is the last block of thinking or seal that it began."""

    __slots__ = ("block", "index", "is_finished", "is_thinking", "tools")

    def __init__(self, index: int) -> None:
        self.index = index
        self.block = -1
        self.tools = 0
        self.is_thinking = False
        self.is_finished = False


class StreamDecoder:
    """Reads one stream. After `Failed` it reads no more."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._ids: set[str] = set()
        self._id: str | None = None
        self._started = False
        self._done = False

    def feed(self, frame: Frame) -> list[Event]:
        """Return what a frame says; one that cannot be read gives `Failed(provider_garbled)` and ends the stream."""
        if self._done:
            return []
        try:
            chunk = read_chunk(frame.data)
            return self._take(chunk, frame.data)
        except (jsons.DecodeError, UnicodeError) as error:
            if frame.data.strip() in _EMPTY:
                return []
            message = f"The provider sent a chunk that cannot be read: {error}"
            return self._fail(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message))

    def close(self) -> list[Event]:
        """End of bytes: a stream in which a candidate, or every one, is without a reason to finish was cut."""
        if self._done:
            return []
        self._done = True
        if self._choices and all(choice.is_finished for choice in self._choices.values()):
            return []
        return self._fail(
            Fault(kind=FaultKind.PROVIDER_CUT, message="The provider's stream ended before its answer did.")
        )

    def _fail(self, fault: Fault) -> list[Event]:
        self._done = True
        return [Failed(fault)]

    def _take(self, chunk: Chunk, data: bytes) -> list[Event]:
        if chunk.error is not None:
            return self._fail(decode_error(chunk.error, 0, data))
        events = [] if self._started else self._start(chunk)
        for at, candidate in enumerate(chunk.candidates or ()):
            self._candidate(candidate, events, at, data)
        usage = decode_counts(chunk.usage_metadata)
        if usage is not None:
            events.append(Counted(usage))
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason and not self._choices:
            return [*events, *self._fail(block_fault(feedback, data))]
        for candidate in chunk.candidates or ():
            if candidate.finish_reason and (broken := ending_fault(candidate)) is not None:
                return [*events, *self._fail(broken)]
        return events

    def _start(self, chunk: Chunk) -> list[Event]:
        self._started = True
        self._id = chunk.response_id
        return [Started(id=chunk.response_id, model=chunk.model_version)]

    def _candidate(self, candidate: Candidate, events: list[Event], at: int, data: bytes) -> None:
        index = candidate.index or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index)
        if choice.is_finished:
            return
        for place, part in enumerate(candidate.parts()):
            if part.function_call is not None:
                self._call(choice, part, part.function_call, events)
            elif part.text is not None:
                self._text(choice, part, part.text, events)
            else:
                self._other(choice, part, events, (data, at, place))
        if candidate.logprobs_result and (logprobs := openai_logprobs(candidate.logprobs_result)) is not None:
            events.append(Logprobs(value=logprobs, choice=index))
        if candidate.says_more:
            events.extend(beside(candidate, index))
        if candidate.finish_reason and words.FINISH.get(candidate.finish_reason) != "error":
            choice.is_finished = True
            reason = words.finish_reason(candidate.finish_reason, called_tools=choice.tools > 0)
            events.append(Finished(reason, candidate.finish_reason, index))

    @staticmethod
    def _text(choice: _Choice, part: WirePart, text: str, events: list[Event]) -> None:
        seal, index = part.thought_signature, choice.index
        if not part.thought:
            choice.is_thinking = False
            if text:
                events.append(TextDelta(text, index))
            if seal:
                StreamDecoder._seal(choice, seal, None, events)
            return
        if not choice.is_thinking:
            choice.is_thinking = True
            choice.block += 1
        if text:
            events.append(ReasoningDelta(text, index, choice.block, format=words.REASONING_FORMAT))
        if seal:
            # A sealed thought is whole.
            choice.is_thinking = False
            events.append(
                ReasoningSealed(signature=seal, choice=index, block=choice.block, format=words.REASONING_FORMAT)
            )

    @staticmethod
    def _seal(choice: _Choice, seal: str, call_id: str | None, events: list[Event]) -> None:
        choice.block += 1
        events.append(
            ReasoningSealed(
                data=seal, choice=choice.index, block=choice.block, format=words.REASONING_FORMAT, id=call_id
            )
        )

    def _call(self, choice: _Choice, part: WirePart, call: WireCall, events: list[Event]) -> None:
        """Say a call, which comes whole, behind the seal that stands on it."""
        choice.is_thinking = False
        raw = bytes(call.args)
        arguments = "{}" if raw in {b"", b"null"} else raw.decode()
        call_id = call.id or ""
        if not call_id or call_id in self._ids:
            call_id = self._new_id(choice, call.name or "", arguments)
        self._ids.add(call_id)
        if part.thought_signature:
            self._seal(choice, part.thought_signature, call_id, events)
        events.append(ToolOpened(choice.tools, call_id, call.name or "", choice.index))
        events.append(ToolArgs(choice.tools, arguments, choice.index))
        choice.tools += 1

    def _new_id(self, choice: _Choice, name: str, arguments: str) -> str:
        """Make an id for a call that has none, or one that another call of this answer has too."""
        answer = self._id or f"{name} {arguments}"
        told = f"{answer} {choice.index} {choice.tools}"
        return "call_" + hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:24]

    def _other(self, choice: _Choice, part: WirePart, events: list[Event], place: tuple[bytes, int, int]) -> None:
        """Say a part of a kind that only Gemini has, behind its seal."""
        choice.is_thinking = False
        if part.thought_signature:
            self._seal(choice, part.thought_signature, None, events)
        if (said := other_part(*place, choice=choice.index)) is not None:
            events.append(said)
