"""OpenAI's chat completions, as a provider speaks them."""

from collections.abc import Iterator
from typing import Any

from wideband.canon.faults import Fault, FaultKind, invalid
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.sandbox.asked import (
    Asked,
    Heard,
    OfferedTool,
    ToolMode,
    chosen,
    fields_of,
    flag,
    list_of,
    number,
    offered,
    whole_number,
)
from wideband.sandbox.prose import CHARS_PER_TOKEN, token_count
from wideband.sandbox.wires.base import Frames, Method, Wire, at_paths, slices
from wideband.wire import jsons

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    405: ("invalid_request_error", None),
    413: ("invalid_request_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "overloaded"),
}
_LOGPROB = -0.25


# Requests.


def read(body: bytes) -> Asked:
    """Understand a request. Raises `Faulted` for what a real provider would refuse."""
    fields = fields_of(body)
    _check_sampling(fields)
    heard = Heard()
    for index, message in enumerate(fields["messages"]):
        _hear(heard, message, f"messages.{index}")
    tools = _tools(fields)
    mode, name = _tool_choice(fields, tools)
    options = fields.get("stream_options") or {}
    limit = whole_number(fields, "max_completion_tokens", 1)
    return Asked(
        model=fields["model"],
        text="".join(heard.pieces),
        stream=flag(fields, "stream") or False,
        include_usage=bool(isinstance(options, dict) and options.get("include_usage")),
        max_tokens=limit if limit is not None else whole_number(fields, "max_tokens", 1),
        n=whole_number(fields, "n", 1, 16) or 1,
        stop=_stop(fields),
        media_count=heard.media_count,
        tools=tools,
        tool_chars=len(jsons.encode(fields["tools"])) if tools else 0,
        tool_mode=mode,
        tool_name=name,
        parallel=flag(fields, "parallel_tool_calls"),
        answers_tool=fields["messages"][-1].get("role") == "tool",
        schema=_schema(fields),
        thinks=_thinks(fields),
        logprobs=flag(fields, "logprobs") or False,
    )


def _check_sampling(fields: dict[str, Any]) -> None:
    number(fields, "temperature", 0, 2)
    number(fields, "top_p", 0, 1)
    number(fields, "frequency_penalty", -2, 2)
    number(fields, "presence_penalty", -2, 2)
    whole_number(fields, "top_logprobs", 0, 20)


def _hear(heard: Heard, message: dict[str, Any], where: str) -> None:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise invalid(f"{where}.role must be one of {', '.join(sorted(_ROLES))}", where)
    calls = list_of(message, "tool_calls") if role == "assistant" else []
    for call in calls:
        _hear_call(heard, call, where)
    if role == "tool":
        heard.answered(message.get("tool_call_id"), where)
    if content is None and role == "assistant":
        return
    if isinstance(content, str):
        heard.text(content, where)
        return
    if not isinstance(content, list):
        raise invalid(f"{where}.content must be a string or a list of parts", where)
    for part in content:
        _hear_part(heard, part, f"{where}.content")


def _hear_call(heard: Heard, call: Any, where: str) -> None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid(f"{where}.tool_calls need a function with a name", where)
    heard.called(call.get("id"), f"{where}.tool_calls")
    heard.text(function.get("arguments"), f"{where}.tool_calls.function.arguments")


def _hear_part(heard: Heard, part: Any, where: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in {"text", "refusal"}:
        heard.text(part.get(kind), where)
    elif kind in {"image_url", "input_audio", "file"}:
        heard.media_count += 1
    else:
        raise invalid(f"{where} has a part of unknown type {kind!r}", where)


def _tools(fields: dict[str, Any]) -> tuple[OfferedTool, ...]:
    tools = []
    for tool in list_of(fields, "tools"):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict):
            raise invalid("Every tool must be of type function", "tools")
        tools.append(offered(function.get("name"), function.get("parameters") or {}, "tools"))
    return tuple(tools)


def _tool_choice(fields: dict[str, Any], tools: tuple[OfferedTool, ...]) -> tuple[ToolMode, str | None]:
    choice = fields.get("tool_choice")
    if choice is None:
        return "auto", None
    if not tools:
        raise invalid("tool_choice needs tools", "tool_choice")
    match choice:
        case "auto" | "none" | "required":
            return choice, None
        case {"type": "function", "function": {"name": name}}:
            return "tool", chosen(name, tools)
        case _:
            raise invalid("tool_choice must be auto, none, required or name a function", "tool_choice")


def _stop(fields: dict[str, Any]) -> tuple[str, ...]:
    stop = fields.get("stop")
    if stop is None:
        return ()
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(item, str) and item for item in stops):
        raise invalid("stop must be a string or a list of at most four", "stop")
    return tuple(stops)


def _schema(fields: dict[str, Any]) -> dict[str, Any] | None:
    match fields.get("response_format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        case {"type": "json_schema", "json_schema": {"name": str(), "schema": dict() as schema}}:
            return schema
        case _:
            raise invalid("response_format must be text, json_object, or json_schema with a name", "response_format")


def _thinks(fields: dict[str, Any]) -> bool | None:
    effort = fields.get("reasoning_effort")
    if isinstance(asked := fields.get("reasoning"), dict):
        effort = asked.get("effort", effort)
        if asked.get("enabled") is False:
            return False
    return None if effort is None else effort != "none"


# Answers.


def whole(reply: Reply, asked: Asked) -> bytes:
    """Write an answer in one piece."""
    return jsons.encode(
        {
            "id": reply.id,
            "object": "chat.completion",
            "created": reply.created_s,
            "model": reply.model,
            "choices": [_choice(choice, asked) for choice in reply.choices],
            "usage": _usage(reply),
            "system_fingerprint": "fp_simulated",
        }
    )


def _choice(choice: Choice, asked: Asked) -> dict[str, Any]:
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None}
    if thoughts := [part.text for part in choice.parts if isinstance(part, Reasoning)]:
        message["reasoning_content"] = "".join(thoughts)
    if calls := [part for part in choice.parts if isinstance(part, ToolCall)]:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
    logprobs = _logprobs("".join(texts)) if asked.logprobs else None
    return {"index": choice.index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish}


def _logprobs(text: str) -> dict[str, Any]:
    tokens = [text[at : at + CHARS_PER_TOKEN] for at in range(0, len(text), CHARS_PER_TOKEN)]
    rows = [
        {"token": token, "logprob": _LOGPROB, "bytes": list(token.encode()), "top_logprobs": []} for token in tokens
    ]
    return {"content": rows, "refusal": None}


def _usage(reply: Reply) -> dict[str, Any] | None:
    usage = reply.usage
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def frames(reply: Reply, asked: Asked, step: int) -> Frames:
    """Write an answer as chunks: roles, deltas of at most `step` tokens, finishes, usage if asked for, `[DONE]`."""
    head = jsons.encode(
        {
            "id": reply.id,
            "object": "chat.completion.chunk",
            "created": reply.created_s,
            "model": reply.model,
            "system_fingerprint": "fp_simulated",
        }
    )
    start = b"data: " + head[:-1] + b',"choices":[{"index":'
    roles = [
        b'%b%d,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
        % (start, choice.index)
        for choice in reply.choices
    ]
    yield 0, b"".join(roles)
    lead = 1
    for choice in reply.choices:
        for tokens, delta, logprobs in _deltas(choice, asked, step, lead):
            extra = b',"logprobs":' + logprobs if logprobs else b""
            yield tokens, b'%b%d,"delta":%b%b,"finish_reason":null}]}\n\n' % (start, choice.index, delta, extra)
        lead = step
    ends = [
        b'%b%d,"delta":{},"finish_reason":%b}]}\n\n' % (start, choice.index, jsons.encode(choice.finish))
        for choice in reply.choices
    ]
    if asked.include_usage:
        ends.append(b'data: %b,"choices":[],"usage":%b}\n\n' % (head[:-1], jsons.encode(_usage(reply))))
    yield 0, b"".join(ends) + b"data: [DONE]\n\n"


def _deltas(choice: Choice, asked: Asked, step: int, lead: int) -> Iterator[tuple[int, bytes, bytes]]:
    call_count = 0
    for part in choice.parts:
        before, text, after = _around(part, call_count)
        if isinstance(part, ToolCall):
            yield 0, _opened(part, call_count), b""
            call_count += 1
        for piece in slices(text, step, lead):
            logprobs = jsons.encode(_logprobs(piece)) if asked.logprobs and isinstance(part, Text) else b""
            yield token_count(piece), before + jsons.encode(piece) + after, logprobs
        lead = step


def _opened(call: ToolCall, index: int) -> bytes:
    function = {"name": call.name, "arguments": ""}
    return jsons.encode({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})


def _around(part: Part, call_count: int) -> tuple[bytes, str, bytes]:
    """Return the bytes before a piece of a part, its whole text, and the bytes after."""
    match part:
        case Reasoning():
            return b'{"reasoning_content":', part.text, b"}"
        case ToolCall():
            return b'{"tool_calls":[{"index":%d,"function":{"arguments":' % call_count, part.arguments, b"}}]}"
        case Text():
            return b'{"content":', part.text, b"}"
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")


def error(status: int, message: str, fault: Fault | None) -> bytes:
    """Write the body of an error answer."""
    kind, code = _ERRORS.get(status, ("server_error", None))
    if fault is not None and fault.kind is FaultKind.CONTEXT_LENGTH:
        code = fault.kind.value
    param = fault.param if fault else None
    return jsons.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_event(message: str) -> bytes:
    """Write an error that arrives inside a stream."""
    return b"data: " + error(500, message, None) + b"\n\n"


WIRE = Wire(
    method=at_paths({"/chat/completions": Method(read)}),
    overloaded_status=503,
    whole=whole,
    frames=frames,
    error=error,
    error_event=error_event,
)
