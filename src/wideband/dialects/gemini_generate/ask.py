"""The cheap look at a caller's body, which `absorb` has written the URL's words into: what routing needs of it."""

import re
from collections import Counter
from typing import Any, Final

import msgspec

from wideband.canon.faults import Faulted, invalid
from wideband.dialects import openings
from wideband.dialects.base import Ask
from wideband.dialects.gemini_generate import proto, words
from wideband.dialects.gemini_generate.config import Config, decode_config
from wideband.dialects.gemini_generate.proto import Fields
from wideband.dialects.gemini_generate.tools import decode_tool_config
from wideband.wire import jsons

# Chars of prompt that one image, sound or file stands for.
MEDIA_CHARS: Final = 6000
_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_MODALITIES: Final = frozenset({"audio", "image", "video"})
# Read whole: they are small. All others are measured, or left to `request`.
_SMALL: Final = frozenset(
    {"alt", "generationConfig", "generation_config", "model", "models", "provider", "serviceTier", "service_tier"}
    | {"sessionId", "session_id", "stream", "toolConfig", "tool_config", "user"}
)


class _Blob(msgspec.Struct, gc=False):
    data: msgspec.Raw = msgspec.Raw()
    mime_type: str | None = msgspec.field(default=None, name="mimeType")
    mime_type_snake: str | None = msgspec.field(default=None, name="mime_type")


class _Media(msgspec.Struct, gc=False):
    inline: _Blob | None = msgspec.field(default=None, name="inlineData")
    inline_snake: _Blob | None = msgspec.field(default=None, name="inline_data")
    stored: _Blob | None = msgspec.field(default=None, name="fileData")
    stored_snake: _Blob | None = msgspec.field(default=None, name="file_data")


class _Response(msgspec.Struct, gc=False):
    parts: list[_Media] | _Media | None = None


class _Part(_Media, gc=False):
    text: str | None = None
    signature: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="thoughtSignature")
    response: _Response | None = msgspec.field(default=None, name="functionResponse")
    response_snake: _Response | None = msgspec.field(default=None, name="function_response")


class _Content(msgspec.Struct):
    said_by: str | None = msgspec.field(default=None, name="role")
    parts: list[_Part | str] | _Part | str | None = None

    @property
    def role(self) -> str:
        """Who said it; the user, where nobody is named."""
        return self.said_by or "user"

    @property
    def content(self) -> str | list[_Part | str] | None:
        """What was said; one part stands for a list of it."""
        return [self.parts] if isinstance(self.parts, _Part) else self.parts


_read_contents = jsons.Reader(list[_Content | str])


def read(body: bytes) -> Ask:
    """Check and measure a body. Raises `Faulted` (invalid_request) naming the field."""
    try:
        fields = jsons.fields(body)
        told = {name: jsons.decode(raw) for name, raw in fields.items() if name in _SMALL}
    except jsons.DecodeError as error:
        raise unreadable(error) from None
    contents = _contents(fields)
    media, sealed_or_inline = _media(contents)
    opening, asking = openings.ends(contents, _system(fields))
    config = decode_config(told)
    stream = proto.flag(told, "stream") or False
    model, models = model_of(told), proto.texts(told, "models")
    return Ask(
        dialect=words.NAME,
        model=model,
        models=tuple(dict.fromkeys((model, *models))) if models else (),
        stream=stream,
        include_usage=True,
        max_tokens=config.max_tokens,
        n=config.n,
        prompt_chars=_prompt_chars(fields) + media.total() * MEDIA_CHARS - sealed_or_inline,
        needs=_needs(fields, told, config),
        modalities=frozenset(media),
        images=media["image"],
        framing="json_array" if stream and told.get("alt") != "sse" else "sse",
        preferences=proto.obj(told, "provider") or {},
        session_id=proto.text(told, "sessionId"),
        user=proto.text(told, "user"),
        hides_reasoning=not config.shows_thoughts,
        opening=opening,
        asking=asking,
        service_tier=words.tier(proto.text(told, "serviceTier")),
        fields=fields,
    )


def model_of(body: Fields) -> str:
    """Return the model a body names, which the URL did before. Raises `Faulted`."""
    model = proto.text(body, "model") or next(iter(proto.texts(body, "models")), "")
    if not model:
        raise invalid("`model` is missing; name a model such as `google/gemini-3-pro`.", "model")
    return model


def unreadable(error: jsons.DecodeError, prefix: str = "") -> Faulted:
    """Say a decoder's complaint so that the caller can act on it."""
    text = str(error)
    at = _AT.search(text)
    path = re.sub(r"\[(\d*|\.\.\.)\]", r".\1", prefix + (at[1] if at else "")).strip(".")
    reason = text[: at.start()] if at else text
    if not path:
        return invalid(f'The body cannot be read as JSON: {reason}; send one object such as {{"contents": [...]}}.')
    return invalid(f"`{path}`: {reason}; send contents with a `role` and `parts`.", path)


def _contents(fields: dict[str, msgspec.Raw]) -> list[_Content]:
    raw = bytes(fields.get("contents", b"null"))
    if raw == b"null":
        raise invalid("`contents` is missing; send at least one content with `parts`.", "contents")
    try:
        # One stands for a list of it.
        found = _read_contents(raw if raw.startswith(b"[") else b"[" + raw + b"]")
    except jsons.DecodeError as error:
        raise unreadable(error, "contents") from None
    if not found:
        raise invalid("`contents` is empty; send at least one content with `parts`.", "contents")
    return [_Content(parts=content) if isinstance(content, str) else content for content in found]


def _system(fields: dict[str, msgspec.Raw]) -> str | list[_Part | str] | None:
    """Return the system instruction; of one that cannot be read nothing is known, and its reader will say why."""
    raw = words.pick(fields, "systemInstruction")
    if raw is None:
        return None
    try:
        (told,) = _read_contents(b"[" + bytes(raw) + b"]")
    except jsons.DecodeError:
        return None
    return told if isinstance(told, str) else told.content


def _media(contents: list[_Content]) -> tuple[Counter[str], int]:
    """Return how much input of which kinds beside text there is, and how many bytes are no text at all."""
    kinds, silent = Counter[str](), 0
    for content in contents:
        for part in content.parts if isinstance(content.parts, list) else (content.parts,):
            if isinstance(part, _Part):
                silent += len(part.signature)
                for blob in _blobs(part):
                    family = (blob.mime_type or blob.mime_type_snake or "").lower().partition("/")[0]
                    kinds[family if family in _MODALITIES else "file"] += 1
                    silent += len(blob.data)
    return kinds, silent


def _blobs(part: _Part) -> list[_Blob]:
    response = part.response or part.response_snake
    inner = response.parts if response is not None else None
    holders = [part, *(inner if isinstance(inner, list) else [inner] if inner is not None else [])]
    told = [blob for m in holders for blob in (m.inline, m.inline_snake, m.stored, m.stored_snake)]
    return [blob for blob in told if blob is not None]


def _prompt_chars(fields: dict[str, msgspec.Raw]) -> int:
    measured = (words.pick(fields, name) for name in ("contents", "systemInstruction", "tools"))
    return sum(len(raw) for raw in measured if raw is not None)


def _needs(fields: dict[str, msgspec.Raw], told: Fields, config: Config) -> frozenset[str]:
    sampling, reasoning, output = config.sampling, config.reasoning, config.output
    choice, _, _ = decode_tool_config(told)
    asked: dict[str, Any] = {
        "tools": len(fields.get("tools", b"")) > len(b"[]"),
        "tool_choice": choice is not None and choice.mode in ("required", "tool"),
        "max_tokens": config.max_tokens is not None,
        "stop": bool(config.stop),
        "reasoning": reasoning is not None and reasoning.enabled is not False,
        "response_format": output is not None,
        "structured_outputs": output is not None and output.type == "json_schema",
        "logprobs": sampling.logprobs,
    }
    names = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "top_logprobs")
    asked |= {name: getattr(sampling, name) is not None for name in names}
    return frozenset([name for name, is_asked in asked.items() if is_asked])
