"""What is asked of a provider of OpenAI's Responses, beside what is said to it."""

from typing import Any

from wideband.canon.faults import invalid
from wideband.sandbox.asked import (
    Asked,
    Heard,
    OfferedTool,
    ToolMode,
    chosen,
    flag,
    list_of,
    model_of,
    number,
    object_of,
    offered,
    whole_number,
)
from wideband.sandbox.wires.responses_input import hear_input
from wideband.wire import jsons

_SEALS = "reasoning.encrypted_content"
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
# Asked for less, a real provider refuses.
_LEAST_OUTPUT = 16
# What an answer repeats of the request, and what it says where the request does not.
_ECHOED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_KNOWN = frozenset(_ECHOED) | {
    "client_metadata",
    "context_management",
    "conversation",
    "include",
    "input",
    "model",
    "prompt",
    "prompt_cache_retention",
    "stream",
    "stream_options",
}

# Tools that OpenAI runs itself, or knows of clients'.
_OWN_TOOLS = frozenset(
    {
        "apply_patch", "code_interpreter", "computer_use_preview", "file_search", "image_generation", "local_shell",
        "mcp", "shell", "tool_search", "web_search", "web_search_preview",
    }
)  # fmt: skip


def read(body: bytes) -> Asked:
    """Understand a request. Raises `Faulted` for what a real provider would refuse."""
    fields = object_of(body)
    model = model_of(fields)
    _check(fields)
    heard = Heard()
    if fields.get("instructions") is not None:
        heard.text(fields["instructions"], "instructions")
    answers_tool = hear_input(heard, fields.get("input"))
    tools = _tools([*list_of(fields, "tools"), *_more_tools(fields["input"])])
    mode, name = _tool_choice(fields, tools)
    reasoning = fields.get("reasoning") or {}
    return Asked(
        model=model,
        text="".join(heard.pieces),
        stream=flag(fields, "stream") or False,
        max_tokens=whole_number(fields, "max_output_tokens", _LEAST_OUTPUT),
        media_count=heard.media_count,
        tools=tools,
        tool_chars=len(jsons.encode(fields["tools"])) if tools else 0,
        tool_mode=mode,
        tool_name=name,
        parallel=flag(fields, "parallel_tool_calls"),
        answers_tool=answers_tool,
        schema=_schema(fields),
        thinks=False if reasoning.get("effort") == "none" else None,
        shows_thoughts=reasoning.get("summary") is not None,
        shows_seals=_SEALS in list_of(fields, "include"),
        seals=tuple(heard.seals),
        echo={name: fields.get(name, default) for name, default in _ECHOED.items()},
    )


def _more_tools(said: Any) -> list[Any]:
    """Return the tools that came amid the conversation, as Codex sends them for newer models."""
    items = said if isinstance(said, list) else []
    return [tool for item in items if item.get("type") == "additional_tools" for tool in list_of(item, "tools")]


def _check(fields: dict[str, Any]) -> None:
    for name in fields:
        if name not in _KNOWN:
            raise invalid(f"Unknown parameter: '{name}'.", name)
    number(fields, "temperature", 0, 2)
    number(fields, "top_p", 0, 1)
    whole_number(fields, "top_logprobs", 0, 20)
    if fields.get("previous_response_id") is not None:
        name = fields["previous_response_id"]
        raise invalid(f"Previous response with id '{name}' not found.", "previous_response_id")
    reasoning = fields.get("reasoning")
    if reasoning is not None and not isinstance(reasoning, dict):
        raise invalid("Invalid type for 'reasoning': expected an object", "reasoning")
    effort = (reasoning or {}).get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise invalid(f"Invalid value: {effort!r}. Supported values are: {sorted(_EFFORTS)}", "reasoning.effort")


def _tools(tools: list[Any], namespace: str | None = None) -> tuple[OfferedTool, ...]:
    found: list[OfferedTool] = []
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        match tool:
            case {"type": "function", "name": name}:
                found.append(offered(name, tool.get("parameters") or {}, where, namespace=namespace))
            case {"type": "custom", "name": name}:
                found.append(offered(name, {}, where, custom=True, namespace=namespace))
            case {"type": "namespace", "name": str() as name, "tools": list() as inner} if namespace is None:
                found.extend(_tools(inner, name))
            case {"type": str() as kind} if kind in _OWN_TOOLS:
                # Known, and never called: a simulated provider runs no tools.
                pass
            case {"type": "function" | "custom"}:
                raise invalid(f"Missing required parameter: '{where}.name'.", f"{where}.name")
            case _:
                raise invalid(f"Invalid value for '{where}.type'.", f"{where}.type")
    return tuple(found)


def _tool_choice(fields: dict[str, Any], tools: tuple[OfferedTool, ...]) -> tuple[ToolMode, str | None]:
    choice = fields.get("tool_choice")
    match choice:
        case None:
            return "auto", None
        case "auto" | "none":
            return choice, None
        case "required" if tools:
            return "required", None
        case {"type": "function" | "custom", "name": name}:
            return "tool", chosen(name, tools)
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode}:
            return mode, None
        case _:
            raise invalid("Invalid value for 'tool_choice', or no 'tools' to choose from", "tool_choice")


def _schema(fields: dict[str, Any]) -> dict[str, Any] | None:
    match (fields.get("text") or {}).get("format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        case {"type": "json_schema", "name": str(), "schema": dict() as schema}:
            return schema
        case _:
            raise invalid("text.format must be text, json_object, or json_schema with a name and schema", "text.format")
