"""The items of an answer, each written to the client from its first event to its last."""

from typing import Any, Final

from wideband.canon.events import ReasoningSealed
from wideband.canon.request import Json, Reasoning
from wideband.dialects import custom_tools, seals
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.tools import Known
from wideband.wire import jsons

_TAIL: Final = b',"sequence_number":%d}\n\n'
# What a part of a message is called: its type, the field that holds its words, and its events' stem.
_TEXT: Final = ("output_text", "text", "response.output_text")
_REFUSAL: Final = ("refusal", "refusal", "response.refusal")


class Wire:
    """Writes events and numbers them."""

    __slots__ = ("sequence",)

    def __init__(self) -> None:
        self.sequence = 0

    def event(self, kind: str, fields: dict[str, Any]) -> bytes:
        return self.piece(head(kind, fields), b"")

    def piece(self, begun: bytes, value: bytes) -> bytes:
        """Write an event of which all but the last value and the number is written already."""
        number = self.sequence
        self.sequence = number + 1
        return begun + value + _TAIL % number


def head(kind: str, fields: dict[str, Any]) -> bytes:
    """Write the beginning of an event, its name in the `event:` line and in the data."""
    return b"event: " + kind.encode() + b"\ndata: " + jsons.encode({"type": kind, **fields})[:-1]


class Item:
    """One item: `told` is what it is now, as a client keeps it."""

    __slots__ = ("at", "id", "wire")

    def __init__(self, wire: Wire, at: int, item_id: str) -> None:
        self.wire = wire
        self.at = at
        self.id = item_id

    def told(self, status: str, /) -> dict[str, Json]:
        raise NotImplementedError

    def end(self) -> bytes:
        """Write what ends the item's own content."""
        return b""

    def is_whole(self) -> bool:
        """Tell whether nothing more can belong to the item once another begins."""
        return True

    def open(self) -> bytes:
        return self.wire.event(
            "response.output_item.added", {"output_index": self.at, "item": self.told("in_progress")}
        )

    def close(self, status: str) -> bytes:
        ended = self.end()
        return ended + self.wire.event(
            "response.output_item.done", {"output_index": self.at, "item": self.told(status)}
        )

    def place(self, **fields: Json) -> dict[str, Json]:
        """Return the fields that tell which item an event is of."""
        return {"item_id": self.id, "output_index": self.at, **fields}


class Whole(Item):
    """An item that only this protocol knows, told at once."""

    __slots__ = ("_raw",)

    def __init__(self, wire: Wire, at: int, raw: dict[str, Json]) -> None:
        super().__init__(wire, at, "")
        self._raw = raw

    def told(self, _status: str, /) -> dict[str, Json]:
        return self._raw


class Message(Item):
    """What the model says: parts of text and of refusal."""

    __slots__ = ("_annotations", "_begun", "_kind", "_logprobs", "_parts", "_pieces")

    def __init__(self, wire: Wire, at: int, item_id: str) -> None:
        super().__init__(wire, at, item_id)
        self._parts: list[dict[str, Json]] = []
        self._kind: tuple[str, str, str] | None = None
        self._pieces: list[str] = []
        self._logprobs: list[Json] = []
        self._annotations: list[Json] = []
        self._begun = b""

    def told(self, status: str, /) -> dict[str, Json]:
        parts = self._parts if self._kind is None else [*self._parts, self._part("".join(self._pieces))]
        return {"id": self.id, "type": words.MESSAGE, "status": status, "role": "assistant", "content": parts}

    def text(self, said: str) -> bytes:
        opening = b"" if self._kind is _TEXT else self._next(_TEXT)
        self._pieces.append(said)
        return opening + self.wire.piece(self._begun, jsons.encode(said))

    def refusal(self, said: str) -> bytes:
        opening = b"" if self._kind is _REFUSAL else self._next(_REFUSAL)
        self._pieces.append(said)
        return opening + self.wire.piece(self._begun, jsons.encode(said))

    def logprobs(self, rows: list[Json]) -> bytes:
        """Write the log probabilities of tokens just sent: beside a delta that adds no words."""
        opening = b"" if self._kind is _TEXT else self._next(_TEXT)
        self._logprobs.extend(rows)
        fields = self.place(content_index=len(self._parts), delta="", logprobs=rows)
        return opening + self.wire.event("response.output_text.delta", fields)

    def cite(self, annotations: list[Json]) -> bytes:
        written = b"" if self._kind is _TEXT else self._next(_TEXT)
        for annotation in annotations:
            fields = self.place(content_index=len(self._parts), annotation_index=len(self._annotations))
            self._annotations.append(annotation)
            written += self.wire.event("response.output_text.annotation.added", fields | {"annotation": annotation})
        return written

    def end(self) -> bytes:
        if self._kind is None:
            return b""
        kind, field, stem = self._kind
        said = "".join(self._pieces)
        place = self.place(content_index=len(self._parts))
        part = self._part(said)
        logged = {"logprobs": self._logprobs} if kind == "output_text" else {}
        written = self.wire.event(f"{stem}.done", {**place, field: said, **logged})
        written += self.wire.event("response.content_part.done", {**place, "part": part})
        self._parts.append(part)
        self._kind, self._pieces, self._logprobs, self._annotations = None, [], [], []
        return written

    def _next(self, kind: tuple[str, str, str]) -> bytes:
        """End the part at hand and begin one of another kind."""
        written = self.end()
        self._kind = kind
        place = self.place(content_index=len(self._parts))
        written += self.wire.event("response.content_part.added", {**place, "part": self._part("")})
        logged: dict[str, Json] = {"logprobs": []} if kind is _TEXT else {}
        self._begun = head(f"{kind[2]}.delta", {**place, **logged}) + b',"delta":'
        return written

    def _part(self, said: str) -> dict[str, Json]:
        if self._kind is _REFUSAL:
            return {"type": "refusal", "refusal": said}
        return {"type": "output_text", "text": said, "annotations": self._annotations, "logprobs": self._logprobs}


class Thought(Item):
    """A block of thinking, shown as a summary: that is what clients of this protocol display."""

    __slots__ = ("_begun", "_earlier", "_form", "_pieces", "_seal", "_summary", "block")

    def __init__(self, wire: Wire, at: int, item_id: str, block: int, earlier: str) -> None:
        super().__init__(wire, at, item_id)
        self.block = block
        # What was said of this block in an item that is done.
        self._earlier = earlier
        self._pieces: list[str] = []
        self._begun = b""
        self._seal = ReasoningSealed()
        self._form: str | None = None
        self._summary = False

    @property
    def said(self) -> str:
        return self._earlier + "".join(self._pieces)

    @property
    def has_data(self) -> bool:
        return self._seal.data is not None

    def say(self, text: str, form: str | None, *, summary: bool) -> bytes:
        opening = b""
        if not self._begun:
            place = self.place(summary_index=0)
            part = {"type": "summary_text", "text": ""}
            opening = self.wire.event("response.reasoning_summary_part.added", {**place, "part": part})
            self._begun = head("response.reasoning_summary_text.delta", place) + b',"delta":'
        self._form, self._summary = form or self._form, summary
        self._pieces.append(text)
        return opening + self.wire.piece(self._begun, jsons.encode(text))

    def seal(self, seal: ReasoningSealed) -> None:
        """Learn the block's seal, which may come in pieces."""
        held = self._seal
        self._form = seal.format or self._form
        self._seal = ReasoningSealed(seal.signature or held.signature, seal.data or held.data, id=seal.id or held.id)

    def told(self, status: str, /) -> dict[str, Json]:
        summary = [{"type": "summary_text", "text": "".join(self._pieces)}] if self._pieces else []
        item: dict[str, Json] = {"id": self.id, "type": words.REASONING, "summary": summary}
        sealed = self._sealed() if status != "in_progress" else None
        return item if sealed is None else item | {"encrypted_content": sealed}

    def _sealed(self) -> str | None:
        """Return the seal: OpenAI's own as it came, any other with all that its maker has to read again."""
        held = self._seal
        if held.data is None and held.signature is None:
            return None
        is_own = self._form == words.REASONING_FORMAT and held.signature is None
        # OpenAI's seals hold for the id they were given with.
        if is_own and held.data is not None and held.id in {None, self.id}:
            return held.data
        return seals.pack(
            Reasoning(
                text=self.said if held.signature is not None else "",
                signature=held.signature,
                data=held.data,
                summary=self._summary,
                format=self._form,
                id=held.id,
            )
        )

    def end(self) -> bytes:
        if not self._begun:
            return b""
        place, text = self.place(summary_index=0), "".join(self._pieces)
        part = {"type": "summary_text", "text": text}
        done = self.wire.event("response.reasoning_summary_text.done", {**place, "text": text})
        return done + self.wire.event("response.reasoning_summary_part.done", {**place, "part": part})


class Call(Item):
    """A call of a function, or of a tool that takes free text."""

    __slots__ = ("_begun", "_call_id", "_free", "_known", "_pieces", "_wrapped")

    def __init__(self, wire: Wire, at: int, item_id: str, call_id: str, known: Known, *, wrapped: bool) -> None:
        super().__init__(wire, at, item_id)
        self._call_id = call_id
        self._known = known
        self._pieces: list[str] = []
        # The text is wrapped in a function's arguments: it can be told only when they are whole.
        self._wrapped = wrapped
        self._begun = b"" if wrapped else head(f"{self._stem}.delta", self.place()) + b',"delta":'

    @property
    def _stem(self) -> str:
        return "response.custom_tool_call_input" if self._known.custom else "response.function_call_arguments"

    @property
    def _said(self) -> str:
        said = "".join(self._pieces)
        return custom_tools.free_text(said) if self._wrapped else said

    def say(self, fragment: str) -> bytes:
        self._pieces.append(fragment)
        return b"" if self._wrapped else self.wire.piece(self._begun, jsons.encode(fragment))

    def is_whole(self) -> bool:
        if self._known.custom and not self._wrapped:
            return False
        said = "".join(self._pieces)
        if not said.lstrip().startswith("{"):
            return False
        try:
            jsons.decode(said)
        except jsons.DecodeError:
            return False
        return True

    def told(self, status: str, /) -> dict[str, Json]:
        kind, field = (words.CUSTOM_CALL, "input") if self._known.custom else (words.FUNCTION_CALL, "arguments")
        item: dict[str, Json] = {"id": self.id, "type": kind, "status": status, "call_id": self._call_id}
        item["name"] = self._known.name
        if self._known.namespace is not None:
            item["namespace"] = self._known.namespace
        return item | {field: self._said if status != "in_progress" else ""}

    def end(self) -> bytes:
        # Some providers say nothing for a call without arguments, which clients could not read.
        written = self.say("{}") if not (self._known.custom or self._said) else b""
        said, place = self._said, self.place()
        if self._wrapped and said:
            written = self.wire.event(f"{self._stem}.delta", {**place, "delta": said})
        if self._known.custom:
            return written + self.wire.event(f"{self._stem}.done", {**place, "input": said})
        return written + self.wire.event(f"{self._stem}.done", {**place, "name": self._known.name, "arguments": said})
