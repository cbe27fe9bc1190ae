"""Content blocks to canonical parts: what a caller's messages and an upstream's answer are made of."""

from collections.abc import Callable
from typing import Any

from wideband.canon.faults import Faulted, invalid
from wideband.canon.request import (
    CacheMark,
    File,
    Image,
    Json,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from wideband.dialects.anthropic_messages import words

Block = dict[str, Any]

# Blocks hold others only so deep: what nests without end is refused, not followed.
_NOT_IN_RESULTS = frozenset({"tool_result"})
_NOT_IN_DOCUMENTS = frozenset({"document", "tool_result"})


def need_text(block: Block, name: str, at: str) -> str:
    """Return a field that has to be a string. Raises `Faulted`."""
    value = block.get(name)
    if not isinstance(value, str):
        raise _wrong(name, at, "a string")
    return value


def optional_text(block: Block, name: str, at: str) -> str | None:
    """Return a field that may be absent. Raises `Faulted` when it is there and no string."""
    return None if block.get(name) is None else need_text(block, name, at)


def need_object(block: Block, name: str, at: str) -> Block:
    """Return a field that has to be an object. Raises `Faulted`."""
    value = block.get(name)
    if not isinstance(value, dict):
        raise _wrong(name, at, "an object")
    return value


def _wrong(name: str, at: str, wanted: str) -> Faulted:
    path = f"{at}.{name}" if at else name
    return invalid(f"`{path}` must be {wanted}; send it as one.", path)


def decode_cache(holder: Block, at: str) -> CacheMark | None:
    """Return the cache mark of a block, a tool or the request. Raises `Faulted`."""
    if holder.get("cache_control") is None:
        return None
    return CacheMark(
        ttl=optional_text(need_object(holder, "cache_control", at), "ttl", f"{at}.cache_control".strip("."))
    )


def decode_content(content: Json, at: str, banned: frozenset[str] = frozenset()) -> tuple[Part, ...]:
    """Return the parts of a `content`: a string or a list of blocks, none of a `banned` type. Raises `Faulted`."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    if not isinstance(content, list):
        raise invalid(f"`{at}` must be a string or a list of content blocks.", at)
    return tuple(decode_block(block, f"{at}.{index}", banned) for index, block in enumerate(content))


def decode_block(block: Json, at: str, banned: frozenset[str] = frozenset()) -> Part:
    """Return the part of one block. Raises `Faulted`."""
    if not isinstance(block, dict):
        raise invalid(f'`{at}` must be a content block such as {{"type": "text", "text": "..."}}.', at)
    kind = need_text(block, "type", at)
    if kind in banned:
        raise invalid(f"`{at}` is a `{kind}` inside another block; put it directly into the message.", at)
    decode = _DECODERS.get(kind)
    return decode(block, at) if decode is not None else _opaque(block, words.block_feature(kind))


def _opaque(block: Block, kind: str) -> Opaque:
    return Opaque(dialect=words.NAME, kind=kind, raw=block)


def _text(block: Block, at: str) -> Part:
    text = need_text(block, "text", at)
    return Text(text=text, cache=decode_cache(block, at), citations=block.get("citations") or None)


def _image(block: Block, at: str) -> Part:
    source, inner = need_object(block, "source", at), f"{at}.source"
    cache = decode_cache(block, at)
    match source.get("type"):
        case "base64":
            media_type = need_text(source, "media_type", inner)
            return Image(data=need_text(source, "data", inner), media_type=media_type, cache=cache)
        case "url":
            return Image(url=need_text(source, "url", inner), cache=cache)
        case "file":
            return _opaque(block, "file_id")
        case _:
            raise invalid(f'`{inner}.type` must be "base64", "url" or "file".', f"{inner}.type")


def _document(block: Block, at: str) -> Part:
    source, inner = need_object(block, "source", at), f"{at}.source"
    facts: dict[str, Any] = {}
    match source.get("type"):
        case "base64":
            facts = {"data": need_text(source, "data", inner), "media_type": need_text(source, "media_type", inner)}
        case "url":
            facts = {"url": need_text(source, "url", inner)}
        case "file":
            facts = {"file_id": need_text(source, "file_id", inner)}
        case "text":
            facts = {"text": need_text(source, "data", inner), "media_type": "text/plain"}
        case "content":
            content = decode_content(source.get("content"), f"{inner}.content", _NOT_IN_DOCUMENTS)
            if any(not isinstance(part, Text) for part in content):
                return _opaque(block, "document_content")
            facts = {"text": "\n".join(part.text for part in content if isinstance(part, Text))}
        case _:
            raise invalid(f'`{inner}.type` must be "base64", "url", "text", "content" or "file".', f"{inner}.type")
    extras = {name: block[name] for name in ("citations", "context") if block.get(name) is not None}
    if source["type"] == "content":
        extras["source"] = source
    return File(filename=optional_text(block, "title", at), extras=extras, cache=decode_cache(block, at), **facts)


def _tool_use(block: Block, at: str) -> Part:
    if block.get("toolset_name") is not None:
        return _opaque(block, "server_tool_blocks")
    return ToolCall(
        id=need_text(block, "id", at),
        name=need_text(block, "name", at),
        arguments=words.written(block.get("input") or {}).decode(),
        cache=decode_cache(block, at),
    )


def _tool_result(block: Block, at: str) -> Part:
    is_error = block.get("is_error")
    if is_error is not None and not isinstance(is_error, bool):
        raise invalid(f"`{at}.is_error` must be true or false.", f"{at}.is_error")
    return ToolResult(
        call_id=need_text(block, "tool_use_id", at),
        parts=decode_content(block.get("content"), f"{at}.content", _NOT_IN_RESULTS),
        is_error=bool(is_error),
        cache=decode_cache(block, at),
    )


def _thinking(block: Block, at: str) -> Part:
    text = need_text(block, "thinking", at)
    sealed = optional_text(block, "signature", at)
    if not sealed:
        return Reasoning(text=text)
    signature, made_by = words.unseal(sealed)
    return Reasoning(text=text, signature=signature or None, format=made_by)


def _redacted(block: Block, at: str) -> Part:
    data, made_by = words.unseal(need_text(block, "data", at))
    return Reasoning(data=data, format=made_by)


_DECODERS: dict[str, Callable[[Block, str], Part]] = {
    "document": _document,
    "image": _image,
    "redacted_thinking": _redacted,
    "text": _text,
    "thinking": _thinking,
    "tool_result": _tool_result,
    "tool_use": _tool_use,
}
