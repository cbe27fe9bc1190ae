"""A Messages body in full, as a canonical request."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.request import (
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects.anthropic_messages import DIALECT
from wideband.dialects.base import Target


def decode(**fields: Any) -> Request:
    whole = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    return DIALECT.decode_request(json.dumps({**whole, **fields}).encode())


def part(block: dict[str, Any], role: str = "user") -> Part:
    (message,) = decode(messages=[{"role": role, "content": [block]}]).messages
    (found,) = message.parts
    return found


def test_a_plain_request() -> None:
    assert decode(system="Be brief.", stream=True, temperature=0.5, top_k=4, stop_sequences=["x"]) == Request(
        dialect="anthropic_messages",
        model="m",
        messages=(
            Message(role="system", parts=(Text(text="Be brief."),)),
            Message(role="user", parts=(Text(text="Hi"),)),
        ),
        max_tokens=10,
        stream=True,
        stop=("x",),
        sampling=decode(temperature=0.5, top_k=4).sampling,
    )


def test_system_blocks_keep_their_cache_marks_and_system_turns_their_place() -> None:
    request = decode(
        system=[{"type": "text", "text": "A", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        messages=[{"role": "user", "content": "Hi"}, {"role": "system", "content": "Now in French."}],
    )
    assert request.messages[0] == Message(role="system", parts=(Text(text="A", cache=CacheMark(ttl="1h")),))
    assert [message.role for message in request.messages] == ["system", "user", "system"]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            Text(text="x", cache=CacheMark()),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            Image(data="AAAA", media_type="image/png"),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://e/x.png"}}, Image(url="https://e/x.png")),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
            File(data="JVBE", media_type="application/pdf", filename="a.pdf"),
        ),
        (
            {
                "type": "document",
                "source": {"type": "url", "url": "https://e/x.pdf"},
                "citations": {"enabled": True},
                "context": "old",
            },
            File(url="https://e/x.pdf", extras={"citations": {"enabled": True}, "context": "old"}),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            File(text="words", media_type="text/plain"),
        ),
        ({"type": "document", "source": {"type": "file", "file_id": "file_1"}}, File(file_id="file_1")),
        (
            {
                "type": "document",
                "source": {
                    "type": "content",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
            },
            File(
                text="a\nb",
                extras={
                    "source": {
                        "type": "content",
                        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                    }
                },
            ),
        ),
        (
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "f",
                "input": {"b": 1.0, "a": [12345678901234567890123]},
                "cache_control": {"type": "ephemeral"},
            },
            ToolCall(id="toolu_1", name="f", arguments='{"b":1.0,"a":[12345678901234567890123]}', cache=CacheMark()),
        ),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, ToolCall(id="t", name="f", arguments="{}")),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": "ok"},
            ToolResult(call_id="t", parts=(Text(text="ok"),)),
        ),
        ({"type": "tool_result", "tool_use_id": "t"}, ToolResult(call_id="t")),
        ({"type": "tool_result", "tool_use_id": "t", "content": []}, ToolResult(call_id="t")),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "is_error": True,
                "content": [
                    {"type": "text", "text": "bad"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
                ],
            },
            ToolResult(
                call_id="t",
                is_error=True,
                parts=(
                    Text(text="bad"),
                    Image(data="AAAA", media_type="image/png"),
                    File(data="JVBE", media_type="application/pdf"),
                ),
            ),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            Reasoning(text="hm", signature="EqQB", format="anthropic-claude-v1"),
        ),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Reasoning(text="hm")),
        (
            {"type": "thinking", "thinking": "hm", "signature": "wideband:google-gemini-v1:abc"},
            Reasoning(text="hm", signature="abc", format="google-gemini-v1"),
        ),
        ({"type": "redacted_thinking", "data": "EmwK"}, Reasoning(data="EmwK", format="anthropic-claude-v1")),
    ],
)
def test_blocks_become_parts(block: dict[str, Any], expected: Part) -> None:
    assert part(block) == expected


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, "server_tool_blocks"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "file_id"),
        ({"type": "tool_reference", "tool_name": "Write"}, "tool_reference"),
        ({"type": "tool_addition", "tools": []}, "tool_changes"),
        ({"type": "from_the_future", "x": 1}, "unknown_block"),
    ],
)
def test_what_only_this_dialect_understands_is_carried_whole(block: dict[str, Any], kind: str) -> None:
    assert part(block) == Opaque(dialect="anthropic_messages", kind=kind, raw=block)


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="required"), False),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", name="f"), None),
        (None, None, None),
    ],
)
def test_tool_choice(choice: Any, mode: ToolChoice | None, parallel: bool | None) -> None:
    request = decode(tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (mode, parallel)


def test_tools_of_the_caller_and_of_the_provider() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    schema = {"type": "object", "properties": {}}
    request = decode(
        tools=[
            {
                "name": "f",
                "description": "d",
                "input_schema": schema,
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "custom", "name": "g", "input_schema": schema, "eager_input_streaming": True},
            search,
        ]
    )
    assert request.tools == (
        Tool(name="f", description="d", parameters=schema, strict=True, cache=CacheMark()),
        Tool(name="g", parameters=schema, extras={"eager_input_streaming": True}),
        ServerTool(dialect="anthropic_messages", type="web_search_20250305", raw=search),
    )


def test_deferred_tools_hide_until_a_search_brings_them_up() -> None:
    def tool(name: str) -> dict[str, Any]:
        return {"name": name, "input_schema": {"type": "object"}, "defer_loading": True}

    found = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "Write"}]}
    request = decode(
        tools=[tool("Write"), tool("Read"), {"name": "DeferredToolPlaceholder", "input_schema": {}}],
        messages=[{"role": "user", "content": [found]}],
    )
    hidden = {tool.name: tool.deferred for tool in request.tools if isinstance(tool, Tool)}
    assert hidden == {"Write": False, "Read": True, "DeferredToolPlaceholder": True}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, ReasoningAsk(enabled=True, max_tokens=2048)),
        ({"thinking": {"type": "disabled"}}, ReasoningAsk(enabled=False)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "xhigh"}},
            ReasoningAsk(enabled=True, adaptive=True, display="omitted", effort="xhigh"),
        ),
        ({"output_config": {"effort": "low"}}, ReasoningAsk(effort="low")),
        ({}, None),
    ],
)
def test_thinking_and_effort(fields: dict[str, Any], expected: ReasoningAsk | None) -> None:
    request = decode(**fields)
    assert request.reasoning == expected
    assert request.extras == {}


def test_output_formats_in_both_spellings() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    expected = OutputFormat(type="json_schema", schema={"type": "object"})
    assert decode(output_config={"format": form}).output == expected
    assert decode(output_format=form).output == expected


def test_fields_nobody_knows_are_kept_and_the_gateways_are_not() -> None:
    request = decode(
        context_management={"edits": []},
        output_config={"task_budget": {"total": 20000}},
        thinking={"type": "between_tools"},
        provider={},
        session_id="s",
    )
    assert request.extras == {
        "context_management": {"edits": []},
        "output_config": {"task_budget": {"total": 20000}},
        "thinking": {"type": "between_tools"},
    }


def test_who_asks_and_a_prefill() -> None:
    request = decode(
        metadata={"user_id": "u-1", "team": "x"},
        cache_control={"type": "ephemeral"},
        service_tier="auto",
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "He"}],
    )
    assert (request.user, request.metadata, request.cache, request.service_tier, request.prefill) == (
        "u-1", {"team": "x"}, CacheMark(), "auto", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": 3}]}]}, "messages.0.content.0.source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
            "messages.0.content.0.source.url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages.0.content.0.tool_use_id"),
        ({"messages": [7]}, "messages.0.role"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"tool_choice": {"type": "sometimes"}}, "tool_choice.type"),
        ({"thinking": {"budget_tokens": 3}}, "thinking.type"),
        ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format"),
        ({"cache_control": 3}, "cache_control"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"model": 3}, "model"),
        ({"safeguards": {"mode": "auto"}}, "safeguards"),
    ],
)
def test_refuses_wrong_types_naming_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        decode(**fields)
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    assert caught.value.fault.param == param


@pytest.mark.parametrize("depth", [2, 300, 2000])
def test_results_inside_results_are_refused(depth: int) -> None:
    opening = b'[{"type":"tool_result","tool_use_id":"t","content":'
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":' + opening * depth + b'""'
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_request(body + b"}]" * depth + b"}]}")
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST


@pytest.mark.parametrize("depth", [100, 450, 480, 490, 495, 900, 950, 960, 970, 980, 990, 3000])
def test_deep_json_is_read_or_refused_never_more(depth: int) -> None:
    tool_use = b'[{"type":"tool_use","id":"t","name":"f","input":{"a":' + b"[" * depth + b"]" * depth + b"}}]"
    body = b'{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":' + tool_use + b"}]}"
    try:
        request = DIALECT.decode_request(body)
        DIALECT.encode_request(request, Target(model="m", provider="p"))
    except Faulted as caught:
        assert caught.fault.kind is FaultKind.INVALID_REQUEST
        assert depth > 100
    else:
        assert depth < 3000
