"""A whole answer of the Messages protocol, both ways, and the fast lane's re-addressing of one."""

from typing import Any

import msgspec

from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Loss, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.blocks import Block, decode_block
from wideband.dialects.anthropic_messages.faults import WireError, decode_error, encode_fault
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.custom_tools import as_function_call
from wideband.dialects.noting import note
from wideband.dialects.retelling import arguments_object
from wideband.wire import jsons


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    content: list[Any] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: WireError | None = None


_read = jsons.Reader(_Message)


def decode_reply(body: bytes) -> Reply:
    """Read an upstream's answer. Raises `Faulted` when it cannot be read or is an error told with status 200."""
    try:
        found = _read(body)
        if found.error is not None:
            raise Faulted(decode_error(found.error, 0, body))
        if found.content is None:
            raise garbled("The provider's answer holds no `content`.")
        parts = _parts(found.content)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
    usage = words.WireUsage()
    counted = words.merge_usage(usage, found.usage)
    called = any(isinstance(part, ToolCall) for part in parts)
    choice = Choice(
        parts=parts,
        finish=words.finish_reason(found.stop_reason or "", called_tools=called),
        native_finish=found.stop_reason,
        stop_sequence=found.stop_sequence,
    )
    return Reply(
        id=found.id,
        model=found.model,
        choices=(choice,),
        usage=words.decode_usage(usage) if counted else None,
    )


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer for a client; a broken one is an error object, since this protocol has no broken answers."""
    losses: list[Loss] = []
    fault = closing.fault or reply.fault
    if fault is not None:
        return encode_fault(fault, envelope.id), losses
    choice = reply.choices[0] if reply.choices else Choice()
    if len(reply.choices) > 1:
        note(losses, "n", f"{len(reply.choices)} given, 1 shown")
    if choice.logprobs is not None:
        note(losses, "logprobs")
    content = _content(choice, losses, hides=envelope.hides_reasoning)
    called = any(block["type"] == "tool_use" for block in content)
    reason = words.stop_reason(choice.finish, choice.native_finish, choice.stop_sequence, called_tools=called)
    if reason == "end_turn" and any(isinstance(part, Refusal) for part in choice.parts):
        reason = "refusal"
    body = {
        "id": envelope.id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": choice.stop_sequence,
        "usage": words.encode_usage(closing.usage) | closing.cost_fields | words.tier_field(envelope),
        "provider": envelope.provider,
        **closing.metadata_field,
    }
    return jsons.encode(body), losses


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Re-address an upstream's answer; what it says stays its own bytes. Raises `Faulted` when it is no object."""
    if closing.fault is not None:
        return encode_fault(closing.fault, envelope.id)
    try:
        fields: dict[str, Any] = dict(jsons.fields(body))
        fields["usage"] = relay_usage(fields.get("usage"), closing) | words.tier_field(envelope)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
    fields |= {"id": envelope.id, "model": envelope.model, "provider": envelope.provider}
    return jsons.encode(fields | closing.metadata_field)


def relay_usage(raw: msgspec.Raw | None, closing: Closing) -> dict[str, Any]:
    """Return the upstream's own usage object, or ours when it sent none that can be read, with the money."""
    try:
        own: dict[str, Any] = dict(jsons.fields(bytes(raw or b"")))
    except jsons.DecodeError:
        own = words.encode_usage(closing.usage)
    return own | closing.cost_fields


def encode_thinking(part: Reasoning) -> Block:
    """Write a block of thinking; another maker's seal is marked as such, so that it finds its way back."""
    if part.data is not None:
        return {"type": "redacted_thinking", "data": words.seal(part.data, part.format)}
    signature = words.seal(part.signature, part.format) if part.signature else ""
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def _parts(content: list[Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    try:
        for index, block in enumerate(content):
            part = decode_block(block, f"content.{index}")
            if isinstance(part, Text) and part.citations is not None:
                # As in a stream: the text, then what it cites.
                parts.append(Text(text=part.text))
                parts.append(Opaque(dialect=words.NAME, kind="citations", raw=part.citations))
            elif not isinstance(part, Text) or part.text:
                parts.append(part)
    except Faulted as error:
        raise garbled(f"The provider's answer cannot be read: {error.fault.message}") from None
    return tuple(parts)


def _content(choice: Choice, losses: list[Loss], *, hides: bool) -> list[Block]:
    blocks: list[Block] = []
    for part in choice.parts:
        match part:
            case Reasoning() if hides:
                pass
            case Text():
                blocks.append({"type": "text", "text": part.text})
            case Refusal():
                note(losses, "refusal", "said as text")
                blocks.append({"type": "text", "text": part.text})
            case Reasoning():
                if part.data is not None and part.text:
                    # Two blocks, as in a stream: a redacted one has no room for words.
                    blocks.append(encode_thinking(Reasoning(text=part.text)))
                blocks.append(encode_thinking(part))
            case ToolCall():
                given = arguments_object(as_function_call(part).arguments, losses)
                blocks.append({"type": "tool_use", "id": words.tool_id(part.id), "name": part.name, "input": given})
            case Opaque():
                _opaque(part, blocks, losses)
            case _:
                note(losses, "output_media", type(part).__name__.lower())
    return blocks


def _opaque(part: Opaque, blocks: list[Block], losses: list[Loss]) -> None:
    if part.dialect == words.NAME and part.kind == "citations" and blocks and blocks[-1]["type"] == "text":
        blocks[-1]["citations"] = part.raw
    elif part.dialect == words.NAME and isinstance(part.raw, dict) and "type" in part.raw:
        blocks.append(part.raw)
    else:
        note(losses, part.kind)
