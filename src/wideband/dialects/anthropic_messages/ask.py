"""The cheap look at a caller's body: what routing needs of it.

It reads types and sizes, never meanings: `request` does that.
"""

import re
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.dialects import openings
from wideband.dialects.anthropic_messages import words
from wideband.dialects.base import Ask
from wideband.wire import jsons

MAX_FALLBACKS = 3

_MEDIA = {"image": "image", "document": "file"}
# Fields that are called alike in `supported_parameters`.
_KNOBS = ("temperature", "tool_choice", "top_k", "top_p")
# Inline base64 of an image or file, which no estimate of a prompt may count as text.
_INLINE = re.compile(rb'"data"\s*:\s*"([A-Za-z0-9+/=]{64,})"')
# Chars of prompt that one image or file stands for.
MEDIA_CHARS = 6000
_MEDIA_NAME = re.compile(rb'^\[.*"(?:image|document)"', re.DOTALL)
_AT = re.compile(r" - at `\$\.?([^`]*)`$")

_REMEDIES: dict[str, str] = {
    "": 'send a JSON object with "model", "max_tokens" and "messages".',
    "content": "send a string or a list of content blocks.",
    "max_tokens": "send a whole number of at least 1.",
    "messages": 'send a list of {"role": ..., "content": ...} objects.',
    "role": 'use "user", "assistant" or "system".',
    "stop_sequences": "send a list of strings.",
    "system": "send a string or a list of text blocks.",
    "thinking": 'send an object such as {"type": "enabled", "budget_tokens": 2048}.',
    "tool_choice": 'send an object such as {"type": "auto"}.',
    "tools": "send a list of tools, each with a name and an input_schema.",
    "type": "name the kind as a string.",
}


_NOTHING = msgspec.Raw()


class _Block(msgspec.Struct, gc=False):
    type: str
    text: str | None = None
    content: msgspec.Raw = _NOTHING
    cache_control: msgspec.Raw = _NOTHING


class _Kind(msgspec.Struct, gc=False):
    type: str


class _Turn(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    input_schema: dict[str, msgspec.Raw] | None = None
    cache_control: msgspec.Raw = _NOTHING


class _Typed(msgspec.Struct):
    type: str
    name: str | None = None
    budget_tokens: int | None = None


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Typed | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _Fallback(msgspec.Struct, forbid_unknown_fields=True):
    model: str


class _Body(msgspec.Struct):
    messages: Annotated[list[_Turn], msgspec.Meta(min_length=1)]
    model: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, lt=words.MOST_TOKENS)] | None = None
    system: str | list[_Block] | None = None
    tools: list[_Tool] | None = None
    tool_choice: _Typed | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: _Typed | None = None
    output_config: _OutputConfig | None = None
    output_format: _Typed | None = None
    metadata: _Metadata | None = None
    models: list[str] | None = None
    fallbacks: list[_Fallback] | None = None
    provider: dict[str, Any] | None = None
    session_id: str | None = None
    service_tier: str | None = None


_read_body = jsons.Reader(_Body)
_read_kinds = jsons.Reader(list[_Kind])


def read(body: bytes) -> Ask:
    """Check and measure a body for `POST /messages`. Raises `Faulted` (invalid_request) naming the field."""
    found, fields = _parse(body)
    if found.max_tokens is None:
        raise invalid(f"`max_tokens` is required; {_REMEDIES['max_tokens']}", "max_tokens")
    return _ask(found, fields)


def read_count(body: bytes) -> Ask:
    """Check and measure a body for `POST /messages/count_tokens`, which needs no `max_tokens`. Raises `Faulted`."""
    return _ask(*_parse(body))


def refusal(error: jsons.DecodeError, prefix: str = "") -> Faulted:
    """Say a decoder's complaint so that the caller can act on it."""
    text = str(error)
    at = _AT.search(text)
    if at is None and "`" not in text:
        return invalid(f"The body is not valid JSON: {text}; {_REMEDIES['']}")
    path = prefix + re.sub(r"\[(\d*|\.\.\.)\]", r".\1", at[1] if at else "").strip(".")
    reason = (text[: at.start()] if at else text).rstrip(".")
    names = [part for part in path.split(".") if part and not part.isdigit() and part != "..."]
    remedy = next((_REMEDIES[name] for name in reversed(names) if name in _REMEDIES), None if names else _REMEDIES[""])
    where = f"`{path}`: {reason}" if path else reason
    return invalid(f"{where}; {remedy}" if remedy else f"{where}.", path or None)


def _parse(body: bytes) -> tuple[_Body, dict[str, msgspec.Raw]]:
    try:
        fields = jsons.fields(body)
        return _read_body(body), fields
    except jsons.DecodeError as error:
        raise refusal(error) from None


def _ask(found: _Body, fields: dict[str, msgspec.Raw]) -> Ask:
    model, models = _models(found)
    media, marked_s = _media(found)
    opening, asking = openings.ends(found.messages, found.system)
    return Ask(
        dialect=words.NAME,
        model=model,
        models=models,
        stream=bool(found.stream),
        include_usage=True,
        max_tokens=found.max_tokens,
        prompt_chars=_prompt_chars(fields, bool(media)),
        needs=_needs(found, fields),
        modalities=frozenset(media),
        images=media["image"],
        preferences=found.provider or {},
        session_id=found.session_id,
        user=found.metadata.user_id if found.metadata else None,
        # Claude shows its thinking to nobody who did not ask for any, and not every client can read it.
        hides_reasoning=found.thinking is None or found.thinking.type == "disabled",
        opening=opening,
        asking=asking,
        cache_ttl_s=openings.lasting_s(fields, marked_s),
        service_tier=found.service_tier,
        fields=fields,
    )


def _models(found: _Body) -> tuple[str, tuple[str, ...]]:
    if found.models and found.fallbacks:
        raise invalid("`models` and `fallbacks` say the same thing twice; send one of them.", "fallbacks")
    if found.fallbacks and len(found.fallbacks) > MAX_FALLBACKS:
        raise invalid(f"`fallbacks` takes at most {MAX_FALLBACKS} models; send fewer.", "fallbacks")
    models = tuple(found.models or (fallback.model for fallback in found.fallbacks or ()))
    if found.model:
        # Told by name, a model comes first; with nothing to fall back on there is no list.
        return found.model, tuple(dict.fromkeys((found.model, *models))) if models else ()
    if found.models and models[0]:
        return models[0], models
    raise invalid("`model` is required; name a model such as `anthropic/claude-sonnet-4.5`.", "model")


def _needs(found: _Body, fields: dict[str, msgspec.Raw]) -> frozenset[str]:
    needs = [name for name in _KNOBS if name in fields and getattr(found, name) is not None]
    if found.tools:
        needs.append("tools")
    if found.stop_sequences:
        needs.append("stop")
    if found.thinking is not None and found.thinking.type != "disabled":
        needs.append("reasoning")
    config = found.output_config
    if found.output_format is not None or (config is not None and config.format is not None):
        needs.append("structured_outputs")
    return frozenset(needs)


def _media(found: _Body) -> tuple[Counter[str], int]:
    """Return how much input of which kinds beside text there is, and for how many seconds its cache marks ask."""
    kinds: list[str] = []
    marked_s = openings.marked_s(found.tools) if found.tools else 0
    if type(found.system) is list:
        marked_s = max(marked_s, openings.marked_s(found.system))
    for turn in found.messages:
        content = turn.content
        if type(content) is list:
            for block in content:
                if block.cache_control:
                    marked_s = max(marked_s, openings.mark_s(block.cache_control))
                kind = block.type
                if kind in _MEDIA:
                    kinds.append(_MEDIA[kind])
                elif kind == "tool_result" and _MEDIA_NAME.search(block.content):
                    kinds.extend(_inner_kinds(block.content))
    return Counter(kinds), marked_s


def _inner_kinds(content: msgspec.Raw) -> list[str]:
    try:
        return [_MEDIA[block.type] for block in _read_kinds(content) if block.type in _MEDIA]
    except jsons.DecodeError as error:
        raise refusal(error, "messages.content.") from None


def _prompt_chars(fields: dict[str, msgspec.Raw], has_media: bool) -> int:
    chars = sum([len(fields[name]) for name in ("system", "messages", "tools") if name in fields])
    if has_media:
        inline = [len(found[1]) for found in _INLINE.finditer(fields["messages"])]
        chars += len(inline) * MEDIA_CHARS - sum(inline)
    return chars
