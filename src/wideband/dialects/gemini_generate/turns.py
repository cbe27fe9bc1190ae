"""Canonical messages, whatever dialect they came in, as contents Gemini accepts.

Its rules: system text stands apart; turns alternate and begin with the user's; results come first in their turn, by
the name of the function; a seal stands on the very part it was given with.
"""

from collections.abc import Callable
from typing import Any

from wideband.canon.request import (
    Audio,
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
from wideband.dialects.base import Target
from wideband.dialects.custom_tools import as_function_call
from wideband.dialects.gemini_generate import media, words
from wideband.dialects.gemini_generate.media import Block
from wideband.dialects.noting import note
from wideband.dialects.retelling import OPENING, SYSTEM_MARK, arguments_object, tool_found

# An endpoint with this quirk finds a result's call by name and order, and refuses ids.
NO_IDS = "no_call_ids"
# What Google takes for a seal where one was lost.
_STAND_IN = "skip_thought_signature_validator"
_SHOWN = "What this tool call returned is shown after the results."


class Turns:
    """Writes the messages of one request; `losses` tells what could not be said."""

    def __init__(self, request: Request, target: Target, losses: list[Loss]) -> None:
        self._is_own = request.dialect == words.NAME
        self._readable = target.reasoning_format or words.REASONING_FORMAT
        self._says_ids = NO_IDS not in target.quirks
        self._losses = losses
        self._names: dict[str, str] = {}
        # What the results of the turn at hand show, which follows them.
        self._shown: list[Block] = []
        self.system: list[Block] = []
        self.contents: list[Block] = []
        for message in request.messages:
            self._message(message)
        self._settle()

    def _message(self, message: Message) -> None:
        if message.extras:
            note(self._losses, "message_extras", ", ".join(sorted(message.extras)))
        blocks = self._assistant(message) if message.role == "assistant" else self._said(message.parts)
        if message.role == "system":
            self._system(blocks)
            return
        if message.name:
            note(self._losses, "message_name", "said in the text")
            first = next((block for block in blocks if block.get("text") and not block.get("thought")), None)
            if first is not None:
                first["text"] = f"{message.name}: {first['text']}"
        self._turn("model" if message.role == "assistant" else "user", blocks)

    def _said(self, parts: tuple[Part, ...]) -> list[Block]:
        blocks = [block for part in parts if (block := self._part(part)) is not None]
        results = [block for block in blocks if "functionResponse" in block]
        others = [block for block in blocks if "functionResponse" not in block]
        shown, self._shown = self._shown, []
        return [*results, *shown, *others]

    def _assistant(self, message: Message) -> list[Block]:
        """Write the model's turn; a seal goes onto its call, else onto the part after it, else onto one of its own."""
        calls = {part.id for part in message.parts if isinstance(part, ToolCall)}
        seals: dict[str, str] = {}
        blocks: list[Block] = []
        held: str | None = None
        for part in message.parts:
            if isinstance(part, Reasoning):
                seal = self._seal(part, blocks)
                if seal and part.id in calls:
                    seals.setdefault(part.id or "", seal)
                elif seal:
                    _flush(held, blocks)
                    held = seal
            elif (block := self._part(part)) is not None:
                own = seals.pop(part.id, None) if isinstance(part, ToolCall) else None
                if own is not None:
                    _flush(held, blocks)
                if (seal := own or held) is not None:
                    block["thoughtSignature"] = seal
                held = None
                blocks.append(block)
        _flush(held, blocks)
        _seal_late(seals, blocks)
        return blocks

    def _seal(self, part: Reasoning, blocks: list[Block]) -> str | None:
        """Return the seal of a block of thinking; a thought that is sealed itself is written here."""
        seal = part.data or part.signature
        if part.format != self._readable or not seal:
            note(self._losses, "reasoning_seal" if seal else "reasoning_echo", part.format or "unsigned")
            return None
        if part.text and part.data is None:
            blocks.append({"text": part.text, "thought": True, "thoughtSignature": seal})
            return None
        return seal

    def _system(self, blocks: list[Block]) -> None:
        texts = [block for block in blocks if "text" in block]
        if len(texts) < len(blocks):
            note(self._losses, "system_media")
        if not self.contents:
            self.system.extend(texts)
        elif texts:
            note(self._losses, "system_position", "said in a user turn")
            self._turn("user", [{"text": SYSTEM_MARK.format(block["text"])} for block in texts])

    def _turn(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"].extend(blocks)
        else:
            self.contents.append({"role": role, "parts": blocks})

    def _settle(self) -> None:
        if not self.contents and self.system:
            note(self._losses, "system_position", "said in a user turn")
            self.contents, self.system = [{"role": "user", "parts": self.system}], []
        if self.contents and self.contents[0]["role"] != "user":
            note(self._losses, "first_turn", "a user turn was put before it")
            self.contents.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
        for content in self.contents:
            content["parts"].sort(key=lambda block: content["role"] == "user" and "functionResponse" not in block)

    def _part(self, part: Part) -> Block | None:
        write = _WRITERS.get(type(part))
        if write is None:
            note(self._losses, "content_part", type(part).__name__.lower())
            return None
        if getattr(part, "cache", None) is not None:
            note(self._losses, "cache_control", "Gemini caches what repeats by itself")
        return write(self, part)

    def _text(self, part: Text) -> Block | None:
        if part.citations:
            note(self._losses, "citations")
        return {"text": part.text} if part.text else None

    def _image(self, part: Image) -> Block | None:
        return media.image(part, self._losses)

    def _file(self, part: File) -> Block | None:
        return media.file(part, self._losses, is_own=self._is_own)

    def _audio(self, part: Audio) -> Block:
        return media.audio(part)

    def _reasoning(self, _part: Reasoning) -> None:
        note(self._losses, "reasoning_echo", "not in an assistant's turn")

    def _tool_call(self, part: ToolCall) -> Block:
        call = as_function_call(part)
        self._names[call.id] = call.name
        named = {"id": call.id, "name": call.name} if self._says_ids and call.id else {"name": call.name}
        return {"functionCall": {**named, "args": arguments_object(call.arguments, self._losses)}}

    def _tool_result(self, part: ToolResult) -> Block:
        said: list[str] = []
        shown: list[Block] = []
        for inner in part.parts:
            if isinstance(inner, Opaque) and (found := tool_found(inner)):
                said.append(found)
                note(self._losses, inner.kind)
            elif (block := self._part(inner)) is None:
                continue
            elif block.keys() == {"text"}:
                said.append(block["text"])
            else:
                shown.append(block)
        if shown:
            note(self._losses, "tool_result_media", "beside the results")
            self._shown.extend(shown)
        output = "\n".join(said) if said or not shown else _SHOWN
        response: Block = {"name": self._names.get(part.call_id) or part.name or part.call_id}
        if self._says_ids and part.call_id:
            response["id"] = part.call_id
        response["response"] = {"error" if part.is_error else "output": output}
        return {"functionResponse": response}

    def _refusal(self, part: Refusal) -> Block | None:
        note(self._losses, "refusal", "said as text")
        return {"text": part.text} if part.text else None

    def _opaque(self, part: Opaque) -> Block | None:
        if part.dialect == words.NAME and isinstance(part.raw, dict) and part.kind != "grounding":
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


def _flush(seal: str | None, blocks: list[Block]) -> None:
    """Put a seal that has no part onto an empty one, as Gemini itself does at the end of a stream."""
    if seal is not None:
        blocks.append({"text": "", "thoughtSignature": seal})


def _seal_late(seals: dict[str, str], blocks: list[Block]) -> None:
    """Put seals onto calls that stood before them."""
    for block in blocks:
        call = block.get("functionCall")
        if call is not None and "thoughtSignature" not in block and call.get("id") in seals:
            block["thoughtSignature"] = seals.pop(call["id"])


def begins_turn(content: Any) -> bool:
    """Say whether a content is the user's own word, not results: Gemini looks for seals on calls after the last one."""
    parts = content.get("parts") if isinstance(content, dict) and content.get("role") != "model" else None
    return isinstance(parts, list) and not any(
        isinstance(part, dict) and words.pick(part, "functionResponse") is not None for part in parts
    )


def stand_in_for_seals(contents: list[Any]) -> None:
    """Write, on the first call of each step of the current turn, what Gemini 3 takes where a seal is lost."""
    begins = max((at for at, content in enumerate(contents) if begins_turn(content)), default=-1)
    for content in contents[begins + 1 :]:
        parts = content.get("parts") if isinstance(content, dict) and content.get("role") == "model" else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and words.pick(part, "functionCall") is not None:
                if not words.pick(part, "thoughtSignature"):
                    part["thoughtSignature"] = _STAND_IN
                break
