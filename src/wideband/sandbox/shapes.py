"""Values that fit a JSON Schema: what a simulated model puts into tool arguments and structured answers."""

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_MAX_DEPTH = 12
_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
_SAMPLES = ("alpha", "bravo", "carbon", "delta", "echo")


def fill(schema: Any, draw: random.Random) -> Any:
    """Return a value that a schema allows: required properties, enums, bounds and references are honoured."""
    return _Filler(schema, draw).value(schema, 0)


class _Filler:
    """Fills one schema; `$ref` is looked up in its root."""

    def __init__(self, root: Any, draw: random.Random) -> None:
        self._root = root
        self._draw = draw
        self._by_type: dict[str, Callable[[Schema, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda _schema, _depth: self._draw.random() < 0.5,
            "null": lambda _schema, _depth: None,
        }

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return None if depth > _MAX_DEPTH else "alpha"
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._draw.choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self.value(_simplest(schema[key]), depth + 1)
        if isinstance(schema.get("allOf"), list) and schema["allOf"]:
            return self.value(self._merged(schema), depth + 1)
        return self._by_type.get(_type_of(schema), self._string)(schema, depth)

    def _resolve(self, reference: Any) -> Any:
        found: Any = self._root
        for step in str(reference).removeprefix("#").strip("/").split("/"):
            if step:
                found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found

    def _merged(self, schema: Schema) -> Schema:
        merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            part = self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part
            if not isinstance(part, dict):
                continue
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            required = [*merged.get("required", []), *part.get("required", [])]
            merged = {**merged, **part}
            if properties:
                merged |= {"properties": properties, "required": required}
        return merged

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = list(required) if isinstance(required, list) else []
        if not names and depth == 0:
            names = list(properties)[:1]
        return {name: self.value(properties.get(name, {}), depth + 1) for name in names}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = schema.get("maxItems", max(least, 1))
        items = schema.get("prefixItems")
        if isinstance(items, list):
            return [self.value(item, depth + 1) for item in items]
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(min(max(least, 1), most))]

    def _string(self, schema: Schema, _depth: int) -> str:
        text = _FORMATS.get(schema.get("format", ""), "") or self._draw.choice(_SAMPLES)
        text = text.ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]

    def _integer(self, schema: Schema, _depth: int) -> int:
        low, high = _bounds(schema, 1)
        step = int(schema.get("multipleOf", 1)) or 1
        first = -(-int(low) // step) * step
        return self._draw.randrange(first, max(int(high), first) + 1, step)

    def _number(self, schema: Schema, _depth: int) -> float:
        low, high = _bounds(schema, 0)
        if "multipleOf" in schema:
            return float(-(-low // schema["multipleOf"]) * schema["multipleOf"])
        return float((low + high) / 2)


def _simplest(options: list[Any]) -> Any:
    """Choose the option that says something: not null, where there is a choice."""
    is_null = [isinstance(option, dict) and option.get("type") == "null" for option in options]
    return options[is_null.index(False) if False in is_null else 0]


def _type_of(schema: Schema) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((name for name in declared if name != "null"), "null")
    if isinstance(declared, str):
        return declared
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _bounds(schema: Schema, margin: int) -> tuple[float, float]:
    """Return the closed interval a number may lie in; exclusive bounds are moved in by `margin`, or a little."""
    shift = margin or 0.001
    low = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + shift
    high = schema.get("maximum")
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - shift
    if low is None:
        low = 0 if high is None or high >= 0 else high
    return low, max(low, low + 9 if high is None else high)
