"""JSON Schemas on their way to Gemini: the same meaning in the words it knows, and a loss for what it does not."""

from typing import Any

import pytest

from wideband.canon.request import Loss
from wideband.dialects.gemini_generate.schemas import MOST_DEPTH, gemini_schema


def written(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    losses: list[Loss] = []
    return gemini_schema(schema, losses), [loss.detail for loss in losses]


def test_what_gemini_knows_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x"], "format": "date-time", "title": "A"},
            "b": {"type": "array", "items": {"$ref": "#/$defs/B"}, "minItems": 1, "maxItems": 3},
            "c": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"B": {"type": "object", "properties": {"b": {"$ref": "#/$defs/B"}}}},
    }
    assert written(schema) == (schema, [])


def test_words_that_rule_nothing_go_without_a_loss() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string", "default": "x", "examples": ["y"]}
    assert written(schema) == ({"type": "string"}, [])


def test_property_names_are_no_keywords() -> None:
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}, "$schema": {"type": "string"}}}
    assert written(schema) == (schema, [])


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": None}, {"type": "null"}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}),
        ({"type": "integer", "exclusiveMaximum": 9}, {"type": "integer", "maximum": 8}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"definitions": {"X": {}}, "$ref": "#/definitions/X"}, {"$ref": "#/$defs/X", "$defs": {"X": {}}}),
        ({"$ref": "#/$defs/X", "description": "d"}, {"description": "d", "anyOf": [{"$ref": "#/$defs/X"}]}),
        ({"allOf": [{"$ref": "#/$defs/X"}], "title": "T"}, {"title": "T", "anyOf": [{"$ref": "#/$defs/X"}]}),
        (
            {"properties": {"a": {}}, "required": ["a"], "allOf": [{"properties": {"b": {}}, "required": ["b", "a"]}]},
            {"properties": {"b": {}, "a": {}}, "required": ["a", "b"]},
        ),
    ],
)
def test_what_has_other_words_is_said_in_them(schema: dict[str, Any], said: dict[str, Any]) -> None:
    assert written(schema) == (said, [])


@pytest.mark.parametrize(
    ("schema", "said", "detail"),
    [
        ({"type": "string", "pattern": "^a", "minLength": 1}, {"type": "string"}, "minLength, pattern"),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number"}, "exclusiveMinimum"),
        ({"const": True}, {"type": "boolean"}, "const"),
        ({"not": {"type": "string"}}, {}, "not"),
        ({"type": "string", "allOf": [{"type": "integer"}]}, {"type": "string"}, "allOf"),
    ],
)
def test_what_has_no_words_is_one_loss(schema: dict[str, Any], said: dict[str, Any], detail: str) -> None:
    assert written(schema) == (said, [detail])


def test_a_schema_that_never_ends_is_cut_and_said() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(MOST_DEPTH * 3):
        schema = {"type": "array", "items": schema}
    assert written(schema)[1] == ["nesting"]


def test_the_caller_s_schema_is_not_changed() -> None:
    schema = {"allOf": [{"type": "object"}], "definitions": {"X": {"const": 1}}}
    written(schema)
    assert schema == {"allOf": [{"type": "object"}], "definitions": {"X": {"const": 1}}}
