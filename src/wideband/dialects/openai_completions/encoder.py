"""A client's stream, written: canonical events in, OpenRouter's `text_completion` chunks out."""

from collections.abc import Callable
from typing import Any

from wideband.canon.events import (
    Event,
    Finished,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolOpened,
)
from wideband.canon.request import Json, Loss
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.logprobs import columns_of
from wideband.dialects.openai_faults import encode_error
from wideband.dialects.openai_usage import end_fields
from wideband.wire import jsons

Row = dict[str, Any]


def top(envelope: Envelope) -> Row:
    """Return what stands at the top of every chunk and answer."""
    return {
        "id": envelope.id,
        "object": "text_completion",
        "created": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
        "system_fingerprint": None,
    }


def asked(envelope: Envelope, name: str) -> Json:
    """Return a field of the request; None when it was not sent."""
    return jsons.decode(envelope.asked[name]) if name in envelope.asked else None


def prompt_of(envelope: Envelope) -> str:
    """Return the prompt, which answers of a conversation do not repeat."""
    prompt = asked(envelope, "prompt")
    given = prompt[0] if isinstance(prompt, list) and prompt else prompt
    return given if isinstance(given, str) else ""


def unmet(envelope: Envelope) -> list[Loss]:
    """Return what was asked of a text and no conversation can be asked for."""
    losses = [Loss("suffix")] if asked(envelope, "suffix") else []
    if (asked(envelope, "best_of") or 1) > (asked(envelope, "n") or 1):
        losses.append(Loss("best_of"))
    return losses


class StreamEncoder:
    """Implements `dialects.base.StreamEncoder`."""

    def __init__(self, envelope: Envelope, *, echoes: bool = True) -> None:
        """Begin; where the provider itself saw to `echo`, `suffix` and `best_of`, `echoes` is False."""
        self.losses: list[Loss] = unmet(envelope) if echoes else []
        self._envelope = envelope
        self._head = b"data: " + jsons.encode(top(envelope))[:-1] + b',"choices":'
        self._prompt = prompt_of(envelope)
        self._echo = self._prompt if echoes and asked(envelope, "echo") is True else ""
        self._echoed: set[int] = set()
        # Choice -> how many characters of its text have been sent, for the offsets of log probabilities.
        self._offsets: dict[int, int] = {}
        self._ends: list[Finished] = []

    def feed(self, events: list[Event]) -> bytes:
        written = b""
        for event in events:
            write = _WRITERS.get(type(event))
            if write is not None:
                written += write(self, event)
        return written

    def close(self, closing: Closing) -> bytes:
        """Write the finish and the usage (in a chunk of its own where asked for), or the fault; then `[DONE]`."""
        last = end_fields(closing)
        if closing.fault is not None:
            failed = self._choice(0, "", "error")
            error = {"error": encode_error(closing.fault, self._envelope.provider)}
            return self._chunk([failed], error | last) + words.DONE
        ends = self._ends or [Finished("stop")]
        chunks = [
            [self._choice(each.choice, "", each.reason) | {"native_finish_reason": each.native or each.reason}]
            for each in ends
        ]
        if self._envelope.include_usage:
            chunks.append([])
        written = b"".join(self._chunk(choices, {}) for choices in chunks[:-1])
        return written + self._chunk(chunks[-1], last) + words.DONE

    def _choice(self, index: int, text: str, finish: str | None = None, logprobs: Json = None) -> Row:
        if index not in self._echoed:
            self._echoed.add(index)
            text = self._echo + text
        return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}

    def _chunk(self, choices: list[Row], rest: Row) -> bytes:
        end = b"," + jsons.encode(rest)[1:] if rest else b"}"
        return self._head + jsons.encode(choices) + end + b"\n\n"

    def text(self, event: TextDelta) -> bytes:
        return self._chunk([self._choice(event.choice, event.text)], {})

    def refusal(self, event: RefusalDelta) -> bytes:
        self.losses.append(Loss("refusal"))
        return self._chunk([self._choice(event.choice, event.text)], {})

    def reasoning(self, event: ReasoningDelta) -> bytes:
        if self._envelope.hides_reasoning:
            return b""
        return self._chunk([self._choice(event.choice, "") | {"reasoning": event.text}], {})

    def logprobs(self, event: Logprobs) -> bytes:
        offset = self._offsets.get(event.choice, len(self._prompt))
        columns = columns_of(event.value, offset)
        if columns is None:
            return b""
        self._offsets[event.choice] = offset + sum(map(len, columns["tokens"]))
        return self._chunk([self._choice(event.choice, "", None, columns)], {})

    def opaque(self, event: OpaqueDelta) -> bytes:
        self.losses.append(unsaid(event.kind, event.dialect))
        return b""

    def tool(self, event: ToolOpened) -> bytes:
        self.losses.append(Loss("tools", event.name))
        return b""

    def finished(self, event: Finished) -> bytes:
        self._ends.append(event)
        return b""


def unsaid(kind: str, dialect: str) -> Loss:
    """Return the loss of what only another dialect understands."""
    return Loss(kind if kind in LOSSES else "content_part", dialect)


_WRITERS: dict[type, Callable[[StreamEncoder, Any], bytes]] = {
    Finished: StreamEncoder.finished,
    Logprobs: StreamEncoder.logprobs,
    OpaqueDelta: StreamEncoder.opaque,
    ReasoningDelta: StreamEncoder.reasoning,
    RefusalDelta: StreamEncoder.refusal,
    TextDelta: StreamEncoder.text,
    ToolOpened: StreamEncoder.tool,
}
