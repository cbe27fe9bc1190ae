"""One candidate of an answer, made of canonical events: parts as soon as they are whole, and how it ended."""

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
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.request import Json, Loss, Reasoning
from wideband.dialects.custom_tools import ARGUMENT
from wideband.dialects.gemini_generate import words
from wideband.dialects.noting import note
from wideband.wire import jsons

# As Google ends a stream: a part that says nothing. Its SDKs take an answer without one for broken.
EMPTY = b'{"text":""}'

# White space that a call's JSON may hold between its words, and a line of a stream may not.
_BREAKS = str.maketrans("\r\n", "  ")


class _Thought:
    """A block of thinking: its words, and its seal when it has one."""

    __slots__ = ("format", "said", "seal", "summary")

    def __init__(self) -> None:
        self.said: list[str] = []
        self.summary = False
        self.format: str | None = None
        self.seal: ReasoningSealed | None = None

    def block(self) -> Reasoning | None:
        """Return what has to come back with the next turn; shown thoughts of Gemini's own need not."""
        is_own, seal = self.format == words.REASONING_FORMAT, self.seal
        if is_own and seal is not None:
            return Reasoning(data=seal.data or seal.signature, format=self.format)
        text = "".join(self.said)
        if is_own or not (text or seal):
            return None
        sealed = {} if seal is None else {"signature": seal.signature, "data": seal.data, "id": seal.id}
        return Reasoning(text=text, summary=self.summary, format=self.format, **sealed)


class _Call:
    """A function call while its arguments come in."""

    __slots__ = ("blocks", "custom", "id", "name", "pieces")

    def __init__(self, event: ToolOpened, blocks: list[Reasoning]) -> None:
        self.id = event.id
        self.name = event.name
        self.custom = event.custom
        self.blocks = blocks
        self.pieces: list[str] = []


class Candidate:
    """Takes the events of one choice. `hides` leaves out thoughts, whose seals go out all the same."""

    def __init__(self, index: int, losses: list[Loss], *, hides: bool) -> None:
        self.index = index
        self.finish: Finished | None = None
        self._losses = losses
        self._hides = hides
        self._thoughts: dict[int, _Thought] = {}
        self._calls: dict[int, _Call] = {}
        self._done: set[int] = set()
        self._refused = False
        self._logprobs: list[Json] = []
        self._beside: dict[str, Json] = {}

    def take(self, event: Event, out: list[bytes]) -> None:
        """Add the parts that an event completes."""
        take = _TAKERS.get(type(event))
        if take is not None:
            take(self, event, out)

    def end(self) -> list[bytes]:
        """Return the parts that waited for the end: calls, and the seals of thinking that led to none."""
        out: list[bytes] = []
        self._release(out, is_over=True)
        if blocks := self._sealed(with_words=False):
            out.append(jsons.encode({"text": "", "thoughtSignature": words.seal(*blocks)}))
        return out

    def fields(self) -> dict[str, Json]:
        """Return what stands beside the content at the end."""
        finish = self.finish or Finished("stop")
        is_refusal = self._refused and finish.reason == "stop"
        reason = "SAFETY" if is_refusal else words.finish_word(finish.reason, finish.native)
        fields: dict[str, Json] = {"finishReason": reason, "index": self.index, **self._beside}
        if self._logprobs:
            fields["logprobsResult"] = _logprobs_result(self._logprobs)
        return fields

    def _text(self, event: TextDelta, out: list[bytes]) -> None:
        if self._calls:
            self._release(out)
        if event.text:
            out.append(b'{"text":' + jsons.encode(event.text) + b"}")

    def _refusal(self, event: RefusalDelta, out: list[bytes]) -> None:
        note(self._losses, "refusal", "said as text")
        self._refused = True
        self._text(TextDelta(event.text), out)

    def _reasoning(self, event: ReasoningDelta, out: list[bytes]) -> None:
        self._release(out)
        thought = self._thoughts.setdefault(event.block, _Thought())
        thought.said.append(event.text)
        thought.summary = event.summary
        thought.format = event.format or thought.format
        if event.text and not self._hides:
            out.append(b'{"text":' + jsons.encode(event.text) + b',"thought":true}')

    def _seal(self, event: ReasoningSealed, _out: list[bytes]) -> None:
        thought = self._thoughts.setdefault(event.block, _Thought())
        thought.seal, thought.format = event, event.format or thought.format
        # A seal may come after the call that it names.
        late = next((call for call in self._calls.values() if event.id and call.id == event.id), None)
        if late is not None and (block := self._thoughts.pop(event.block).block()) is not None:
            late.blocks.append(block)

    def _opened(self, event: ToolOpened, out: list[bytes]) -> None:
        if event.index in self._calls or event.index in self._done:
            return
        self._release(out)
        self._calls[event.index] = _Call(event, self._sealed(with_words=True))

    def _arguments(self, event: ToolArgs, out: list[bytes]) -> None:
        if event.index in self._done:
            if event.fragment.strip():
                note(self._losses, "tool_arguments", "text after the end of a call's JSON")
            return
        if event.index not in self._calls:
            self._opened(ToolOpened(event.index, f"call_{event.index}", ""), out)
        self._calls[event.index].pieces.append(event.fragment)

    def _opaque(self, event: OpaqueDelta, out: list[bytes]) -> None:
        if event.dialect != words.NAME or not isinstance(event.raw, dict):
            note(self._losses, event.kind)
        elif event.kind == "grounding":
            self._beside |= event.raw
        else:
            self._release(out)
            out.append(jsons.encode(event.raw))

    def _take_logprobs(self, event: Logprobs, _out: list[bytes]) -> None:
        self._logprobs.extend(_rows(event.value, "content"))

    def _finished(self, event: Finished, out: list[bytes]) -> None:
        self.finish = event
        self._release(out, is_over=True)

    def _sealed(self, *, with_words: bool) -> list[Reasoning]:
        """Take the blocks of thinking that are to come back; words without a seal are worth it only before a call.

        Clients drop thoughts, and models that think between calls go on better when they see them again.
        """
        thoughts = [thought for thought in self._thoughts.values() if with_words or thought.seal is not None]
        self._thoughts = {}
        return [block for thought in thoughts if (block := thought.block()) is not None]

    def _release(self, out: list[bytes], *, is_over: bool = False) -> None:
        """Say the calls that are whole, in their order."""
        for index, call in list(self._calls.items()):
            arguments = "".join(call.pieces).strip()
            found = None if call.custom else _object(arguments)
            if found is None and not is_over:
                return
            del self._calls[index]
            self._done.add(index)
            if found is None:
                found = self._wrapped(call, arguments)
            if found is not None:
                out.append(_function_call(call, found))

    def _wrapped(self, call: _Call, arguments: str) -> bytes | None:
        """Return what is no JSON object as one, under the name that free text has; of a call cut short, nothing.

        A client would run that with arguments the model never finished.
        """
        if not arguments and not call.custom:
            return b"{}"
        if not call.custom:
            is_cut = self.finish is not None and self.finish.reason == "length"
            told = "left out: cut short" if is_cut else f"kept as text under `{ARGUMENT}`"
            note(self._losses, "tool_arguments", told)
            if is_cut:
                return None
        return jsons.encode({ARGUMENT: "".join(call.pieces)})


_TAKERS: dict[type, Callable[[Candidate, Any, list[bytes]], None]] = {
    Finished: Candidate._finished,
    Logprobs: Candidate._take_logprobs,
    OpaqueDelta: Candidate._opaque,
    ReasoningDelta: Candidate._reasoning,
    ReasoningSealed: Candidate._seal,
    RefusalDelta: Candidate._refusal,
    TextDelta: Candidate._text,
    ToolArgs: Candidate._arguments,
    ToolOpened: Candidate._opened,
}


def _object(arguments: str) -> bytes | None:
    """Return a JSON object as the bytes it was written in, on one line; None for anything else."""
    raw = arguments.translate(_BREAKS).encode("utf-8", "replace")
    if not raw.startswith(b"{"):
        return None
    try:
        jsons.decode(raw)
    except jsons.DecodeError:
        return None
    return raw


def _function_call(call: _Call, arguments: bytes) -> bytes:
    named = {"id": call.id, "name": call.name} if call.id else {"name": call.name}
    part: dict[str, Any] = {"functionCall": {**named, "args": jsons.Raw(arguments)}}
    if call.blocks:
        part["thoughtSignature"] = words.seal(*call.blocks)
    return jsons.encode(part)


def _logprobs_result(rows: list[Json]) -> dict[str, Json]:
    tops = [[_token(top) for top in _rows(row, "top_logprobs")] for row in rows]
    result: dict[str, Json] = {"chosenCandidates": [_token(row) for row in rows]}
    return result | ({"topCandidates": [{"candidates": top} for top in tops]} if any(tops) else {})


def _rows(holder: Json, name: str) -> list[dict[str, Json]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _token(row: dict[str, Json]) -> dict[str, Json]:
    token, logprob = row.get("token"), row.get("logprob")
    return {
        "token": token if isinstance(token, str) else None,
        "logProbability": logprob if isinstance(logprob, int | float) else None,
    }
