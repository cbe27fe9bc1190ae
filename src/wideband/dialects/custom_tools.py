"""Tools that take free text (OpenAI's `custom`), for protocols that only know functions: one string argument each."""

from typing import Any

import msgspec

from wideband.canon.request import Tool, ToolCall
from wideband.wire import jsons

ARGUMENT = "input"
_DESCRIPTION = "The whole input, as free text and not as JSON."


def as_function(tool: Tool) -> Tool:
    """Return a custom tool as a function with one string argument; its grammar is said in words."""
    grammar = tool.grammar if isinstance(tool.grammar, dict) else {}
    rule = grammar.get("definition") or (grammar.get("grammar") or {}).get("definition")
    said = [tool.description] if tool.description else []
    if isinstance(rule, str):
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
    """Return a call of a custom tool as a call of that function."""
    arguments = jsons.encode({ARGUMENT: call.arguments}).decode()
    return msgspec.structs.replace(call, arguments=arguments, custom=False)


def free_text(arguments: str) -> str:
    """Return the free text in the arguments of such a call; arguments in any other form are the text themselves."""
    try:
        found = jsons.decode(arguments)
    except jsons.DecodeError:
        return arguments
    text = found.get(ARGUMENT) if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments
