"""Google's generateContent as a provider speaks it, and as a strict one refuses it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.clients.upstream.play import Asked, Result, Tool, Turn
from tests.clients.upstream.sse import data, pieces

USAGE = {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}
SIGNATURE = "c2NyaXB0ZWQtdGhvdWdodA=="
SKIPPED = "skip_thought_signature_validator"

_SNAKES = ("function_declarations", "function_call", "function_response", "inline_data", "thought_signature")
_CAMELS = {name: re.sub("_(.)", lambda found: found[1].upper(), name) for name in _SNAKES}
# What is the caller's own, names and all.
_FREE = {"args", "response", "parameters", "parametersJsonSchema"}


def read(body: Mapping[str, Any]) -> Asked:
    """Take a request apart; the model and whether to stream stand in the path and are added by the server."""
    plain = _camel(body)
    contents = plain["contents"]
    return Asked(
        dialect="gemini_generate",
        model=body["model"],
        stream=body["stream"],
        tools=tuple(
            Tool(row["name"], row.get("parametersJsonSchema") or row.get("parameters") or {})
            for tool in plain.get("tools") or ()
            for row in tool.get("functionDeclarations") or ()
        ),
        results=tuple(_results(contents)),
        prompt="\n".join(part.get("text", "") for content in contents for part in content["parts"]),
        flaws=tuple(_flaws(contents)),
        body=body,
    )


def _camel(value: Any) -> Any:
    """Write what is said in protobuf's own names, as LiteLLM says it, in JSON's; Google takes both."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {_CAMELS.get(name, name): each if name in _FREE else _camel(each) for name, each in value.items()}


def _results(contents: list[dict[str, Any]]) -> Iterator[Result]:
    for content in contents:
        for part in content["parts"]:
            if answer := part.get("functionResponse"):
                yield Result(answer.get("id", ""), str(answer["response"]))


def _flaws(contents: list[dict[str, Any]]) -> Iterator[str]:
    due: list[str] = []
    # Signatures are looked for behind the last word of the user's own.
    begins = max(
        number
        for number, content in enumerate(contents)
        if any("text" in part for part in content["parts"]) and content["role"] == "user"
    )
    for number, content in enumerate(contents):
        answers = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        called = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        if content.get("role") not in ("user", "model"):
            yield f"content {number} is from {content.get('role')}"
        if sorted(answers) != sorted(due):
            yield f"content {number} answers {answers}, called were {due}"
        if not content["parts"]:
            yield f"content {number} is empty"
        if number > begins:
            yield from _odd_signature(number, content["parts"])
        due = called
    if due:
        yield f"nobody answers {due}"


def _odd_signature(number: int, parts: list[dict[str, Any]]) -> Iterator[str]:
    """Name what Gemini 3 refuses: the first call of a turn without a signature, and signatures it did not give."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None and not first.get("thoughtSignature"):
        yield f"content {number}: its first call has no signature"
    for part in parts:
        if part.get("thoughtSignature") not in (None, SIGNATURE, SKIPPED):
            yield f"content {number} has a signature that was not made here"


def whole(turn: Turn, asked: Asked) -> dict[str, Any]:
    """Return an answer in one piece."""
    return _answer(asked, list(_parts(turn)), "STOP") | {"usageMetadata": USAGE}


def _parts(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.thought:
        yield {"text": turn.thought, "thought": True}
    if turn.text:
        yield {"text": turn.text}
    for position, call in enumerate(turn.calls):
        # Without an id, as Google's own API makes them.
        part = {"functionCall": {"name": call.tool.name, "args": call.arguments}}
        yield part | {"thoughtSignature": SIGNATURE} if position == 0 else part


def _answer(asked: Asked, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": asked.model, "responseId": "r1"}


def stream(turn: Turn, asked: Asked) -> Iterator[bytes]:
    """Yield an answer in many pieces; calls are never cut."""
    for part in _parts(turn):
        if "text" in part:
            for piece in pieces(part["text"]):
                yield data(_answer(asked, [part | {"text": piece}], None))
        else:
            yield data(_answer(asked, [part], None))
    yield data(_answer(asked, [{"text": ""}], "STOP") | {"usageMetadata": USAGE})


def fault(status: int, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    name = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}.get(status, "INTERNAL")
    return {"error": {"code": status, "message": message, "status": name}}
