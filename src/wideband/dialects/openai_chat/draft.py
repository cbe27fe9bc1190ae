"""What an upstream is sent, from a canonical request or spliced from the caller's own bytes; narrowed alike."""

from typing import Any, Final

import msgspec

from wideband.canon.request import Json, Loss, OutputFormat, Request, ServerTool, Tool, ToolCall, ToolChoice
from wideband.dialects import edits, loose
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import GATEWAY_FIELDS, unwritable
from wideband.dialects.custom_tools import as_function
from wideband.dialects.noting import of_extras
from wideband.dialects.openai_chat import words
from wideband.dialects.openai_chat.request import decode_reasoning_ask
from wideband.dialects.openai_chat.thinking import encode_reasoning_ask, goes_without_saying, reasoning_object
from wideband.dialects.openai_chat.turns import cache_field, encode_messages
from wideband.dialects.quirks import Edit, apply, edit, holding, is_null, leave_out
from wideband.wire import jsons

PATH: Final = "/chat/completions"

Body = dict[str, Any]

_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_REASONING_FIELDS: Final = ("reasoning", "reasoning_effort", "include_reasoning")
_WITH_USAGE: Final = {"include_usage": True}
_MAX_STOPS: Final = 4
_SHORT: Final = 8


def _has_long_ids(raw: bytes) -> bool:
    """Tell whether a tool result names a call by an id that OpenAI would refuse."""
    at = raw.find(_CALL_ID)
    while at >= 0:
        at += len(_CALL_ID)
        start = raw.find(b'"', at) + 1
        if start and raw.find(b'"', start) - start > edits.MAX_ID:
            return True
        at = raw.find(_CALL_ID, at)
    return False


_CALL_ID: Final = b'"tool_call_id"'
_CACHE_MARK = holding(b'"cache_control"', b'"prompt_cache_breakpoint"')
_CACHE_EDITS: Final = (
    Edit("messages", _CACHE_MARK, edits.without_cache_marks, "cache_control"),
    Edit("tools", _CACHE_MARK, edits.without_cache_marks, "cache_control"),
)
_THOUGHT = holding(b'"reasoning')
# Quirk -> the edit that echoes thinking the way an upstream reads it back; without any of them it is left out.
_ECHOES: Final = {
    "reasoning_content": Edit("messages", _THOUGHT, edits.thoughts_as("reasoning_content"), None),
    "reasoning_text": Edit("messages", _THOUGHT, edits.thoughts_as("reasoning"), None),
}
_NO_ECHO: Final = Edit("messages", _THOUGHT, edits.thoughts_as(None), "reasoning_echo")
_EVERYWHERE: Final = (
    Edit("messages", holding(*(f'"{note}"'.encode() for note in sorted(edits.CALL_NOTES))), edits.without_notes, None),
    Edit("messages", _has_long_ids, edits.ids_within_64, None),
)


def splice(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes on; see `dialects.base.Dialect.splice`.

    Every value that needs no change keeps its bytes, and keys keep their order: prompt caches live by that.
    """
    body: Body = {**ask.fields, "model": target.model}
    prompt = body.pop("prompt", None)
    if is_null(body.get("messages")):
        body["messages"] = [{"role": "user", "content": jsons.plain(prompt)}]
    return _draft(body, target, ask.max_tokens, [])


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request of any dialect; see `dialects.base.Dialect.encode_request`."""
    losses: list[Loss] = []
    body: Body = {"model": target.model, "messages": encode_messages(request.messages, target, losses)}
    if tools := _tools(request, target, losses):
        body["tools"] = tools
        if request.tool_choice is not None:
            body |= _tool_choice(request.tool_choice, tools, losses)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    body |= {name: value for name, value in _knobs(request, losses).items() if value is not None}
    if request.reasoning is not None and not goes_without_saying(request.reasoning, target):
        body["reasoning"] = reasoning_object(request.reasoning)
    if request.dialect == words.NAME:
        body |= request.extras
    else:
        losses.extend(of_extras(request.extras))
    if request.prefill and not target.quirks & {"prefill", "openrouter"}:
        losses.append(Loss("prefill"))
    return _draft(body, target, request.max_tokens, losses)


def _knobs(request: Request, losses: list[Loss]) -> Body:
    if len(request.stop) > _MAX_STOPS:
        losses.append(Loss("stop", f"{len(request.stop) - _MAX_STOPS} beyond the fourth"))
    knobs: Body = msgspec.structs.asdict(request.sampling)
    return knobs | {
        "max_tokens": request.max_tokens,
        "stop": list(request.stop[:_MAX_STOPS]) or None,
        "n": request.n if request.n > 1 else None,
        "response_format": _response_format(request.output),
        "verbosity": request.verbosity,
        "service_tier": request.service_tier,
        "user": request.user,
        "metadata": request.metadata,
        "prompt_cache_key": request.cache_key,
        **cache_field(request.cache),
        "stream": True if request.stream else None,
    }


def _tools(request: Request, target: Target, losses: list[Loss]) -> list[Json]:
    called = {part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    tools: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, ServerTool):
            if tool.dialect == words.NAME:
                tools.append(tool.raw)
            else:
                losses.append(Loss("server_tools", tool.type))
        elif tool.deferred and tool.name not in called:
            losses.append(Loss("deferred_tool", tool.name))
        elif tool.custom and "custom_tools" in target.quirks:
            tools.append(_custom_tool(tool))
        else:
            tools.append(_tool(as_function(tool, losses), request, losses))
    return tools


def _custom_tool(tool: Tool) -> Json:
    told = {"name": tool.name, "description": tool.description, "format": tool.grammar}
    return {"type": "custom", "custom": {name: value for name, value in told.items() if value is not None}}


def _tool(tool: Tool, request: Request, losses: list[Loss]) -> Json:
    function: Body = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    if request.dialect == words.NAME:
        function |= tool.extras
    elif tool.extras:
        losses.append(Loss("tool_extras", ", ".join(sorted(tool.extras))))
    return {"type": "function", "function": function, **cache_field(tool.cache)}


def _tool_choice(choice: ToolChoice, tools: list[Json], losses: list[Loss]) -> Body:
    if choice.mode != "tool":
        return {"tool_choice": choice.mode}
    for kind in ("function", "custom"):
        if any(loose.obj(tool.get(kind)).get("name") == choice.name for tool in tools):
            return {"tool_choice": {"type": kind, kind: {"name": choice.name}}}
    losses.append(Loss("tool_choice", f"{choice.name} is not among what can be offered"))
    return {}


def _response_format(output: OutputFormat | None) -> Json:
    if output is None or output.type == "text":
        return None
    if output.type == "json_object":
        return {"type": "json_object"}
    schema = {
        "name": output.name or "answer",
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    return {"type": "json_schema", "json_schema": {name: told for name, told in schema.items() if told is not None}}


def _draft(body: Body, target: Target, max_tokens: int | None, losses: list[Loss]) -> Draft:
    try:
        body = _narrow(body, target, max_tokens, losses)
        return Draft(path=PATH, body=jsons.encode(body), losses=tuple(losses))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def _narrow(body: Body, target: Target, max_tokens: int | None, losses: list[Loss]) -> Body:
    """Leave out, rename and change what the endpoint would refuse. Values are plain JSON or the caller's bytes."""
    losses.extend(leave_out(body, words.DISPENSABLE, words.PARAMETERS, target))
    changes = list(_EVERYWHERE)
    if "openrouter" not in target.quirks:
        body = {name: value for name, value in body.items() if name not in GATEWAY_FIELDS}
        body = _spell_reasoning(body, target, max_tokens)
        changes.append(next((_ECHOES[name] for name in _ECHOES if name in target.quirks), _NO_ECHO))
        if "cache_control" not in target.quirks:
            changes.extend(_CACHE_EDITS)
            if not is_null(body.pop("cache_control", None)):
                losses.append(Loss("cache_control", "cache_control"))
    edit(body, changes, losses)
    _settle_tools(body)
    _settle_limits(body, target, losses)
    _settle_stream(body)
    body, found = apply(body, target.quirks)
    losses.extend(found)
    return body


def _spell_reasoning(body: Body, target: Target, max_tokens: int | None) -> Body:
    """Put OpenRouter's way to ask for thinking into the endpoint's, at the place of the first field that asked."""
    asked = [name for name in body if name in _REASONING_FIELDS]
    if not asked:
        return body
    ask = decode_reasoning_ask({name: jsons.plain(body[name]) for name in asked})
    spelled = encode_reasoning_ask(ask, target, max_tokens) if ask is not None else {}
    if asked == ["reasoning_effort"] and spelled == {"reasoning_effort": jsons.plain(body["reasoning_effort"])}:
        return body
    written: Body = {}
    for name, value in body.items():
        if name == asked[0]:
            written |= spelled
        elif name not in asked:
            written[name] = value
    return written


def _settle_tools(body: Body) -> None:
    for name in ("tools", "functions"):
        if name in body and _plain_if_short(body[name]) in (None, []):
            del body[name]
    if "tools" not in body:
        body.pop("tool_choice", None)
        body.pop("parallel_tool_calls", None)
    if "functions" not in body:
        body.pop("function_call", None)


def _settle_limits(body: Body, target: Target, losses: list[Loss]) -> None:
    for name in _LIMITS:
        asked = jsons.plain(body[name]) if name in body else None
        if asked is not None and target.max_output is not None and asked > target.max_output:
            body[name] = target.max_output
            losses.append(Loss("max_tokens", f"{asked} to {target.max_output}"))


def _settle_stream(body: Body) -> None:
    """Ask for counts whenever the answer is streamed; not streamed, the options are refused."""
    if jsons.plain(body.get("stream")) is not True:
        body.pop("stream_options", None)
        return
    options = loose.obj(jsons.plain(body.get("stream_options")))
    if options.get("include_usage") is not True:
        body["stream_options"] = options | _WITH_USAGE


def _plain_if_short(value: Any) -> Json:
    """Return what an empty value says; a long one is not worth reading."""
    return value if isinstance(value, msgspec.Raw) and memoryview(value).nbytes > _SHORT else jsons.plain(value)
