"""What the items of a stream say, as canonical events: each piece once, in however many forms it is told."""

import hashlib
from typing import Any, Final

import msgspec

from wideband.canon.events import (
    Event,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.dialects import loose
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.heard import INPUTS, Item, Items, Row
from wideband.wire import jsons


class String(msgspec.Struct, frozen=True, kw_only=True):
    """One of the strings an item is told in: the kind of its item, its name, and where its end holds it whole."""

    item: str
    name: str
    whole: str = "text"


TEXT: Final = String(item=words.MESSAGE, name="text")
REFUSAL: Final = String(item=words.MESSAGE, name="refusal", whole="refusal")
SUMMARY: Final = String(item=words.REASONING, name="summary")
THOUGHT: Final = String(item=words.REASONING, name="thought")
INPUT_STRINGS: Final = {kind: String(item=kind, name=field, whole=field) for kind, field in INPUTS.items()}

_BETWEEN_THOUGHTS: Final = "\n\n"


class Sayings:
    """All items of one answer, and what has been said of them; `tools` counts the calls."""

    def __init__(self) -> None:
        self.items = Items()
        self.response_id = ""
        self.tools = 0
        self._blocks = 0

    def say(self, item: Item, string: String, part: int, fragment: str) -> list[Event]:
        """Say the next piece of an item's string."""
        pieces, before = item.said.get((string.name, part)), ""
        if pieces is None:
            # Kept out of the pieces: what stands between two parts is ours.
            before = _BETWEEN_THOUGHTS if string.item == words.REASONING and item.has_said(string.name) else ""
            pieces = item.said[string.name, part] = []
        pieces.append(fragment)
        if string is TEXT:
            return [TextDelta(fragment)]
        if string is REFUSAL:
            return [RefusalDelta(fragment)]
        if string.item == words.REASONING:
            block, summary = self._block(item, string.name), string is SUMMARY
            return [ReasoningDelta(before + fragment, 0, block, summary, words.REASONING_FORMAT)]
        return [ToolArgs(item.tool, fragment)] if item.tool is not None else self.open(item)

    def _block(self, item: Item, name: str) -> int:
        if name not in item.blocks:
            item.blocks[name] = self._blocks
            self._blocks += 1
        return item.blocks[name]

    def open(self, item: Item, *, nameless: bool = False) -> list[Event]:
        """Begin a call once its name is known, and say what of its input came before."""
        if item.tool is not None or not (item.name or nameless):
            return []
        item.tool = self.tools
        self.tools += 1
        call_id = item.call_id or item.id or self._mint(item.tool)
        events: list[Event] = [ToolOpened(item.tool, call_id, item.name, 0, item.kind == words.CUSTOM_CALL)]
        held = "".join(piece for pieces in item.said.values() for piece in pieces)
        return [*events, ToolArgs(item.tool, held)] if held else events

    def _mint(self, tool: int) -> str:
        return "call_" + hashlib.sha256(f"{self.response_id}:{tool}".encode("utf-8", "replace")).hexdigest()[:24]

    def complete(self, item: Item, row: Row) -> list[Event]:
        """Say what of a whole item was not said before. An item that is told whole twice says nothing more."""
        item.adopt(row)
        if item.done:
            return []
        item.done = True
        if item.kind == words.MESSAGE:
            return self._message(item, row)
        if item.kind == words.REASONING:
            return self._reasoning(item, row)
        if item.kind in INPUTS:
            string = INPUT_STRINGS[item.kind]
            told = row.get(string.whole)
            whole = told if isinstance(told, str) else jsons.encode(told).decode() if told is not None else ""
            return [*self.open(item), *self._rest(item, string, [whole]), *self.open(item, nameless=True)]
        # What has no type nobody could know.
        return [OpaqueDelta(dialect=words.NAME, kind=words.OPAQUE_ITEM, raw=row)] if item.kind else []

    def _rest(self, item: Item, string: String, parts: list[str]) -> list[Event]:
        rest = list(item.rest(string.name, parts))
        return [event for part, said in rest for event in self.say(item, string, part, said)]

    def _message(self, item: Item, row: Row) -> list[Event]:
        content = row.get("content")
        parts = [{"type": "output_text", "text": content}] if isinstance(content, str) else loose.rows(content)
        texts = [part for part in parts if isinstance(part.get("text"), str)]
        fresh = not item.has_said(TEXT.name)
        events = self._rest(item, TEXT, [part["text"] for part in texts])
        rows = [row for part in texts for row in loose.rows(part.get("logprobs"))]
        if fresh and events and rows:
            events.append(Logprobs(value={"content": rows}))
        refusals = [part["refusal"] for part in parts if isinstance(part.get("refusal"), str)]
        events.extend(self._rest(item, REFUSAL, refusals))
        cited = [row for part in texts for row in loose.rows(part.get("annotations"))][item.annotated :]
        item.annotated += len(cited)
        return [*events, annotations(cited)] if cited else events

    def _reasoning(self, item: Item, row: Row) -> list[Event]:
        events: list[Event] = []
        for string, field in ((SUMMARY, "summary"), (THOUGHT, "content")):
            told = [part["text"] for part in loose.rows(row.get(field)) if isinstance(part.get("text"), str)]
            events.extend(self._rest(item, string, told))
        if sealed := loose.text(row.get("encrypted_content")):
            block = next(reversed(item.blocks.values()), None)
            block = self._block(item, "seal") if block is None else block
            events.append(ReasoningSealed(None, sealed, 0, block, words.REASONING_FORMAT, item.id))
        return events


def annotations(cited: list[Any]) -> Event:
    """Tell what the words before cite."""
    return OpaqueDelta(dialect=words.NAME, kind="annotations", raw=cited)
