"""Gemini's generateContent, as a provider speaks it."""

import re
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote

from wideband.canon.faults import Fault, invalid
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.sandbox.asked import Asked
from wideband.sandbox.prose import token_count
from wideband.sandbox.sealing import Sealing
from wideband.sandbox.wires.base import Frames, Method, Wire, slices
from wideband.sandbox.wires.gemini_request import read, read_counted
from wideband.wire import jsons, sse

_PATH = re.compile(r"/models/(.+):([A-Za-z]+)")
_FINISHES = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"}
_ERRORS: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def method(path: str) -> Method | None:
    """Return what a path asks for, its model and whether it streams. Raises `Faulted`."""
    path, _, query = path.partition("?")
    found = _PATH.fullmatch(unquote(path))
    if found is None:
        return None
    model, name = found.groups()
    match name:
        case "generateContent":
            return Method(partial(read, model, False))
        case "streamGenerateContent":
            if parse_qs(query).get("alt") != ["sse"]:
                raise invalid("A simulated provider streams events only: ask with alt=sse", "alt")
            return Method(partial(read, model, True))
        case "countTokens":
            return Method(partial(read_counted, model), counted)
        case _:
            return None


# Answers.

Json = dict[str, Any]


def whole(reply: Reply, asked: Asked) -> bytes:
    """Write an answer in one piece."""
    candidates = [
        {
            "content": {"parts": _parts(choice, asked), "role": "model"},
            "finishReason": _FINISHES[choice.finish or "stop"],
            "index": choice.index,
        }
        for choice in reply.choices
    ]
    return jsons.encode({"candidates": candidates, "usageMetadata": _usage(reply.usage or Usage()), **_whose(reply)})


def _whose(reply: Reply) -> Json:
    return {"modelVersion": reply.model, "responseId": reply.id}


def _parts(choice: Choice, asked: Asked) -> list[Json]:
    """Return the parts of an answer; the seal of the thinking stands at the first call, else at the last text."""
    seal = next((part.signature for part in choice.parts if isinstance(part, Reasoning)), None)
    shown = [part for part in choice.parts if asked.shows_thoughts or not isinstance(part, Reasoning)]
    parts = [written for part in shown if (written := _part(part, asked)) is not None]
    spoken = [part for part in parts if not part.get("thought")]
    if seal and spoken:
        at = next((part for part in spoken if "functionCall" in part), spoken[-1])
        at["thoughtSignature"] = seal
    return parts


def _part(part: Part, asked: Asked) -> Json | None:
    match part:
        case Reasoning():
            return {"text": part.text, "thought": True}
        case Text():
            return {"text": part.text}
        case ToolCall():
            # A call that was cut is not made at all.
            args = _parsed(part.arguments)
            call = {"name": part.name, "args": args}
            return None if args is None else {"functionCall": {"id": part.id, **call} if asked.call_ids else call}
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")


def _parsed(arguments: str) -> Any:
    try:
        return jsons.decode(arguments)
    except jsons.DecodeError:
        return None


def _usage(usage: Usage) -> Json:
    counts = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.total_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt_tokens}],
    }
    if usage.cached_tokens:
        counts["cachedContentTokenCount"] = usage.cached_tokens
    if usage.reasoning_tokens:
        counts["thoughtsTokenCount"] = usage.reasoning_tokens
    return counts


def frames(reply: Reply, asked: Asked, step: int) -> Frames:
    """Write an answer as events of parts, at most `step` tokens each (a call is whole); the last one finishes."""
    yield 0, b""
    usage = reply.usage or Usage()
    so_far = {"promptTokenCount": usage.prompt_tokens, "totalTokenCount": usage.prompt_tokens}
    tail = b',"usageMetadata":%b,%b}\n\n' % (jsons.encode(so_far), jsons.encode(_whose(reply))[1:-1])
    lead = 1
    for choice in reply.choices:
        before, after = b'data: {"candidates":[{"content":{"parts":[', b'],"role":"model"},"index":%d}]' % choice.index
        parts = _parts(choice, asked)
        seal = ""
        for part in parts:
            if "functionCall" in part:
                tokens = token_count(jsons.encode(part["functionCall"]["args"]).decode())
                yield tokens, before + jsons.encode(part) + after + tail
                continue
            # The seal of a text comes after it, in a part of its own.
            seal = part.pop("thoughtSignature", "")
            end = b',"thought":true}' if part.get("thought") else b"}"
            for piece in slices(part["text"], step, lead):
                yield token_count(piece), before + b'{"text":' + jsons.encode(piece) + end + after + tail
            lead = step
        yield 0, sse.encode(jsons.encode(_finish(choice, reply, seal)))


def _finish(choice: Choice, reply: Reply, seal: str) -> Json:
    last: Json = {"text": "", **({"thoughtSignature": seal} if seal else {})}
    candidate = {
        "content": {"parts": [last], "role": "model"},
        "finishReason": _FINISHES[choice.finish or "stop"],
        "index": choice.index,
    }
    return {"candidates": [candidate], "usageMetadata": _usage(reply.usage or Usage()), **_whose(reply)}


def error(status: int, message: str, _fault: Fault | None) -> bytes:
    """Write the body of an error answer."""
    return jsons.encode({"error": {"code": status, "message": message, "status": _ERRORS.get(status, "UNKNOWN")}})


def error_event(message: str) -> bytes:
    """Write an error that arrives inside a stream."""
    return sse.encode(error(503, message, None))


def counted(tokens: int) -> bytes:
    """Write the answer of the method that counts a prompt's tokens."""
    return jsons.encode({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})


def _bound(_part: Reasoning, choice: Choice) -> str:
    """Name the call that a seal stands at; it stands at nothing but text when there is none."""
    return next((part.name for part in choice.parts if isinstance(part, ToolCall)), "")


WIRE = Wire(
    method=method,
    overloaded_status=503,
    whole=whole,
    frames=frames,
    error=error,
    error_event=error_event,
    sealing=Sealing(
        bound=_bound,
        refusal="Thought signature is not valid: {reason} ({where})",
        excused=frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}),
    ),
)
