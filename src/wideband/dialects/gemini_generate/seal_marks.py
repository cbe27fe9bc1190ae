"""The fast lane's care for seals: marked with their maker on the way out, given back as they were made.

All that is beside a seal keeps its bytes.
"""

from collections.abc import Callable
from typing import Any

from wideband.canon.request import Loss, Reasoning
from wideband.dialects import seals
from wideband.dialects.gemini_generate import words
from wideband.dialects.noting import note
from wideband.wire import jsons

Fields = dict[str, Any]
# Changes a part that holds a seal; None leaves it out.
Change = Callable[[Fields], Fields | None]

_SPELLINGS = ("thoughtSignature", "thought_signature")
_KEYS = tuple(f'"{name}"'.encode() for name in _SPELLINGS)
# How every packed block begins; what is plain in it is the mark.
_PACKED = seals.pack(Reasoning())[:12].encode()
_MARKED = seals.tag("", "")[:9].encode()


def holds_seals(data: bytes) -> bool:
    """Say from the bytes whether there may be seals in JSON."""
    return any(key in data for key in _KEYS)


def settle_chunk(fields: Fields, provider: str, *, hides: bool) -> None:
    """Mark the seals in a chunk's fields as a provider's, and leave out thoughts if asked to. Raises `DecodeError`."""

    def settle(part: Fields) -> Fields | None:
        for name in _SPELLINGS:
            seal = jsons.decode(part[name]) if provider and name in part else None
            if isinstance(seal, str) and seal:
                part[name] = words.seal(Reasoning(data=seals.tag(seal, provider), format=words.REASONING_FORMAT))
        if not (hides and _is_thought(part)):
            return part
        left = {name: part[name] for name in _SPELLINGS if name in part}
        return {"text": "", **left} if left else None

    candidates: list[Any] = []
    for raw in _rows(fields["candidates"]) if "candidates" in fields else ():
        candidate = jsons.fields(bytes(raw)) if hides or holds_seals(bytes(raw)) else {}
        content = candidate.get("content")
        candidates.append(raw if content is None else {**candidate, "content": _opened(content, settle)})
    if candidates:
        fields["candidates"] = candidates


def own_contents(raw: jsons.Raw, provider: str, losses: list[Loss]) -> list[Any] | None:
    """Return contents with their seals as `provider` made them and without those of others; None if none is marked.

    Raises `DecodeError`.
    """
    if not any(mark in bytes(raw) for mark in (_PACKED, _MARKED)):
        return None
    dropped = 0

    def unmark(part: Fields) -> Fields | None:
        nonlocal dropped
        for name in _SPELLINGS:
            text = jsons.decode(part[name]) if name in part else None
            if not isinstance(text, str) or text in words.NO_SEAL:
                continue
            seal = _given_back(text, provider)
            if seal is not None:
                part[name] = seal
                continue
            dropped += 1
            del part[name]
            if not _says_more(part):
                return None
        return part

    contents = [_opened(content, unmark) for content in _rows(raw)]
    if dropped:
        note(losses, "reasoning_seal", f"{dropped} blocks of another provider's")
    return [content for content in contents if not isinstance(content, dict) or content.get("parts") != []]


def _given_back(text: str, provider: str) -> str | None:
    """Return a seal as its maker made it, the last where it holds several; None when `provider` made none of them."""
    for packed in reversed(words.unseal(text)):
        seal, maker = seals.untag(packed.data or packed.signature or "")
        if seal and packed.format == words.REASONING_FORMAT and maker in {None, provider}:
            return seal
    return None


def _says_more(part: Fields) -> bool:
    """Say whether a part that lost its seal still says something; a thought says nothing without."""
    if _is_thought(part):
        return False
    text = part.get("text")
    return bool(part.keys() - {"text", "thought"}) or (text is not None and jsons.decode(text) != "")


def _is_thought(part: Fields) -> bool:
    return "thought" in part and bytes(part["thought"]) == b"true"


def _opened(raw: jsons.Raw, change: Change) -> Any:
    """Return a content as plain fields with its parts as fields, the seals in them changed."""
    if not _is_object(raw):
        return raw
    content: Fields = dict(jsons.fields(bytes(raw)))
    if "role" in content:
        content["role"] = jsons.decode(content["role"])
    if "parts" in content:
        content["parts"] = _parts(content["parts"], change)
    return content


def _parts(raw: jsons.Raw, change: Change) -> list[Any]:
    """Return parts as fields; what is no object stays as it is."""
    parts = [dict(jsons.fields(bytes(row))) if _is_object(row) else row for row in _rows(raw)]
    changed = [change(part) if isinstance(part, dict) else part for part in parts]
    return [part for part in changed if part is not None]


def _rows(raw: jsons.Raw) -> list[jsons.Raw]:
    """Return the values of a list; one value stands for a list of it, as Google takes it."""
    return jsons.decode_as(raw, list[jsons.Raw]) if bytes(raw).startswith(b"[") else [raw]


def _is_object(raw: jsons.Raw) -> bool:
    return bytes(raw).startswith(b"{")
