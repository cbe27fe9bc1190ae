"""Counting a prompt's tokens without an answer: by asking Google, or by an estimate when nobody counts.

The estimate knows no tokenizer. Gemini's takes some four bytes of UTF-8 for a token, of English, of code and, nearly,
of other scripts; media count by Google's fixed rules.
"""

from typing import Any

import msgspec

from wideband.canon.faults import garbled, invalid
from wideband.canon.request import (
    Audio,
    File,
    Image,
    Loss,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from wideband.dialects.base import Ask, Counter, Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.absorb import absorb
from wideband.dialects.gemini_generate.ask import read
from wideband.dialects.gemini_generate.request import decode_request
from wideband.dialects.gemini_generate.seal_marks import own_contents
from wideband.wire import jsons

PATH = "/models/{model}:countTokens"
# An endpoint with this quirk counts a request's fields as they are, and knows no request in a request.
PLAIN = "plain_count_tokens"

# A picture, and a page of a PDF, which Gemini sees as one.
IMAGE_TOKENS = 258
# Base64 chars of a PDF taken for one page, and of sound for one token (32 a second, at 128 kbit).
PAGE_CHARS = 60_000
AUDIO_CHARS = 670
TOOL_TOKENS = 12
_BYTES = 4

_WRAPPED = ("generateContentRequest", "generate_content_request")
_PROMPT = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "cachedContent"})
_PROMPT_FIELDS = _PROMPT | {words.snake(name) for name in _PROMPT}


class _Counted(msgspec.Struct, rename="camel"):
    total_tokens: int


_read_count = jsons.Reader(_Counted)


def read_count(body: bytes) -> Ask:
    """Check and measure a body, with the whole request in it or wrapped. Raises `Faulted`."""
    return read(_unwrapped(body))


def encode_count(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes to an upstream that counts; all but bare contents go as a request of their own."""
    losses: list[Loss] = []
    fields: dict[str, Any] = {name: raw for name, raw in ask.fields.items() if name in _PROMPT_FIELDS}
    model = target.model.removeprefix("models/")
    try:
        contents = own_contents(fields["contents"], target.provider, losses) if "contents" in fields else None
        fields |= {} if contents is None else {"contents": contents}
        if fields.keys() != {"contents"} and PLAIN not in target.quirks:
            fields = {_WRAPPED[0]: {"model": f"models/{model}", **fields}}
        return Draft(
            path=PATH.replace("{model}", words.in_path(model)), body=jsons.encode(fields), losses=tuple(losses)
        )
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def decode_count(body: bytes) -> int:
    """Return the upstream's count. Raises `Faulted` (provider_garbled)."""
    try:
        return max(_read_count(body).total_tokens, 0)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's token count cannot be read: {error}") from None


def encode_count_reply(tokens: int) -> bytes:
    """Write the answer to `:countTokens`."""
    return jsons.encode({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})


def estimate_tokens(body: bytes) -> int:
    """Estimate the prompt tokens of a body, in time linear to its size. Raises `Faulted`."""
    request = decode_request(_unwrapped(body))
    tokens = sum(_part(part) for message in request.messages for part in message.parts)
    for tool in request.tools:
        schema = tool.parameters if isinstance(tool, Tool) else tool.raw
        described = f"{tool.name} {tool.description or ''}" if isinstance(tool, Tool) else tool.type
        tokens += TOOL_TOKENS + text_tokens(described) + _json_tokens(schema)
    return tokens


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-(len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) // _BYTES)


def _json_tokens(value: Any) -> int:
    try:
        return text_tokens(jsons.encode(value).decode())
    except jsons.EncodeError as error:
        raise invalid(f"The request cannot be measured ({error}); nest it less deeply.") from None


def _part(part: Part) -> int:
    match part:
        case Text() | Refusal() | Reasoning():
            return text_tokens(part.text)
        case ToolCall():
            return TOOL_TOKENS + text_tokens(part.name) + text_tokens(part.arguments)
        case ToolResult():
            return TOOL_TOKENS + sum(map(_part, part.parts))
        case Image():
            return IMAGE_TOKENS
        case File():
            return _file(part)
        case Audio():
            return len(part.data) // AUDIO_CHARS
        case Opaque():
            return _json_tokens(part.raw)
        case _:
            return 0


def _file(part: File) -> int:
    if part.text is not None:
        return text_tokens(part.text)
    return IMAGE_TOKENS * max(-(-len(part.data or "") // PAGE_CHARS), 1)


def _unwrapped(body: bytes) -> bytes:
    """Return a body with a request that stands in it put in its place."""
    if not any(f'"{name}"'.encode() in body for name in _WRAPPED):
        return body
    try:
        fields = jsons.fields(body)
        wrapped = next((fields[name] for name in _WRAPPED if name in fields), None)
        if wrapped is None or bytes(wrapped) == b"null":
            return body
        inner = jsons.fields(bytes(wrapped))
    except jsons.DecodeError as error:
        raise invalid(f"`{_WRAPPED[0]}` must be a JSON object: {error}.", _WRAPPED[0]) from None
    outer = {name: value for name, value in fields.items() if name not in _WRAPPED}
    return jsons.encode({**inner, **outer})


COUNT = Counter(
    paths=(PATH,),
    absorb=absorb,
    read=read_count,
    encode=encode_count,
    decode=decode_count,
    estimate=estimate_tokens,
    encode_reply=encode_count_reply,
)
