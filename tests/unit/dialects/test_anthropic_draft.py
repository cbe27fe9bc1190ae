"""A canonical request, from any dialect, as a call to an Anthropic upstream."""

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
from wideband.dialects.anthropic_messages import DIALECT
from wideband.dialects.base import Target

TARGET = Target(model="claude-sonnet-4-5", provider="anthropic", max_output=64_000)
TOOL = Tool(name="f", parameters={"type": "object", "properties": {}})


def said(role: Role, *parts: Part | str, **fields: Any) -> Message:
    return Message(
        role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts), **fields
    )


def encode(*messages: Message, target: Target = TARGET, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    whole = {"dialect": "openai_chat", "model": "m", "messages": messages or (said("user", "Hi"),), **fields}
    draft = DIALECT.encode_request(Request(**whole), target)
    assert draft.path == "/messages"
    assert draft.headers == {"anthropic-version": "2023-06-01"}
    return json.loads(draft.body), [loss.feature for loss in draft.losses]


def test_a_plain_request_says_no_more_than_it_must() -> None:
    body, losses = encode(said("system", "Be brief."), said("user", "Hi"), max_tokens=10, stream=True)
    assert body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 10,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
    }
    assert losses == []


def test_max_tokens_is_always_sent_and_never_more_than_the_endpoint_gives() -> None:
    assert encode()[0]["max_tokens"] == 64_000
    assert encode(target=Target(model="m", provider="p"))[0]["max_tokens"] == 4096
    body, losses = encode(max_tokens=128_000)
    assert (body["max_tokens"], losses) == (64_000, ["max_tokens"])


def test_system_turns_amid_the_others_are_said_by_the_user_and_pairs_stay_together() -> None:
    body, losses = encode(
        said("system", "A"),
        said("system", "B", developer=True),
        said("user", "Do it"),
        said("assistant", ToolCall(id="c1", name="f", arguments="{}")),
        said("system", "Careful."),
        said("user", ToolResult(call_id="c1", parts=(Text(text="done"),))),
        tools=(TOOL,),
    )
    assert body["system"] == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "done"},
                {"type": "text", "text": "<system>\nCareful.\n</system>"},
            ],
        },
    ]
    assert losses == ["system_position"]


def test_turns_alternate_and_begin_with_the_user() -> None:
    body, losses = encode(said("assistant", "Hello"), said("assistant", "there"), said("user", "a"), said("user", "b"))
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]] == [
        ("user", ["Go on."]),
        ("assistant", ["Hello", "there"]),
        ("user", ["a", "b"]),
    ]
    assert losses == ["first_turn"]


def test_only_a_system_message_becomes_the_question() -> None:
    body, losses = encode(said("system", "Say hi"))
    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hi"}]}]
    assert losses == ["system_position"]


def test_a_picture_in_a_system_message_is_recorded_as_lost() -> None:
    picture = Message(role="system", parts=(Text(text="Like this:"), Image(url="https://example.org/a.png")))
    body, losses = encode(picture, said("user", "Hi"))
    assert (body["system"], losses) == ("Like this:", ["system_media"])


def test_empty_text_is_never_sent() -> None:
    body, losses = encode(said("user", "", "Hi", "  \n"), said("assistant", ""), said("user", "there"))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]}
    ]
    assert losses == []


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Image(url="data:image/webp;base64,UklGRg=="),
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRg=="}},
        ),
        (
            Image(data="iVBORw0"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0"}},
        ),
        (
            Image(url="https://e/x.png", detail="auto"),
            {"type": "image", "source": {"type": "url", "url": "https://e/x.png"}},
        ),
        (
            File(data="data:application/pdf;base64,JVBE", filename="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (File(url="https://e/x.pdf"), {"type": "document", "source": {"type": "url", "url": "https://e/x.pdf"}}),
        (
            File(data="aGVsbG8=", media_type="text/csv"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
        ),
        (
            File(text="words"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        ),
        (
            ToolResult(call_id="c", parts=(Text(text="bad"), Image(data="iVBORw0")), is_error=True),
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [
                    {"type": "text", "text": "bad"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0"}},
                ],
                "is_error": True,
            },
        ),
        (ToolResult(call_id="c"), {"type": "tool_result", "tool_use_id": "c"}),
    ],
)
def test_parts_become_blocks(part: Part, block: dict[str, Any]) -> None:
    body, losses = encode(said("user", part))
    assert body["messages"][0]["content"] == [block]
    assert losses == []


@pytest.mark.parametrize(
    ("part", "feature"),
    [
        (Audio(data="AAAA", format="wav"), "audio"),
        (File(file_id="file-1"), "file_id"),
        (File(data="UEsDBA==", media_type="application/zip"), "file_type"),
        (File(data="/w==", media_type="text/plain"), "file_type"),
        (Opaque(dialect="openai_chat", kind="video", raw={}), "video"),
    ],
)
def test_what_anthropic_cannot_see_is_left_out_and_said(part: Part, feature: str) -> None:
    body, losses = encode(said("user", "see", part))
    assert body["messages"][0]["content"] == [{"type": "text", "text": "see"}]
    assert losses == [feature]


@pytest.mark.parametrize(
    ("reasoning", "kept"),
    [
        (Reasoning(text="hm", signature="EqQB", format="anthropic-claude-v1"), True),
        (Reasoning(data="EmwK", format="anthropic-claude-v1"), True),
        (Reasoning(text="hm"), False),
        (Reasoning(text="hm", signature="x", format="google-gemini-v1"), False),
        (Reasoning(data="x", format="openai-responses-v1"), False),
        (Reasoning(text="hm", format="anthropic-claude-v1"), False),
    ],
)
def test_only_thinking_that_claude_signed_goes_back(reasoning: Reasoning, kept: bool) -> None:
    body, losses = encode(said("user", "x"), said("assistant", reasoning, "So"))
    blocks = body["messages"][1]["content"]
    assert [block["type"] for block in blocks][-1] == "text"
    assert (len(blocks) == 2) is kept
    assert losses == ([] if kept else ["reasoning_seal"])


def test_an_endpoint_may_read_back_another_makers_seal() -> None:
    target = Target(model="m", provider="p", reasoning_format="google-gemini-v1")
    body, losses = encode(
        said("user", "x"),
        said("assistant", Reasoning(text="hm", signature="s", format="google-gemini-v1"), "So"),
        target=target,
    )
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "s"}
    assert losses == []


def test_tool_ids_are_made_acceptable_alike_in_call_and_result() -> None:
    body, _ = encode(
        said("user", "x"),
        said("assistant", *(ToolCall(id=id_, name="f", arguments="{}") for id_ in ("call.1", "call:1", "call_1", ""))),
        said("user", *(ToolResult(call_id=id_) for id_ in ("call.1", "call:1", "call_1", ""))),
    )
    calls = [block["id"] for block in body["messages"][1]["content"]]
    results = [block["tool_use_id"] for block in body["messages"][2]["content"]]
    assert calls == results
    assert len(set(calls)) == 4
    assert all(call.replace("_", "").replace("-", "").isalnum() for call in calls)
    assert calls[2] == "call_1"


def test_arguments_keep_their_bytes_and_broken_ones_their_text() -> None:
    draft = DIALECT.encode_request(
        Request(
            dialect="openai_chat",
            model="m",
            messages=(
                said("user", "x"),
                said("assistant", ToolCall(id="c", name="f", arguments='{"b": 1.50, "a":[]}')),
            ),
        ),
        TARGET,
    )
    assert b'"input":{"b": 1.50, "a":[]}' in draft.body
    for broken in ('{"a": ', "[1]", "null", "text"):
        body, losses = encode(said("user", "x"), said("assistant", ToolCall(id="c", name="f", arguments=broken)))
        assert body["messages"][1]["content"][0]["input"] == {"_raw": broken}
        assert losses == ["tool_arguments"]
    body, losses = encode(said("user", "x"), said("assistant", ToolCall(id="c", name="f", arguments="")))
    assert (body["messages"][1]["content"][0]["input"], losses) == ({}, [])


@pytest.mark.parametrize(
    ("ask", "max_tokens", "thinking", "losses"),
    [
        (ReasoningAsk(effort="high"), 10_000, {"type": "enabled", "budget_tokens": 8000}, []),
        (ReasoningAsk(effort="medium"), 10_000, {"type": "enabled", "budget_tokens": 5000}, []),
        (ReasoningAsk(enabled=True), 10_000, {"type": "enabled", "budget_tokens": 5000}, []),
        (ReasoningAsk(effort="low"), 10_000, {"type": "enabled", "budget_tokens": 2000}, []),
        (ReasoningAsk(effort="minimal"), 2000, {"type": "enabled", "budget_tokens": 1024}, []),
        (ReasoningAsk(effort="max"), 1025, {"type": "enabled", "budget_tokens": 1024}, []),
        (ReasoningAsk(effort="high"), 1024, None, ["reasoning"]),
        (ReasoningAsk(max_tokens=3000), 10_000, {"type": "enabled", "budget_tokens": 3000}, []),
        (ReasoningAsk(max_tokens=10), 10_000, {"type": "enabled", "budget_tokens": 1024}, ["reasoning_budget"]),
        (ReasoningAsk(max_tokens=9000), 9000, {"type": "enabled", "budget_tokens": 8999}, ["reasoning_budget"]),
        (ReasoningAsk(effort="none"), 10_000, {"type": "disabled"}, []),
        (ReasoningAsk(enabled=False), 10_000, {"type": "disabled"}, []),
        (
            ReasoningAsk(effort="low", exclude=True),
            10_000,
            {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
            [],
        ),
        (ReasoningAsk(summary="auto"), 10_000, None, []),
    ],
)
def test_effort_becomes_a_budget(ask: ReasoningAsk, max_tokens: int, thinking: Any, losses: list[str]) -> None:
    body, found = encode(reasoning=ask, max_tokens=max_tokens)
    assert body.get("thinking") == thinking
    assert found == losses


def test_the_budget_never_passes_the_largest() -> None:
    body, _ = encode(
        reasoning=ReasoningAsk(effort="max"),
        max_tokens=200_000,
        target=Target(model="m", provider="p", max_output=200_000),
    )
    assert body["thinking"]["budget_tokens"] == 128_000


def test_an_adaptive_endpoint_gets_an_effort_and_no_budget() -> None:
    target = Target(model="m", provider="p", quirks=frozenset({"adaptive_thinking"}))
    body, losses = encode(reasoning=ReasoningAsk(effort="minimal"), target=target)
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert losses == []


def test_thinking_is_not_asked_of_an_endpoint_that_has_none() -> None:
    target = Target(model="m", provider="p", supported_parameters=frozenset({"temperature"}))
    body, losses = encode(reasoning=ReasoningAsk(effort="high"), target=target)
    assert "thinking" not in body
    assert losses == ["reasoning"]


def test_thinking_is_given_up_where_anthropic_would_refuse_it() -> None:
    ask = ReasoningAsk(effort="high")
    prefill = (said("user", "x"), said("assistant", "He"))
    unthought = (
        said("user", "x"),
        said("assistant", ToolCall(id="c", name="f", arguments="{}")),
        said("user", ToolResult(call_id="c")),
    )
    for messages in (prefill, unthought):
        body, losses = encode(*messages, reasoning=ask, tools=(TOOL,))
        assert "thinking" not in body
        assert losses == ["reasoning"]


def test_thinking_rules_out_sampling_and_forced_calls() -> None:
    body, losses = encode(
        reasoning=ReasoningAsk(effort="high"),
        sampling=Sampling(temperature=0.2, top_p=0.5, top_k=5),
        tools=(TOOL,),
        tool_choice=ToolChoice(mode="required"),
    )
    assert body.keys() & {"temperature", "top_p", "top_k"} == set()
    assert body["tool_choice"] == {"type": "auto"}
    assert sorted(losses) == ["temperature", "tool_choice", "top_k", "top_p"]
    body, losses = encode(reasoning=ReasoningAsk(effort="high"), sampling=Sampling(temperature=1, top_p=0.95))
    assert (body["temperature"], body["top_p"], losses) == (1, 0.95, [])


def test_sampling_goes_through_and_what_anthropic_lacks_is_said() -> None:
    body, losses = encode(sampling=Sampling(temperature=1.7, top_p=0.9, top_k=0))
    assert (body["temperature"], body["top_p"], body["top_k"], losses) == (1, 0.9, 0, ["temperature"])
    _, losses = encode(
        n=2,
        verbosity="low",
        cache_key="k",
        sampling=Sampling(
            min_p=0.1, top_a=0.1, frequency_penalty=1, presence_penalty=1, repetition_penalty=1.1, seed=0,
            logit_bias={"1": 2}, logprobs=True, top_logprobs=2,
        ),
    )  # fmt: skip
    assert sorted(losses) == [
        "cache_key", "frequency_penalty", "logit_bias", "logprobs", "min_p", "n", "presence_penalty",
        "repetition_penalty", "seed", "top_a", "top_logprobs", "verbosity",
    ]  # fmt: skip
    neutral = Sampling(min_p=0, frequency_penalty=0, presence_penalty=0.0, repetition_penalty=1, logprobs=False)
    assert encode(sampling=neutral)[1] == []


def test_what_the_endpoint_does_not_take_is_left_out() -> None:
    target = Target(model="m", provider="p", supported_parameters=frozenset({"tools"}))
    body, losses = encode(sampling=Sampling(temperature=0.5, top_p=0.5), stop=("x",), target=target)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert sorted(losses) == ["stop", "temperature", "top_p"]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="auto"), True, {"type": "auto"}),
        (ToolChoice(mode="required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="tool", name="f"), None, {"type": "tool", "name": "f"}),
        (ToolChoice(mode="none"), False, {"type": "none"}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: bool | None, expected: Any) -> None:
    body, losses = encode(tools=(TOOL,), tool_choice=choice, parallel_tool_calls=parallel)
    assert (body.get("tool_choice"), losses) == (expected, [])
    assert "tool_choice" not in encode(tool_choice=choice, parallel_tool_calls=parallel)[0]


def test_tools_always_have_an_object_schema() -> None:
    body, losses = encode(
        tools=(
            Tool(name="f", description="d", strict=True, cache=CacheMark()),
            Tool(name="g", parameters={"properties": {"a": {}}}),
            ServerTool(dialect="openai_chat", type="web_search", raw={}),
        )
    )
    assert body["tools"] == [
        {
            "name": "f",
            "description": "d",
            "strict": True,
            "input_schema": {"type": "object", "properties": {}},
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {"a": {}}}},
    ]
    assert losses == ["server_tools"]


def test_a_schema_is_sent_as_a_format_or_said_as_an_instruction() -> None:
    schema = {"type": "object"}
    output = OutputFormat(type="json_schema", schema=schema)
    body, losses = encode(output=output)
    assert (body["output_config"], losses) == ({"format": {"type": "json_schema", "schema": schema}}, [])
    assert encode(output=OutputFormat(type="json_schema", schema=schema, name="n"))[1] == ["json_schema_name"]
    body, losses = encode(output=output, target=Target(model="m", provider="p", supported_parameters=frozenset()))
    assert body["system"].endswith('{"type":"object"}')
    assert losses == ["json_schema"]
    body, losses = encode(said("system", "A"), said("user", "x"), output=OutputFormat(type="json_object"))
    assert "JSON object" in body["system"][1]["text"]
    assert losses == ["json_object"]


def test_the_last_four_cache_marks_are_kept() -> None:
    mark = CacheMark(ttl="5m")
    messages = [said("system", Text(text="s", cache=mark))]
    messages += [said("user", Text(text=str(i), cache=mark)) for i in range(3)]
    messages += [said("user", ToolResult(call_id="c", parts=(Text(text="r", cache=mark),)))]
    body, losses = encode(*messages, tools=(Tool(name="f", cache=mark),))
    marked = json.dumps(body).count("cache_control")
    assert (marked, losses) == (4, ["cache_marks"])
    assert "cache_control" not in body["tools"][0]
    assert body["system"] == "s" or "cache_control" not in body["system"][0]
    body, _ = encode(*messages, cache=CacheMark())
    assert json.dumps(body).count("cache_control") == 4
    assert body["cache_control"] == {"type": "ephemeral"}


def test_cache_lifetimes_anthropic_does_not_know_become_its_default() -> None:
    body, losses = encode(said("user", Text(text="x", cache=CacheMark(ttl="30m"))))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert losses == ["cache_ttl"]


def test_names_refusals_and_labels() -> None:
    body, losses = encode(
        said("user", "Hi", name="Ada"),
        said("assistant", Refusal(text="No.")),
        said("user", "Why?", extras={"x": 1}),
        user="u-1",
        metadata={"a": "b"},
        service_tier="flex",
        extras={"prediction": {}},
    )
    assert body["messages"][0]["content"][0]["text"] == "Ada: Hi"
    assert body["messages"][1]["content"] == [{"type": "text", "text": "No."}]
    assert body["metadata"] == {"user_id": "u-1"}
    assert sorted(losses) == [
        "message_extras", "message_name", "metadata", "refusal", "service_tier", "unknown_fields",
    ]  # fmt: skip


def test_a_request_of_this_dialect_comes_back_as_it_was() -> None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9000,
        "system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "tool_reference", "tool_name": "Write"}],
                        "cache_control": {"type": "ephemeral"},
                    },
                    {
                        "type": "document",
                        "source": {"type": "content", "content": "x"},
                        "citations": {"enabled": True},
                        "title": "t",
                    },
                ],
            },
        ],
        "tools": [
            {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
        "output_config": {"effort": "high", "task_budget": {"total": 20000}},
        "metadata": {"user_id": "u", "team": "x"},
        "service_tier": "standard_only",
        "context_management": {"edits": []},
        "stream": True,
    }
    draft = DIALECT.encode_request(DIALECT.decode_request(json.dumps(body).encode()), TARGET)
    assert json.loads(draft.body) == body
    assert draft.losses == ()
