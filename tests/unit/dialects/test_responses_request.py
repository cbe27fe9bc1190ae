"""A Responses request in canonical words: items as turns, namespaces flattened, seals unpacked."""

import json
from pathlib import Path
from typing import Any

import pytest

from wideband.canon.faults import Faulted
from wideband.canon.request import (
    Audio,
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
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects import seals
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.request import decode_request
from wideband.wire import jsons

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_responses"
SEAL = "openai-responses-v1"
LONG_NAMESPACE, LONG_NAME = "n" * 40, "f" * 40


def decoded(*items: dict[str, Any], **fields: Any) -> Request:
    return decode_request(json.dumps({"model": "m", "input": list(items) or "Hi", **fields}).encode())


def parts(*items: dict[str, Any]) -> tuple[Part, ...]:
    (message,) = decoded(*items).messages
    return message.parts


def said(*content: dict[str, Any]) -> tuple[Part, ...]:
    return parts({"role": "user", "content": list(content)})


def sparse(value: Any) -> Any:
    """Leave out what says nothing, so that a new field of the vocabulary changes no golden file."""
    if isinstance(value, dict):
        told = {name: sparse(inner) for name, inner in value.items()}
        return {name: inner for name, inner in told.items() if inner not in (None, False, [], {})}
    return [sparse(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", ["codex_turn", "ai_sdk_turn"])
def test_real_clients_requests(case: str) -> None:
    found = jsons.decode(jsons.encode(decode_request((GOLDEN / case / "request.json").read_bytes())))
    assert sparse(found) == jsons.decode((GOLDEN / case / "canon.json").read_bytes())


def test_a_string_is_a_users_message_and_instructions_stand_before_it() -> None:
    assert decoded(instructions="Be brief.").messages == (
        Message(role="system", parts=(Text(text="Be brief."),)),
        Message(role="user", parts=(Text(text="Hi"),)),
    )


def test_developers_and_systems_words_keep_their_place() -> None:
    found = decoded(
        {"role": "user", "content": "a"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "b"}]},
        {"role": "system", "content": "c"},
    )
    assert [(m.role, m.developer) for m in found.messages] == [("user", False), ("system", True), ("system", False)]


def test_what_a_model_said_in_a_row_is_one_turn_and_so_are_results_in_a_row() -> None:
    found = decoded(
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x": 1.0}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "free\ntext"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"},
        {"role": "user", "content": "on"},
    )
    assert [m.role for m in found.messages] == ["user", "assistant", "user", "user"]
    assert found.messages[1].parts == (
        Reasoning(data="E", summary=True, format=SEAL, id="rs_1"),
        Text(text="ok"),
        ToolCall(id="c1", name="f", arguments='{"x": 1.0}'),
        ToolCall(id="c2", name="p", arguments="free\ntext", custom=True),
    )
    assert found.messages[2].parts == (
        ToolResult(call_id="c1", parts=(Text(text="1"),)),
        ToolResult(call_id="c2", parts=(Text(text="2"),)),
    )


def test_content_of_every_kind() -> None:
    assert said(
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "high"},
        {"type": "input_image", "image_url": "data:image/webp;base64,AAAA"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,BBBB", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_audio", "input_audio": {"data": "CCCC", "format": "wav"}},
        {"type": "refusal", "refusal": "no"},
    ) == (
        Text(text="t"),
        Image(url="https://example.com/a.png", detail="high"),
        Image(media_type="image/webp", data="AAAA"),
        File(filename="a.pdf", media_type="application/pdf", data="BBBB"),
        File(url="https://example.com/a.pdf"),
        File(file_id="file_1"),
        Audio(data="CCCC", format="wav"),
        Refusal(text="no"),
    )


def test_content_without_a_canonical_word_is_kept_and_has_a_loss() -> None:
    stored = {"type": "input_image", "file_id": "file_1"}
    strange = {"type": "input_hologram", "data": "x"}
    assert said(stored, strange) == tuple(
        Opaque(dialect=words.NAME, kind="content_part", raw=raw) for raw in (stored, strange)
    )
    assert "content_part" in LOSSES


def test_outputs_are_text_parts_or_json_of_the_clients_own() -> None:
    def result(output: Any) -> tuple[Part, ...]:
        (part,) = parts({"type": "function_call_output", "call_id": "c", "output": output})
        assert isinstance(part, ToolResult)
        return part.parts

    assert result("") == (Text(text=""),)
    assert result([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://e.com/a"}]) == (
        Text(text="a"),
        Image(url="https://e.com/a"),
    )
    assert result({"temperature": 3}) == (Text(text='{"temperature":3}'),)
    assert result([1, 2]) == (Text(text="[1,2]"),)
    assert result(None) == ()


def test_a_tagged_seal_stays_tagged() -> None:
    (found,) = parts({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "wideband@azure:E"})
    assert found == Reasoning(data="wideband@azure:E", summary=True, format=SEAL, id="rs_1")


def test_another_makers_thinking_is_what_it_was() -> None:
    thought = Reasoning(text="hm", signature="S", format="anthropic-claude-v1")
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    assert parts(item | {"encrypted_content": seals.pack(thought)}) == (thought,)
    bare = Reasoning(data="G", format="google-gemini-v1", id="call_1")
    assert parts({"type": "reasoning", "summary": [], "encrypted_content": seals.pack(bare)}) == (bare,)


def test_thinking_without_a_seal_is_no_summary() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    assert parts({"type": "reasoning", "id": "rs_1", "summary": summary}) == (Reasoning(text="a\n\nb"),)
    content = [{"type": "reasoning_text", "text": "raw"}]
    assert parts({"type": "reasoning", "summary": [], "content": content, "encrypted_content": "E"}) == (
        Reasoning(text="raw", data="E", format=SEAL),
    )


def test_summary_and_thinking_are_both_kept() -> None:
    found = parts(
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "short"}],
            "content": [{"type": "reasoning_text", "text": "long"}],
            "encrypted_content": "E",
        }
    )
    assert found == (
        Reasoning(text="short", summary=True, format=SEAL),
        Reasoning(text="long", data="E", format=SEAL),
    )


def test_items_only_this_protocol_knows_stay_with_who_told_them() -> None:
    call, output = {"type": "shell_call", "call_id": "s"}, {"type": "shell_call_output", "call_id": "s", "output": []}
    found = decoded(call, output)
    assert [(m.role, m.parts) for m in found.messages] == [
        ("assistant", (Opaque(dialect=words.NAME, kind="response_item", raw=call),)),
        ("user", (Opaque(dialect=words.NAME, kind="response_item", raw=output),)),
    ]
    assert "response_item" in LOSSES


def test_namespaces_are_flattened_alike_in_tools_calls_and_choices() -> None:
    inner = {"type": "function", "name": "spawn", "description": "Spawn.", "parameters": {"type": "object"}}
    space = {"type": "namespace", "name": "agents", "description": "Agents.", "tools": [inner, inner | {"name": "end"}]}
    found = decoded(
        {"type": "function_call", "call_id": "c", "namespace": "agents", "name": "spawn", "arguments": "{}"},
        tools=[space],
        tool_choice={"type": "function", "name": "end", "namespace": "agents"},
    )
    assert [(t.name, t.description) for t in found.tools if isinstance(t, Tool)] == [
        ("agents__spawn", "Agents.\n\nSpawn."),
        ("agents__end", "Spawn."),
    ]
    assert found.messages[0].parts == (ToolCall(id="c", name="agents__spawn", arguments="{}"),)
    assert found.tool_choice == ToolChoice(mode="tool", name="agents__end")


def test_tools_that_an_item_adds_are_offered_beside_the_others() -> None:
    run = {"type": "custom", "name": "exec", "description": "Run."}
    unreadable = [{"name": "no type"}, {"type": "function"}, {"type": "namespace", "tools": []}]
    more = {"type": "additional_tools", "role": "developer", "id": "at_1", "tools": unreadable}
    more["tools"] = [{"type": "namespace", "name": "functions", "tools": [run]}, *unreadable]
    found = decoded(more, {"role": "user", "content": "Hi"}, tools=[{"type": "function", "name": "f"}])
    assert [(tool.name, tool.custom) for tool in found.tools if isinstance(tool, Tool)] == [
        ("f", False),
        ("functions__exec", True),
    ]
    assert [message.role for message in found.messages] == ["user"]


def test_a_flat_name_is_never_too_long_and_never_another_tools() -> None:
    one, two = (words.flat_name(LONG_NAMESPACE, LONG_NAME + tail) for tail in ("1", "2"))
    assert len(one) == len(two) == 64
    assert one != two
    assert words.flat_name(None, "f") == "f"


def test_tools_of_every_kind() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}
    found = decoded(
        tools=[
            {"type": "function", "name": "f", "parameters": {"a": 1}, "strict": True, "defer_loading": True},
            {"type": "function", "name": "g", "description": "G", "parameters": None, "strict": None, "x": 1},
            {"type": "custom", "name": "c", "format": grammar},
            {"type": "custom", "name": "d", "format": {"type": "text"}},
            {"type": "web_search", "filters": {}},
        ]
    )
    assert found.tools == (
        Tool(name="f", parameters={"a": 1}, strict=True, deferred=True),
        Tool(name="g", description="G", extras={"x": 1}),
        Tool(name="c", custom=True, grammar=grammar),
        Tool(name="d", custom=True),
        ServerTool(dialect=words.NAME, type="web_search", raw={"type": "web_search", "filters": {}}),
    )


@pytest.mark.parametrize(
    ("told", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("required", ToolChoice(mode="required")),
        ("none", ToolChoice(mode="none")),
        ({"type": "function", "name": "f"}, ToolChoice(mode="tool", name="f")),
        ({"type": "custom", "name": "c"}, ToolChoice(mode="tool", name="c")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "mcp"}],
            },
            ToolChoice(mode="required", allowed=("f",)),
        ),
    ],
)
def test_choices_of_tools(told: Any, choice: ToolChoice) -> None:
    found = decoded(tool_choice=told)
    assert found.tool_choice == choice
    assert "tool_choice" not in found.extras


def test_the_choice_of_a_tool_the_provider_runs_is_kept_as_it_came() -> None:
    found = decoded(tool_choice={"type": "image_generation"})
    assert (found.tool_choice, found.extras) == (None, {"tool_choice": {"type": "image_generation"}})


def test_what_is_asked_of_the_answer() -> None:
    found = decoded(
        stream=True,
        max_output_tokens=9,
        temperature=0.1,
        top_p=0.2,
        top_logprobs=2,
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}, "verbosity": "low"},
        service_tier="flex",
        safety_identifier="u",
        metadata={"k": "v"},
        prompt_cache_key="key",
        stop="END",
    )
    assert (found.stream, found.max_tokens, found.parallel_tool_calls, found.stop) == (True, 9, False, ("END",))
    assert (found.sampling.temperature, found.sampling.top_p) == (0.1, 0.2)
    assert (found.sampling.top_logprobs, found.sampling.logprobs) == (2, True)
    assert found.reasoning == ReasoningAsk(effort="low", summary="auto")
    assert found.output == OutputFormat(type="json_schema", name="n", schema={"a": 1}, strict=True)
    assert (found.verbosity, found.service_tier, found.user, found.cache_key) == ("low", "flex", "u", "key")
    assert (found.metadata, found.extras) == ({"k": "v"}, {})


def test_fields_without_a_word_are_extras_unless_they_ask_for_nothing() -> None:
    assert decoded(store=False, truncation="disabled", background=False, include=[words.ENCRYPTED]).extras == {}
    told = {"store": True, "truncation": "auto", "max_tool_calls": 3, "include": ["file_search_call.results"]}
    assert decoded(**told, provider={"sort": "price"}, session_id="s").extras == told


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}]}, "tools[0].tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools[0].parameters"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
    ],
)
def test_wrong_fields_are_told_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        decoded(**fields)
    assert caught.value.fault.param == param
