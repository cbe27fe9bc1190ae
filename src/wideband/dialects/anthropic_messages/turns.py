"""Canonical messages, whatever dialect they came in, as turns Anthropic accepts.

Its rules: system text stands apart; turns alternate; tool results come first in their turn; no text is empty; only
Claude's own thinking comes back.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
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
from wideband.dialects import data_urls
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.blocks import Block
from wideband.dialects.custom_tools import as_function_call
from wideband.dialects.noting import note
from wideband.dialects.retelling import OPENING, SYSTEM_MARK, arguments_object

# How the base64 of each image format begins.
_IMAGE_STARTS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lG": "image/gif", "UklG": "image/webp"}
_TTLS = frozenset({"5m", "1h"})


class Turns:
    """Writes the messages of one request; `losses` tells what could not be said.

    `readable` is the reasoning format the endpoint can read back.
    """

    def __init__(self, request: Request, readable: str, losses: list[Loss]) -> None:
        self._dialect = request.dialect
        self._readable = readable
        self._losses = losses
        self.system: list[Block] = []
        self.turns: list[Block] = []
        for message in request.messages:
            self._message(message)
        self._settle()

    def cache(self, mark: CacheMark | None) -> dict[str, Any]:
        """Return the field that marks a cache breakpoint, or nothing."""
        if mark is None:
            return {}
        if mark.ttl is not None and mark.ttl not in _TTLS:
            note(self._losses, "cache_ttl", mark.ttl)
            return {"cache_control": {"type": "ephemeral"}}
        return {"cache_control": {"type": "ephemeral", **({"ttl": mark.ttl} if mark.ttl else {})}}

    def _message(self, message: Message) -> None:
        blocks = [block for part in message.parts if (block := self._part(part)) is not None]
        if message.extras:
            note(self._losses, "message_extras", ", ".join(sorted(message.extras)))
        if message.role == "system":
            self._system(blocks)
            return
        if message.name:
            note(self._losses, "message_name", "said in the text")
            first = next((block for block in blocks if block["type"] == "text"), None)
            if first is not None:
                first["text"] = f"{message.name}: {first['text']}"
        self._turn(message.role, blocks)

    def _system(self, blocks: list[Block]) -> None:
        texts = [block for block in blocks if block["type"] == "text"]
        if len(texts) < len(blocks):
            note(self._losses, "system_media")
        if not self.turns:
            self.system.extend(texts)
        elif texts:
            note(self._losses, "system_position", "said in a user turn")
            self._turn("user", [{**text, "text": SYSTEM_MARK.format(text["text"])} for text in texts])

    def _turn(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"].extend(blocks)
        else:
            self.turns.append({"role": role, "content": blocks})

    def _settle(self) -> None:
        if not self.turns and self.system:
            note(self._losses, "system_position", "said in a user turn")
            self.turns, self.system = [{"role": "user", "content": self.system}], []
        if self.turns and self.turns[0]["role"] != "user":
            note(self._losses, "first_turn", "a user turn was put before it")
            self.turns.insert(0, {"role": "user", "content": [{"type": "text", "text": OPENING}]})
        for turn in self.turns:
            turn["content"].sort(key=lambda block: turn["role"] == "user" and block["type"] != "tool_result")

    def _part(self, part: Part) -> Block | None:
        return _WRITERS[type(part)](self, part)

    def _text(self, part: Text) -> Block | None:
        if not part.text.strip():
            return None
        block = {"type": "text", "text": part.text, **self.cache(part.cache)}
        if part.citations:
            if self._dialect == words.NAME:
                block["citations"] = part.citations
            else:
                note(self._losses, "citations")
        return block

    def _image(self, part: Image) -> Block | None:
        if part.detail not in {None, "auto"}:
            note(self._losses, "image_detail", part.detail or "")
        media_type, data = part.media_type, part.data
        found = data_urls.split(part.url or "")
        if found is not None:
            media_type, data = found
        if data is not None:
            sniffed = next((kind for start, kind in _IMAGE_STARTS.items() if data.startswith(start)), "image/jpeg")
            source = {"type": "base64", "media_type": media_type or sniffed, "data": data}
        elif part.url:
            source = {"type": "url", "url": part.url}
        else:
            return None
        return {"type": "image", "source": source, **self.cache(part.cache)}

    def _file(self, part: File) -> Block | None:
        source = self._file_source(part)
        if source is None:
            return None
        block: Block = {"type": "document", "source": source, **self.cache(part.cache)}
        if part.filename:
            block["title"] = part.filename
        if self._dialect == words.NAME:
            block.update(part.extras)
        elif part.extras:
            note(self._losses, "file_extras", ", ".join(sorted(part.extras)))
        return block

    def _file_source(self, part: File) -> Block | None:
        if part.text is not None:
            return {"type": "text", "media_type": "text/plain", "data": part.text} if part.text.strip() else None
        if part.file_id is not None:
            if self._dialect == words.NAME:
                return {"type": "file", "file_id": part.file_id}
            note(self._losses, "file_id", "a file stored at another provider")
            return None
        media_type, data, url = part.media_type, part.data, part.url
        found = data_urls.split(data or url or "")
        if found is not None:
            media_type, data = found[0] or media_type, found[1]
        if data is None:
            return {"type": "url", "url": url} if url else None
        if media_type in {None, "application/pdf"}:
            return {"type": "base64", "media_type": "application/pdf", "data": data}
        return self._plain_source(media_type or "", data)

    def _plain_source(self, media_type: str, data: str) -> Block | None:
        """Return a text file as text: base64 documents may only be PDF."""
        try:
            text = base64.b64decode(data, validate=True).decode() if media_type.startswith("text/") else ""
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        if not text.strip():
            note(self._losses, "file_type", media_type)
            return None
        return {"type": "text", "media_type": "text/plain", "data": text}

    def _audio(self, part: Audio) -> None:
        note(self._losses, "audio", part.format)

    def _reasoning(self, part: Reasoning) -> Block | None:
        if part.format == self._readable:
            if part.data is not None:
                return {"type": "redacted_thinking", "data": part.data}
            if part.signature is not None:
                return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        note(self._losses, "reasoning_seal", part.format or "unsigned")
        return None

    def _tool_call(self, part: ToolCall) -> Block:
        part = as_function_call(part)
        return {
            "type": "tool_use",
            "id": words.tool_id(part.id),
            "name": part.name,
            "input": arguments_object(part.arguments, self._losses),
            **self.cache(part.cache),
        }

    def _tool_result(self, part: ToolResult) -> Block:
        content = [said for inner in part.parts if (said := self._part(inner)) is not None]
        block: Block = {"type": "tool_result", "tool_use_id": words.tool_id(part.call_id)}
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block | self.cache(part.cache)

    def _refusal(self, part: Refusal) -> Block | None:
        note(self._losses, "refusal", "said as text")
        return {"type": "text", "text": part.text} if part.text.strip() else None

    def _opaque(self, part: Opaque) -> Block | None:
        if part.dialect == words.NAME and isinstance(part.raw, dict) and "type" in part.raw:
            return dict(part.raw)
        note(self._losses, part.kind)
        return None


_WRITERS: dict[type, Callable[[Turns, Any], Block | None]] = {
    Text: Turns._text,
    Image: Turns._image,
    File: Turns._file,
    Audio: Turns._audio,
    Reasoning: Turns._reasoning,
    ToolCall: Turns._tool_call,
    ToolResult: Turns._tool_result,
    Refusal: Turns._refusal,
    Opaque: Turns._opaque,
}
