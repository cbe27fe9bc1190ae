"""The table of quirks: what each does to a body, on plain values and on a caller's bytes alike."""

from typing import Any

import msgspec
import pytest

from wideband.dialects.losses import LOSSES
from wideband.dialects.quirks import QUIRKS, apply
from wideband.wire import jsons

CALLS: list[dict[str, Any]] = [
    {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "user", "name": "ana", "content": "x"},
    {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f"}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "y"},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {}}}
TOOL = {"$schema": "s", "type": "object", "additionalProperties": False}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("max_tokens_only", {"a": 1, "max_completion_tokens": 5, "b": 2}, {"a": 1, "max_tokens": 5, "b": 2}, []),
    ("max_tokens_only", {"max_tokens": 4, "max_completion_tokens": 5}, {"max_tokens": 4}, []),
    ("max_completion_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}, []),
    ("random_seed", {"seed": 5}, {"random_seed": 5}, []),
    ("no_store", {"store": False, "metadata": {}, "x": 1}, {"x": 1}, ["unsupported_field", "unsupported_field"]),
    ("no_logprobs", {"logprobs": None, "x": 1}, {"x": 1}, []),
    ("no_stream_options", {"stream_options": {}}, {}, ["unsupported_field"]),
    ("fixed_sampling", {"temperature": 1, "max_tokens": 5}, {"max_tokens": 5}, ["unsupported_field"]),
    ("basic_effort", {"reasoning_effort": "max"}, {"reasoning_effort": "high"}, ["reasoning_effort"]),
    ("basic_effort", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, []),
    (
        "no_json_schema",
        {"response_format": SCHEMA},
        {"response_format": {"type": "json_object"}},
        ["json_schema_ignored"],
    ),
    (
        "no_strict",
        {"response_format": SCHEMA, "tools": [{"function": {"name": "f", "strict": True}}]},
        {
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
            "tools": [{"function": {"name": "f"}}],
        },
        ["strict", "strict"],
    ),
    (
        "plain_schemas",
        {"tools": [{"function": {"name": "f", "parameters": TOOL}}]},
        {"tools": [{"function": {"name": "f", "parameters": {"type": "object"}}}]},
        [],
    ),
    ("no_developer_role", {"messages": CALLS}, {"messages": [CALLS[0] | {"role": "system"}, *CALLS[1:]]}, []),
    ("string_content", {"messages": CALLS}, {"messages": [CALLS[0] | {"content": "a\n\nb"}, *CALLS[1:]]}, []),
    (
        "no_message_name",
        {"messages": CALLS},
        {"messages": [CALLS[0], {"role": "user", "content": "x"}, *CALLS[2:]]},
        ["message_name_dropped"],
    ),
]


@pytest.mark.parametrize(("quirk", "body", "changed", "losses"), CASES, ids=[case[0] for case in CASES])
def test_a_quirk_changes_plain_values_and_bytes_alike(
    quirk: str, body: dict[str, Any], changed: dict[str, Any], losses: list[str]
) -> None:
    for given in (dict(body), dict(jsons.fields(jsons.encode(body)))):
        written, found = apply(given, frozenset({quirk}))
        assert jsons.encode(written) == jsons.encode(changed)
        assert [loss.feature for loss in found] == losses


@pytest.mark.parametrize("quirk", QUIRKS)
def test_a_quirk_leaves_what_does_not_concern_it_as_it_is(quirk: str) -> None:
    body = jsons.fields(b'{"model": "m", "messages": [ {"role": "user", "content": "x"} ], "tools": [ ], "q": 1.0}')
    written, losses = apply(dict(body), frozenset({quirk}))
    assert list(written.items()) == list(body.items())
    assert losses == []


def test_ids_of_nine_characters_pair_call_and_result() -> None:
    written, _ = apply({"messages": CALLS}, frozenset({"nine_character_ids"}))
    short = written["messages"][3]["tool_call_id"]
    assert written["messages"][2]["tool_calls"][0]["id"] == short
    assert len(short) == 9
    assert short.isalnum()
    assert (
        apply({"messages": written["messages"]}, frozenset({"nine_character_ids"}))[0]["messages"]
        == written["messages"]
    )


def test_quirks_add_up() -> None:
    body = {"messages": CALLS, "seed": 1, "max_completion_tokens": 5, "store": True}
    quirks = frozenset({"no_developer_role", "random_seed", "max_tokens_only", "no_store", "an_unknown_one"})
    written, losses = apply(body, quirks)
    assert list(written) == ["messages", "random_seed", "max_tokens"]
    assert written["messages"][0]["role"] == "system"
    assert [loss.detail for loss in losses] == ["store"]


def test_every_row_is_described_and_its_losses_are_in_the_table() -> None:
    for name, quirk in QUIRKS.items():
        assert quirk.description.endswith("."), name
        assert {edit.loss for edit in quirk.edits} - {None} <= LOSSES.keys(), name
    assert list(QUIRKS) == sorted(QUIRKS)


def test_odd_shapes_are_left_for_the_provider_to_refuse() -> None:
    body: dict[str, Any] = {"messages": "x", "tools": [5], "response_format": "text", "reasoning_effort": 7}
    assert apply(dict(body), frozenset(QUIRKS))[0] == body


def test_raw_values_stay_the_same_objects() -> None:
    body: dict[str, Any] = {"messages": msgspec.Raw(b'[{"role": "user"}]')}
    assert apply(dict(body), frozenset(QUIRKS))[0]["messages"] is body["messages"]
