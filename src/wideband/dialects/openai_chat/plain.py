"""The common case of a whole answer: one that says everything in the protocol's own words and types.

Such an answer is read in one step and passed on nearly as it is. Anything else is left to `decoder`, which reads what
providers make of the protocol; for a plain answer both come to the same.
"""

from typing import Any, Literal

import msgspec

from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Text, ToolCall
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons


class _Function(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    arguments: str


class _Call(msgspec.Struct, gc=False):
    id: str
    type: Literal["function"]
    function: _Function


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A message without anything that this dialect has several spellings for."""

    role: Literal["assistant"]
    content: str | None
    refusal: None = None
    tool_calls: list[_Call] | None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None


class _Choice(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    index: int
    message: _Message
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: Any = None


class Plain(msgspec.Struct, gc=False):
    """The top level of a plain answer."""

    id: str
    model: str
    created: int
    choices: list[_Choice]
    usage: dict[str, Any]
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: None = None
    x_groq: None = None


_read = jsons.Reader(Plain)


def read_plain(body: bytes) -> Plain | None:
    """Read an answer, or return None when it is not plain."""
    try:
        plain = _read(body)
    except jsons.DecodeError:
        return None
    return plain if plain.choices and all(map(_is_consistent, plain.choices, range(len(plain.choices)))) else None


def _is_consistent(choice: _Choice, position: int) -> bool:
    """Tell whether a choice needs no interpretation: numbered in order, calls told apart, and ended for its calls."""
    message = choice.message
    calls = message.tool_calls or []
    if choice.index != position or choice.logprobs is not None or message.annotations:
        return False
    if (choice.finish_reason == "tool_calls") != bool(calls) or not (calls or message.content):
        return False
    return all(call.id and call.function.name for call in calls) and len({call.id for call in calls}) == len(calls)


def plain_reply(plain: Plain) -> Reply:
    """Return the canonical value of a plain answer."""
    extras = {"system_fingerprint": plain.system_fingerprint, "service_tier": plain.service_tier}
    return Reply(
        id=plain.id or None,
        model=plain.model or None,
        created_s=plain.created,
        choices=tuple(
            Choice(
                index=choice.index,
                parts=_parts(choice.message),
                finish=choice.finish_reason,
                native_finish=choice.finish_reason,
            )
            for choice in plain.choices
        ),
        usage=decode_usage(plain.usage) if plain.usage else None,
        extras={name: value for name, value in extras.items() if value is not None},
    )


def _parts(message: _Message) -> tuple[Part, ...]:
    texts = [Text(text=message.content)] if message.content else []
    called = message.tool_calls or ()
    return (*texts, *(ToolCall(id=c.id, name=c.function.name, arguments=c.function.arguments) for c in called))


def plain_choices(plain: Plain) -> list[dict[str, Any]]:
    """Return the choices of a plain answer as a client gets them."""
    return [
        {
            "index": choice.index,
            "finish_reason": choice.finish_reason,
            "native_finish_reason": choice.finish_reason,
            "logprobs": None,
            "message": _told(choice.message),
        }
        for choice in plain.choices
    ]


def _told(message: _Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": "assistant", "content": message.content or None, "refusal": None}
    if message.annotations is not None:
        told["annotations"] = message.annotations
    if message.tool_calls:
        told["tool_calls"] = message.tool_calls
    return told
