"""Anthropic's messages, as a provider speaks them."""

import re
from typing import Any

from wideband.canon.faults import Fault, invalid
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
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
from wideband.sandbox.prose import token_count
from wideband.sandbox.sealing import Sealing, Shown
from wideband.sandbox.wires.base import Frames, Method, Wire, at_paths, slices
from wideband.wire import jsons, sse

_ERRORS: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
# A tool that Anthropic runs itself, or knows, and the day it was made; never called here.
_OWN_TOOL = re.compile(r"[a-z_]+_\d{8}")
_TOOL_MODES: dict[str, ToolMode] = {"auto": "auto", "any": "required", "none": "none"}


# Requests.


def read(body: bytes) -> Asked:
    """Understand a request. Raises `Faulted` for what a real provider would refuse."""
    asked = read_prompt(body)
    if asked.max_tokens is None:
        raise invalid("max_tokens: Field required", "max_tokens")
    return asked


def read_prompt(body: bytes) -> Asked:
    """Understand a request that need not say how long the answer may be, as for counting tokens."""
    fields = fields_of(body)
    number(fields, "temperature", 0, 1)
    number(fields, "top_p", 0, 1)
    whole_number(fields, "top_k", 0)
    heard = Heard()
    _hear_system(heard, fields.get("system"))
    if fields["messages"][0].get("role") == "system":
        raise invalid("messages.0: a system message needs a turn before it; use the top-level system field", "messages")
    for index, message in enumerate(fields["messages"]):
        _hear(heard, message, f"messages.{index}")
    tools = tuple(found for tool in list_of(fields, "tools") if (found := _tool(tool)) is not None)
    mode, name, parallel = _tool_choice(fields, tools)
    thinking = fields.get("thinking")
    return Asked(
        model=fields["model"],
        text="".join(heard.pieces),
        stream=flag(fields, "stream") or False,
        max_tokens=whole_number(fields, "max_tokens", 1),
        stop=tuple(str(item) for item in list_of(fields, "stop_sequences")),
        media_count=heard.media_count,
        tools=tools,
        tool_chars=len(jsons.encode(fields["tools"])) if tools else 0,
        tool_mode=mode,
        tool_name=name,
        parallel=parallel,
        answers_tool=_brings_results(fields["messages"][-1]),
        schema=_schema(fields),
        thinks=thinking.get("type") != "disabled" if isinstance(thinking, dict) else None,
        caching="marked" if b'"cache_control"' in body else "off",
        seals=tuple(heard.seals),
    )


def _hear_system(heard: Heard, system: Any) -> None:
    if isinstance(system, str):
        heard.text(system, "system")
    elif isinstance(system, list):
        for block in system:
            heard.text(block.get("text") if isinstance(block, dict) else None, "system")
    elif system is not None:
        raise invalid("system must be a string or a list of text blocks", "system")


def _hear(heard: Heard, message: dict[str, Any], where: str) -> None:
    role, content = message.get("role"), message.get("content")
    if role == "system":
        _hear_system(heard, content)
        return
    if role not in {"user", "assistant"}:
        raise invalid(f"{where}.role must be user, assistant or system", where)
    if isinstance(content, str):
        heard.text(content, where)
        return
    if not isinstance(content, list):
        raise invalid(f"{where}.content must be a string or a list of blocks", where)
    for block in content:
        _hear_block(heard, block, f"{where}.content")


def _hear_block(heard: Heard, block: Any, where: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    match kind:
        case "text":
            heard.text(block.get("text"), where)
        case "thinking":
            heard.text(block.get("thinking"), where)
            heard.seals.append(Shown(str(block.get("signature") or ""), where, block["thinking"]))
        case "redacted_thinking":
            heard.text(block.get("data"), where)
            heard.seals.append(Shown(block["data"], where))
        case "image" | "document":
            heard.media_count += 1
        case "tool_reference":
            heard.text(block.get("tool_name"), where)
        case "tool_use":
            if not isinstance(block.get("name"), str) or not isinstance(block.get("input"), dict):
                raise invalid(f"{where}: a tool_use block needs a name and an input object", where)
            heard.called(block.get("id"), where)
            heard.text(jsons.encode(block["input"]).decode(), where)
        case "tool_result":
            heard.answered(block.get("tool_use_id"), where)
            _hear_result(heard, block.get("content"), where)
        case _:
            raise invalid(f"{where} has a block of unknown type {kind!r}", where)


def _hear_result(heard: Heard, content: Any, where: str) -> None:
    if isinstance(content, list):
        for block in content:
            _hear_block(heard, block, where)
    elif content is not None:
        heard.text(content, where)


def _brings_results(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def _tool(tool: Any) -> OfferedTool | None:
    """Take a tool that can be called: not one that the provider runs itself, nor one that waits to be searched for."""
    kind = tool.get("type") or "custom" if isinstance(tool, dict) else None
    if not isinstance(kind, str) or not (kind == "custom" or _OWN_TOOL.fullmatch(kind)):
        raise invalid(f"tools: {kind!r} is no type of tool", "tools")
    if kind != "custom" or tool.get("defer_loading"):
        return None
    return offered(tool.get("name"), tool.get("input_schema"), "tools")


def _tool_choice(fields: dict[str, Any], tools: tuple[OfferedTool, ...]) -> tuple[ToolMode, str | None, bool | None]:
    choice = fields.get("tool_choice")
    if choice is None:
        return "auto", None, None
    if not tools or not isinstance(choice, dict):
        raise invalid("tool_choice must be an object, and needs tools", "tool_choice")
    parallel = False if choice.get("disable_parallel_tool_use") else None
    if choice.get("type") == "tool":
        return "tool", chosen(choice.get("name"), tools), parallel
    mode = _TOOL_MODES.get(str(choice.get("type")))
    if mode is None:
        raise invalid("tool_choice.type must be auto, any, tool or none", "tool_choice")
    return mode, None, parallel


def _schema(fields: dict[str, Any]) -> dict[str, Any] | None:
    match fields.get("output_config") or {}:
        case {"format": {"type": "json_schema", "schema": dict() as schema}}:
            return schema
        case _:
            return None


# Answers.


def whole(reply: Reply, _asked: Asked) -> bytes:
    """Write an answer in one piece."""
    (choice,) = reply.choices
    return jsons.encode(
        {
            "id": reply.id,
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": [_block(part) for part in choice.parts],
            "stop_reason": _stop_reason(choice),
            "stop_sequence": choice.stop_sequence,
            "usage": _usage(reply.usage or Usage()),
        }
    )


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Reasoning():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        case ToolCall():
            # Arguments cut at max_tokens are not JSON any more; a real provider then shows an empty input.
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _parsed(part.arguments)}
        case Text():
            return {"type": "text", "text": part.text}
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")


def _parsed(arguments: str) -> Any:
    try:
        return jsons.decode(arguments)
    except jsons.DecodeError:
        return {}


def _stop_reason(choice: Choice) -> str:
    if choice.stop_sequence is not None:
        return "stop_sequence"
    return _STOP_REASONS[choice.finish or "stop"]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }


def frames(reply: Reply, _asked: Asked, step: int) -> Frames:
    """Write an answer as events: message start, blocks with deltas of at most `step` tokens, message end."""
    (choice,) = reply.choices
    usage = reply.usage or Usage()
    message: dict[str, Any] = {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_usage(usage), "output_tokens": 1},
    }
    yield 0, _event("message_start", {"message": message}) + _event("ping", {})
    lead = 1
    for index, part in enumerate(choice.parts):
        yield 0, _event("content_block_start", {"index": index, "content_block": _opened(part)})
        before, text, after = _around(part, index)
        for piece in slices(text, step, lead):
            yield token_count(piece), before + jsons.encode(piece) + after
        yield 0, _sealed(part, index) + _event("content_block_stop", {"index": index})
        lead = step
    delta = {"stop_reason": _stop_reason(choice), "stop_sequence": choice.stop_sequence}
    yield 0, _event("message_delta", {"delta": delta, "usage": _usage(usage)}) + _event("message_stop", {})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return sse.encode(jsons.encode({"type": kind, **fields}), kind)


def _opened(part: Part) -> dict[str, Any]:
    match part:
        case Reasoning():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
        case _:
            return {"type": "text", "text": ""}


def _sealed(part: Part, index: int) -> bytes:
    if not isinstance(part, Reasoning):
        return b""
    return _event(
        "content_block_delta", {"index": index, "delta": {"type": "signature_delta", "signature": part.signature}}
    )


_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'


def _around(part: Part, index: int) -> tuple[bytes, str, bytes]:
    """Return the bytes before a piece of a part, its whole text, and the bytes after."""
    match part:
        case Reasoning():
            words, text = (b"thinking_delta", b"thinking"), part.text
        case ToolCall():
            words, text = (b"input_json_delta", b"partial_json"), part.arguments
        case Text():
            words, text = (b"text_delta", b"text"), part.text
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")
    return _DELTA % (index, *words), text, b"}}\n\n"


def counted(tokens: int) -> bytes:
    """Write the answer of the method that counts a prompt's tokens."""
    return jsons.encode({"input_tokens": tokens})


def error(status: int, message: str, _fault: Fault | None) -> bytes:
    """Write the body of an error answer."""
    kind = _ERRORS.get(status, "api_error")
    return jsons.encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_simulated"})


def error_event(message: str) -> bytes:
    """Write an error that arrives inside a stream."""
    return sse.encode(error(529, message, None), "error")


WIRE = Wire(
    method=at_paths({"/messages": Method(read), "/messages/count_tokens": Method(read_prompt, counted)}),
    overloaded_status=529,
    whole=whole,
    frames=frames,
    error=error,
    error_event=error_event,
    sealing=Sealing(
        bound=lambda part, _choice: part.text,
        refusal="{where}: Invalid `signature` in `thinking` block ({reason})",
        portable=True,
    ),
)
