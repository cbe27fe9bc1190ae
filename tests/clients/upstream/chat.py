"""OpenAI's chat completions as a provider speaks it, and as a strict one refuses it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.clients.upstream.play import Asked, Result, Tool, Turn
from tests.clients.upstream.sse import data, pieces

_MESSAGE_KEYS = {"role", "content", "name", "tool_calls", "tool_call_id", "refusal"}
_PART_TYPES = {"text", "image_url", "input_audio", "file"}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def read(body: Mapping[str, Any]) -> Asked:
    """Take a request apart."""
    messages = body["messages"]
    tools = tuple(
        Tool(tool["function"]["name"], tool["function"].get("parameters") or {}) for tool in body.get("tools") or ()
    )
    return Asked(
        dialect="openai_chat",
        model=body["model"],
        stream=bool(body.get("stream")),
        tools=tools,
        results=tuple(_results(messages)),
        prompt="\n".join(_text(message.get("content")) for message in messages if message["role"] == "user"),
        flaws=tuple(_flaws(body)),
        body=body,
    )


def _results(messages: list[dict[str, Any]]) -> Iterator[Result]:
    for message in messages:
        if message["role"] == "tool":
            yield Result(message["tool_call_id"], _text(message["content"]))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _flaws(body: Mapping[str, Any]) -> Iterator[str]:
    if body.get("tools") == []:
        yield "tools is empty"
    if "tool_choice" in body and not body.get("tools"):
        yield "tool_choice without tools"
    yield from (f"a tool has no parameters object: {tool}" for tool in body.get("tools") or () if _odd_tool(tool))
    open_ids: list[str] = []
    seen: set[str] = set()
    talking = False
    for number, message in enumerate(body["messages"]):
        role = message["role"]
        extra = message.keys() - _MESSAGE_KEYS
        if extra:
            yield f"message {number} has {sorted(extra)}"
        if role in ("system", "developer"):
            if talking:
                yield f"message {number} is a {role} message amid the others"
        else:
            talking = True
        if role == "tool":
            if message["tool_call_id"] not in open_ids:
                yield f"message {number} answers a call that is not open: {message['tool_call_id']}"
            else:
                open_ids.remove(message["tool_call_id"])
            if any(part["type"] != "text" for part in message["content"] if isinstance(message["content"], list)):
                yield f"message {number}: a tool's content is more than text"
            if not message["content"]:
                yield f"message {number}: a tool's content is empty"
        elif open_ids:
            yield f"message {number} ({role}) comes before the answers to {open_ids}"
        yield from _odd_parts(number, message.get("content"))
        for call in message.get("tool_calls") or ():
            if call["id"] in seen:
                yield f"message {number} repeats the id {call['id']}"
            if call.keys() - {"id", "type", "function"} or len(call["id"]) > 64:
                yield f"message {number} has an odd call: {sorted(call)} {call['id']}"
            json.loads(call["function"]["arguments"])
            seen.add(call["id"])
            open_ids.append(call["id"])
    if open_ids:
        yield f"nobody answers {open_ids}"


def _odd_tool(tool: Mapping[str, Any]) -> bool:
    return tool.get("type") != "function" or bool(tool.keys() - {"type", "function"})


def _odd_parts(number: int, content: Any) -> Iterator[str]:
    for part in content if isinstance(content, list) else ():
        if part.get("type") not in _PART_TYPES:
            yield f"message {number} has a part of type {part.get('type')}"
        if "cache_control" in part:
            yield f"message {number} has cache_control"


def whole(turn: Turn, asked: Asked) -> dict[str, Any]:
    """Return an answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": turn.text}
    if turn.calls:
        message["tool_calls"] = [_call(turn, position) for position in range(len(turn.calls))]
    if turn.thought:
        message["reasoning_content"] = turn.thought
    choice = {"index": 0, "message": message, "finish_reason": _finish(turn)}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked.model}
    return head | {"choices": [choice], "usage": USAGE}


def _call(turn: Turn, position: int) -> dict[str, Any]:
    call = turn.calls[position]
    function = {"name": call.tool.name, "arguments": json.dumps(call.arguments)}
    return {"id": turn.call_id(position), "type": "function", "function": function}


def _finish(turn: Turn) -> str:
    return "tool_calls" if turn.calls else "stop"


def stream(turn: Turn, asked: Asked) -> Iterator[bytes]:
    """Yield an answer in many pieces; calls are interleaved as providers do that make them in parallel."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": asked.model}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return data(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(turn.thought):
        yield chunk({"reasoning_content": piece})
    for piece in pieces(turn.text):
        yield chunk({"content": piece})
    for position in range(len(turn.calls)):
        call = _call(turn, position)
        arguments = call["function"].pop("arguments")
        call["function"]["arguments"] = ""
        yield chunk({"tool_calls": [{"index": position, **call}]})
        for piece in pieces(arguments):
            yield chunk({"tool_calls": [{"index": position, "function": {"arguments": piece}}]})
    yield chunk({}, _finish(turn))
    if (asked.body.get("stream_options") or {}).get("include_usage"):
        yield data(head | {"choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def fault(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    code = {400: "invalid_request_error", 429: "rate_limit_exceeded"}.get(status, "server_error")
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
