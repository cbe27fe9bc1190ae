"""OpenAI's Responses as the simulated provider speaks them: items, events, seals and refusals."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

Asking = Callable[..., Any]
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
READ = {"type": "function", "name": "read_file", "parameters": SCHEMA}
PATCH = {"type": "custom", "name": "apply_patch"}
SEALED = {"include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}, "store": False}
USER = {"role": "user", "content": "Look [[sandbox tokens=40 calls=2]]"}


def calling(ask: Asking, **fields: Any) -> Any:
    return ask("isle", [USER], tools=[READ, PATCH], **{**SEALED, **fields})


def answered(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a second turn: what was asked, what was answered, and the results of the calls."""
    calls = [item for item in output if "call_id" in item]
    results = [{"type": f"{call['type']}_output", "call_id": call["call_id"], "output": "done"} for call in calls]
    return [USER, *copy.deepcopy(output), *results]


def test_a_whole_answer_thinks_and_speaks_in_items_and_counts(ask: Asking) -> None:
    body = ask("isle", "Hi [[sandbox tokens=50]]", **SEALED).json
    thought, said = body["output"]
    assert (body["object"], body["status"], body["store"]) == ("response", "completed", False)
    assert thought["type"] == "reasoning"
    assert thought["encrypted_content"]
    assert len(thought["summary"][0]["text"]) == 20 * 4
    assert (said["role"], said["status"], len(said["content"][0]["text"])) == ("assistant", "completed", 30 * 4)
    assert body["usage"]["output_tokens"] == 50
    assert body["usage"]["output_tokens_details"] == {"reasoning_tokens": 20}
    assert body["usage"]["total_tokens"] == 50 + body["usage"]["input_tokens"]


def test_thinking_is_shown_and_sealed_only_when_asked_for(ask: Asking) -> None:
    (thought, _) = ask("isle", "Hi").json["output"]
    assert thought["summary"] == []
    assert "encrypted_content" not in thought
    (only,) = ask("isle", "Hi", reasoning={"effort": "none"}).json["output"]
    assert only["type"] == "message"


def test_functions_and_custom_tools_are_called_side_by_side(ask: Asking) -> None:
    calls = {item["type"]: item for item in calling(ask).json["output"]}
    assert calls["function_call"]["name"] == "read_file"
    assert calls["function_call"]["arguments"].startswith('{"path":')
    assert calls["custom_tool_call"]["name"] == "apply_patch"
    assert not calls["custom_tool_call"]["input"].startswith("{")


def test_a_tool_in_a_namespace_is_called_with_it(ask: Asking) -> None:
    tools = [{"type": "namespace", "name": "files", "tools": [READ]}]
    call = ask("isle", [USER], tools=tools).json["output"][-1]
    assert (call["name"], call["namespace"]) == ("read_file", "files")


def test_the_events_of_a_stream_add_up_to_the_whole_answer(ask: Asking) -> None:
    events = calling(ask, stream=True).events
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    final = events[-1]["response"]
    assert events[-1]["type"] == "response.completed"
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert final["output"] == done
    for index, item in enumerate(done):
        deltas = [event for event in events if event["type"].endswith(".delta") and event["output_index"] == index]
        text = item.get("arguments") or item.get("input") or item["summary"][0]["text"]
        assert "".join(event["delta"] for event in deltas) == text
        assert {event["item_id"] for event in deltas} == {item["id"]}


def test_a_streamed_text_opens_and_closes_its_part(ask: Asking) -> None:
    events = ask("isle", "Hi [[sandbox tokens=10]]", stream=True, reasoning={"effort": "none"}).events
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert [kind for kind in kinds if kind != "output_text.delta"] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_an_answer_cut_by_its_limit_is_incomplete(ask: Asking) -> None:
    body = ask("isle", "Hi [[sandbox tokens=90]]", max_output_tokens=40).json
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item.get("status") for item in body["output"]][-1] == "incomplete"


def test_structured_text_is_json_of_the_schema(ask: Asking) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    text = {"format": {"type": "json_schema", "name": "verdict", "schema": schema, "strict": True}}
    said = ask("isle", "Hi", text=text).json["output"][-1]
    assert said["content"][0]["text"] in {'{"ok":true}', '{"ok":false}'}


def test_an_answer_given_back_with_its_seals_is_gone_on_with(ask: Asking) -> None:
    first = calling(ask).json["output"]
    second = ask("isle", answered(first), tools=[READ, PATCH], **SEALED).json["output"]
    assert second[-1]["type"] == "message"
    assert second[0]["encrypted_content"] != first[0]["encrypted_content"]


def altered(items: list[dict[str, Any]]) -> None:
    items[1]["encrypted_content"] = "QUFB" + items[1]["encrypted_content"][4:]


def foreign(items: list[dict[str, Any]]) -> None:
    items[1]["encrypted_content"] = "gAAAAABo-made-by-somebody-else"


def moved(items: list[dict[str, Any]]) -> None:
    items[1]["id"] = "rs_another"


@pytest.mark.parametrize("spoil", [altered, foreign, moved])
def test_a_spoiled_seal_is_refused(ask: Asking, spoil: Callable[[list[dict[str, Any]]], None]) -> None:
    turns = answered(calling(ask).json["output"])
    spoil(turns)
    refused = ask("isle", turns, tools=[READ, PATCH], **SEALED)
    assert refused.status == 400
    assert refused.json["error"]["code"] == "invalid_encrypted_content"


def test_the_id_of_sealed_thinking_may_be_left_out(ask: Asking) -> None:
    turns = answered(calling(ask).json["output"])
    del turns[1]["id"]
    assert ask("isle", turns, tools=[READ, PATCH], **SEALED).status == 200


CALL = {"type": "function_call", "call_id": "call_1", "name": "read_file", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "x"}


@pytest.mark.parametrize(
    ("said", "fields", "status"),
    [
        ([], {}, 400),
        (7, {}, 400),
        ([{"type": "hologram"}], {}, 400),
        ([{"role": "robot", "content": "Hi"}], {}, 400),
        ([{"role": "user", "content": [{"type": "output_text", "text": "Hi"}]}], {}, 400),
        ([{"role": "assistant", "content": [{"type": "input_text", "text": "Hi"}]}], {}, 400),
        ([{"role": "user", "content": "Hi", "cache_control": {}}], {}, 400),
        ([{"role": "user", "content": "Hi", "id": "42"}], {}, 400),
        ([CALL], {}, 400),
        ([OUTPUT], {}, 400),
        ([CALL, CALL, OUTPUT], {}, 400),
        ([{**CALL, "call_id": "c" * 65}, {**OUTPUT, "call_id": "c" * 65}], {}, 400),
        ([{"type": "reasoning", "summary": []}], {}, 400),
        ([{"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "assistant", "content": "Hi"}], {}, 404),
        ([{"type": "item_reference", "id": "msg_1"}], {}, 404),
        ("Hi", {"messages": []}, 400),
        ("Hi", {"max_output_tokens": 15}, 400),
        ("Hi", {"previous_response_id": "resp_1"}, 400),
        ("Hi", {"tool_choice": "required"}, 400),
        ("Hi", {"tools": [{"type": "web_surf"}]}, 400),
        ("Hi", {"tools": [{"type": "function", "function": {"name": "nested"}}]}, 400),
        ("Hi", {"text": {"format": {"type": "poem"}}}, 400),
        ("Hi", {"reasoning": {"effort": "much"}}, 400),
        ("Hi", {"model": "gpt-5"}, 404),
    ],
)
def test_what_a_real_provider_refuses_is_refused(ask: Asking, said: Any, fields: dict[str, Any], status: int) -> None:
    refused = ask("isle", said, **fields)
    assert refused.status == status
    assert refused.json["error"]["type"] == "invalid_request_error"


def test_results_may_hold_parts_and_user_messages_pictures(ask: Asking) -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    turns = [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}, image]}, CALL]
    assert ask("isle", [*turns, {**OUTPUT, "output": [image]}], reasoning={"effort": "none"}).status == 200


def test_tokens_are_counted_without_an_answer(ask: Asking) -> None:
    assert ask("isle", "x" * 400).json["usage"]["input_tokens"] == 100


def test_tools_that_come_amid_the_conversation_can_be_called_and_its_own_are_known(ask: Asking) -> None:
    more = {"type": "additional_tools", "role": "developer", "tools": [READ]}
    output = ask(
        "isle", [more, USER], tools=[{"type": "web_search"}, {"type": "tool_search", "execution": "client"}]
    ).json
    assert {item["name"] for item in output["output"] if item["type"] == "function_call"} == {"read_file"}
