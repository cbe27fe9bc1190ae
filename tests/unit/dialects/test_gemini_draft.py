"""A canonical request, from any dialect, as a call to a Gemini upstream."""

import json
from typing import Any

import pytest

from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Refusal,
    Request,
    Role,
    Sampling,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects.base import Draft, Target
from wideband.dialects.gemini_generate.draft import encode_request
from wideband.dialects.losses import LOSSES

GEMINI_2 = Target(model="gemini-2.5-flash", provider="google-ai-studio", max_output=65_536)
GEMINI_3 = Target(model="models/gemini-3.1-pro-preview", provider="google-ai-studio", max_output=65_536)
TOOL = Tool(name="f", parameters={"type": "object", "properties": {}})
STAND_IN = "skip_thought_signature_validator"
OWN = "google-gemini-v1"


def said(role: Role, *parts: Part | str, **fields: Any) -> Message:
    return Message(
        role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts), **fields
    )


def draft(*messages: Message, target: Target = GEMINI_2, **fields: Any) -> Draft:
    whole = {"dialect": "openai_chat", "model": "m", "messages": messages or (said("user", "Hi"),), **fields}
    return encode_request(Request(**whole), target)


def encode(*messages: Message, target: Target = GEMINI_2, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    found = draft(*messages, target=target, **fields)
    features = [loss.feature for loss in found.losses]
    assert set(features) <= LOSSES.keys()
    return json.loads(found.body), features


def contents(*messages: Message, target: Target = GEMINI_2, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encode(*messages, target=target, **fields)[0]["contents"]
    return found


def config(target: Target = GEMINI_2, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    body, losses = encode(target=target, **fields)
    return body.get("generationConfig", {}), losses


def call(call_id: str, arguments: str = "{}", name: str = "f") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, *parts: Part | str, **fields: Any) -> ToolResult:
    return ToolResult(
        call_id=call_id, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts), **fields
    )


def sealed(data: str, call_id: str | None = None) -> Reasoning:
    return Reasoning(data=data, format=OWN, id=call_id)


def test_a_plain_request_says_no_more_than_it_must() -> None:
    found = draft(said("system", "Be brief."), said("user", "Hi"), max_tokens=10)
    assert found.path == "/models/gemini-2.5-flash:generateContent"
    odd = draft(target=Target(model="models/a b/c?#:x", provider="p"))
    assert odd.path == "/models/a%20b/c%3F%23:x:generateContent"
    assert json.loads(found.body) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 10},
    }
    assert found.losses == ()


def test_a_stream_is_asked_for_by_the_path_and_as_events() -> None:
    path = "/models/gemini-3.1-pro-preview:streamGenerateContent?alt=sse"
    assert draft(target=GEMINI_3, stream=True).path == path


def test_turns_alternate_and_begin_with_the_user() -> None:
    body, losses = encode(said("assistant", "Welcome."), said("user", "A"), said("user", "B"), said("assistant", "C"))
    assert [(turn["role"], [part["text"] for part in turn["parts"]]) for turn in body["contents"]] == [
        ("user", ["Go on."]),
        ("model", ["Welcome."]),
        ("user", ["A", "B"]),
        ("model", ["C"]),
    ]
    assert losses == ["first_turn"]


def test_a_conversation_of_system_messages_alone_is_the_user_s() -> None:
    body, losses = encode(said("system", "A"))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "A"}]}]}
    assert losses == ["system_position"]


def test_system_turns_amid_the_others_are_said_by_the_user_and_pairs_stay_together() -> None:
    body, losses = encode(
        said("system", "A"),
        said("user", "Do it"),
        said("assistant", call("c1")),
        said("system", "Careful."),
        said("user", result("c1", "done")),
    )
    assert body["systemInstruction"] == {"parts": [{"text": "A"}]}
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "f", "id": "c1", "response": {"output": "done"}}},
        {"text": "<system>\nCareful.\n</system>"},
    ]
    assert losses == ["system_position"]


def test_results_carry_the_name_of_their_call_and_say_whether_they_are_errors() -> None:
    turns = contents(
        said("user", "Go"),
        said("assistant", call("c1", name="read"), call("c2", name="write")),
        said("user", result("c2", "no", is_error=True)),
        said("user", result("c1", "a", "b"), "And then?"),
        said("assistant", "Well."),
        said("user", result("gone", "x")),
    )
    assert turns[2]["parts"] == [
        {"functionResponse": {"name": "write", "id": "c2", "response": {"error": "no"}}},
        {"functionResponse": {"name": "read", "id": "c1", "response": {"output": "a\nb"}}},
        {"text": "And then?"},
    ]
    assert turns[4]["parts"][0]["functionResponse"]["name"] == "gone"


def test_what_results_show_stands_behind_all_of_them() -> None:
    body, losses = encode(
        said("user", "Go"),
        said("assistant", call("c1"), call("c2")),
        said("user", result("c1", Image(data="iVBORw0", media_type="image/png")), result("c2", "b"), "Now?"),
    )
    first, second, shown, text = body["contents"][2]["parts"]
    assert first["functionResponse"]["response"] == {
        "output": "What this tool call returned is shown after the results."
    }
    assert second["functionResponse"]["id"] == "c2"
    assert shown == {"inlineData": {"mimeType": "image/png", "data": "iVBORw0"}}
    assert text == {"text": "Now?"}
    assert losses == ["tool_result_media"]


def test_an_endpoint_without_ids_gets_names_alone() -> None:
    target = Target(model="gemini-2.5-pro", provider="p", quirks=frozenset({"no_call_ids"}))
    turns = contents(said("user", "Go"), said("assistant", call("c1")), said("user", result("c1", "x")), target=target)
    assert turns[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]
    assert turns[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]


def test_arguments_keep_every_byte() -> None:
    text = '{"b": 1.0, "a":1e3, "big":123456789012345678901234567890, "s":"\\u00e9/\\/"}'
    assert text.encode() in draft(said("user", "Go"), said("assistant", call("c1", text))).body


@pytest.mark.parametrize(
    ("text", "args"), [("", {}), ("  ", {}), ("[1]", {"_raw": "[1]"}), ('{"a', {"_raw": '{"a'}), ("3", {"_raw": "3"})]
)
def test_arguments_that_are_no_object_are_kept_as_text(text: str, args: Any) -> None:
    body, losses = encode(said("user", "Go"), said("assistant", call("c1", text)))
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == args
    assert losses == (["tool_arguments"] if "_raw" in args else [])


def test_a_custom_tool_is_a_function_of_one_text() -> None:
    body, losses = encode(
        said("user", "Go"),
        said("assistant", ToolCall(id="c1", name="patch", arguments="*** Begin", custom=True)),
        tools=(Tool(name="patch", custom=True, grammar={"syntax": "lark", "definition": "start: x"}),),
    )
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** Begin"}
    (function,) = body["tools"][0]["functionDeclarations"]
    assert function["parametersJsonSchema"]["required"] == ["input"]
    assert "start: x" in function["description"]
    assert losses == ["tool_grammar"]


class TestSeals:
    """Where a seal goes back to."""

    def test_each_stands_on_the_call_it_names(self) -> None:
        turns = contents(
            said("user", "Go"), said("assistant", sealed("S2", "c2"), sealed("S1", "c1"), "x", call("c1"), call("c2"))
        )
        assert turns[1]["parts"] == [
            {"text": "x"},
            {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "S1"},
            {"functionCall": {"id": "c2", "name": "f", "args": {}}, "thoughtSignature": "S2"},
        ]

    def test_one_that_comes_after_its_call_finds_it_too(self) -> None:
        turns = contents(said("user", "Go"), said("assistant", call("c1"), sealed("S1", "c1")))
        assert turns[1]["parts"] == [
            {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "S1"},
        ]

    def test_one_without_a_name_stands_on_the_part_after_it(self) -> None:
        turns = contents(said("user", "Go"), said("assistant", sealed("A"), "x", sealed("B"), call("c1")))
        assert [part.get("thoughtSignature") for part in turns[1]["parts"]] == ["A", "B"]

    def test_the_last_stands_on_an_empty_text(self) -> None:
        turns = contents(said("user", "Go"), said("assistant", "x", sealed("A"), sealed("B")))
        assert turns[1]["parts"] == [
            {"text": "x"},
            {"text": "", "thoughtSignature": "A"},
            {"text": "", "thoughtSignature": "B"},
        ]

    def test_one_does_not_take_the_place_of_a_call_s_own(self) -> None:
        turns = contents(said("user", "Go"), said("assistant", sealed("A"), sealed("B", "c1"), call("c1")))
        assert [part.get("thoughtSignature") for part in turns[1]["parts"]] == ["A", "B"]

    def test_a_thought_comes_back_only_when_it_is_sealed(self) -> None:
        thoughts = (Reasoning(text="hm"), Reasoning(text="aha", signature="S", format=OWN))
        body, losses = encode(said("user", "Go"), said("assistant", *thoughts, "x"))
        assert body["contents"][1]["parts"] == [
            {"text": "aha", "thought": True, "thoughtSignature": "S"},
            {"text": "x"},
        ]
        assert losses == ["reasoning_echo"]

    def test_another_maker_s_are_left_out(self) -> None:
        foreign = Reasoning(text="hm", signature="S", format="anthropic-claude-v1")
        body, losses = encode(said("user", "Go"), said("assistant", foreign, Reasoning(data="D"), "x"))
        assert body["contents"][1]["parts"] == [{"text": "x"}]
        assert losses == ["reasoning_seal"]

    def test_gemini_3_gets_a_stand_in_on_the_first_call_of_each_step_of_this_turn(self) -> None:
        turns = contents(
            said("user", "Before"),
            said("assistant", call("c0")),
            said("user", result("c0", "x")),
            said("assistant", "Done."),
            said("user", "Go"),
            said("assistant", "x", call("c1"), call("c2")),
            said("user", result("c1", "x"), result("c2", "x"), "Careful."),
            said("assistant", sealed("S3", "c3"), call("c3"), call("c4")),
            said("user", result("c3", "x"), result("c4", "x")),
            target=GEMINI_3,
        )
        seals = [part.get("thoughtSignature") for turn in turns for part in turn["parts"] if "functionCall" in part]
        assert seals == [None, STAND_IN, None, "S3", None]

    def test_a_model_before_gets_none(self) -> None:
        assert contents(said("user", "Go"), said("assistant", call("c1")))[1]["parts"][0].keys() == {"functionCall"}


@pytest.mark.parametrize(
    ("part", "block", "losses"),
    [
        (
            Image(url="data:image/webp;base64,UklGAA"),
            {"inlineData": {"mimeType": "image/webp", "data": "UklGAA"}},
            [],
        ),
        (
            Image(data="/9j/4A", detail="high"),
            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4A"}},
            ["image_detail"],
        ),
        (
            Image(url="https://x.test/a.png?s=1"),
            {"fileData": {"fileUri": "https://x.test/a.png?s=1", "mimeType": "image/png"}},
            [],
        ),
        (Image(url="https://x.test/a"), {"fileData": {"fileUri": "https://x.test/a", "mimeType": "image/jpeg"}}, []),
        (File(url="https://youtu.be/x"), {"fileData": {"fileUri": "https://youtu.be/x"}}, []),
        (
            File(data="data:application/pdf;base64,JVBERi0"),
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0"}},
            [],
        ),
        (
            File(data="JVBERi0", filename="a.pdf"),
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0"}},
            ["file_extras"],
        ),
        (File(text="hi"), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}, []),
        (File(file_id="file-1"), None, ["file_id"]),
        (Audio(data="AAAA", format="mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}, []),
        (Refusal(text="No."), {"text": "No."}, ["refusal"]),
        (Opaque(dialect="gemini_generate", kind="unknown_block", raw={"x": 1}), {"x": 1}, []),
        (Opaque(dialect="anthropic_messages", kind="compaction", raw={"x": 1}), None, ["compaction"]),
        (Text(text="x", cache=CacheMark()), {"text": "x"}, ["cache_control"]),
    ],
)
def test_every_kind_of_part_is_said_or_lost(part: Part, block: dict[str, Any] | None, losses: list[str]) -> None:
    body, found = encode(said("user", "Look", part))
    assert body["contents"][0]["parts"] == [{"text": "Look"}, *([block] if block else [])]
    assert found == losses


def test_who_speaks_is_said_in_the_text() -> None:
    body, losses = encode(said("user", "Hi", name="ana"))
    assert body["contents"][0]["parts"] == [{"text": "ana: Hi"}]
    assert losses == ["message_name"]


class TestTools:
    """What is offered, and what may be called."""

    def test_functions_are_declared_together_with_json_schemas(self) -> None:
        tools = (
            Tool(name="f", description="F", parameters={"properties": {"a": {"const": "x"}}}, strict=True),
            Tool(name="g"),
            Tool(name="later", deferred=True),
            ServerTool(dialect="gemini_generate", type="googleSearch", raw={"googleSearch": {}}),
            ServerTool(dialect="openai_responses", type="web_search", raw={}),
        )
        body, losses = encode(tools=tools)
        schema = {"type": "object", "properties": {"a": {"enum": ["x"]}}}
        assert body["tools"] == [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "F", "parametersJsonSchema": schema},
                    {"name": "g"},
                ]
            },
            {"googleSearch": {}},
        ]
        assert losses == ["strict", "deferred_tool", "server_tools"]

    @pytest.mark.parametrize(
        ("choice", "calling"),
        [
            (ToolChoice(mode="auto"), {"mode": "AUTO"}),
            (ToolChoice(mode="none"), {"mode": "NONE"}),
            (ToolChoice(mode="required"), {"mode": "ANY"}),
            (ToolChoice(mode="tool", name="f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ],
    )
    def test_choices_are_modes(self, choice: ToolChoice, calling: dict[str, Any]) -> None:
        body, losses = encode(tools=(TOOL,), tool_choice=choice)
        assert body["toolConfig"] == {"functionCallingConfig": calling}
        assert losses == []

    def test_a_choice_needs_something_to_choose(self) -> None:
        assert "toolConfig" not in encode(tool_choice=ToolChoice(mode="required"))[0]
        body, losses = encode(tools=(TOOL,), tool_choice=ToolChoice(mode="tool", name="x"))
        assert ("toolConfig" in body, losses) == (False, ["tool_choice"])

    def test_one_call_at_a_time_cannot_be_asked_for(self) -> None:
        assert encode(tools=(TOOL,), parallel_tool_calls=False)[1] == ["parallel_tool_calls"]
        assert encode(tools=(TOOL,), parallel_tool_calls=True)[1] == []


def test_knobs_have_gemini_s_names() -> None:
    sampling = Sampling(
        temperature=0.0,
        top_p=0.9,
        top_k=40,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        seed=2**40 + 7,
        logprobs=True,
        top_logprobs=3,
    )
    found, losses = config(sampling=sampling, max_tokens=100_000, stop=("a", "b"), n=2)
    assert found == {
        "temperature": 0.0,
        "topP": 0.9,
        "topK": 40,
        "frequencyPenalty": 0.5,
        "presencePenalty": -0.5,
        "seed": 7,
        "responseLogprobs": True,
        "logprobs": 3,
        "maxOutputTokens": 65_536,
        "stopSequences": ["a", "b"],
        "candidateCount": 2,
    }
    assert losses == ["max_tokens"]


def test_knobs_that_the_endpoint_refuses_are_losses() -> None:
    target = Target(
        model="gemini-2.5-pro",
        provider="p",
        supported_parameters=frozenset({"temperature"}),
        quirks=frozenset({"single_choice", "max_completion_tokens"}),
    )
    found, losses = config(target, sampling=Sampling(temperature=1, seed=3), n=2, max_tokens=5)
    assert found == {"temperature": 1, "maxOutputTokens": 5}
    assert losses == ["unsupported_field", "unsupported_field"]


def test_what_gemini_has_no_word_for_is_a_loss() -> None:
    sampling = Sampling(min_p=0.1, top_a=0.1, repetition_penalty=1.1, logit_bias={"1": 2.0})
    _, losses = encode(
        sampling=sampling,
        verbosity="low",
        cache_key="k",
        metadata={"a": "b"},
        user="u",
        service_tier="flex",
        stop=tuple("abcdef"),
        prefill=True,
        extras={"store": True, "truncation": "auto"},
    )
    assert set(losses) == {
        "cache_key", "logit_bias", "metadata", "min_p", "prefill", "repetition_penalty", "service_tier", "stop",
        "storage", "top_a", "unknown_fields", "unsupported_field", "verbosity",
    }  # fmt: skip
    assert encode(sampling=Sampling(min_p=0, repetition_penalty=1), service_tier="auto")[1] == []


class TestOutput:
    """The form of an answer."""

    def test_a_schema_is_json_schema(self) -> None:
        output = OutputFormat(type="json_schema", schema={"$schema": "x", "type": "object"})
        assert config(output=output) == (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
            [],
        )

    def test_any_json_is_a_type_alone(self) -> None:
        assert config(output=OutputFormat(type="json_object"))[0] == {"responseMimeType": "application/json"}

    def test_before_gemini_3_tools_leave_only_words_for_it(self) -> None:
        output = OutputFormat(type="json_schema", schema={"type": "object"})
        body, losses = encode(output=output, tools=(TOOL,))
        assert "generationConfig" not in body
        assert '{"type":"object"}' in body["systemInstruction"]["parts"][0]["text"]
        assert losses == ["json_schema"]
        body, losses = encode(output=output, tools=(TOOL,), target=GEMINI_3)
        assert (body["generationConfig"]["responseMimeType"], losses) == ("application/json", [])


def thinking(target: Target, ask: ReasoningAsk, **fields: Any) -> tuple[dict[str, Any] | None, list[str]]:
    found, losses = config(target, reasoning=ask, **fields)
    return found.get("thinkingConfig"), losses


def model(name: str, *quirks: str) -> Target:
    return Target(model=name, provider="p", max_output=65_536, quirks=frozenset(quirks))


@pytest.mark.parametrize(
    ("name", "ask", "config", "losses"),
    [
        ("gemini-3.1-pro", ReasoningAsk(effort="high"), {"includeThoughts": True, "thinkingLevel": "high"}, []),
        (
            "gemini-3.1-pro",
            ReasoningAsk(effort="minimal", exclude=True),
            {"thinkingLevel": "low"},
            ["reasoning_effort"],
        ),
        ("gemini-3-flash", ReasoningAsk(effort="minimal", exclude=True), {"thinkingLevel": "minimal"}, []),
        ("gemini-3-flash", ReasoningAsk(enabled=False), {"thinkingLevel": "minimal"}, ["reasoning_effort"]),
        ("gemini-3-pro", ReasoningAsk(effort="max", exclude=True), {"thinkingLevel": "high"}, ["reasoning_effort"]),
        ("gemini-3-pro", ReasoningAsk(max_tokens=9, exclude=True), {"thinkingBudget": 9}, []),
        ("gemini-3-pro", ReasoningAsk(enabled=True), {"includeThoughts": True}, []),
        ("gemini-2.5-flash", ReasoningAsk(effort="none"), {"thinkingBudget": 0}, []),
        ("gemini-2.5-pro", ReasoningAsk(enabled=False), {"thinkingBudget": 128}, ["reasoning_budget"]),
        ("gemini-2.5-pro", ReasoningAsk(enabled=True), {"includeThoughts": True, "thinkingBudget": -1}, []),
        ("gemini-2.5-pro", ReasoningAsk(effort="high", exclude=True), {"thinkingBudget": 32_768}, []),
        ("gemini-2.5-flash", ReasoningAsk(effort="low", exclude=True), {"thinkingBudget": 13_107}, []),
        (
            "gemini-2.5-flash-lite",
            ReasoningAsk(max_tokens=99, exclude=True),
            {"thinkingBudget": 512},
            ["reasoning_budget"],
        ),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    name: str, ask: ReasoningAsk, config: dict[str, Any], losses: list[str]
) -> None:
    assert thinking(model(name), ask) == (config, losses)


def test_thoughts_are_shown_to_who_wants_to_see_them() -> None:
    ask = ReasoningAsk(max_tokens=2000)
    assert thinking(GEMINI_2, ask)[0] == {"includeThoughts": True, "thinkingBudget": 2000}
    assert thinking(GEMINI_2, ReasoningAsk(max_tokens=2000, display="omitted"))[0] == {"thinkingBudget": 2000}
    assert thinking(GEMINI_2, ask, dialect="gemini_generate")[0] == {"thinkingBudget": 2000}


def test_a_quirk_tells_of_levels_where_the_name_does_not() -> None:
    found, _ = thinking(model("my-tuned-model", "thinking_level"), ReasoningAsk(effort="low"))
    assert found == {"includeThoughts": True, "thinkingLevel": "low"}


def test_a_budget_leaves_room_for_the_answer() -> None:
    ask = ReasoningAsk(max_tokens=5000, exclude=True)
    found, losses = thinking(model("gemini-2.5-pro"), ask, max_tokens=2000)
    assert (found, losses) == ({"thinkingBudget": 1999}, ["reasoning_budget"])


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    target = Target(model="gemini-2.0-flash", provider="p", supported_parameters=frozenset())
    assert thinking(target, ReasoningAsk(effort="high")) == (None, ["reasoning"])
    assert thinking(target, ReasoningAsk(enabled=False)) == (None, [])


def test_what_only_this_dialect_knows_goes_on_unchanged() -> None:
    extras = {
        "safetySettings": [{"category": "C", "threshold": "OFF"}],
        "generationConfig": {"responseModalities": ["IMAGE"], "temperature": 9},
        "toolConfig": {"retrievalConfig": {}},
    }
    body, losses = encode(
        dialect="gemini_generate", extras=extras, sampling=Sampling(temperature=1), service_tier="flex"
    )
    assert body["safetySettings"] == extras["safetySettings"]
    assert body["generationConfig"] == {"temperature": 1, "responseModalities": ["IMAGE"]}
    assert (body["toolConfig"], body["serviceTier"]) == ({"retrievalConfig": {}}, "flex")
    assert losses == []
