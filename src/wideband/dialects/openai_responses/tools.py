"""Tools, as a caller offers them and as its answers have to name them.

A namespace has no counterpart elsewhere: its tools get one flat name each, and a call of such a name goes back to the
client as the two names it knows.
"""

from typing import Any, Final

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import CacheMark, Json, ServerTool, Tool, ToolChoice
from wideband.dialects import loose
from wideband.dialects.openai_responses import words
from wideband.wire import jsons

_FUNCTION: Final = frozenset(
    {"type", "name", "description", "parameters", "strict", "defer_loading", "cache_control", "format"}
)
_MODES: Final[dict[str, Any]] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
_NAMED: Final = frozenset({"function", "custom"})


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the client calls a tool that goes by a flat name elsewhere, and whether it takes free text."""

    name: str
    namespace: str | None = None
    custom: bool = False


def gathered(tools: Json, items: Json) -> list[dict[str, Json]]:
    """Return all that a caller offers: its `tools`, and those that items of its input add."""
    added = (row for item in loose.rows(items) if item.get("type") == words.MORE_TOOLS for row in _more(item))
    return [*loose.rows(tools), *added]


def _more(item: dict[str, Json]) -> list[dict[str, Json]]:
    """Return the tools of an item that can be read; nobody has checked them."""
    rows = (row for row in loose.rows(item.get("tools")) if loose.text(row.get("type")))
    return [row for row in rows if row["type"] not in words.NAMED_TOOLS or loose.text(row.get("name"))]


def decode_tools(rows: list[dict[str, Json]]) -> tuple[Tool | ServerTool, ...]:
    """Read all that is offered, namespaces flattened. Raises `Faulted`."""
    tools: list[Tool | ServerTool] = []
    for at, told in enumerate(rows):
        if told["type"] == "namespace":
            tools.extend(_namespaced(told, f"tools[{at}]"))
        elif told["type"] in _NAMED:
            tools.append(_tool(told, f"tools[{at}]"))
        else:
            tools.append(ServerTool(dialect=words.NAME, type=told["type"], raw=told))
    return tuple(tools)


def _namespaced(told: dict[str, Json], path: str) -> list[Tool]:
    tools: list[Tool] = []
    for at, inner in enumerate(loose.rows(told.get("tools"))):
        tool = _tool(inner, f"{path}.tools[{at}]")
        description = tool.description
        if not tools and loose.text(told.get("description")):
            # Told once, where the model reads it first.
            description = "\n\n".join(text for text in (told["description"], description) if text)
        name = words.flat_name(told["name"], tool.name)
        tools.append(msgspec.structs.replace(tool, name=name, description=description))
    return tools


def _tool(told: dict[str, Json], path: str) -> Tool:
    name, parameters = loose.text(told.get("name")), told.get("parameters")
    if name is None:
        raise invalid(f"`{path}.name` is missing or no string. Name the tool.", f"{path}.name")
    if parameters is not None and not isinstance(parameters, dict):
        raise invalid(f"`{path}.parameters` must be a JSON Schema object.", f"{path}.parameters")
    custom, form = told.get("type") == "custom", loose.obj(told.get("format"))
    return Tool(
        name=name,
        description=loose.text(told.get("description")),
        parameters=None if custom else parameters,
        custom=custom,
        grammar=form if custom and form.get("type") == "grammar" else None,
        strict=told["strict"] if isinstance(told.get("strict"), bool) else None,
        cache=cache_mark(told),
        deferred=told.get("defer_loading") is True,
        extras={key: value for key, value in told.items() if key not in _FUNCTION and value is not None},
    )


def cache_mark(raw: dict[str, Json]) -> CacheMark | None:
    """Read an explicit cache breakpoint, under either of its names."""
    told = raw.get("cache_control") or raw.get("prompt_cache_breakpoint")
    return CacheMark(ttl=loose.text(told.get("ttl"))) if isinstance(told, dict) else None


def decode_choice(raw: Json) -> ToolChoice | None:
    """Read `tool_choice`; the choice of a tool that a provider runs itself has no canonical word. Raises `Faulted`."""
    if raw is None:
        return None
    if isinstance(raw, str) and raw in _MODES:
        return ToolChoice(mode=_MODES[raw])
    told = loose.obj(raw)
    kind, name = loose.text(told.get("type")), _chosen(told)
    if kind == "allowed_tools":
        names = tuple(name for row in loose.rows(told.get("tools")) if (name := _chosen(row)) is not None)
        return ToolChoice(mode=_MODES.get(str(told.get("mode")), "auto"), allowed=names)
    if name is not None:
        return ToolChoice(mode="tool", name=name)
    if kind is not None and kind not in _NAMED:
        return None
    raise invalid(
        '`tool_choice` is none of "auto", "none", "required" and {"type": "function", "name": ...}.', "tool_choice"
    )


def _chosen(told: dict[str, Json]) -> str | None:
    name = loose.text(told.get("name"))
    if loose.text(told.get("type")) not in _NAMED or name is None:
        return None
    return words.flat_name(loose.text(told.get("namespace")), name)


def known_tools(tools: bytes, items: bytes) -> dict[str, Known]:
    """Return, by flat name, the tools of a caller's `tools` and `input` whose calls look unlike a plain function's."""
    more = jsons.decode(items) if f'"{words.MORE_TOOLS}"'.encode() in items else None
    if more is None and b'"custom"' not in tools and b'"namespace"' not in tools:
        return {}
    known: dict[str, Known] = {}
    for told in gathered(jsons.decode(tools) if tools else None, more):
        space = told.get("name") if told.get("type") == "namespace" else None
        for inner in loose.rows(told.get("tools")) if space else [told]:
            name, custom = loose.text(inner.get("name")), inner.get("type") == "custom"
            if name is not None and (custom or space):
                known[words.flat_name(space, name)] = Known(name, space, custom)
    return known
