"""OpenAI's Responses, as a provider speaks them."""

from collections.abc import Callable, Iterator
from typing import Any

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Reply
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.sandbox.asked import Asked
from wideband.sandbox.prose import token_count
from wideband.sandbox.sealing import Sealing
from wideband.sandbox.wires.base import Frames, Method, Wire, at_paths, slices
from wideband.sandbox.wires.responses_request import read
from wideband.wire import jsons, sse

Item = dict[str, Any]

_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "overloaded"),
}


def whole(reply: Reply, asked: Asked) -> bytes:
    """Write an answer in one piece."""
    items = [_item(part, *place, asked) for part, place in _places(reply)]
    return jsons.encode(_response(reply, asked, _ended(reply), items))


def _ended(reply: Reply) -> str:
    return "incomplete" if reply.choices[0].finish == "length" else "completed"


def _response(reply: Reply, asked: Asked, status: str, items: list[Item]) -> Item:
    is_over = status != "in_progress"
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created_s,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "model": reply.model,
        "output": items,
        "usage": _usage(reply.usage or Usage()) if is_over else None,
        **asked.echo,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _places(reply: Reply) -> Iterator[tuple[Part, tuple[str, str]]]:
    """Return the parts of an answer, each with the id and status of its item; only the last can be incomplete."""
    parts = reply.choices[0].parts
    for index, part in enumerate(parts):
        status = _ended(reply) if index == len(parts) - 1 else "completed"
        yield part, (_item_id(part, f"{reply.id}{index:02d}"), status)


def _item_id(part: Part, name: str) -> str:
    match part:
        case Reasoning():
            return f"rs_{part.id}"
        case ToolCall():
            return f"ctc_{name}" if part.custom else f"fc_{name}"
        case _:
            return f"msg_{name}"


def _item(part: Part, item_id: str, status: str, asked: Asked) -> Item:
    match part:
        case Reasoning():
            item: Item = {"id": item_id, "type": "reasoning", "summary": []}
            if asked.shows_thoughts and part.text:
                item["summary"] = [{"type": "summary_text", "text": part.text}]
            return item | ({"encrypted_content": part.signature} if asked.shows_seals else {})
        case ToolCall():
            kind, field = ("custom_tool_call", "input") if part.custom else ("function_call", "arguments")
            item = {"id": item_id, "type": kind, "status": status, "call_id": part.id, "name": part.name}
            namespace = next(tool.namespace for tool in asked.tools if tool.name == part.name)
            return item | {field: part.arguments} | ({"namespace": namespace} if namespace else {})
        case Text():
            said = {"type": "output_text", "annotations": [], "logprobs": [], "text": part.text}
            return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [said]}
        case _:
            raise AssertionError(f"simulated models do not say {type(part).__name__}")


# Streams.


class _Numbered:
    """Writes events with the numbers they have in a stream."""

    def __init__(self) -> None:
        self.count = 0

    def event(self, kind: str, fields: dict[str, Any]) -> bytes:
        data = jsons.encode({"type": kind, "sequence_number": self.count, **fields})
        self.count += 1
        return sse.encode(data, kind)

    def delta(self, around: tuple[bytes, bytes], piece: str) -> bytes:
        data = b'%b,"sequence_number":%d,"delta":%b%b' % (around[0], self.count, jsons.encode(piece), around[1])
        self.count += 1
        return data


def frames(reply: Reply, asked: Asked, step: int) -> Frames:
    """Write an answer as events: created, items with deltas of at most `step` tokens, completed or incomplete."""
    stream = _Numbered()
    begun = {"response": _response(reply, asked, "in_progress", [])}
    yield 0, stream.event("response.created", begun) + stream.event("response.in_progress", begun)
    items: list[Item] = []
    lead = 1
    for index, (part, (item_id, status)) in enumerate(_places(reply)):
        item = _item(part, item_id, status, asked)
        place = {"item_id": item_id, "output_index": index}
        yield 0, stream.event("response.output_item.added", {"output_index": index, "item": _empty(item)})
        if item["type"] != "reasoning" or item["summary"]:
            yield from _SPEAKERS[item["type"]](stream, place, part, (lead, step))
            lead = step
        yield 0, stream.event("response.output_item.done", {"output_index": index, "item": item})
        items.append(item)
    status = _ended(reply)
    yield 0, stream.event(f"response.{status}", {"response": _response(reply, asked, status, items)})


def _empty(item: Item) -> Item:
    """Return an item as it is before anything of it is said."""
    nothing = {"summary": [], "content": [], "arguments": "", "input": "", "status": "in_progress"}
    shown = {name: value for name, value in item.items() if name != "encrypted_content"}
    return shown | {name: value for name, value in nothing.items() if name in item}


Steps = tuple[int, int]


def _think(stream: _Numbered, place: Item, part: Part, steps: Steps) -> Frames:
    assert isinstance(part, Reasoning)
    place = {**place, "summary_index": 0}
    text = part.text
    blank = {"type": "summary_text", "text": ""}
    yield 0, stream.event("response.reasoning_summary_part.added", {**place, "part": blank})
    yield from _pieces(stream, "response.reasoning_summary_text.delta", place, text, steps)
    yield 0, stream.event("response.reasoning_summary_text.done", {**place, "text": text})
    yield 0, stream.event("response.reasoning_summary_part.done", {**place, "part": {**blank, "text": text}})


def _say(stream: _Numbered, place: Item, part: Part, steps: Steps) -> Frames:
    assert isinstance(part, Text)
    place = {**place, "content_index": 0}
    blank = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    yield 0, stream.event("response.content_part.added", {**place, "part": blank})
    yield from _pieces(stream, "response.output_text.delta", {**place, "logprobs": []}, part.text, steps)
    yield 0, stream.event("response.output_text.done", {**place, "logprobs": [], "text": part.text})
    yield 0, stream.event("response.content_part.done", {**place, "part": {**blank, "text": part.text}})


def _call(kind: str, field: str) -> Callable[[_Numbered, Item, Part, Steps], Frames]:
    def call(stream: _Numbered, place: Item, part: Part, steps: Steps) -> Frames:
        assert isinstance(part, ToolCall)
        yield from _pieces(stream, f"{kind}.delta", place, part.arguments, steps)
        yield 0, stream.event(f"{kind}.done", {**place, field: part.arguments})

    return call


_SPEAKERS: dict[str, Callable[[_Numbered, Item, Part, Steps], Frames]] = {
    "reasoning": _think,
    "message": _say,
    "function_call": _call("response.function_call_arguments", "arguments"),
    "custom_tool_call": _call("response.custom_tool_call_input", "input"),
}


def _pieces(stream: _Numbered, kind: str, place: Item, text: str, steps: Steps) -> Frames:
    before = b"event: %b\ndata: %b" % (kind.encode(), jsons.encode({"type": kind, **place})[:-1])
    for piece in slices(text, steps[1], steps[0]):
        yield token_count(piece), stream.delta((before, b"}\n\n"), piece)


def error(status: int, message: str, fault: Fault | None) -> bytes:
    """Write the body of an error answer."""
    kind, code = _ERRORS.get(status, ("server_error", None))
    param = fault.param if fault else None
    if fault is not None and fault.kind is FaultKind.CONTEXT_LENGTH:
        code = fault.kind.value
    elif param is not None and param.endswith(".encrypted_content"):
        code = "invalid_encrypted_content"
    elif message.startswith("Unknown parameter"):
        code = "unknown_parameter"
    return jsons.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def error_event(message: str) -> bytes:
    """Write an error that arrives inside a stream: the bare event, and the answer that failed by it."""
    bare = {"type": "error", "code": "server_error", "message": message, "param": None}
    failure = {"code": "server_error", "message": message}
    failed = {"id": "resp_failed", "object": "response", "status": "failed", "error": failure, "output": []}
    event = {"type": "response.failed", "response": failed}
    return sse.encode(jsons.encode(bare), "error") + sse.encode(jsons.encode(event), "response.failed")


def counted(tokens: int) -> bytes:
    """Write the answer of the method that counts a prompt's tokens."""
    return jsons.encode({"object": "response.input_tokens", "input_tokens": tokens})


WIRE = Wire(
    method=at_paths({"/responses": Method(read), "/responses/input_tokens": Method(read, counted)}),
    overloaded_status=503,
    whole=whole,
    frames=frames,
    error=error,
    error_event=error_event,
    sealing=Sealing(
        bound=lambda part, _choice: f"rs_{part.id}",
        refusal="The encrypted content at {where} could not be verified. Reason: {reason}.",
    ),
)
