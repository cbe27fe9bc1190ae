"""A prompt's tokens, estimated where nobody counts them by what its maker's models take, in time linear to its size."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import (
    Audio,
    File,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from wideband.wire import jsons

# What a tool, a call of one and a result take beside their words.
_TOOL_TOKENS: Final = 12
# Base64 chars of a PDF taken for one page, and of sound for one token (32 a second, at 128 kbit).
_PAGE_CHARS: Final = 60_000
_AUDIO_CHARS: Final = 670


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt's parts take, in tokens; `seals` says whether sealed thinking is read like text."""

    text: Callable[[str], int]
    image: int
    page: int
    message: int = 0
    # Once, where there are tools.
    tools: int = 0
    seals: bool = False


def estimate(request: Request, rules: Rules) -> int:
    """Estimate the tokens of a request's prompt. Raises `Faulted` for one that is nested too deeply."""
    tokens = sum(rules.message + sum(_part(part, rules) for part in message.parts) for message in request.messages)
    tokens += rules.tools if request.tools else 0
    for tool in request.tools:
        schema = tool.parameters if isinstance(tool, Tool) else tool.raw
        described = f"{tool.name} {tool.description or ''}" if isinstance(tool, Tool) else tool.type
        tokens += _TOOL_TOKENS + rules.text(described) + rules.text(_json(schema))
    return tokens


def _part(part: Part, rules: Rules) -> int:
    match part:
        case Text(text=str(text)) | Refusal(text=str(text)) | File(text=str(text)):
            return rules.text(text)
        case Reasoning():
            return rules.text(part.text) + (rules.text(part.data or "") if rules.seals else 0)
        case ToolCall():
            return _TOOL_TOKENS + rules.text(part.name) + rules.text(part.arguments)
        case ToolResult():
            return _TOOL_TOKENS + sum(_part(inner, rules) for inner in part.parts)
        case Opaque():
            return rules.text(_json(part.raw))
        case _:
            return _media(part, rules)


def _media(part: Part, rules: Rules) -> int:
    match part:
        case Image():
            return rules.image
        case File():
            return rules.page * max(-(-len(part.data or "") // _PAGE_CHARS), 1)
        case Audio():
            return len(part.data) // _AUDIO_CHARS
        case _:
            return 0


def _json(value: Any) -> str:
    try:
        return jsons.encode(value).decode()
    except jsons.EncodeError as error:
        raise invalid(f"The request cannot be measured ({error}); nest it less deeply.") from None
