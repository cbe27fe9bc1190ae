"""Canonical turns, written as chat messages in the widest spelling; `draft` narrows them to what an endpoint takes."""

from collections.abc import Callable, Iterable
from typing import Any

from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Json,
    Loss,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from wideband.dialects import data_urls, edits, loose
from wideband.dialects.base import Target
from wideband.dialects.custom_tools import as_function_call
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_chat import reasoning, words
from wideband.dialects.openai_chat.reply import encode_call
from wideband.dialects.retelling import SYSTEM_MARK, tool_found

Row = dict[str, Json]

_SYSTEM_ANYWHERE = frozenset({"openrouter", "system_anywhere"})


def encode_messages(messages: Iterable[Message], target: Target, losses: list[Loss]) -> list[Row]:
    """Write the turns in order; media of tool results wait until every result that follows is said."""
    rows: list[Row] = []
    media: list[Row] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        others = tuple(part for part in message.parts if not isinstance(part, ToolResult))
        if media and not results:
            rows.append({"role": "user", "content": media})
            media = []
        rows.extend(_result(result, media, losses) for result in results)
        if message.role == "assistant":
            rows.append(_assistant(message, target, losses))
        elif _is_amid(message, rows) and not target.quirks & _SYSTEM_ANYWHERE:
            _remind(others, rows, losses)
        elif others or not results:
            content = _content(others, losses)
            if media:
                content = media + ([{"type": "text", "text": content}] if isinstance(content, str) else content)
                media = []
            rows.append({"role": _role(message), **_named(message), "content": content, **_extras(message)})
    if media:
        rows.append({"role": "user", "content": media})
    return rows


def _is_amid(message: Message, rows: list[Row]) -> bool:
    return message.role == "system" and any(row["role"] not in ("system", "developer") for row in rows)


def _remind(parts: tuple[Part, ...], rows: list[Row], losses: list[Loss]) -> None:
    """Say a system message in a user turn, in the last one where the last turn is a user's."""
    losses.append(Loss("system_position", "said in a user turn"))
    if any(not isinstance(part, Text) for part in parts):
        losses.append(Loss("system_media"))
    said = "\n".join(part.text for part in parts if isinstance(part, Text))
    reminder: Row = {"type": "text", "text": SYSTEM_MARK.format(said)}
    if rows[-1]["role"] != "user":
        rows.append({"role": "user", "content": reminder["text"]})
        return
    before = rows[-1]["content"]
    told = [{"type": "text", "text": before}] if isinstance(before, str) else before
    rows[-1]["content"] = [*told, reminder]


def _role(message: Message) -> str:
    return "developer" if message.developer else message.role


def _named(message: Message) -> Row:
    return {"name": message.name} if message.name else {}


def _extras(message: Message) -> Row:
    return {name: value for name, value in message.extras.items() if name not in edits.NOTES}


def _assistant(message: Message, target: Target, losses: list[Loss]) -> Row:
    row: Row = {"role": "assistant", **_named(message)}
    spoken = tuple(part for part in message.parts if isinstance(part, Text))
    calls = [_call(part, target) for part in message.parts if isinstance(part, ToolCall)]
    details: list[Row] = []
    for block, part in enumerate(message.parts):
        match part:
            case Text() | ToolCall():
                pass
            case Reasoning():
                details.extend(_readable(part, block, target, losses))
            case Refusal():
                row["refusal"] = row.get("refusal", "") + part.text
            case Opaque(dialect=words.NAME):
                _add_opaque(row, part, calls, details)
            case _:
                losses.append(_unsaid(part, "assistant_media"))
    content: Json = _content(spoken, losses) if spoken else None
    row["content"] = "" if content is None and not calls and "refusal" not in row else content
    if details:
        thoughts = (detail.get("text") or detail.get("summary") or "" for detail in details)
        row |= {"reasoning": "".join(thoughts), "reasoning_details": details}
    if calls:
        row["tool_calls"] = calls
    return row | _extras(message)


def _add_opaque(row: Row, part: Opaque, calls: list[Row], details: list[Row]) -> None:
    if part.kind == "reasoning_detail":
        details.append(part.raw)
    elif part.kind == "custom_tool_call":
        calls.append(part.raw)
    elif part.kind in words.OPAQUE_FIELDS:
        row[part.kind] = part.raw


def _readable(part: Reasoning, block: int, target: Target, losses: list[Loss]) -> list[Row]:
    """Return a block's details, without a seal that was made for somebody else than the endpoint."""
    sealed = part.signature or part.data
    if sealed and target.reasoning_format is not None and part.format != target.reasoning_format:
        losses.append(Loss("reasoning_seal", part.format or words.NO_FORMAT))
        part = Reasoning(text=part.text, summary=part.summary)
        return reasoning.encode_part(part, block) if part.text else []
    return reasoning.encode_part(part, block)


def _call(part: ToolCall, target: Target) -> Row:
    row = encode_call(part if "custom_tools" in target.quirks else as_function_call(part))
    if "function" in row and not row["function"]["arguments"].strip():
        # A call without arguments is streamed as no text at all; as a message it has to be JSON.
        row["function"]["arguments"] = "{}"
    return row | cache_field(part.cache)


def _result(result: ToolResult, media: list[Row], losses: list[Loss]) -> Row:
    said: list[str] = []
    for part in result.parts:
        if isinstance(part, Text):
            said.append(part.text)
        elif found := tool_found(part):
            said.append(found)
            losses.append(_unsaid(part, "content_part"))
        elif (shown := _part(part, losses)) is not None:
            if shown["type"] == "text":
                said.append(shown["text"])
                continue
            media.append({"type": "text", "text": f"From the result of tool call {result.call_id}:"})
            media.append(shown)
            said.append("What this tool call returned is shown in the next user message.")
            losses.append(Loss("tool_result_media", shown["type"]))
    text = "\n".join(said)
    if result.is_error:
        losses.append(Loss("tool_error"))
        text = f"Error: {text}" if text else "Error."
    content: Json = [{"type": "text", "text": text, **cache_field(result.cache)}] if result.cache else text
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def _content(parts: tuple[Part, ...], losses: list[Loss]) -> Json:
    """Return one plain text as a string, anything else as a list of parts."""
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    if not parts:
        return ""
    return [row for part in parts if (row := _part(part, losses)) is not None]


def _part(part: Part, losses: list[Loss]) -> Row | None:
    if isinstance(part, Opaque) and part.dialect == words.NAME and part.kind == "content_part":
        return loose.obj(part.raw)
    write = _PARTS.get(type(part))
    if write is None:
        losses.append(_unsaid(part, "content_part"))
        return None
    losses.extend(_part_losses(part))
    return write(part)


def _unsaid(part: Part, feature: str) -> Loss:
    """Return the loss of a part: under its own kind where the table has a row for it."""
    if isinstance(part, Opaque):
        return Loss(part.kind if part.kind in LOSSES else "content_part", f"{part.dialect}: {part.kind}")
    return Loss(feature, type(part).__name__.lower())


def cache_field(mark: CacheMark | None) -> Row:
    """Return the field that marks a cache breakpoint, or nothing."""
    if mark is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} | ({"ttl": mark.ttl} if mark.ttl else {})}


def _part_losses(part: Part) -> list[Loss]:
    match part:
        case Text() if part.citations:
            return [Loss("citations")]
        case Refusal():
            return [Loss("refusal")]
        case File():
            found = [Loss("file_extras", ", ".join(sorted(part.extras)))] if part.extras else []
            return [*found, Loss("file_url")] if part.url is not None else found
        case _:
            return []


def _text(part: Text) -> Row:
    return {"type": "text", "text": part.text, **cache_field(part.cache)}


def _refusal(part: Refusal) -> Row:
    return {"type": "text", "text": part.text}


def _image(part: Image) -> Row:
    image: Row = {"url": part.url or data_urls.join(part.media_type or "image/png", part.data)}
    if part.detail:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image, **cache_field(part.cache)}


def _file(part: File) -> Row:
    if part.text is not None:
        return {"type": "text", "text": part.text, **cache_field(part.cache)}
    if part.url is not None:
        return {"type": "text", "text": f"(A file is attached: {part.url})", **cache_field(part.cache)}
    file: Row = {"filename": part.filename} if part.filename else {}
    if part.file_id is not None:
        file["file_id"] = part.file_id
    else:
        file.setdefault("filename", "file.pdf" if part.media_type in {None, "application/pdf"} else "file")
        file["file_data"] = data_urls.join(part.media_type or "application/pdf", part.data)
    return {"type": "file", "file": file, **cache_field(part.cache)}


def _audio(part: Audio) -> Row:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


_PARTS: dict[type, Callable[[Any], Row]] = {
    Audio: _audio,
    File: _file,
    Image: _image,
    Refusal: _refusal,
    Text: _text,
}
