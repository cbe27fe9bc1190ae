"""Tools as Gemini's clients offer them: declarations, Google's own tools, and how functions may be called."""

from typing import Final

from wideband.canon.faults import invalid
from wideband.canon.request import Json, ServerTool, Tool, ToolChoice
from wideband.dialects.gemini_generate import proto, words
from wideband.dialects.gemini_generate.proto import Fields

MOST_DEPTH: Final = 64

# Gemini's `Schema` is OpenAPI's: these words of it JSON Schema spells in another way, or not at all.
_SPELLINGS: Final[dict[str, str]] = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "defs": "$defs",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "ref": "$ref",
}
_LEFT_OUT: Final = frozenset({"nullable", "propertyOrdering", "property_ordering"})
_COUNTS: Final = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
_TYPES: Final = frozenset({"ARRAY", "BOOLEAN", "INTEGER", "NULL", "NUMBER", "OBJECT", "STRING"})
_MAPS: Final = frozenset({"properties", "$defs"})
_SINGLES: Final = frozenset({"items", "additionalProperties", "not"})
_LISTS: Final = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})

_FUNCTION_READ: Final = frozenset(
    {"name", "description", "parameters", "parametersJsonSchema", "parameters_json_schema"}
)
_MODES: Final[dict[str, ToolChoice]] = {
    "ANY": ToolChoice(mode="required"),
    "AUTO": ToolChoice(mode="auto"),
    "NONE": ToolChoice(mode="none"),
    "VALIDATED": ToolChoice(mode="auto"),
}


def decode_schema(schema: Json, at: str, depth: int = 0) -> Json:
    """Return a `Schema` as JSON Schema; what is JSON Schema already stays so. Raises `Faulted` for endless nesting."""
    if not isinstance(schema, dict):
        return schema
    if depth > MOST_DEPTH:
        raise invalid(f"`{at}` is nested deeper than {MOST_DEPTH} schemas; nest it less deeply.", at)
    said: Fields = {}
    for told, value in schema.items():
        name = str(_SPELLINGS.get(told, told))
        if name not in _LEFT_OUT:
            said[name] = _inner(name, value, at, depth + 1)
    if said.get("type") is None:
        said.pop("type", None)
    return _nullable(said) if schema.get("nullable") is True else said


def _inner(name: str, value: Json, at: str, depth: int) -> Json:
    if name == "type":
        return _type(value)
    if name in _MAPS and isinstance(value, dict):
        return {key: decode_schema(inner, at, depth) for key, inner in value.items()}
    if name in _SINGLES:
        return decode_schema(value, at, depth)
    if name in _LISTS and isinstance(value, list):
        return [decode_schema(inner, at, depth) for inner in value]
    if name in _COUNTS and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _type(value: Json) -> Json:
    if isinstance(value, str) and value.upper() in _TYPES:
        return value.lower()
    return None if value == "TYPE_UNSPECIFIED" else value


def _nullable(said: Fields) -> Fields:
    kind = said.get("type")
    if isinstance(kind, str) and kind != "null":
        said["type"] = [kind, "null"]
        if isinstance(said.get("enum"), list) and None not in said["enum"]:
            said["enum"] = [*said["enum"], None]
    elif isinstance(said.get("anyOf"), list):
        said["anyOf"] = [*said["anyOf"], {"type": "null"}]
    return said


def decode_tools(body: Fields) -> tuple[Tool | ServerTool, ...]:
    """Read `tools`: every declaration is a tool, everything beside them one that Google runs. Raises `Faulted`."""
    tools: list[Tool | ServerTool] = []
    for index, row in enumerate(proto.rows(body, "tools")):
        at = f"tools.{index}"
        for place, declared in enumerate(proto.rows(row, "functionDeclarations", at)):
            tools.append(_function(declared, f"{at}.functionDeclarations.{place}"))
        for name, value in row.items():
            if name not in ("functionDeclarations", "function_declarations") and value is not None:
                tools.append(ServerTool(dialect=words.NAME, type=words.camel(name), raw={name: value}))
    return tuple(tools)


def _function(declared: Fields, at: str) -> Tool:
    schema = proto.obj(declared, "parametersJsonSchema", at)
    if schema is None:
        schema = decode_schema(proto.obj(declared, "parameters", at), f"{at}.parameters")
    return Tool(
        name=proto.need_text(declared, "name", at),
        description=proto.text(declared, "description", at),
        parameters=schema,
        extras={name: value for name, value in declared.items() if name not in _FUNCTION_READ and value is not None},
    )


def decode_tool_config(body: Fields) -> tuple[ToolChoice | None, frozenset[str], Fields]:
    """Read `toolConfig`: the choice, the only functions that may be called, and what else it says. Raises `Faulted`."""
    config = proto.obj(body, "toolConfig") or {}
    calling = proto.obj(config, "functionCallingConfig", "toolConfig") or {}
    at = "toolConfig.functionCallingConfig"
    mode = proto.word(calling, "mode", at)
    choice = _MODES.get(mode or "")
    allowed = proto.texts(calling, "allowedFunctionNames", at) if mode in ("ANY", "VALIDATED") else ()
    if len(allowed) == 1 and mode == "ANY":
        choice, allowed = ToolChoice(mode="tool", name=allowed[0]), ()
    rest = {name: value for name, value in config.items() if words.snake(name) != "function_calling_config"}
    return choice, frozenset(allowed), rest


def only_allowed(tools: tuple[Tool | ServerTool, ...], allowed: frozenset[str]) -> tuple[Tool | ServerTool, ...]:
    """Return the tools that may be called, where a caller names some of them; names of none are no names."""
    if not any(isinstance(tool, Tool) and tool.name in allowed for tool in tools):
        return tools
    return tuple(tool for tool in tools if isinstance(tool, ServerTool) or tool.name in allowed)
