"""Parts of a caller's contents as canonical parts."""

import base64
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from wideband.canon.request import Audio, File, Image, Json, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from wideband.dialects.gemini_generate import proto, words
from wideband.dialects.gemini_generate.calls import Calls
from wideband.dialects.gemini_generate.proto import Fields
from wideband.wire import jsons

_TEXT_TYPE: Final = re.compile(r"text/|application/(?:json|xml|yaml|x-yaml|javascript)\b")
# A file that lies at Google: nobody else can fetch it.
_STORED: Final = re.compile(r"gs://|files/|https://generativelanguage\.googleapis\.com/")
_AUDIO: Final[dict[str, str]] = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "x-m4a": "m4a"}
_DETAILS: Final[dict[str, str]] = {"LOW": "low", "MEDIUM": "auto", "HIGH": "high", "ULTRA_HIGH": "high"}
# What a part says beside its data.
_BESIDE: Final = frozenset({"thought", "thoughtSignature", "thought_signature", "partMetadata", "part_metadata"})
# The words under which clients put all that a function returned; opencode names the function beside it.
_OUTPUTS: Final = frozenset({"output", "result", "content"})


class Packed(msgspec.Struct, frozen=True):
    """A block of thinking that came in the seal of the part after it."""

    block: Reasoning


# What a content is made of before its thinking is put where it was.
Piece = Part | Packed


def decode_parts(content: Fields, at: str, calls: Calls) -> list[Piece]:
    """Return the parts of one content, in order; what seals one stands before it. Raises `Faulted`."""
    parts: list[Piece] = []
    for index, raw in enumerate(_rows(content, at)):
        place = f"{at}.parts.{index}"
        signature = proto.text(raw, "thoughtSignature", place)
        blocks = words.unseal(signature) if signature else ()
        parts.extend(Packed(block) for block in blocks if block.format != words.REASONING_FORMAT)
        own = tuple(block for block in blocks if block.format == words.REASONING_FORMAT)
        parts.extend(_part(raw, own, place, calls))
    return parts


def _rows(content: Fields, at: str) -> list[Fields]:
    told = words.pick(content, "parts")
    values = told if isinstance(told, list) else [] if told is None else [told]
    return proto.rows({"parts": [{"text": v} if isinstance(v, str) else v for v in values]}, "parts", at)


def _part(raw: Fields, blocks: tuple[Reasoning, ...], at: str, calls: Calls) -> list[Part]:
    if (text := proto.text(raw, "text", at)) is not None:
        if raw.get("thought") is True:
            return _thought(text, blocks)
        return [*blocks, Text(text=text)] if text else [*blocks]
    for name, decode in _DECODERS.items():
        if (value := proto.obj(raw, name, at)) is not None:
            part = decode(value, raw, f"{at}.{name}", calls)
            return [*_owned(blocks, part), part]
    kind = next((words.camel(name) for name, value in raw.items() if name not in _BESIDE and value is not None), None)
    if kind is None:
        return [*blocks]
    bare = {name: value for name, value in raw.items() if words.camel(name) != "thoughtSignature"}
    return [*blocks, Opaque(dialect=words.NAME, kind=words.PART_FEATURES.get(kind, "unknown_block"), raw=bare)]


def _thought(text: str, blocks: tuple[Reasoning, ...]) -> list[Part]:
    """Return a thought; the seal on one is its signature."""
    if len(blocks) == 1 and text:
        return [Reasoning(text=text, signature=blocks[0].data, format=words.REASONING_FORMAT)]
    return [*blocks, Reasoning(text=text)] if text else [*blocks]


def _owned(blocks: tuple[Reasoning, ...], part: Part) -> list[Part]:
    """Name the call on the seals that stand on one."""
    return [msgspec.structs.replace(b, id=part.id) if isinstance(part, ToolCall) else b for b in blocks]


def _inline(blob: Fields, part: Fields, at: str, _calls: Calls) -> Part:
    data = words.standard_base64(proto.text(blob, "data", at) or "")
    kind = (proto.text(blob, "mimeType", at) or "").lower()
    family, _, subtype = kind.partition(";")[0].strip().partition("/")
    if family == "image":
        return Image(data=data, media_type=kind, detail=_detail(part, at))
    if family == "audio":
        return Audio(data=data, format=_AUDIO.get(subtype, subtype))
    name = proto.text(blob, "displayName", at)
    if _TEXT_TYPE.match(kind) and (said := _plain(data)) is not None:
        return File(text=said, media_type=kind, filename=name, extras=_extras(part))
    return File(data=data, media_type=kind or None, filename=name, extras=_extras(part))


def _plain(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except ValueError:
        return None


def _stored(found: Fields, part: Fields, at: str, _calls: Calls) -> Part:
    uri, kind = proto.need_text(found, "fileUri", at), proto.text(found, "mimeType", at)
    name = proto.text(found, "displayName", at)
    if _STORED.match(uri):
        return File(file_id=uri, media_type=kind, filename=name, extras=_extras(part))
    if kind is not None and kind.lower().startswith("image/"):
        return Image(url=uri, media_type=kind, detail=_detail(part, at))
    return File(url=uri, media_type=kind, filename=name, extras=_extras(part))


def _detail(part: Fields, at: str) -> str | None:
    """Return at which detail an image is to be seen."""
    told = words.pick(part, "mediaResolution")
    level = proto.word(told, "level", f"{at}.mediaResolution") if isinstance(told, dict) else told
    return _DETAILS.get(level.removeprefix("MEDIA_RESOLUTION_")) if isinstance(level, str) else None


def _extras(part: Fields) -> dict[str, Json]:
    """Return what a part says of how its file is to be looked at."""
    names = ("videoMetadata", "mediaResolution")
    return {name: value for name in names if (value := words.pick(part, name)) is not None}


def _call(found: Fields, _part: Fields, at: str, calls: Calls) -> Part:
    name = proto.need_text(found, "name", at)
    arguments = proto.obj(found, "args", at) or {}
    return ToolCall(
        id=calls.opened(name, proto.text(found, "id", at)), name=name, arguments=jsons.encode(arguments).decode()
    )


def _result(found: Fields, _part: Fields, at: str, calls: Calls) -> Part:
    name = proto.text(found, "name", at)
    parts, is_error = _response(words.pick(found, "response"), name)
    media = [
        _DECODERS[kind](value, row, f"{at}.parts.{index}.{kind}", calls)
        for index, row in enumerate(proto.rows(found, "parts", at))
        for kind in ("inlineData", "fileData")
        if (value := proto.obj(row, kind, f"{at}.parts.{index}")) is not None
    ]
    call_id = calls.answered(name, proto.text(found, "id", at))
    return ToolResult(call_id=call_id, parts=(*parts, *media), is_error=is_error, name=name)


def _response(told: Json, name: str | None) -> tuple[list[Part], bool]:
    """Return what a function returned as text, and whether that is an error.

    A lone word for all of it is taken off, anything else stays the JSON it was.
    """
    is_error = False
    if isinstance(told, dict):
        said = {key: value for key, value in told.items() if not (key == "name" and value == name and len(told) > 1)}
        if len(said) == 1:
            key, value = next(iter(said.items()))
            is_error = key == "error"
            told = value if is_error or key in _OUTPUTS else told
    if told is None or told == {}:
        return [], is_error
    text = told if isinstance(told, str) else jsons.encode(told).decode()
    return ([Text(text=text)] if text else []), is_error


_DECODERS: Final[dict[str, Callable[[Any, Fields, str, Calls], Part]]] = {
    "functionCall": _call,
    "functionResponse": _result,
    "inlineData": _inline,
    "fileData": _stored,
}
