"""Canonical requests of any dialect, as a Responses provider is asked."""

from typing import Any

import pytest

from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Loss,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Refusal,
    Request,
    Sampling,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects.base import Target
from wideband.dialects.openai_responses.draft import encode_request
from wideband.wire import jsons

FORMAT = "openai-responses-v1"
LONG = "call_" + "x" * 80
OWN = "openai_responses"


def aimed(*quirks: str, **facts: Any) -> Target:
    return Target(model="gpt-up", provider="openai", quirks=frozenset(quirks), **facts)


def user(*parts: Part | str) -> Message:
    return Message(role="user", parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    return Message(role="assistant", parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def sent(*messages: Message, target: Target | None = None, **facts: Any) -> tuple[dict[str, Any], list[Loss]]:
    facts = {"dialect": "openai_chat", "model": "m"} | facts
    draft = encode_request(Request(messages=messages or (user("Hi"),), **facts), target or aimed())
    assert draft.path == "/responses"
    return jsons.decode(draft.body), list(draft.losses)


def items(*messages: Message, **facts: Any) -> tuple[list[Any], list[Loss]]:
    body, losses = sent(*messages, **facts)
    return body["input"], losses


def asked(**facts: Any) -> tuple[dict[str, Any], list[Loss]]:
    body, losses = sent(**facts)
    return {k: v for k, v in body.items() if k not in {"model", "input", "store"}}, losses


def shown(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def test_a_question_is_sent_and_not_stored() -> None:
    assert sent(user("Hi"), stream=True) == (
        {
            "model": "gpt-up",
            "input": [{"type": "message", "role": "user", "content": [shown("Hi")]}],
            "stream": True,
            "store": False,
        },
        [],
    )


def test_a_system_message_at_the_head_is_the_instructions() -> None:
    head = Message(role="system", parts=(Text(text="Be"), Text(text="brief.")))
    body, losses = sent(head, user("Hi"))
    assert (body["instructions"], len(body["input"]), losses) == ("Be\n\nbrief.", 1, [])


def test_other_system_messages_keep_their_place_and_their_role() -> None:
    said = (Text(text="s"),)
    found, losses = items(
        Message(role="system", parts=said, developer=True), user("Hi"), Message(role="system", parts=said)
    )
    assert [item["role"] for item in found] == ["developer", "user", "system"]
    assert losses == []
    old = items(Message(role="system", parts=said, developer=True), target=aimed("no_developer_role"))[0]
    assert old[0]["role"] == "system"


def test_what_a_user_shows_is_typed_by_kind() -> None:
    content = items(
        user(
            Image(url="https://x/a.png", detail="low"),
            Image(data="aWk=", media_type="image/jpeg"),
            File(url="https://x/a.pdf", filename="a.pdf"),
            File(data="cGRm", media_type="application/pdf", filename="b.pdf"),
            File(file_id="file-1"),
            File(text="plain"),
            Audio(data="d2F2", format="wav"),
        )
    )[0][0]["content"]
    assert content == [
        {"type": "input_image", "image_url": "https://x/a.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,aWk=", "detail": "auto"},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_file", "filename": "b.pdf", "file_data": "data:application/pdf;base64,cGRm"},
        {"type": "input_file", "file_id": "file-1"},
        shown("plain"),
        {"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}},
    ]


def test_a_question_without_words_stays_and_an_answer_without_words_does_not() -> None:
    found, losses = items(user(), assistant(), user("Hi"))
    assert [item["content"] for item in found] == [[shown("")], [shown("Hi")]]
    assert losses == []


def test_a_models_turn_is_told_in_the_order_it_was_said() -> None:
    found, losses = items(
        user("q"),
        assistant(
            Reasoning(text="S", data="E", summary=True, format=FORMAT, id="rs_1"),
            "One",
            " moment.",
            ToolCall(id="c1", name="f", arguments='{"a": 1}'),
            Refusal(text="No."),
        ),
    )
    assert losses == []
    assert found[1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "S"}],
            "encrypted_content": "E",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "One", "annotations": []},
                {"type": "output_text", "text": " moment.", "annotations": []},
            ],
            "id": "msg_2",
            "status": "completed",
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "No."}],
            "id": "msg_4",
            "status": "completed",
        },
    ]


def test_summaries_told_apart_from_their_seal_are_one_thought_again() -> None:
    apart = [
        Reasoning(text="A", summary=True, format=FORMAT),
        Reasoning(text="B", summary=True, format=FORMAT),
        Reasoning(data="E", format=FORMAT, id="rs_1"),
    ]
    assert items(assistant(*apart)) == (
        [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "A\n\nB"}],
                "encrypted_content": "E",
            }
        ],
        [],
    )


@pytest.mark.parametrize(
    ("thought", "loss"),
    [
        (Reasoning(text="t", signature="s", format="anthropic-claude-v1"), "reasoning_seal"),
        (Reasoning(data="d", format="google-gemini-v1", id="c1"), "reasoning_seal"),
        (Reasoning(data="d"), "reasoning_seal"),
        (Reasoning(text="t"), "reasoning_echo"),
    ],
)
def test_thinking_that_cannot_be_read_back_is_left_out_and_said(thought: Reasoning, loss: str) -> None:
    found, losses = items(user("q"), assistant(thought, "a"))
    assert [item["type"] for item in found] == ["message", "message"]
    assert [entry.feature for entry in losses] == [loss]


def test_plain_thinking_goes_back_to_who_reads_it() -> None:
    found, losses = items(assistant(Reasoning(text="t")), target=aimed("reasoning_text"))
    assert found == [
        {"type": "reasoning", "id": "rs_0", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]}
    ]
    assert losses == []


def test_calls_and_their_outputs_share_an_id_that_fits() -> None:
    found, losses = items(
        assistant(
            ToolCall(id=LONG, name="f", arguments=""), ToolCall(id="p", name="patch", arguments="x\n", custom=True)
        ),
        user(
            ToolResult(call_id=LONG, parts=(Text(text="a"), Text(text="b"))),
            ToolResult(call_id="p", parts=(Text(text="done"),)),
            "Go on.",
        ),
    )
    assert [item["type"] for item in found] == [
        "function_call", "custom_tool_call", "function_call_output", "custom_tool_call_output", "message",
    ]  # fmt: skip
    assert found[0]["call_id"] == found[2]["call_id"] != LONG
    assert len(found[0]["call_id"]) <= 64
    assert (found[0]["arguments"], found[1]["input"]) == ("{}", "x\n")
    assert (found[2]["output"], found[3]["output"]) == ("a\nb", "done")
    assert losses == []


def test_a_result_with_an_image_is_a_list_and_an_error_says_so() -> None:
    found, losses = items(
        user(
            ToolResult(call_id="c", parts=(Text(text="see"), Image(url="https://x/a.png"))),
            ToolResult(call_id="d", parts=(Text(text="no"),), is_error=True),
            ToolResult(call_id="e", is_error=True),
            ToolResult(call_id="f"),
        )
    )
    assert [item["output"] for item in found] == [
        [shown("see"), {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"}],
        "Error: no",
        "Error.",
        "",
    ]
    assert losses == [Loss("tool_error"), Loss("tool_error")]


def test_a_pointer_to_a_deferred_tool_is_said_in_words() -> None:
    pointer = Opaque(dialect="anthropic_messages", kind="tool_reference", raw={"tool_name": "grep"})
    found, losses = items(user(ToolResult(call_id="c", parts=(pointer,))))
    assert found[0]["output"] == "The tool grep can be called now."
    assert losses == [Loss("tool_reference", "anthropic_messages: tool_reference")]


def test_what_only_this_protocol_knows_comes_back_as_it_was() -> None:
    item = {"type": "web_search_call", "id": "ws_1"}
    part = {"type": "input_video", "url": "u"}
    cited = [{"type": "url_citation", "url": "u"}]
    found, losses = items(
        user(Opaque(dialect=OWN, kind="content_part", raw=part)),
        assistant(Opaque(dialect=OWN, kind="response_item", raw=item), Text(text="a", citations=cited)),
        dialect=OWN,
    )
    assert (found[0]["content"], found[1], losses) == ([part], item, [])
    assert found[2]["content"] == [{"type": "output_text", "text": "a", "annotations": cited}]


def test_what_only_other_protocols_know_is_lost_and_said() -> None:
    losses = items(
        assistant(
            Opaque(dialect="anthropic_messages", kind="server_tool_blocks", raw={}),
            Text(text="a", citations=[{"type": "char_location"}]),
            Image(url="u"),
        ),
        Message(role="user", parts=(Text(text="b"),), name="Ada", extras={"weight": 1}),
    )[1]
    assert [loss.feature for loss in losses] == [
        "server_tool_blocks", "citations", "assistant_media", "message_name_dropped", "message_extras",
    ]  # fmt: skip


def test_cache_breakpoints_go_to_who_knows_them() -> None:
    marked = user(Text(text="a", cache=CacheMark(ttl="1h")), Text(text="b", cache=CacheMark()))
    found, losses = items(marked)
    assert found[0]["content"] == [shown("a"), shown("b")]
    assert losses == [Loss("cache_control")]
    kept = items(marked, target=aimed("openrouter"))[0][0]["content"]
    assert kept[0] == shown("a") | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def test_functions_are_flat_and_only_strict_when_they_say_so() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = (Tool(name="f", description="d", parameters=schema), Tool(name="g", strict=True))
    assert asked(tools=tools, tool_choice=ToolChoice(mode="tool", name="g"), parallel_tool_calls=False) == (
        {
            "tools": [
                {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": False},
                {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
            ],
            "tool_choice": {"type": "function", "name": "g"},
            "parallel_tool_calls": False,
        },
        [],
    )


@pytest.mark.parametrize(
    "grammar",
    [
        {"type": "grammar", "syntax": "lark", "definition": "start: X"},
        {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
    ],
)
def test_a_tool_of_free_text_keeps_its_grammar(grammar: dict[str, Any]) -> None:
    found, losses = asked(
        tools=(Tool(name="p", custom=True, grammar=grammar),), tool_choice=ToolChoice(mode="tool", name="p")
    )
    assert found["tools"] == [
        {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}
    ]
    assert (found["tool_choice"], losses) == ({"type": "custom", "name": "p"}, [])


def test_tools_that_cannot_be_offered_are_lost_and_said() -> None:
    tools = (
        ServerTool(dialect="anthropic_messages", type="web_search_20250305", raw={}),
        Tool(name="later", deferred=True),
        Tool(name="f", extras={"x": 1}),
    )
    found, losses = asked(tools=tools, tool_choice=ToolChoice(mode="tool", name="later"))
    assert [tool["name"] for tool in found["tools"]] == ["f"]
    assert "tool_choice" not in found
    assert [loss.feature for loss in losses] == ["server_tools", "deferred_tool", "tool_extras", "tool_choice"]
    own = asked(tools=(ServerTool(dialect=OWN, type="web_search", raw={"type": "web_search"}),), dialect=OWN)
    assert own == ({"tools": [{"type": "web_search"}]}, [])


def test_without_tools_nothing_is_said_of_them() -> None:
    assert asked(tool_choice=ToolChoice(mode="required"), parallel_tool_calls=True) == ({}, [])


def test_the_form_of_the_answer_and_its_length() -> None:
    output = OutputFormat(type="json_schema", schema={"type": "object"}, description="d")
    assert asked(output=output, verbosity="low", max_tokens=100)[0] == {
        "text": {
            "format": {
                "type": "json_schema", "name": "answer", "description": "d", "schema": {"type": "object"},
            },
            "verbosity": "low",
        },
        "max_output_tokens": 100,
    }  # fmt: skip
    assert asked(output=OutputFormat(type="json_object"))[0] == {"text": {"format": {"type": "json_object"}}}
    assert asked(output=OutputFormat(type="text")) == ({}, [])


@pytest.mark.parametrize(("wanted", "given"), [(1, 16), (16, 16), (9000, 4096), (4096, 4096)])
def test_limits_are_moved_into_what_is_taken(wanted: int, given: int) -> None:
    found, losses = asked(max_tokens=wanted, target=aimed(max_output=4096))
    assert found["max_output_tokens"] == given
    assert losses == ([] if wanted == given else [Loss("max_tokens", f"{wanted} to {given}")])


@pytest.mark.parametrize(
    ("ask", "told", "sealed"),
    [
        (None, None, False),
        (ReasoningAsk(effort="high"), {"effort": "high", "summary": "auto"}, True),
        (ReasoningAsk(effort="max", summary="detailed"), {"effort": "max", "summary": "detailed"}, True),
        (ReasoningAsk(enabled=True), {"effort": "medium", "summary": "auto"}, True),
        (ReasoningAsk(adaptive=True), {"summary": "auto"}, True),
        (ReasoningAsk(adaptive=True, display="omitted"), None, True),
        (ReasoningAsk(effort="low", exclude=True), {"effort": "low"}, True),
        (ReasoningAsk(max_tokens=1000), {"effort": "medium", "summary": "auto"}, True),
        (ReasoningAsk(effort="none"), {"effort": "none"}, False),
        (ReasoningAsk(enabled=False), None, False),
    ],
)
def test_thinking_its_summary_and_its_seal_are_asked_for(
    ask: ReasoningAsk | None, told: dict[str, Any] | None, sealed: bool
) -> None:
    found = asked(reasoning=ask)[0]
    assert (found.get("reasoning"), "include" in found) == (told, sealed)


def test_an_endpoint_that_is_known_to_think_is_always_asked_for_its_seal() -> None:
    thinks = aimed(supported_parameters=frozenset({"reasoning"}))
    assert asked(target=thinks)[0] == {"include": ["reasoning.encrypted_content"]}
    assert asked(target=thinks, reasoning=ReasoningAsk(enabled=False))[0] == {"reasoning": {"effort": "none"}}
    found, losses = asked(target=aimed(supported_parameters=frozenset()), reasoning=ReasoningAsk(effort="low"))
    assert (found, losses) == ({}, [Loss("unsupported_field", "reasoning")])


def test_openrouter_is_asked_in_its_own_words() -> None:
    ask = ReasoningAsk(max_tokens=2000, exclude=True)
    found = asked(reasoning=ask, sampling=Sampling(top_k=5), target=aimed("openrouter"))
    assert found == (
        {"reasoning": {"max_tokens": 2000, "exclude": True}, "top_k": 5, "include": ["reasoning.encrypted_content"]},
        [],
    )


def test_knobs_that_there_are_and_knobs_that_there_are_not() -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=5, min_p=0.1, top_a=0.1, frequency_penalty=1, presence_penalty=1,
        repetition_penalty=1.1, seed=7, logit_bias={"1": 1}, logprobs=True, top_logprobs=3,
    )  # fmt: skip
    found, losses = asked(sampling=sampling, stop=("END",), n=2, prefill=True)
    assert found == {
        "temperature": 0.5, "top_p": 0.9, "top_logprobs": 3, "include": ["message.output_text.logprobs"],
    }  # fmt: skip
    assert {loss.feature for loss in losses} == {
        "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed", "logit_bias",
        "stop", "n", "prefill",
    }  # fmt: skip


def test_knobs_that_ask_for_nothing_are_no_loss() -> None:
    neutral = Sampling(min_p=0, top_a=0, frequency_penalty=0, presence_penalty=0, repetition_penalty=1, logit_bias={})
    assert asked(sampling=neutral) == ({}, [])


def test_who_asks_and_what_goes_with_the_request() -> None:
    found, losses = asked(user="u", metadata={"a": "b"}, service_tier="flex", cache_key="k" * 64)
    assert found == {"user": "u", "metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k" * 64}
    assert losses == []
    shortened = asked(cache_key="k" * 65)[0]["prompt_cache_key"]
    assert len(shortened) == 64
    assert asked(service_tier="standard_only") == ({}, [Loss("service_tier", "standard_only")])


def test_other_fields_go_only_where_they_mean_the_same() -> None:
    extras = {"truncation": "auto", "include": ["file_search_call.results"], "safety_identifier": "s", "store": True}
    own, losses = asked(extras=extras, dialect=OWN, reasoning=ReasoningAsk(effort="low"))
    assert own["include"] == ["file_search_call.results", "reasoning.encrypted_content"]
    assert (own["truncation"], own["safety_identifier"], losses) == ("auto", "s", [Loss("storage")])
    chat, losses = asked(extras=extras)
    assert chat == {"safety_identifier": "s"}
    assert losses == [Loss("unknown_fields", "truncation"), Loss("unknown_fields", "include"), Loss("storage")]
    assert asked(extras={"safety_identifier": "s"}, dialect="anthropic_messages") == (
        {},
        [Loss("unknown_fields", "safety_identifier")],
    )


def test_a_format_there_is_no_word_for_comes_back_as_it_was() -> None:
    form = {"format": {"type": "grammar", "x": 1}, "verbosity": "low"}
    assert asked(extras={"text": form}, verbosity="low", dialect=OWN)[0] == {"text": form}
