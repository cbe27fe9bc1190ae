"""What a request lets the model write for programs: the same offer, in whichever protocol it is made."""

from typing import Any

import pytest

from wideband.dialects.base import Offer
from wideband.dialects.registry import DIALECTS
from wideband.wire import jsons

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
    "required": ["city"],
}
GOOGLE: dict[str, Any] = {
    "type": "OBJECT",
    "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "nullable": True}},
    "required": ["city"],
}
ANSWER: dict[str, Any] = {"type": "object", "properties": {"sum": {"type": "integer"}}}
HI = [{"role": "user", "content": "Hi"}]


def offered(dialect: str, **body: Any) -> Offer:
    found = DIALECTS[dialect]
    assert found.offered is not None
    return found.offered(found.read(jsons.encode({"model": "a/b", **body})))


def chat(**body: Any) -> Offer:
    return offered("openai_chat", messages=HI, **body)


def responses(**body: Any) -> Offer:
    return offered("openai_responses", **{"input": "Hi", **body})


def messages(**body: Any) -> Offer:
    return offered("anthropic_messages", max_tokens=9, messages=HI, **body)


def gemini(**body: Any) -> Offer:
    return offered("gemini_generate", contents="Hi", **body)


def test_a_function_is_offered_with_its_schema_in_every_protocol() -> None:
    expected = Offer(tools={"weather": SCHEMA, "clock": None})
    assert expected == chat(
        tools=[
            {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "clock"}},
        ]
    )
    assert expected == chat(functions=[{"name": "weather", "parameters": SCHEMA}, {"name": "clock"}])
    assert expected == responses(
        tools=[{"type": "function", "name": "weather", "parameters": SCHEMA}, {"type": "function", "name": "clock"}]
    )
    assert expected == messages(tools=[{"name": "weather", "input_schema": SCHEMA}, {"name": "clock"}])
    for declared in ({"parameters": GOOGLE}, {"parametersJsonSchema": SCHEMA}):
        functions = [{"name": "weather", **declared}, {"name": "clock"}]
        assert expected == gemini(tools=[{"functionDeclarations": functions}])


def test_an_answer_under_a_schema_is_offered_with_it_in_every_protocol() -> None:
    expected = Offer(output=ANSWER)
    assert expected == chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": ANSWER}})
    assert expected == responses(text={"format": {"type": "json_schema", "name": "a", "schema": ANSWER}})
    assert expected == messages(output_config={"format": {"type": "json_schema", "schema": ANSWER}})
    assert expected == messages(output_format={"type": "json_schema", "schema": ANSWER})
    json_type = {"responseMimeType": "application/json"}
    assert expected == gemini(generationConfig={**json_type, "responseJsonSchema": ANSWER})
    shouted = {"type": "OBJECT", "properties": {"sum": {"type": "INTEGER"}}}
    assert expected == gemini(generation_config={**json_type, "response_schema": shouted})


@pytest.mark.parametrize(
    "found",
    [
        chat(tools=None, response_format={"type": "json_object"}),
        chat(tools=[], response_format=None),
        responses(text={"format": {"type": "json_object"}}),
        messages(tools=None, output_config={"effort": "high"}),
        gemini(generationConfig={"responseMimeType": "application/json"}, tools=[{"googleSearch": {}}]),
    ],
)
def test_any_json_and_what_a_provider_runs_itself_are_no_offer(found: Offer) -> None:
    assert found == Offer()


def test_tools_for_free_text_and_those_that_clients_answer_by_name_have_no_schema() -> None:
    assert chat(tools=[{"type": "custom", "custom": {"name": "patch"}}]).tools == {"patch": None}
    assert responses(tools=[{"type": "custom", "name": "patch"}, {"type": "web_search"}]).tools == {"patch": None}
    assert messages(tools=[{"type": "bash_20250124", "name": "bash"}]).tools == {"bash": None}


def test_tools_in_namespaces_and_those_that_come_later_are_offered_too() -> None:
    space = {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find", "parameters": SCHEMA}]}
    assert responses(tools=[space]).tools == {"crm__find": SCHEMA}
    late = {"type": "function", "name": "late", "parameters": SCHEMA}
    for kind in ("additional_tools", "tool_search_output"):
        items = [*HI, {"type": kind, "call_id": "c", "tools": [late]}]
        assert responses(input=items).tools == {"late": SCHEMA}, kind
