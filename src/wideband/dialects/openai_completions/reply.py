"""Whole answers, both ways. A reply is read as a stream of one chunk, so both are read alike."""

from typing import Any

from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Loss, Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.loose import obj, rows
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.decoder import StreamDecoder
from wideband.dialects.openai_completions.encoder import asked, prompt_of, top, unmet, unsaid
from wideband.dialects.openai_completions.logprobs import columns_of
from wideband.dialects.openai_faults import encode_error
from wideband.dialects.openai_usage import end_fields
from wideband.wire import jsons

Row = dict[str, Any]

_SAID = frozenset({"text", "index", "finish_reason", "error"})


def decode_reply(body: bytes) -> Reply:
    """Read a provider's whole answer. Raises `Faulted` for one that cannot be read or holds only an error."""
    return StreamDecoder().whole(body)


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer in OpenRouter's shape."""
    losses = unmet(envelope)
    prompt = prompt_of(envelope)
    echo = prompt if asked(envelope, "echo") is True else ""
    choices = [_choice(choice, echo, len(prompt), losses) for choice in reply.choices or (Choice(),)]
    _finish(choices, reply, envelope, closing)
    return jsons.encode(top(envelope) | {"choices": choices} | end_fields(closing)), losses


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client: fields unknown here are kept, the rest is brought into shape."""
    fields = obj(jsons.decode(body))
    reply = decode_reply(body)
    ends = {choice.index: choice.finish for choice in reply.choices}
    choices: list[Row] = []
    for at, given in enumerate(rows(fields.get("choices"))):
        index, said = given.get("index"), given.get("text")
        index = index if type(index) is int and index >= 0 else at
        told: Row = {
            "text": said if isinstance(said, str) else "",
            "index": index,
            "logprobs": None,
            "finish_reason": ends.get(index) or "stop",
        }
        kept = {name: value for name, value in given.items() if value is not None and name not in _SAID}
        choices.append(told | kept)
    _finish(choices, reply, envelope, closing)
    kept = {name: value for name, value in fields.items() if name not in words.OURS}
    return jsons.encode(top(envelope) | kept | {"choices": choices} | end_fields(closing))


def _finish(choices: list[Row], reply: Reply, envelope: Envelope, closing: Closing) -> None:
    """Take out what the caller does not want to see, and tell of the fault if there is one."""
    if envelope.hides_reasoning:
        for choice in choices:
            for name in words.THOUGHTS & choice.keys():
                del choice[name]
    fault = closing.fault or reply.fault
    if fault is not None and choices:
        choices[0] |= {"finish_reason": "error", "error": encode_error(fault, envelope.provider)}


def _choice(choice: Choice, echo: str, offset: int, losses: list[Loss]) -> Row:
    texts, thoughts = [echo], list[str]()
    for part in choice.parts:
        match part:
            case Text():
                texts.append(part.text)
            case Refusal():
                texts.append(part.text)
                losses.append(Loss("refusal"))
            case Reasoning():
                thoughts.append(part.text)
            case ToolCall():
                losses.append(Loss("tools", part.name))
            case Opaque():
                losses.append(unsaid(part.kind, part.dialect))
            case _:
                losses.append(Loss("content_part", type(part).__name__.lower()))
    finish = choice.finish or "stop"
    told: Row = {
        "text": "".join(texts),
        "index": choice.index,
        "logprobs": columns_of(choice.logprobs, offset),
        "finish_reason": finish,
        "native_finish_reason": choice.native_finish or finish,
    }
    return told | ({"reasoning": "".join(thoughts)} if any(thoughts) else {})
