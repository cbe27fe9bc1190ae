"""Schema-valid values, checked by a small validator that shares nothing with the generator."""

import random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from wideband.sandbox.shapes import fill

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> bool:
    root = root or schema
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return any(fits(value, option, root) for option in schema["anyOf"])
    if "enum" in schema:
        return bool(value in schema["enum"])
    if "const" in schema:
        return bool(value == schema["const"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, PYTHON_TYPES[kind]) for kind in kinds):
        return False
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(fits(item, schema["items"], root) for item in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            fits(item, properties[name], root) for name, item in value.items()
        )
    return True


leaves = st.one_of(
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-99, 99),
        st.integers(0, 9),
    ),
    st.builds(
        lambda low, span: {"type": "number", "minimum": low, "maximum": low + span},
        st.integers(-99, 99),
        st.integers(0, 9),
    ),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {"const": 4}]),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text(), min_size=1, max_size=4)),
)


def branches(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.dictionaries(st.text(max_size=5), children, max_size=4).flatmap(
        lambda properties: st.builds(
            lambda required: {"type": "object", "properties": properties, "required": required},
            st.lists(st.sampled_from(sorted(properties)), unique=True) if properties else st.just([]),
        )
    )
    arrays = st.builds(
        lambda items, least: {"type": "array", "items": items, "minItems": least}, children, st.integers(0, 3)
    )
    return st.one_of(
        objects, arrays, st.builds(lambda options: {"anyOf": options}, st.lists(children, min_size=1, max_size=3))
    )


@given(st.recursive(leaves, branches, max_leaves=10), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_what_is_made_fits_its_schema(schema: dict[str, Any], seed: int) -> None:
    assert fits(fill(schema, random.Random(seed)), schema)


def test_references_and_combined_schemas_are_followed() -> None:
    schema = {
        "type": "object",
        "properties": {
            "file": {"$ref": "#/$defs/file"},
            "both": {
                "allOf": [{"$ref": "#/$defs/file"}, {"properties": {"n": {"type": "integer"}}, "required": ["n"]}]
            },
        },
        "required": ["file", "both"],
        "$defs": {"file": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}},
    }
    value = fill(schema, random.Random(1))
    assert isinstance(value["file"]["path"], str)
    assert set(value["both"]) == {"path", "n"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]},
        {"$ref": "#/nowhere"},
        {"type": "made-up"},
        {"type": "object", "required": ["undescribed"]},
        True,
    ],
)
def test_odd_schemas_still_end_in_a_value(schema: Any) -> None:
    fill(schema, random.Random(1))
