"""What turns are retold with in other protocols' words."""

from typing import Any

import pytest

from wideband.canon.request import Loss, Opaque, Part, Text
from wideband.dialects.retelling import arguments_object, tool_found
from wideband.wire import jsons


@pytest.mark.parametrize("told", ['{"b":1.0,"a":[ ]}', '{"n":12345678901234567890123}'])
def test_an_object_of_arguments_keeps_every_byte(told: str) -> None:
    losses: list[Loss] = []
    assert jsons.encode(arguments_object(told, losses)) == told.encode()
    assert losses == []


def test_no_arguments_are_an_empty_object() -> None:
    assert arguments_object(" \n", []) == {}


@pytest.mark.parametrize("told", ["[1]", "rm -rf", '{"a":', '{"a": "\ud800"}'])
def test_arguments_that_are_no_object_are_kept_and_noted(told: str) -> None:
    losses: list[Loss] = []
    assert arguments_object(told, losses) == {"_raw": told}
    assert losses == [Loss("tool_arguments", "not a JSON object")]


def reference(raw: Any) -> Opaque:
    return Opaque(dialect="anthropic_messages", kind="tool_reference", raw=raw)


def test_a_reference_to_a_tool_is_said_in_words() -> None:
    assert tool_found(reference({"tool_name": "grep"})) == "The tool grep can be called now."


@pytest.mark.parametrize("part", [Text(text="x"), reference({}), reference([]), reference({"tool_name": ""})])
def test_other_parts_refer_to_no_tool(part: Part) -> None:
    assert tool_found(part) is None
