"""Tools that take free text (OpenAI's `custom`), for protocols that only know functions: one string argument each."""

from typing import Any, TypeVar

import msgspec

from wideband.canon.events import Event, Failed, Finished, ToolArgs, ToolOpened
from wideband.canon.reply import Reply
from wideband.canon.request import Loss, Tool, ToolCall
from wideband.wire import jsons

T = TypeVar("T")

ARGUMENT = "input"
_DESCRIPTION = "The whole input, as free text and not as JSON."


def as_function(tool: Tool, losses: list[Loss]) -> Tool:
    """Return a custom tool as a function with one string argument, its grammar said in words; a function as it is."""
    if not tool.custom:
        return tool
    grammar = tool.grammar if isinstance(tool.grammar, dict) else {}
    rule = grammar.get("definition") or (grammar.get("grammar") or {}).get("definition")
    said = [tool.description] if tool.description else []
    if isinstance(rule, str):
        losses.append(Loss("tool_grammar", tool.name))
        said.append(f"The input must follow this {grammar.get('syntax') or 'lark'} grammar:\n{rule}")
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {ARGUMENT: {"type": "string", "description": _DESCRIPTION}},
        "required": [ARGUMENT],
        "additionalProperties": False,
    }
    return msgspec.structs.replace(
        tool, description="\n\n".join(said) or None, parameters=parameters, custom=False, grammar=None
    )


def as_function_call(call: ToolCall) -> ToolCall:
    """Return a call of a custom tool as a call of that function; a function's call as it is."""
    if not call.custom:
        return call
    return msgspec.structs.replace(call, arguments=free_input(call.arguments), custom=False)


def free_input(text: str) -> str:
    """Return free text as the arguments of such a function."""
    return jsons.encode({ARGUMENT: text}).decode()


def free_text(arguments: str) -> str:
    """Return the free text in the arguments of such a call; arguments in any other form are the text themselves."""
    try:
        found = jsons.decode(arguments)
    except jsons.DecodeError:
        return arguments
    text = found.get(ARGUMENT) if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments


class Unwrapper:
    """Turns the calls of such functions back into calls of custom tools, in a stream; `names` are the tools'."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._held: dict[tuple[int, int], list[str]] = {}

    def feed(self, events: list[Event]) -> list[Event]:
        """Return the events a client is told; arguments wait until their call is complete."""
        told: list[Event] = []
        for event in events:
            match event:
                case ToolOpened(custom=False) if event.name in self._names:
                    told.extend(self._released(event.choice))
                    self._held[event.choice, event.index] = []
                    told.append(msgspec.structs.replace(event, custom=True))
                case ToolArgs() if (held := self._held.get((event.choice, event.index))) is not None:
                    held.append(event.fragment)
                case Finished():
                    told.extend((*self._released(event.choice), event))
                case Failed():
                    self._held.clear()
                    told.append(event)
                case _:
                    told.append(event)
        return told

    def _released(self, choice: int) -> list[Event]:
        keys = [key for key in self._held if key[0] == choice]
        return [ToolArgs(index, free_text("".join(self._held.pop((choice, index)))), choice) for _, index in keys]


def unwrapped(reply: Reply, names: frozenset[str]) -> Reply:
    """Do the same to a whole answer."""
    if not names:
        return reply
    choices = (
        msgspec.structs.replace(choice, parts=tuple(_unwrapped(part, names) for part in choice.parts))
        for choice in reply.choices
    )
    return msgspec.structs.replace(reply, choices=tuple(choices))


def _unwrapped(part: T, names: frozenset[str]) -> T:
    if not isinstance(part, ToolCall) or part.custom or part.name not in names:
        return part
    return msgspec.structs.replace(part, arguments=free_text(part.arguments), custom=True)
