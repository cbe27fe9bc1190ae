"""JSON Schemas as Gemini takes them, in `parametersJsonSchema` and `responseJsonSchema`.

Of JSON Schema it knows a part, which is the same for functions and answers; a reference stands alone, and what it
does not know it does not enforce. What has another way to be said is said so; what has none is left out as a loss.
"""

from collections.abc import Callable
from typing import Any

from wideband.canon.request import Loss
from wideband.dialects.noting import note

Json = Any
Schema = dict[str, Json]
# Says one rule in other words, in the schema itself; what cannot be said goes to the set.
Rephrase = Callable[[Schema, Json, set[str]], None]

MOST_DEPTH = 48

_KNOWN = frozenset(
    {
        "$anchor", "$defs", "$id", "$ref", "additionalProperties", "anyOf", "description", "enum", "format", "items",
        "maxItems", "maximum", "minItems", "minimum", "oneOf", "prefixItems", "properties", "propertyOrdering",
        "required", "title", "type",
    }
)  # fmt: skip
# Words about a schema or a value that rule nothing.
_IDLE = frozenset({"$comment", "$schema", "default", "deprecated", "example", "examples", "readOnly", "writeOnly"})
_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$defs", "properties"})
_SINGLES = frozenset({"additionalProperties", "items"})


def gemini_schema(schema: Schema, losses: list[Loss]) -> Schema:
    """Return a schema as Gemini takes it; rules it does not know are left out as one loss."""
    unknown: set[str] = set()
    written = _schema(schema, unknown, 0)
    if unknown:
        note(losses, "schema_rules", ", ".join(sorted(unknown)))
    return written if isinstance(written, dict) else {}


def _schema(schema: Json, unknown: set[str], depth: int) -> Json:
    """Write one schema; `true` and `false` are schemas too."""
    if not isinstance(schema, dict):
        return schema
    if depth > MOST_DEPTH:
        unknown.add("nesting")
        return {}
    said: Schema = {}
    for name, value in _rephrased(schema, unknown).items():
        if name in _KNOWN:
            said[name] = _inner(name, value, unknown, depth + 1)
        elif name not in _IDLE:
            unknown.add(name)
    return _lone_reference(said)


def _inner(name: str, value: Json, unknown: set[str], depth: int) -> Json:
    if name in _SINGLES:
        return _schema(value, unknown, depth)
    if name in _LISTS and isinstance(value, list):
        return [_schema(each, unknown, depth) for each in value]
    if name in _MAPS and isinstance(value, dict):
        return {key: _schema(each, unknown, depth) for key, each in value.items()}
    if name == "$ref" and isinstance(value, str):
        return value.replace("#/definitions/", "#/$defs/", 1)
    return value


def _rephrased(schema: Schema, unknown: set[str]) -> Schema:
    """Say in Gemini's words what it has other words for."""
    if not schema.keys() - _KNOWN - _IDLE:
        return schema
    said = dict(schema)
    for name, rephrase in _REPHRASE.items():
        if name in said:
            rephrase(said, said.pop(name), unknown)
    return said


def _definitions(said: Schema, value: Json, _unknown: set[str]) -> None:
    if isinstance(value, dict):
        said["$defs"] = {**value, **said.get("$defs", {})}


def _const(said: Schema, value: Json, unknown: set[str]) -> None:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        said.setdefault("enum", [value])
        return
    said.setdefault("type", "null" if value is None else "boolean" if isinstance(value, bool) else "object")
    if value is not None:
        unknown.add("const")


def _nullable(said: Schema, value: Json, _unknown: set[str]) -> None:
    """Say OpenAPI's `nullable` as JSON Schema does."""
    if value is True and isinstance(said.get("type"), str) and said["type"] != "null":
        said["type"] = [said["type"], "null"]


def _exclusive(bound: str, step: int, name: str) -> Rephrase:
    def rephrase(said: Schema, value: Json, unknown: set[str]) -> None:
        exact = isinstance(value, int) and not isinstance(value, bool)
        if exact and said.get("type") == "integer" and bound not in said:
            said[bound] = value + step
        elif value is not False:
            unknown.add(name)

    return rephrase


def _all_of(said: Schema, value: Json, unknown: set[str]) -> None:
    """Put the schemas of an `allOf` into the one that holds them, where they do not contradict each other."""
    for each in value if isinstance(value, list) else ():
        if not isinstance(each, dict):
            continue
        for name, rule in each.items():
            held = said.get(name)
            if name not in said:
                said[name] = rule
            elif isinstance(held, dict) and isinstance(rule, dict) and name in _MAPS:
                said[name] = {**rule, **held}
            elif isinstance(held, list) and isinstance(rule, list) and name == "required":
                said[name] = [*held, *(key for key in rule if key not in held)]
            elif held != rule and name not in {"title", "description"}:
                unknown.add("allOf")


# `allOf` comes first, since it may bring the others with it.
_REPHRASE: dict[str, Rephrase] = {
    "allOf": _all_of,
    "const": _const,
    "definitions": _definitions,
    "exclusiveMaximum": _exclusive("maximum", -1, "exclusiveMaximum"),
    "exclusiveMinimum": _exclusive("minimum", 1, "exclusiveMinimum"),
    "nullable": _nullable,
}


def _lone_reference(said: Schema) -> Schema:
    """Move a reference that stands beside other rules into an `anyOf` of one: Gemini wants it alone."""
    if "$ref" not in said or all(name.startswith("$") for name in said):
        return said
    beside = {name: value for name, value in said.items() if name != "$ref"}
    if "anyOf" in beside:
        return {name: value for name, value in said.items() if name.startswith("$")}
    return {**beside, "anyOf": [{"$ref": said["$ref"]}]}
