"""Judging under schemas that strangers wrote: always a verdict or none, never an error, never for long."""

import time
from typing import Any

from hypothesis import given, settings, strategies as st

from wideband.dialects.base import Offer
from wideband.metering.verdicts import Call, judge
from wideband.wire import jsons

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
REFERENCES = st.sampled_from(
    ["#", "#/", "#/definitions/a", "#/definitions/b", "#/properties/a", "#a", "#/definitions", "x.json", "http://[", ""]
)
PATTERNS = st.sampled_from(["(a+)+$", "^a{1,900}$", "(?=a)", "\\p{L}", "[", "(" * 99])
WORDS = st.sampled_from(["string", "object", "array", "integer", "null", "OBJECT", "number"])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some, named = st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": WORDS | st.lists(WORDS, max_size=2) | VALUES,
            "$ref": REFERENCES | VALUES,
            "$id": REFERENCES,
            "definitions": named,
            "properties": named | VALUES,
            "patternProperties": named,
            "additionalProperties": inner,
            "items": inner | some,
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "if": inner,
            "then": inner,
            "dependencies": named,
            "enum": st.lists(VALUES, max_size=3) | VALUES,
            "const": VALUES,
            "required": st.lists(st.sampled_from("abc"), max_size=2) | VALUES,
            "pattern": st.text(max_size=6) | PATTERNS,
            "multipleOf": st.integers() | st.floats(),
            "minimum": VALUES,
            "maxItems": st.integers(),
            "uniqueItems": st.booleans(),
        },
    )


SCHEMAS = st.recursive(st.booleans() | schemas(st.booleans()), schemas, max_leaves=12).filter(
    lambda schema: isinstance(schema, dict)
)


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_verdict_is_always_found_and_soon(schema: dict[str, Any], value: Any) -> None:
    text = jsons.encode(value).decode()
    began = time.monotonic()
    offer = Offer(tools={"t": schema}, output=schema)
    tools, structured = judge(offer, [Call("t", [text])], text)
    assert time.monotonic() - began < 1
    assert tools == structured
    assert tools in (None, "valid", "schema_mismatch")


@given(st.text(max_size=30) | VALUES.map(lambda value: jsons.encode(value).decode()[:-1]))
def test_what_is_no_json_is_always_known_for_that(text: str) -> None:
    try:
        jsons.decode(text)
    except (jsons.DecodeError, UnicodeEncodeError):
        assert judge(Offer(output={}), (), text)[1] == "invalid_json"
    else:
        assert judge(Offer(output={}), (), text)[1] == "valid"


@given(st.lists(st.text(max_size=5), max_size=6))
def test_arguments_are_judged_whole_however_they_were_cut(pieces: list[str]) -> None:
    offer = Offer(tools={"t": {"type": "object"}})
    assert judge(offer, [Call("t", pieces)], None) == judge(offer, [Call("t", ["".join(pieces)])], None)
