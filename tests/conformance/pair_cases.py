"""What one dialect may have to say to another: a request or an answer for each thing that can be said."""

from typing import Any

from wideband.canon.reply import Choice, Reply
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

PNG = "iVBORw0KGgo="
TOOL = Tool(name="f", description="Does f.", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})
CALL = ToolCall(id="toolu_1", name="f", arguments='{"a":1}')
SIGNED = Reasoning(text="Hm.", signature="EqQB", format="anthropic-claude-v1")


def said(role: Role, *parts: Part | str, **fields: Any) -> Message:
    return Message(
        role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts), **fields
    )


def ask(*messages: Message, **fields: Any) -> Request:
    whole = {"dialect": "", "model": "m", "max_tokens": 20_000, "messages": messages or (said("user", "Hi"),), **fields}
    return Request(**whole)


def results(*found: ToolResult) -> tuple[Message, ...]:
    calls = tuple(ToolCall(id=result.call_id, name="f", arguments="{}") for result in found)
    return said("user", "Do it"), said("assistant", *calls), said("user", *found)


REQUESTS: dict[str, Request] = {
    "text": ask(said("user", "Hi — 你好 🙂"), said("assistant", "Hello."), said("user", "And?")),
    "stream": ask(stream=True),
    "system": ask(said("system", "Be brief."), said("user", "Hi")),
    "system amid": ask(said("user", "Hi"), said("assistant", "Hello."), said("system", "In French."),
                       said("user", "Go")),
    "developer": ask(said("system", "Be brief.", developer=True), said("user", "Hi")),
    "name": ask(said("user", "Hi", name="ada")),
    "prefill": ask(said("user", "Hi"), said("assistant", "He"), prefill=True),
    "image inline": ask(said("user", "See", Image(data=PNG, media_type="image/png"))),
    "image url": ask(said("user", Image(url="https://example.com/a.png"))),
    "image detail": ask(said("user", Image(url="https://example.com/a.png", detail="high"))),
    "pdf inline": ask(said("user", File(filename="a.pdf", data="JVBERi0=", media_type="application/pdf"))),
    "pdf url": ask(said("user", File(url="https://example.com/a.pdf"))),
    "file id": ask(said("user", "See", File(file_id="file_1"))),
    "file with context": ask(said("user", File(data="JVBERi0=", media_type="application/pdf", filename="a.pdf",
                                               extras={"context": "old"}))),
    "audio": ask(said("user", "Hear", Audio(data="UklGRg==", format="wav"))),
    "tools": ask(tools=(TOOL, Tool(name="g", parameters={"type": "object", "properties": {}}, strict=True))),
    "server tool": ask(tools=(TOOL, ServerTool(dialect="", type="web_search_20250305", raw={
        "type": "web_search_20250305", "name": "web_search"}))),
    "tool extras": ask(tools=(Tool(name="f", parameters=TOOL.parameters, extras={"examples": []}),)),
    "custom tool": ask(*results(ToolResult(call_id="a", parts=(Text(text="ok"),))), tools=(Tool(
        name="patch", description="Edits.", custom=True, grammar={"type": "text"}), TOOL)),
    "custom grammar": ask(tools=(Tool(name="patch", custom=True, grammar={
        "type": "grammar", "syntax": "lark", "definition": "start: /.+/"}), TOOL)),
    "custom calls": ask(said("user", "Go"), said("assistant", ToolCall(
        id="c1", name="patch", arguments='*** Begin\n"x"', custom=True)),
                        said("user", ToolResult(call_id="c1", parts=(Text(text="ok"),))),
                        tools=(Tool(name="patch", custom=True),)),
    "only some tools": ask(tools=(TOOL, Tool(name="g", parameters=TOOL.parameters)),
                           tool_choice=ToolChoice(mode="required", allowed=("f",))),
    "deferred tool": ask(tools=(TOOL, Tool(name="h", parameters=TOOL.parameters, deferred=True,
                                           extras={"defer_loading": True}))),
    "choice auto": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="auto")),
    "choice none": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="none")),
    "choice required": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="required")),
    "choice named": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="tool", name="f")),
    "serial calls": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False),
    "calls": ask(said("user", "Go"), said("assistant", "Well.", CALL),
                 said("user", ToolResult(call_id="toolu_1", parts=(Text(text="ok"),)))),
    "parallel calls": ask(*results(ToolResult(call_id="a", parts=(Text(text="1"),)),
                                   ToolResult(call_id="b", parts=(Text(text="2"),)))),
    "empty result": ask(*results(ToolResult(call_id="a", parts=()))),
    "image result": ask(*results(ToolResult(call_id="a", parts=(Text(text="see"),
                                                               Image(data=PNG, media_type="image/png"))))),
    "failed result": ask(*results(ToolResult(call_id="a", parts=(Text(text="bad"),), is_error=True))),
    "broken arguments": ask(said("user", "Go"), said("assistant", ToolCall(id="a", name="f", arguments="{")),
                            said("user", ToolResult(call_id="a", parts=(Text(text="?"),)))),
    "signed thinking": ask(said("user", "Go"), said("assistant", SIGNED, "So."), said("user", "And?")),
    "redacted thinking": ask(said("user", "Go"), said("assistant", Reasoning(
        data="EmwK", format="anthropic-claude-v1"), "So."), said("user", "And?")),
    "unsigned thinking": ask(said("user", "Go"), said("assistant", Reasoning(text="Hm."), "So."), said("user", "And?")),
    "foreign thinking": ask(said("user", "Go"), said("assistant", Reasoning(
        data="gAAA", format="openai-responses-v1"), "So."), said("user", "And?")),
    "refusal": ask(said("user", "Go"), said("assistant", Refusal(text="No.")), said("user", "Why?")),
    "think by budget": ask(reasoning=ReasoningAsk(enabled=True, max_tokens=4000)),
    "think by effort": ask(reasoning=ReasoningAsk(effort="high")),
    "think not": ask(reasoning=ReasoningAsk(enabled=False)),
    "think and choose": ask(tools=(TOOL,), tool_choice=ToolChoice(mode="required"),
                            reasoning=ReasoningAsk(enabled=True, max_tokens=4000)),
    "json object": ask(output=OutputFormat(type="json_object")),
    "json schema": ask(output=OutputFormat(type="json_schema", schema={"type": "object"})),
    "named json schema": ask(output=OutputFormat(type="json_schema", name="n", strict=True, schema={"type": "object"})),
    "stop": ask(stop=("END", "STOP")),
    "many stops": ask(stop=("a", "b", "c", "d", "e")),
    "sampling": ask(sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40)),
    "hot": ask(sampling=Sampling(temperature=1.5)),
    "penalties": ask(sampling=Sampling(frequency_penalty=0.5, presence_penalty=0.5, repetition_penalty=1.1, seed=7,
                                       min_p=0.1, top_a=0.1, logit_bias={"1": 2.0}, logprobs=True, top_logprobs=2)),
    "several answers": ask(n=2),
    "cache marks": ask(said("system", Text(text="Long.", cache=CacheMark())),
                       said("user", Text(text="Hi", cache=CacheMark(ttl="1h"))),
                       tools=(Tool(name="f", parameters=TOOL.parameters, cache=CacheMark()),)),
    "cache lifetime": ask(said("user", Text(text="Hi", cache=CacheMark(ttl="30m")))),
    "many cache marks": ask(said("user", *(Text(text=str(i), cache=CacheMark()) for i in range(5)))),
    "cache all": ask(cache=CacheMark()),
    "cache key": ask(cache_key="k"),
    "user": ask(user="u-1"),
    "labels": ask(metadata={"a": "b"}),
    "tier": ask(service_tier="flex"),
    "verbosity": ask(verbosity="low"),
    "unknown field": ask(extras={"prediction": {"type": "content"}}),
    "citations": ask(said("user", Text(text="So.", citations=[{"type": "char_location"}]), "And?")),
    "unknown block": ask(said("user", "See", Opaque(dialect="", kind="unknown_block", raw={"type": "new", "x": 1}))),
}  # fmt: skip


# What an answer may hold. Opaque parts are the source dialect's own.
REPLIES: dict[str, tuple[Part, ...]] = {
    "text": (Text(text="Hi — 你好 🙂"),),
    "signed thinking": (SIGNED, Text(text="So.")),
    "redacted thinking": (Reasoning(data="EmwK", format="anthropic-claude-v1"), Text(text="So.")),
    "unsigned thinking": (Reasoning(text="Hm."), Text(text="So.")),
    "foreign thinking": (Reasoning(data="gAAA", format="openai-responses-v1"), Text(text="So.")),
    "foreign signature": (Reasoning(text="Hm.", signature="abc", format="google-gemini-v1"), Text(text="So.")),
    "call": (Text(text="Well."), CALL),
    "parallel calls": (CALL, ToolCall(id="toolu_2", name="g", arguments="{}")),
    "refusal": (Refusal(text="No."),),
    "server tool": (Opaque(dialect="", kind="server_tool_blocks", raw={"type": "server_tool_use", "id": "s",
                    "name": "web_search", "input": {"q": "x"}}), Text(text="So.")),
    "citations": (Text(text="So."), Opaque(dialect="", kind="citations", raw=[{"type": "char_location"}])),
    "annotations": (Text(text="So."), Opaque(dialect="", kind="annotations", raw=[{"type": "url_citation"}])),
}  # fmt: skip


def reply(case: str, dialect: str, finish: Any = "stop") -> Reply:
    """Make a dialect's answer of a case."""
    parts = tuple(
        Opaque(dialect=dialect, kind=part.kind, raw=part.raw) if isinstance(part, Opaque) else part
        for part in REPLIES[case]
    )
    called = any(isinstance(part, ToolCall) for part in parts)
    return Reply(choices=(Choice(parts=parts, finish="tool_calls" if called else finish),))
