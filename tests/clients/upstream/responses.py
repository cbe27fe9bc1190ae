"""OpenAI's responses as a provider speaks it, and as a strict one refuses it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.clients.upstream.play import Asked, Result, Tool, Turn
from tests.clients.upstream.sse import data, pieces

_OUTPUTS = {"function_call_output", "custom_tool_call_output"}
_CALLS = {"function_call", "custom_tool_call"}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 120,
}
SEAL = "gAAAAABzY3JpcHRlZA=="


def read(body: Mapping[str, Any]) -> Asked:
    """Take a request apart."""
    items = _items(body)
    return Asked(
        dialect="openai_responses",
        model=body["model"],
        stream=bool(body.get("stream")),
        tools=tuple(tool for rows in _offers(body, items) for tool in _tools(rows)),
        results=tuple(Result(item["call_id"], _text(item["output"])) for item in items if item.get("type") in _OUTPUTS),
        prompt="\n".join(_text(item.get("content")) for item in items if item.get("role") == "user"),
        flaws=tuple(_flaws(items)),
        body=body,
    )


def _items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    asked = body["input"]
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def _offers(body: Mapping[str, Any], items: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield what is offered: in its field, and by items amid the conversation, as Codex does for OpenAI's newest."""
    yield body.get("tools") or []
    yield from (item["tools"] for item in items if item.get("type") == "additional_tools")


def _tools(rows: Sequence[dict[str, Any]], space: str | None = None) -> Iterator[Tool]:
    for row in rows:
        if row["type"] == "function":
            yield Tool(row["name"], row.get("parameters") or {}, space=space)
        elif row["type"] == "custom":
            yield Tool(row["name"], free=True, space=space)
        elif row["type"] == "namespace":
            yield from _tools(row["tools"], row["name"])


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _flaws(items: list[dict[str, Any]]) -> Iterator[str]:
    due: set[str] = set()
    seen: set[str] = set()
    for number, item in enumerate(items):
        kind = item.get("type", "message")
        if kind in _CALLS:
            if item["call_id"] in seen or len(item["call_id"]) > 64:
                yield f"item {number} has an odd id: {item['call_id']}"
            if kind == "function_call":
                json.loads(item["arguments"])
            seen.add(item["call_id"])
            due.add(item["call_id"])
        elif kind in _OUTPUTS:
            if item["call_id"] not in due:
                yield f"item {number} answers a call that is not open: {item['call_id']}"
            due.discard(item["call_id"])
        elif kind == "reasoning" and item.get("encrypted_content") not in (None, SEAL):
            yield f"item {number} has a thought that was not sealed here"
        elif kind == "message" and item.get("role") not in ("user", "assistant", "system", "developer"):
            yield f"item {number} is from {item.get('role')}"
    if due:
        yield f"nobody answers {sorted(due)}"


def whole(turn: Turn, asked: Asked) -> dict[str, Any]:
    """Return an answer in one piece."""
    return _response(turn, asked, "completed") | {"output": list(_output(turn)), "usage": USAGE}


def _response(turn: Turn, asked: Asked, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{turn.number}",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": asked.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def _output(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.thought:
        summary = [{"type": "summary_text", "text": turn.thought}]
        yield {"type": "reasoning", "id": f"rs_{turn.number}", "summary": summary, "encrypted_content": SEAL}
    if turn.text:
        part = {"type": "output_text", "text": turn.text, "annotations": []}
        yield {
            "type": "message",
            "id": f"msg_{turn.number}",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    for position, call in enumerate(turn.calls):
        common = {"call_id": turn.call_id(position), "name": call.tool.name, "status": "completed"}
        if call.tool.space:
            common["namespace"] = call.tool.space
        if call.tool.free:
            yield {"type": "custom_tool_call", "id": f"ctc_{turn.number}_{position}", **common, "input": call.arguments}
        else:
            item_id = f"fc_{turn.number}_{position}"
            yield {"type": "function_call", "id": item_id, **common, "arguments": json.dumps(call.arguments)}


def stream(turn: Turn, asked: Asked) -> Iterator[bytes]:
    """Yield an answer in many pieces."""
    count = 0

    def event(name: str, **fields: Any) -> bytes:
        nonlocal count
        count += 1
        return data({"type": name, "sequence_number": count - 1, **fields}, name)

    started = _response(turn, asked, "in_progress")
    yield event("response.created", response=started)
    yield event("response.in_progress", response=started)
    for index, item in enumerate(_output(turn)):
        place = {"output_index": index, "item_id": item["id"]}
        yield event("response.output_item.added", output_index=index, item=_opened(item))
        for name, fields in _deltas(item):
            yield event(name, **place, **fields)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=whole(turn, asked))


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "message": {"content": [], "status": "in_progress"},
        "function_call": {"arguments": "", "status": "in_progress"},
        "custom_tool_call": {"input": "", "status": "in_progress"},
        "reasoning": {"summary": []},
    }
    return item | empty[item["type"]]


def _deltas(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    match item["type"]:
        case "message":
            part = item["content"][0]
            yield "response.content_part.added", {"content_index": 0, "part": part | {"text": ""}}
            for piece in pieces(part["text"]):
                yield "response.output_text.delta", {"content_index": 0, "delta": piece, "logprobs": []}
            yield "response.output_text.done", {"content_index": 0, "text": part["text"], "logprobs": []}
            yield "response.content_part.done", {"content_index": 0, "part": part}
        case "function_call":
            for piece in pieces(item["arguments"]):
                yield "response.function_call_arguments.delta", {"delta": piece}
            yield "response.function_call_arguments.done", {"arguments": item["arguments"]}
        case "custom_tool_call":
            for piece in pieces(item["input"]):
                yield "response.custom_tool_call_input.delta", {"delta": piece}
            yield "response.custom_tool_call_input.done", {"input": item["input"]}
        case "reasoning":
            part = item["summary"][0]
            yield "response.reasoning_summary_part.added", {"summary_index": 0, "part": part | {"text": ""}}
            for piece in pieces(part["text"]):
                yield "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": piece}
            yield "response.reasoning_summary_text.done", {"summary_index": 0, "text": part["text"]}
            yield "response.reasoning_summary_part.done", {"summary_index": 0, "part": part}


def fault(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    code = {400: "invalid_request_error", 429: "rate_limit_exceeded"}.get(status, "server_error")
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
