"""Counting a prompt's tokens without an answer: by asking Anthropic, or by an estimate when nobody counts.

The estimate knows no tokenizer. Claude's averages some 3.6 characters of English or code to a token; a character that
takes more than one byte in UTF-8 costs about a third of a token for each further byte, which puts Chinese near one
token a character. Media count by fixed rules.
"""

import msgspec

from wideband.canon.faults import garbled
from wideband.canon.request import File, Image, Opaque, Part, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.request import decode_request
from wideband.dialects.anthropic_messages.splice import readdress
from wideband.dialects.base import Ask, Draft, Target
from wideband.wire import jsons

PATH = "/messages/count_tokens"

# An image at the size to which Anthropic scales large ones, and a page of a PDF with its text.
IMAGE_TOKENS = 1600
PAGE_TOKENS = 2000
# Base64 chars of a PDF taken for one page.
PAGE_CHARS = 60_000
MESSAGE_TOKENS = 4
TOOL_TOKENS = 12
# The instructions that Anthropic adds once when there are tools.
TOOLS_TOKENS = 346

# An upstream that only counts refuses what concerns the answer.
_ANSWER_FIELDS = frozenset(
    {
        "container", "inference_geo", "max_tokens", "metadata", "service_tier", "stop_sequences", "stream",
        "temperature", "top_k", "top_p",
    }
)  # fmt: skip


class _Counted(msgspec.Struct):
    input_tokens: int


_read = jsons.Reader(_Counted)


def encode_count(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes to an upstream that counts."""
    return readdress(ask, target, PATH, words.GATEWAY_FIELDS | _ANSWER_FIELDS)


def decode_count(body: bytes) -> int:
    """Return the upstream's count. Raises `Faulted` (provider_garbled)."""
    try:
        return _read(body).input_tokens
    except jsons.DecodeError as error:
        raise garbled(f"The provider's token count cannot be read: {error}") from None


def encode_count_reply(tokens: int) -> bytes:
    """Write the answer to `POST /messages/count_tokens`."""
    return jsons.encode({"input_tokens": tokens})


def estimate_tokens(body: bytes) -> int:
    """Estimate the prompt tokens of a Messages body, in time linear to its size. Raises `Faulted`."""
    request = decode_request(body)
    tokens = sum(MESSAGE_TOKENS + sum(map(_part, message.parts)) for message in request.messages)
    tokens += TOOLS_TOKENS if request.tools else 0
    for tool in request.tools:
        schema = tool.parameters if isinstance(tool, Tool) else tool.raw
        described = f"{tool.name} {tool.description or ''}" if isinstance(tool, Tool) else tool.type
        tokens += TOOL_TOKENS + text_tokens(described) + text_tokens(words.written(schema).decode())
    return tokens


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    further_bytes = 0 if text.isascii() else len(text.encode()) - len(text)
    return -(-(20 * len(text) + 25 * further_bytes) // 72)


def _part(part: Part) -> int:
    match part:
        case Text() | Refusal():
            return text_tokens(part.text)
        case Reasoning():
            return text_tokens(part.text) + text_tokens(part.data or "")
        case ToolCall():
            return TOOL_TOKENS + text_tokens(part.name) + text_tokens(part.arguments)
        case ToolResult():
            return TOOL_TOKENS + sum(map(_part, part.parts))
        case Image():
            return IMAGE_TOKENS
        case File():
            return _file(part)
        case Opaque():
            return text_tokens(words.written(part.raw).decode())
        case _:
            return 0


def _file(part: File) -> int:
    if part.text is not None:
        return text_tokens(part.text)
    return PAGE_TOKENS * max(-(-len(part.data or "") // PAGE_CHARS), 1)
