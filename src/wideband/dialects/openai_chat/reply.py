"""Whole answers, both ways. A reply is read as a stream of one chunk, so both are read alike."""

from typing import Any

from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Json, Loss, Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.dialects import loose
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.custom_tools import unwrapped
from wideband.dialects.openai_chat import reasoning, words
from wideband.dialects.openai_chat.decoder import StreamDecoder
from wideband.dialects.openai_chat.plain import plain_choices, plain_reply, read_plain
from wideband.dialects.openai_faults import encode_error
from wideband.dialects.openai_usage import end_fields
from wideband.wire import jsons

Message = dict[str, Any]

# The provider's top-level fields that are not the client's.
_WITHHELD = frozenset({"error", "x_groq"})
# A message's thinking, in all its spellings.
_THOUGHTS = frozenset({"reasoning", "reasoning_content", "reasoning_details", "thinking"})


def decode_reply(body: bytes) -> Reply:
    """Read a provider's whole answer. Raises `Faulted` for one that cannot be read or holds only an error."""
    plain = read_plain(body)
    return StreamDecoder().whole(body) if plain is None else plain_reply(plain)


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer in OpenRouter's shape, with every key that strict clients ask for."""
    losses: list[Loss] = []
    reply = unwrapped(reply, words.custom_names(envelope.asked))
    body = _top(envelope) | {name: reply.extras[name] for name in words.REPLY_EXTRAS if name in reply.extras}
    choices = [_choice(choice, losses) for choice in reply.choices or (Choice(),)]
    _finish(choices, reply, envelope, closing)
    body["choices"] = choices
    return jsons.encode(body | envelope.tier_field | end_fields(closing)), losses


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client: fields unknown here are kept, the rest is brought into shape."""
    plain = read_plain(body) if closing.fault is None else None
    if plain is not None:
        kept: dict[str, Any] = {name: raw for name, raw in jsons.fields(body).items() if name not in _WITHHELD}
        told_top = _top(envelope) | {"system_fingerprint": plain.system_fingerprint}
        return jsons.encode(kept | told_top | {"choices": plain_choices(plain)} | end_fields(closing))
    return _reshaped(body, envelope, closing)


def _reshaped(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    fields = loose.obj(jsons.decode(body))
    reply = StreamDecoder().whole(body)
    given_choices = dict(enumerate(loose.rows(fields.get("choices"))))
    given_choices |= {row["index"]: row for row in given_choices.values() if type(row.get("index")) is int}
    choices = [_choice(choice, []) for choice in reply.choices]
    for told in choices:
        given = given_choices.get(told["index"], {})
        message = loose.obj(given.get("message"))
        told["message"] = {key: value for key, value in message.items() if value is not None} | told["message"]
        told.update({key: value for key, value in given.items() if key not in told and key != "error"})
    _finish(choices, reply, envelope, closing)
    kept = {key: value for key, value in fields.items() if key not in _WITHHELD}
    told_top = _top(envelope) | {"system_fingerprint": fields.get("system_fingerprint")}
    return jsons.encode(kept | told_top | {"choices": choices} | end_fields(closing))


def _top(envelope: Envelope) -> dict[str, Json]:
    return {
        "id": envelope.id,
        "object": "chat.completion",
        "created": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
        "system_fingerprint": None,
        **envelope.tier_field,
    }


def _finish(choices: list[dict[str, Json]], reply: Reply, envelope: Envelope, closing: Closing) -> None:
    """Take out what the caller does not want to see, and tell of the fault if there is one."""
    if envelope.hides_reasoning:
        for choice in choices:
            choice["message"] = {name: told for name, told in choice["message"].items() if name not in _THOUGHTS}
    fault = closing.fault or reply.fault
    if fault is not None and choices:
        choices[0]["finish_reason"] = "error"
        choices[0]["error"] = encode_error(fault, envelope.provider)


def _choice(choice: Choice, losses: list[Loss]) -> dict[str, Json]:
    finish = choice.finish or "stop"
    return {
        "index": choice.index,
        "finish_reason": finish,
        "native_finish_reason": choice.native_finish or finish,
        "logprobs": choice.logprobs,
        "message": _message(choice, losses),
    }


def _message(choice: Choice, losses: list[Loss]) -> Message:
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[Json] = []
    details: list[Json] = []
    thoughts: list[str] = []
    opaque: Message = {}
    for block, part in enumerate(choice.parts):
        match part:
            case Text():
                texts.append(part.text)
            case Refusal():
                refusals.append(part.text)
            case ToolCall():
                calls.append(encode_call(part))
            case Reasoning():
                details.extend(reasoning.encode_part(part, block))
                thoughts.append(part.text)
            case Opaque(dialect=words.NAME, kind="reasoning_detail"):
                details.append(part.raw)
            case Opaque(dialect=words.NAME) if part.kind in words.OPAQUE_FIELDS:
                _add_opaque(opaque, part)
            case Opaque():
                losses.append(Loss(part.kind, part.dialect))
            case _:
                pass
    message: Message = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    message["refusal"] = "".join(refusals) or None
    told = {"reasoning": "".join(thoughts), "reasoning_details": details, "tool_calls": calls}
    return message | {key: value for key, value in told.items() if value} | opaque


def _add_opaque(opaque: Message, part: Opaque) -> None:
    """Join what a stream told in pieces: lists grow, other values are replaced."""
    held = opaque.get(part.kind)
    opaque[part.kind] = [*held, *part.raw] if isinstance(held, list) and isinstance(part.raw, list) else part.raw


def encode_call(call: ToolCall) -> dict[str, Json]:
    """Return a tool call as a message holds it."""
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
