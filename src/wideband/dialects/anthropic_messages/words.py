"""The names and figures of Anthropic's Messages protocol as tables, and the small conversions that go with them."""

import re
from typing import Any

import msgspec

from wideband.canon.events import FinishReason
from wideband.canon.faults import invalid
from wideband.canon.usage import Usage
from wideband.dialects import bodies
from wideband.dialects.base import Envelope
from wideband.wire import jsons

NAME = "anthropic_messages"
PATH = "/messages"
VERSION = "2023-06-01"
# The `reasoning_details[].format` under which Claude's signatures travel.
REASONING_FORMAT = "anthropic-claude-v1"
DEFAULT_MAX_TOKENS = 4096
MAX_CACHE_MARKS = 4
# JSON numbers are exact up to here in every reader; no count is larger, a provider's or a caller's.
MOST_TOKENS = 2**53

# Body fields that are words to this gateway, not to a provider.
GATEWAY_FIELDS = bodies.GATEWAY_FIELDS | {"fallbacks", "stop_server_tools_when", "tags"}

STOP_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP_WORDS: dict[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}

# Blocks that only this dialect understands, by the row of the losses table that says what another loses.
BLOCK_FEATURES: dict[str, str] = {
    "bash_code_execution_tool_result": "server_tool_blocks",
    "code_execution_tool_result": "server_tool_blocks",
    "compaction": "compaction",
    "container_upload": "container_upload",
    "mcp_tool_result": "server_tool_blocks",
    "mcp_tool_use": "server_tool_blocks",
    "search_result": "search_result",
    "server_tool_use": "server_tool_blocks",
    "text_editor_code_execution_tool_result": "server_tool_blocks",
    "tool_addition": "tool_changes",
    "tool_reference": "tool_reference",
    "tool_removal": "tool_changes",
    "tool_search_tool_result": "server_tool_blocks",
    "web_fetch_tool_result": "server_tool_blocks",
    "web_search_tool_result": "server_tool_blocks",
}

_TOOL_ID = re.compile(r"[A-Za-z0-9_-]+")
_NOT_TOOL_ID = re.compile(r"[^A-Za-z0-9-]")
# A seal of another maker's reasoning, carried through a client that gives back what it got.
_SEAL = re.compile(r"wideband:([a-z0-9-]*):(.*)", re.DOTALL)
SEAL_MARK = b'"wideband:'


def block_feature(kind: str) -> str:
    """Return the losses row for a block type."""
    return BLOCK_FEATURES.get(kind, "unknown_block")


def finish_reason(stop_reason: str, *, called_tools: bool = False) -> FinishReason:
    """Return the canonical word; a stop reason nobody knows yet counts as a plain stop."""
    return STOP_REASONS.get(stop_reason, "tool_calls" if called_tools else "stop")


def stop_reason(reason: str | None, native: str | None, stop_sequence: str | None, *, called_tools: bool) -> str:
    """Return this dialect's word; the provider's own is kept when it is one of ours and means the same."""
    if native is not None and STOP_REASONS.get(native) == reason:
        return native
    if reason is None:
        return "tool_use" if called_tools else "end_turn"
    if reason == "stop" and stop_sequence is not None:
        return "stop_sequence"
    return _STOP_WORDS.get(reason, "end_turn")


def tool_id(text: str) -> str:
    """Return an id Anthropic accepts (`^[A-Za-z0-9_-]+$`); equal ids stay equal and different ones different."""
    if _TOOL_ID.fullmatch(text):
        return text
    return "toolu_x" + _NOT_TOOL_ID.sub(lambda found: f"_{ord(found[0]):x}_", text)


def seal(value: str, made_by: str | None) -> str:
    """Mark a signature or encrypted block with its maker unless it is Claude's own."""
    return value if made_by == REASONING_FORMAT else f"wideband:{made_by or ''}:{value}"


def unseal(value: str) -> tuple[str, str | None]:
    """Return a signature or encrypted block and who can read it."""
    found = _SEAL.fullmatch(value)
    return (found[2], found[1] or None) if found else (value, REASONING_FORMAT)


def written(value: Any) -> bytes:
    """Write JSON that came from a caller. Raises `Faulted` when it is nested too deeply to be written."""
    try:
        return jsons.encode(value)
    except jsons.EncodeError as error:
        raise invalid(f"The request cannot be written ({error}); nest it less deeply.") from None


class _CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Usage as Anthropic writes it; a `message_delta` repeats only some of it."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


_read_usage = jsons.Reader(WireUsage)


def merge_usage(held: WireUsage, raw: msgspec.Raw) -> bool:
    """Take the counts that are there into `held`; says whether there were any. What cannot be read is left alone."""
    if not len(raw):
        return False
    try:
        found = _read_usage(raw)
    except jsons.DecodeError:
        return False
    for name in WireUsage.__struct_fields__:
        value = getattr(found, name)
        if value is not None:
            setattr(held, name, value)
    return True


def _count(value: int | None) -> int:
    """Return a count; no provider can make it negative or absurd."""
    return value if value is not None and 0 < value < MOST_TOKENS else 0


def decode_usage(wire: WireUsage) -> Usage:
    """Say Anthropic's disjoint counts in the canonical inclusive way."""
    read = _count(wire.cache_read_input_tokens)
    parts = wire.cache_creation or _CacheCreation()
    hour = _count(parts.ephemeral_1h_input_tokens)
    total = wire.cache_creation_input_tokens
    short = _count(parts.ephemeral_5m_input_tokens if total is None else total - hour)
    thinking = wire.output_tokens_details.thinking_tokens if wire.output_tokens_details else None
    return Usage(
        prompt_tokens=_count(wire.input_tokens) + read + short + hour,
        completion_tokens=_count(wire.output_tokens),
        cached_tokens=read,
        cache_write_tokens=short,
        cache_write_1h_tokens=hour,
        reasoning_tokens=_count(thinking),
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Say canonical counts in Anthropic's disjoint way."""
    written_tokens = usage.cache_write_tokens + usage.cache_write_1h_tokens
    counts: dict[str, Any] = {
        "input_tokens": max(usage.prompt_tokens - usage.cached_tokens - written_tokens, 0),
        "cache_creation_input_tokens": written_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts


def tier_field(envelope: Envelope) -> dict[str, Any]:
    """Return what a usage object says of the class of service that was given, where it is a matter."""
    tier = envelope.service_tier
    return {} if tier is None else {"service_tier": "standard" if tier == "default" else tier}
