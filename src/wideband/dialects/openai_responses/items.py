"""The items of a caller's input, read into canonical turns."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from wideband.canon.request import Json, Message, Opaque, Part, Reasoning, Role, Text, ToolCall, ToolResult
from wideband.dialects import loose, seals
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.parts import decode_content
from wideband.wire import jsons

Row = dict[str, Any]

# What is left of a message beside what has a place in `Message`, and what only tells of its making.
_KNOWN: Final = frozenset({"content", "id", "phase", "role", "status", "type"})
# How the kinds of items end that a client adds to a conversation; all other unknown ones are the model's.
_BY_CLIENT: Final = ("_output", "_response", "_trigger", "_tools", "_update")


def decode_items(raw: str | list[Row]) -> tuple[Message, ...]:
    """Read the input, whose items are checked: what a model said in a row is one turn, and so are results in a row."""
    if isinstance(raw, str):
        return (Message(role="user", parts=(Text(text=raw),)),)
    turns = _Turns()
    for at, item in enumerate(raw):
        kind = item.get("type") or words.MESSAGE
        read = _READERS.get(kind, _unknown)
        read(turns, item, f"input[{at}]")
    return turns.done()


class _Turns:
    """Messages while their items come in."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._role: Role = "user"
        self._parts: list[Part] = []
        self._extras: dict[str, Json] = {}

    def add(self, role: Role, parts: list[Part], extras: dict[str, Json] | None = None) -> None:
        """Go on with the turn of a role, or begin one."""
        if role != self._role:
            self._close()
            self._role = role
        self._parts.extend(parts)
        self._extras |= extras or {}

    def tell(self, message: Message) -> None:
        """Take a message that stands for itself."""
        self._close()
        self._messages.append(message)

    def done(self) -> tuple[Message, ...]:
        self._close()
        return tuple(self._messages)

    def _close(self) -> None:
        if self._parts:
            self._messages.append(Message(role=self._role, parts=tuple(self._parts), extras=self._extras))
        self._parts, self._extras = [], {}


def _message(turns: _Turns, item: Row, path: str) -> None:
    parts = decode_content(item.get("content"), f"{path}.content")
    extras = {name: value for name, value in item.items() if name not in _KNOWN and value is not None}
    role = item["role"]
    if role == "assistant":
        turns.add("assistant", list(parts), extras)
        return
    is_user = role == "user"
    turns.tell(Message(role="user" if is_user else "system", parts=parts, developer=role == "developer", extras=extras))


def _reasoning(turns: _Turns, item: Row, path: str) -> None:
    turns.add("assistant", list(decode_reasoning(item, path)))


def decode_reasoning(item: Row, path: str = "item") -> tuple[Part, ...]:
    """Read a reasoning item; one of another maker's is what it was before it went through here."""
    said, summary = (_joined(item.get(name), f"{path}.{name}") for name in ("content", "summary"))
    sealed, item_id = loose.text(item.get("encrypted_content")), loose.text(item.get("id"))
    packed = seals.unpack(sealed) if sealed else None
    if packed is not None:
        return (packed if packed.text else msgspec.structs.replace(packed, text=said or summary),)
    if sealed is None:
        # OpenAI's own summaries never come back without their seal: this is what a model without seals thought.
        return (Reasoning(text=said or summary),) if said or summary else ()
    own = Reasoning(text=said or summary, data=sealed, summary=not said, format=words.REASONING_FORMAT, id=item_id)
    return (Reasoning(text=summary, summary=True, format=words.REASONING_FORMAT), own) if said and summary else (own,)


def _joined(raw: Json, path: str) -> str:
    return "\n\n".join(part.text for part in decode_content(raw, path) if isinstance(part, Text))


def _call(turns: _Turns, item: Row, _path: str) -> None:
    custom = item["type"] == words.CUSTOM_CALL
    told = item.get("input") or "" if custom else item.get("arguments") or {}
    call = ToolCall(
        id=item["call_id"],
        name=words.flat_name(loose.text(item.get("namespace")), item["name"]),
        arguments=told if isinstance(told, str) else _written(told),
        custom=custom,
    )
    turns.add("assistant", [call])


def _result(turns: _Turns, item: Row, path: str) -> None:
    output, name = item.get("output"), loose.text(item.get("name"))
    result = ToolResult(
        call_id=item["call_id"],
        parts=decode_content(output if _is_content(output) else _written(output), f"{path}.output"),
        name=words.flat_name(loose.text(item.get("namespace")), name) if name else None,
    )
    turns.add("user", [result])


def _is_content(output: Json) -> bool:
    """Tell content from what a client gave as JSON of its own making."""
    if isinstance(output, list):
        return all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in output)
    return output is None or isinstance(output, str)


def _written(value: Json) -> str:
    return jsons.encode(value).decode()


def _unknown(turns: _Turns, item: Row, _path: str) -> None:
    role: Role = "user" if item["type"].endswith(_BY_CLIENT) else "assistant"
    turns.add(role, [Opaque(dialect=words.NAME, kind=words.OPAQUE_ITEM, raw=item)])


def _nothing_said(_turns: _Turns, _item: Row, _path: str) -> None:
    """Pass over an item that is read elsewhere: what it offers, `tools.gathered` finds."""


_READERS: Final[dict[str, Callable[[_Turns, Row, str], None]]] = {
    words.CUSTOM_CALL: _call,
    words.CUSTOM_OUTPUT: _result,
    words.FUNCTION_CALL: _call,
    words.FUNCTION_OUTPUT: _result,
    words.MESSAGE: _message,
    words.MORE_TOOLS: _nothing_said,
    words.REASONING: _reasoning,
}
