"""Canonical turns, written as the items of a conversation, in the order in which everything was said."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

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
    Request,
    Text,
    ToolCall,
    ToolResult,
)
from wideband.dialects import data_urls, edits, loose
from wideband.dialects.base import Target
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_responses import words
from wideband.dialects.retelling import tool_found

Row = dict[str, Json]

# Quirks of upstreams that take cache breakpoints, and of those that read plain thinking back.
CACHING: Final = frozenset({"cache_control", "openrouter"})
_READING: Final = frozenset({"reasoning_content", "reasoning_text"})


def encode_turns(request: Request, target: Target, losses: list[Loss]) -> tuple[str | None, list[Row]]:
    """Return the instructions, which are a plain system message at the head, and the items."""
    turns = list(request.messages)
    instructions = _instructions(turns[0]) if turns else None
    if instructions is not None:
        turns = turns[1:]
    writer = _Writer(request, target, losses)
    for message in turns:
        writer.message(message)
    return instructions, writer.items


def _instructions(head: Message) -> str | None:
    if head.role != "system" or head.developer or head.extras or head.name or not head.parts:
        return None
    texts = [part.text for part in head.parts if isinstance(part, Text) and part.cache is None]
    return "\n\n".join(texts) if len(texts) == len(head.parts) else None


class _Writer:
    """Items while they are written; what is said in a row is one message."""

    def __init__(self, request: Request, target: Target, losses: list[Loss]) -> None:
        self.items: list[Row] = []
        self._is_own = request.dialect == words.NAME
        self._target = target
        self._losses = losses
        calls = (part for message in request.messages for part in message.parts if isinstance(part, ToolCall))
        self._custom = {call.id for call in calls if call.custom}

    def message(self, message: Message) -> None:
        """Write one turn."""
        if message.name:
            self._losses.append(Loss("message_name_dropped"))
        if message.extras and not self._is_own:
            self._losses.append(Loss("message_extras", ", ".join(sorted(message.extras))))
        content: list[Row] = []
        for part in _rejoined(message.parts):
            item = self._item(part)
            if item is not None:
                self._say(message, content)
                content = []
                self.items.extend(item)
            elif not (message.role == "assistant" and self._is_beside(part, content)):
                content.extend(self._content(part, message.role))
        if content or not message.parts:
            self._say(message, content)

    def _say(self, message: Message, content: list[Row]) -> None:
        if not content:
            if message.parts or message.role == "assistant":
                return
            content = [{"type": "input_text", "text": ""}]
        row: Row = {"type": words.MESSAGE, "role": message.role, "content": content}
        row |= message.extras if self._is_own else {}
        if message.role == "assistant":
            # Strict readers know an assistant's words only in the form of an answer; who numbers them is all one.
            row |= {"id": f"msg_{len(self.items)}", "status": "completed"}
        elif message.developer and "no_developer_role" not in self._target.quirks:
            row["role"] = "developer"
        self.items.append(row)

    def _item(self, part: Part) -> list[Row] | None:
        """Return the items that a part is, or None for what is said in a message."""
        match part:
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return [self._result(part)]
            case Opaque(dialect=words.NAME, kind=words.OPAQUE_ITEM):
                return [part.raw]
            case _:
                return None

    def _is_beside(self, part: Part, content: list[Row]) -> bool:
        """Take what belongs to the words before it."""
        if not isinstance(part, Opaque) or part.dialect != words.NAME or part.kind != "annotations":
            return False
        if content and "annotations" in content[-1]:
            content[-1]["annotations"] = [*content[-1]["annotations"], *loose.rows(part.raw)]
        return True

    def _reasoning(self, part: Reasoning) -> list[Row]:
        """Write a thought: its seal is what the model reads, its words are only shown beside it."""
        readable = (words.REASONING_FORMAT, self._target.reasoning_format or words.REASONING_FORMAT)
        if part.signature or (part.data and part.format not in readable):
            self._losses.append(Loss("reasoning_seal", part.format or "unknown"))
            return []
        if part.data:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            identity = {"id": part.id} if part.id else {}
            return [{"type": words.REASONING, **identity, "summary": summary, "encrypted_content": part.data}]
        if not part.text:
            return []
        if not self._target.quirks & _READING:
            self._losses.append(Loss("reasoning_echo"))
            return []
        told = [{"type": "reasoning_text", "text": part.text}]
        return [{"type": words.REASONING, "id": f"rs_{len(self.items)}", "summary": [], "content": told}]

    def _call(self, call: ToolCall) -> Row:
        if call.cache is not None:
            self._mark(call.cache)
        identity: Row = {"call_id": edits.within_64(call.id), "name": call.name}
        if call.custom:
            return {"type": words.CUSTOM_CALL, **identity, "input": call.arguments}
        # A call without arguments is streamed as no text at all; as an item it has to be JSON.
        return {
            "type": words.FUNCTION_CALL,
            **identity,
            "arguments": call.arguments if call.arguments.strip() else "{}",
        }

    def _result(self, result: ToolResult) -> Row:
        shown = [row for part in result.parts for row in self._shown(part)]
        if result.is_error:
            self._losses.append(Loss("tool_error"))
            shown = _as_error(shown)
        if result.cache is not None and (mark := self._mark(result.cache)) and shown:
            shown[-1] |= mark
        plain = all(row.keys() == {"type", "text"} for row in shown)
        return {
            "type": words.CUSTOM_OUTPUT if result.call_id in self._custom else words.FUNCTION_OUTPUT,
            "call_id": edits.within_64(result.call_id),
            "output": "\n".join(row["text"] for row in shown) if plain else shown,
        }

    def _shown(self, part: Part) -> list[Row]:
        if found := tool_found(part):
            self._losses.append(_unsaid(part))
            return [{"type": "input_text", "text": found}]
        return self._content(part, "user")

    def _content(self, part: Part, role: str) -> list[Row]:
        """Return a part as content, or nothing for what cannot be said."""
        if isinstance(part, Opaque) and part.dialect == words.NAME and part.kind == words.OPAQUE_PART:
            return [loose.obj(part.raw)]
        write = (_SPOKEN if role == "assistant" else _SHOWN).get(type(part))
        if write is None:
            self._losses.append(_unsaid(part, "assistant_media" if role == "assistant" else "content_part"))
            return []
        if isinstance(part, Text) and part.citations and not _own_citations(part.citations):
            self._losses.append(Loss("citations"))
        if isinstance(part, File) and part.extras:
            self._losses.append(Loss("file_extras", ", ".join(sorted(part.extras))))
        cache = getattr(part, "cache", None)
        return [write(part) | (self._mark(cache) if cache is not None else {})]

    def _mark(self, mark: CacheMark) -> Row:
        return cache_field(mark, self._target, self._losses)


def _rejoined(parts: tuple[Part, ...]) -> list[Part]:
    """Put a summary and its seal into one thought again: other protocols tell them apart."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Reasoning) and part.data and not part.text:
            shown: list[str] = []
            while joined and isinstance(before := joined[-1], Reasoning) and _is_summary_of(before, part):
                shown.insert(0, before.text)
                joined.pop()
            part = msgspec.structs.replace(part, text="\n\n".join(shown), summary=True) if shown else part
        joined.append(part)
    return joined


def _is_summary_of(before: Reasoning, sealed: Reasoning) -> bool:
    return before.summary and not (before.data or before.signature) and before.format == sealed.format


def _as_error(shown: list[Row]) -> list[Row]:
    if shown and shown[0]["type"] == "input_text":
        return [shown[0] | {"text": f"Error: {shown[0]['text']}"}, *shown[1:]]
    return [{"type": "input_text", "text": "Error."}, *shown]


def cache_field(mark: CacheMark | None, target: Target, losses: list[Loss]) -> Row:
    """Return the field that marks a cache breakpoint, where there are any."""
    if mark is None:
        return {}
    if not target.quirks & CACHING:
        if (loss := Loss("cache_control")) not in losses:
            losses.append(loss)
        return {}
    return {"cache_control": {"type": "ephemeral"} | ({"ttl": mark.ttl} if mark.ttl else {})}


def _own_citations(cited: Json) -> bool:
    """Tell whether citations are told in this protocol's words: Anthropic's name the place they were found in."""
    return all(str(row.get("type")) in _CITED for row in loose.rows(cited))


_CITED: Final = frozenset({"container_file_citation", "file_citation", "file_path", "url_citation"})


def _unsaid(part: Part, feature: str = "content_part") -> Loss:
    """Return the loss of a part: under its own kind where the table has a row for it."""
    if isinstance(part, Opaque):
        return Loss(part.kind if part.kind in LOSSES else feature, f"{part.dialect}: {part.kind}")
    return Loss(feature, type(part).__name__.lower())


def _spoken(part: Text) -> Row:
    cited = loose.rows(part.citations) if _own_citations(part.citations) else []
    return {"type": "output_text", "text": part.text, "annotations": cited}


def _image(part: Image) -> Row:
    url = part.url or data_urls.join(part.media_type or "image/png", part.data)
    return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}


def _file(part: File) -> Row:
    if part.text is not None:
        return {"type": "input_text", "text": part.text}
    file: Row = {"type": "input_file"}
    if part.filename:
        file["filename"] = part.filename
    if part.url is not None:
        # A file by its URL goes by no other name.
        return {"type": "input_file", "file_url": part.url}
    if part.file_id is not None:
        return file | {"file_id": part.file_id}
    file.setdefault("filename", "file.pdf" if part.media_type in {None, "application/pdf"} else "file")
    return file | {"file_data": data_urls.join(part.media_type or "application/pdf", part.data)}


def _audio(part: Audio) -> Row:
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


_SPOKEN: Final[dict[type, Callable[[Any], Row]]] = {
    Refusal: lambda part: {"type": "refusal", "refusal": part.text},
    Text: _spoken,
}
_SHOWN: Final[dict[type, Callable[[Any], Row]]] = {
    Audio: _audio,
    File: _file,
    Image: _image,
    Refusal: lambda part: {"type": "input_text", "text": part.text},
    Text: lambda part: {"type": "input_text", "text": part.text},
}
