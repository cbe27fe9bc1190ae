"""Where in the body of each protocol stands what a preset may say: one row per dialect that generates."""

from collections.abc import Callable
from typing import Any

import msgspec

from wideband.canon.request import Json
from wideband.catalog.presets import FIELDS
from wideband.dialects import loose
from wideband.wire import jsons

Fields = dict[str, msgspec.Raw]
_NULL = b"null"
# Proto JSON spells its names in two ways.
_SNAKE = {
    "functionDeclarations": "function_declarations",
    "generationConfig": "generation_config",
    "serviceTier": "service_tier",
    "systemInstruction": "system_instruction",
    "toolConfig": "tool_config",
}


class Shell(msgspec.Struct, frozen=True, kw_only=True):
    """A body without its conversation.

    `turns` is the member that holds the conversation, `stand_in` the shortest one there is. `members` are those that a
    preset may say something in. `has_system` tells whether a body has a system prompt, `put_system` gives it one or
    adds to it; `system` is the member that holds it, where a body's other fields may have to be said in it. `spelled`
    finds under which of its spellings a member stands, `add_tools` puts further tools behind the caller's.
    """

    turns: str
    stand_in: Json
    members: frozenset[str]
    has_system: Callable[[Fields], bool]
    put_system: Callable[[Fields, str], None]
    system: str = ""
    spelled: Callable[[Fields, str], str] = lambda _, name: name
    add_tools: Callable[[list[Json], list[Json]], list[Json]] = lambda own, more: [*own, *more]


class _Turn(msgspec.Struct, gc=False):
    role: Any = None


_read_turns = jsons.Reader(list[_Turn])
_SYSTEM = ("system", "developer")


def said(fields: Fields, name: str) -> bool:
    """Say whether a member is there and is not null."""
    return bytes(fields.get(name, _NULL)) != _NULL


def raw(value: Json) -> msgspec.Raw:
    """Write a value as a member."""
    return msgspec.Raw(jsons.encode(value))


def _has_role(fields: Fields, name: str) -> bool:
    turns = bytes(fields.get(name, _NULL))
    return turns.startswith(b"[") and any(turn.role in _SYSTEM for turn in _read_turns(turns))


def _put_chat(fields: Fields, text: str) -> None:
    """Put a system message before the others, whose bytes stay as they are."""
    system = {"role": "system", "content": text}
    if said(fields, "messages"):
        turns = bytes(fields["messages"]).lstrip()
        rest = turns[1:].lstrip()
        comma = b"" if rest.startswith(b"]") else b","
        fields["messages"] = msgspec.Raw(b"[" + jsons.encode(system) + comma + rest)
    elif said(fields, "prompt"):
        fields["messages"] = raw([system, {"role": "user", "content": fields.pop("prompt")}])


def _put_instructions(fields: Fields, text: str) -> None:
    fields["instructions"] = raw(text)


def _put_blocks(fields: Fields, text: str) -> None:
    held = jsons.plain(fields.get("system"))
    if isinstance(held, list) and held:
        fields["system"] = raw([*held, {"type": "text", "text": text}])
    elif isinstance(held, str | list | None):
        fields["system"] = raw(f"{held}\n\n{text}" if held else text)


def _put_parts(fields: Fields, text: str) -> None:
    name = _spelled_by_google(fields, "systemInstruction")
    held = jsons.plain(fields.get(name))
    held = {"parts": held} if isinstance(held, str | list) else {} if held is None else held
    if isinstance(held, dict):
        parts = held.get("parts", [])
        parts = [{"text": parts}] if isinstance(parts, str) else parts if isinstance(parts, list) else [parts]
        fields[name] = raw({**held, "parts": [*parts, {"text": text}]})


def system_text(value: Json) -> str:
    """Return the words of a member that holds a system prompt."""
    parts = value.get("parts") if isinstance(value, dict) else value
    return parts if isinstance(parts, str) else "\n\n".join(part["text"] for part in loose.rows(parts))


def _spelled_by_google(fields: Fields, name: str) -> str:
    other = _SNAKE.get(name, name)
    return other if name not in fields and other in fields else name


def _with_declarations(own: list[Json], more: list[Json]) -> list[Json]:
    """Put functions into the caller's own declarations: Google takes one list of them."""
    joined = list(own)
    for row in more:
        declared = row.get("functionDeclarations")
        held = ((at, name) for at, each in enumerate(joined) for name in _DECLARED if loose.obj(each).get(name))
        at, name = next(held, (None, ""))
        if declared is None or at is None:
            joined.append(row)
        else:
            joined[at] = {**joined[at], name: [*joined[at][name], *declared]}
    return joined


_DECLARED = ("functionDeclarations", _SNAKE["functionDeclarations"])

SHELLS: dict[str, Shell] = {
    "openai_chat": Shell(
        turns="messages",
        stand_in=[{"role": "user", "content": "-"}],
        members=FIELDS
        | {"max_completion_tokens", "functions", "function_call", "reasoning_effort", "include_reasoning"},
        has_system=lambda fields: _has_role(fields, "messages"),
        put_system=_put_chat,
    ),
    "openai_responses": Shell(
        turns="input",
        stand_in="-",
        members=frozenset(
            {
                "frequency_penalty", "include", "max_output_tokens", "parallel_tool_calls", "presence_penalty",
                "reasoning", "service_tier", "stop", "temperature", "text", "tool_choice", "tools", "top_k", "top_p",
            }
        ),
        has_system=lambda fields: (
            bytes(fields.get("instructions", b'""')) not in (b'""', _NULL) or _has_role(fields, "input")
        ),
        put_system=_put_instructions,
    ),
    "anthropic_messages": Shell(
        turns="messages",
        stand_in=[{"role": "user", "content": "-"}],
        members=frozenset(
            {
                "max_tokens", "output_config", "output_format", "service_tier", "stop_sequences", "temperature",
                "thinking", "tool_choice", "tools", "top_k", "top_p",
            }
        ),
        has_system=lambda fields: (
            bytes(fields.get("system", b'""')) not in (b'""', b"[]", _NULL) or _has_role(fields, "messages")
        ),
        put_system=_put_blocks,
        system="system",
    ),
    "gemini_generate": Shell(
        turns="contents",
        stand_in=[{"role": "user", "parts": [{"text": "-"}]}],
        members=frozenset(
            {
                "generationConfig", "generation_config", "serviceTier", "service_tier", "toolConfig", "tool_config",
                "tools",
            }
        ),
        has_system=lambda fields: said(fields, "systemInstruction") or said(fields, "system_instruction"),
        put_system=_put_parts,
        system="systemInstruction",
        spelled=_spelled_by_google,
        add_tools=_with_declarations,
    ),
}  # fmt: skip
