"""OpenAI's legacy text completions, as a provider speaks them: no roles, no tools, no thinking."""

from typing import Any

from wideband.canon.faults import invalid
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Text
from wideband.sandbox.asked import Asked, flag, model_of, number, object_of, whole_number
from wideband.sandbox.prose import token_count
from wideband.sandbox.wires import openai
from wideband.sandbox.wires.base import Frames, Method, Wire, at_paths, slices
from wideband.wire import jsons


def _read(body: bytes) -> Asked:
    fields = object_of(body)
    number(fields, "temperature", 0, 2)
    number(fields, "top_p", 0, 1)
    prompts = _prompts(fields.get("prompt"))
    options = fields.get("stream_options")
    return Asked(
        model=model_of(fields),
        text="".join(prompts),
        stream=flag(fields, "stream") or False,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=whole_number(fields, "max_tokens", 1),
        n=(whole_number(fields, "n", 1, 128) or 1) * len(prompts),
        stop=_stops(fields.get("stop")),
        echo={"prompts": prompts} if flag(fields, "echo") else {},
        thinks=False,
    )


def _prompts(given: Any) -> list[str]:
    match given:
        case str() if given:
            return [given]
        case [str(), *_] if all(isinstance(each, str) for each in given):
            return list(map(str, given))
        case _:
            raise invalid("prompt must be a string or a list of strings", "prompt")


def _stops(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(str(each) for each in given or ())


def _text(choice: Choice, asked: Asked) -> str:
    prompts = asked.echo.get("prompts", [])
    said = "".join(part.text for part in choice.parts if isinstance(part, Text))
    # Answers stand in the order of the prompts, all of one before those of the next.
    return (prompts[choice.index * len(prompts) // asked.n] if prompts else "") + said


def _head(reply: Reply) -> dict[str, Any]:
    return {"id": reply.id, "object": "text_completion", "created": reply.created_s, "model": reply.model}


def _usage(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    prompt, completion = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _row(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _whole(reply: Reply, asked: Asked) -> bytes:
    rows = [_row(choice.index, _text(choice, asked), choice.finish) for choice in reply.choices]
    return jsons.encode(_head(reply) | {"choices": rows, "usage": _usage(reply)})


def _frames(reply: Reply, asked: Asked, step: int) -> Frames:
    head = _head(reply)
    yield 0, b""
    lead = 1
    for choice in reply.choices:
        for piece in slices(_text(choice, asked), step, lead):
            yield token_count(piece), _event(head | {"choices": [_row(choice.index, piece, None)]})
        yield 0, _event(head | {"choices": [_row(choice.index, "", choice.finish)]})
        lead = step
    usage = _event(head | {"choices": [], "usage": _usage(reply)}) if asked.include_usage else b""
    yield 0, usage + b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + jsons.encode(chunk) + b"\n\n"


WIRE = Wire(
    method=at_paths({"/completions": Method(_read)}),
    overloaded_status=503,
    whole=_whole,
    frames=_frames,
    error=openai.error,
    error_event=openai.error_event,
)
