"""Anthropic's messages as a provider speaks it, and as a strict one refuses it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.clients.upstream.play import Asked, Result, Tool, Turn
from tests.clients.upstream.sse import data, pieces

_ID = re.compile(r"[A-Za-z0-9_-]+")
USAGE = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
SIGNATURE = "c2lnbmVkLWJ5LXRoZS1zY3JpcHQ="


def read(body: Mapping[str, Any]) -> Asked:
    """Take a request apart."""
    messages = body["messages"]
    tools = tuple(
        Tool(tool["name"], tool["input_schema"]) for tool in body.get("tools") or () if "input_schema" in tool
    )
    blocks = [block for message in messages for block in _blocks(message)]
    return Asked(
        dialect="anthropic_messages",
        model=body["model"],
        stream=bool(body.get("stream")),
        tools=tools,
        results=tuple(
            Result(block["tool_use_id"], _text(block.get("content")))
            for block in blocks
            if block["type"] == "tool_result"
        ),
        prompt="\n".join(_text(message["content"]) for message in messages if message["role"] == "user"),
        flaws=tuple(_flaws(body)),
        body=body,
    )


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content or ""


def _flaws(body: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("max_tokens"), int):
        yield "no max_tokens"
    thinking = body.get("thinking") or {}
    if thinking.get("budget_tokens", 0) >= body.get("max_tokens", 0):
        yield f"budget_tokens {thinking['budget_tokens']} of {body.get('max_tokens')}"
    if json.dumps(body).count('"cache_control"') > 4:
        yield "more than four cache breakpoints"
    due: list[str] = []
    seen: set[str] = set()
    for number, message in enumerate(body["messages"]):
        blocks = _blocks(message)
        if message["role"] not in ("user", "assistant", "system"):
            yield f"message {number} is from {message['role']}"
        if message["role"] == "user":
            answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            if sorted(answered) != sorted(due):
                yield f"message {number} answers {answered}, called were {due}"
            due = []
        elif due:
            yield f"message {number} ({message['role']}) comes before the answers to {due}"
        for block in blocks:
            yield from _odd_block(number, block)
            if block["type"] == "tool_use":
                if block["id"] in seen:
                    yield f"message {number} repeats the id {block['id']}"
                seen.add(block["id"])
                due.append(block["id"])
    if due:
        yield f"nobody answers {due}"


def _odd_block(number: int, block: Mapping[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind == "text" and not block["text"].strip():
        yield f"message {number} has an empty text"
    if kind == "tool_use" and not (_ID.fullmatch(block["id"]) and isinstance(block["input"], dict)):
        yield f"message {number} has an odd call: {block}"
    if kind == "thinking" and block.get("signature") != SIGNATURE:
        yield f"message {number} has a thought that is not signed here"


def whole(turn: Turn, asked: Asked) -> dict[str, Any]:
    """Return an answer in one piece."""
    return _head(asked) | {"content": list(_content(turn)), "stop_reason": _stop(turn), "usage": USAGE}


def _head(asked: Asked) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": USAGE,
    }


def _content(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.thought:
        yield {"type": "thinking", "thinking": turn.thought, "signature": SIGNATURE}
    if turn.text:
        yield {"type": "text", "text": turn.text}
    for position, call in enumerate(turn.calls):
        yield {"type": "tool_use", "id": turn.call_id(position), "name": call.tool.name, "input": call.arguments}


def _stop(turn: Turn) -> str:
    return "tool_use" if turn.calls else "end_turn"


def stream(turn: Turn, asked: Asked) -> Iterator[bytes]:
    """Yield an answer in many pieces."""

    def event(name: str, **fields: Any) -> bytes:
        return data({"type": name, **fields}, name)

    yield event("message_start", message=_head(asked))
    yield event("ping")
    for index, block in enumerate(_content(turn)):
        yield event("content_block_start", index=index, content_block=_opened(block))
        for delta in _deltas(block):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": _stop(turn), "stop_sequence": None}, usage={"output_tokens": 20})
    yield event("message_stop")


def _opened(block: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return block | empty[block["type"]]


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": ""}
        for piece in pieces(json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": piece}
        return
    kind = block["type"]
    for piece in pieces(block[kind]):
        yield {"type": f"{kind}_delta", kind: piece}
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": SIGNATURE}


def fault(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    kind = {400: "invalid_request_error", 429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}
