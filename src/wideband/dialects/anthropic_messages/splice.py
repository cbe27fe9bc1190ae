"""A caller's own bytes, made ready for an Anthropic upstream: what need not change keeps its bytes."""

import re
from typing import Any

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Loss
from wideband.dialects import budgets, quirks
from wideband.dialects.anthropic_messages import plain, words
from wideband.dialects.base import Ask, Draft, Target
from wideband.wire import jsons

_HEADERS = {"anthropic-version": words.VERSION}
# Fields an answer survives without, by the name under which an endpoint's `supported_parameters` lists them.
_DISPENSABLE: dict[str, str] = {
    "stop_sequences": "stop",
    "temperature": "temperature",
    "thinking": "reasoning",
    "top_k": "top_k",
    "top_p": "top_p",
}
_UNSIGNED = re.compile(rb'"signature"\s*:\s*""')


def splice(ask: Ask, target: Target) -> Draft:
    """Re-address the caller's own bytes; see `dialects.base.Dialect.splice`."""
    if plain.QUIRK in target.quirks:
        return plain.plain_draft(ask, target)
    return readdress(ask, target, words.PATH, words.GATEWAY_FIELDS)


def readdress(ask: Ask, target: Target, path: str, dropped: frozenset[str]) -> Draft:
    """Send the caller's fields, but those `dropped`, to `path`, narrowed to what the endpoint takes."""
    losses: list[Loss] = []
    fields: dict[str, Any] = {name: raw for name, raw in ask.fields.items() if name not in dropped}
    fields["model"] = target.model
    try:
        _leave_out_unsupported(fields, target, losses)
        _settle_limits(fields, ask, target, losses)
        _leave_out_foreign_thinking(fields, losses)
        fields, found = quirks.apply(fields, target.quirks)
        return Draft(path=path, body=jsons.encode(fields), headers=_HEADERS, losses=(*losses, *found))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise invalid(f"The request cannot be passed on: {error}; nest it less deeply.") from None


def is_foreign_thinking(block: Any) -> bool:
    """Say whether a content block is thinking that Claude did not sign."""
    match block:
        case {"type": "thinking"}:
            sealed = block.get("signature")
        case {"type": "redacted_thinking"}:
            sealed = block.get("data")
        case _:
            return False
    return not isinstance(sealed, str) or not sealed or words.unseal(sealed)[1] != words.REASONING_FORMAT


def _leave_out_unsupported(fields: dict[str, Any], target: Target, losses: list[Loss]) -> None:
    taken = target.supported_parameters
    if taken is None:
        return
    for name, parameter in _DISPENSABLE.items():
        if name in fields and parameter not in taken and not quirks.is_null(fields.pop(name)):
            losses.append(Loss("unsupported_field", name))


def _settle_limits(fields: dict[str, Any], ask: Ask, target: Target, losses: list[Loss]) -> None:
    """Lower `max_tokens` to what the endpoint gives, and a thinking budget to less than that, as Anthropic demands."""
    limit = ask.max_tokens
    if limit is None or "max_tokens" not in fields:
        return
    if target.max_output is not None and limit > target.max_output:
        limit = fields["max_tokens"] = target.max_output
        losses.append(Loss("max_tokens", f"{ask.max_tokens} lowered to {limit}"))
    thinking = jsons.decode(fields["thinking"]) if "thinking" in fields else None
    if not isinstance(thinking, dict) or (thinking.get("budget_tokens") or 0) < limit:
        return
    if limit <= budgets.LEAST:
        del fields["thinking"]
        losses.append(Loss("reasoning", "no room to think"))
    else:
        fields["thinking"] = {**thinking, "budget_tokens": limit - 1}
        losses.append(Loss("reasoning_budget", f"lowered to {limit - 1}"))


def _leave_out_foreign_thinking(fields: dict[str, Any], losses: list[Loss]) -> None:
    """Take out thinking that another maker's model said: Claude refuses to read it back."""
    messages: msgspec.Raw | None = fields.get("messages")
    if messages is None or not _holds_foreign_thinking(bytes(messages)):
        return
    kept: list[Any] = []
    count = 0
    for message in jsons.decode(messages):
        content = message["content"]
        if isinstance(content, list):
            blocks = [block for block in content if not is_foreign_thinking(block)]
            count += len(content) - len(blocks)
            if content and not blocks:
                continue
            message = {**message, "content": blocks}
        kept.append(message)
    if count:
        fields["messages"] = kept
        losses.append(Loss("reasoning_seal", f"{count} blocks"))


def _holds_foreign_thinking(messages: bytes) -> bool:
    """Say from the bytes whether messages may hold thinking with an empty signature or another maker's seal."""
    return words.SEAL_MARK in messages or (b'"signature"' in messages and _UNSIGNED.search(messages) is not None)
