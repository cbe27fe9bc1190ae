"""Gemini's generateContent as the simulated provider speaks it: parts, signatures, counts and refusals."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from wideband.sandbox.desk import Desk, Incoming

Asking = Callable[..., Any]
PARAMETERS = {"type": "OBJECT", "properties": {"path": {"type": "STRING"}}, "required": ["path"]}
TOOLS = [{"functionDeclarations": [{"name": name, "parameters": PARAMETERS} for name in ("read_file", "list_files")]}]
SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
USER = {"role": "user", "parts": [{"text": "Look [[sandbox tokens=40 calls=2]]"}]}


def candidate(answer: Any) -> Any:
    (only,) = answer.json["candidates"]
    return only


def answered(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a second turn: what was asked, what was answered, and the results of the calls."""
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    results = [{"functionResponse": {"name": call["name"], "response": {"output": "done"}}} for call in calls]
    return [USER, copy.deepcopy(content), {"role": "user", "parts": results}]


def test_a_whole_answer_has_parts_a_finish_and_counts(ask: Asking) -> None:
    answer = ask("jetty", "Hi [[sandbox tokens=50]]", **SHOWN)
    thought, said = candidate(answer)["content"]["parts"]
    assert thought["thought"] is True
    assert len(said["text"]) == 30 * 4
    assert said["thoughtSignature"]
    assert candidate(answer)["finishReason"] == "STOP"
    usage = answer.json["usageMetadata"]
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"]) == (30, 20)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + 50
    assert answer.json["modelVersion"] == "sandbox/gemini-only"


def test_thoughts_are_shown_only_when_asked_for_but_always_counted_and_sealed(ask: Asking) -> None:
    answer = ask("jetty", "Hi [[sandbox tokens=50]]")
    (said,) = candidate(answer)["content"]["parts"]
    assert said["thoughtSignature"]
    assert answer.json["usageMetadata"]["thoughtsTokenCount"] == 20
    none = ask("jetty", "Hi", generationConfig={"thinking_config": {"thinking_budget": 0}})
    assert "thoughtsTokenCount" not in none.json["usageMetadata"]


def test_calls_have_no_ids_and_the_first_one_carries_the_signature(ask: Asking) -> None:
    first, second = candidate(ask("jetty", [USER], tools=TOOLS))["content"]["parts"]
    assert first["thoughtSignature"]
    assert "thoughtSignature" not in second
    assert {"id"} & (first["functionCall"].keys() | second["functionCall"].keys()) == set()
    assert first["functionCall"]["args"]["path"]
    assert candidate(ask("jetty", [USER], tools=TOOLS))["finishReason"] == "STOP"


def test_calls_have_ids_when_the_direction_says_so(ask: Asking) -> None:
    part = candidate(ask("jetty", "Look [[sandbox calls=1 ids=1]]", tools=TOOLS))["content"]["parts"][0]
    assert part["functionCall"]["id"]


def test_the_events_of_a_stream_add_up_to_an_answer(ask: Asking) -> None:
    events = ask("jetty", "Hi [[sandbox tokens=50]]", stream=True, **SHOWN).events
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    assert len("".join(part["text"] for part in parts if part.get("thought"))) == 20 * 4
    assert len("".join(part["text"] for part in parts if not part.get("thought"))) == 30 * 4
    assert parts[-1]["text"] == ""
    assert parts[-1]["thoughtSignature"]
    assert [event["candidates"][0].get("finishReason") for event in events] == [None] * (len(events) - 1) + ["STOP"]
    assert events[-1]["usageMetadata"]["candidatesTokenCount"] == 30


def test_a_streamed_call_comes_whole(ask: Asking) -> None:
    events = ask("jetty", [USER], tools=TOOLS, stream=True).events
    calls = [part for event in events for part in event["candidates"][0]["content"]["parts"] if "functionCall" in part]
    assert [bool(part.get("thoughtSignature")) for part in calls] == [True, False]


def test_candidates_limits_and_stop_sequences(ask: Asking) -> None:
    answer = ask("jetty", "Hi [[sandbox tokens=60]]", generationConfig={"candidateCount": 2, "maxOutputTokens": 30})
    assert [row["index"] for row in answer.json["candidates"]] == [0, 1]
    assert {row["finishReason"] for row in answer.json["candidates"]} == {"MAX_TOKENS"}
    whole = candidate(ask("jetty", "Hi [[sandbox tokens=40]]"))["content"]["parts"][0]["text"]
    assert len(whole) == 24 * 4


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema"])
def test_structured_text_is_json_of_the_schema(ask: Asking, name: str) -> None:
    kind = str.upper if name == "responseSchema" else str.lower
    schema = {"type": kind("object"), "properties": {"ok": {"type": kind("boolean")}}, "required": ["ok"]}
    config = {"responseMimeType": "application/json", name: schema}
    assert candidate(ask("jetty", "Hi", generationConfig=config))["content"]["parts"][0]["text"] in {
        '{"ok":true}',
        '{"ok":false}',
    }


def test_an_answer_given_back_with_its_signature_is_gone_on_with(ask: Asking) -> None:
    first = candidate(ask("jetty", [USER], tools=TOOLS))["content"]
    second = candidate(ask("jetty", answered(first), tools=TOOLS))["content"]
    assert second["parts"][-1]["text"]
    assert second["parts"][-1]["thoughtSignature"] != first["parts"][0]["thoughtSignature"]


def altered(parts: list[dict[str, Any]]) -> None:
    parts[0]["thoughtSignature"] = "QUFB" + parts[0]["thoughtSignature"][4:]


def moved(parts: list[dict[str, Any]]) -> None:
    parts[1]["thoughtSignature"] = parts[0].pop("thoughtSignature")


def lost(parts: list[dict[str, Any]]) -> None:
    del parts[0]["thoughtSignature"]


@pytest.mark.parametrize("spoil", [altered, moved, lost])
def test_a_spoiled_signature_is_refused(ask: Asking, spoil: Callable[[list[dict[str, Any]]], None]) -> None:
    turns = answered(candidate(ask("jetty", [USER], tools=TOOLS))["content"])
    spoil(turns[1]["parts"])
    refused = ask("jetty", turns, tools=TOOLS)
    assert refused.status == 400
    assert refused.json["error"]["status"] == "INVALID_ARGUMENT"


def test_a_lost_signature_can_be_excused_and_old_turns_need_none(ask: Asking) -> None:
    turns = answered(candidate(ask("jetty", [USER], tools=TOOLS))["content"])
    turns[1]["parts"][0]["thoughtSignature"] = "skip_thought_signature_validator"
    assert ask("jetty", turns, tools=TOOLS).status == 200
    del turns[1]["parts"][0]["thoughtSignature"]
    said = {"role": "model", "parts": [{"text": "Done"}]}
    assert ask("jetty", [*turns, said, {"parts": [{"text": "And now?"}]}], tools=TOOLS).status == 200


CALL = {"role": "model", "parts": [{"functionCall": {"name": "read_file", "args": {}}}]}


@pytest.mark.parametrize(
    ("said", "fields", "status"),
    [
        ([], {}, 400),
        ([{"role": "robot", "parts": [{"text": "Hi"}]}], {}, 400),
        ([{"role": "user", "parts": []}], {}, 400),
        ([{"role": "user", "parts": [{}]}], {}, 400),
        ([{"role": "user", "parts": [{"text": "Hi", "inlineData": {"mimeType": "a/b", "data": ""}}]}], {}, 400),
        ([{"role": "user", "parts": [{"type": "text", "text": "Hi"}]}], {}, 400),
        ([USER, CALL], {}, 400),
        ([USER, CALL, USER], {}, 400),
        ([{"parts": [{"functionResponse": {"name": "x", "response": {}}}]}], {}, 400),
        ([{"role": "user", "parts": [{"functionResponse": {"name": "x", "response": "text"}}]}], {}, 400),
        ("Hi", {"messages": []}, 400),
        ("Hi", {"alt": "sse"}, 400),
        ("Hi", {"generationConfig": {"max_tokens": 9}}, 400),
        ("Hi", {"generationConfig": {"temperature": 3}}, 400),
        ("Hi", {"generationConfig": {"stopSequences": list("abcdef")}}, 400),
        ("Hi", {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, 400),
        ("Hi", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}}, 400),
        ("Hi", {"tools": [{"gogleSearch": {}}]}, 400),
        ("Hi", {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"$ref": "#"}}]}]}, 400),
        ("Hi", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, 400),
        ("Hi", {"method": "streamGenerateContent"}, 400),
        ("Hi", {"method": "predict"}, 404),
        ("Hi", {"model": "gemini-3-pro"}, 404),
    ],
)
def test_what_a_real_provider_refuses_is_refused(ask: Asking, said: Any, fields: dict[str, Any], status: int) -> None:
    refused = ask("jetty", said, **dict(fields))
    assert refused.status == refused.json["error"]["code"] == status


def test_names_may_be_written_in_either_way(ask: Asking) -> None:
    config = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["list_files"]}}
    tools = [{"function_declarations": TOOLS[0]["functionDeclarations"]}]
    part = candidate(ask("jetty", "Hi", tools=tools, tool_config=config))["content"]["parts"][0]
    assert part["functionCall"]["name"] == "list_files"


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_tokens_are_counted_without_an_answer(version: str, wrapped: bool) -> None:
    contents = b'"contents":[{"parts":[{"text":"12345678"}]}]'
    body = b'{"generateContentRequest":{"model":"x",%b}}' % contents if wrapped else b"{%b}" % contents
    path = f"/sim-jetty/{version}/models/sandbox%2Fgemini-only:countTokens"
    headers = {"x-goog-api-key": "simulated"}
    incoming = Incoming(method="POST", path=path, headers=headers, body=body, at_s=0.0)
    (step,) = Desk(seed=1, grain_s=0.02).play(incoming).steps
    assert b'"totalTokens":2' in step.data


def test_searching_the_web_is_known_and_not_done(ask: Asking) -> None:
    assert ask("jetty", "Hi", tools=[{"googleSearch": {}}]).status == 200
