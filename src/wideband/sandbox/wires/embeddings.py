"""Embeddings, as OpenAI's and Google's providers speak them: the same text always gets the same vector."""

import base64
import hashlib
import random
import re
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.reply import Reply
from wideband.sandbox.asked import Asked, model_of, object_of, whole_number
from wideband.sandbox.wires import gemini, openai
from wideband.sandbox.wires.base import Frames, Method, Wire, at_paths
from wideband.wire import jsons

DIMENSIONS = 64
_MOST_DIMENSIONS = 4096
_CHARS_A_TOKEN = 4
_PATH = re.compile(r"/models/(?P<model>.+):(?P<batch>embedContent|batchEmbedContents)")


def vector(text: str, dimensions: int) -> list[float]:
    """Return a unit vector that is a text's own, in numbers that float32 holds exactly."""
    draw = random.Random(hashlib.blake2b(text.encode(), digest_size=8).digest())
    drawn = [draw.gauss(0.0, 1.0) for _ in range(dimensions)]
    length = sum(each * each for each in drawn) ** 0.5
    packed = struct.pack(f"<{dimensions}f", *(each / length for each in drawn))
    return list(struct.unpack(f"<{dimensions}f", packed))


def no_frames(_reply: Reply, _asked: Asked, _step: int) -> Frames:
    """Stand for a stream: there is none."""
    yield 0, b""


# OpenAI's.


def _read(body: bytes) -> Asked:
    fields = object_of(body)
    form = fields.get("encoding_format") or "float"
    if form not in {"float", "base64"}:
        raise invalid("encoding_format must be float or base64", "encoding_format")
    inputs = _inputs(fields.get("input"))
    return Asked(
        model=model_of(fields),
        text="".join(inputs),
        inputs=inputs,
        dimensions=whole_number(fields, "dimensions", 1, _MOST_DIMENSIONS),
        packed=form == "base64",
        caching="off",
    )


def _inputs(given: Any) -> tuple[str, ...]:
    """Read texts, token ids (said in characters) and parts."""
    match given:
        case str() if given:
            return (given,)
        case [int(), *_]:
            return (_said(given),)
        case [_, *_]:
            return tuple(_said(each) for each in given)
        case _:
            raise invalid("input must be a string or a list that is not empty", "input")


def _said(given: Any) -> str:
    match given:
        case str():
            return given
        case {"content": [*parts]}:
            return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
        case [*ids] if all(isinstance(each, int) for each in ids):
            return "".join(str(each).rjust(_CHARS_A_TOKEN)[-_CHARS_A_TOKEN:] for each in ids)
        case _:
            raise invalid("Every input must be a string, a list of token ids or an object with content", "input")


def _whole(reply: Reply, asked: Asked) -> bytes:
    vectors = [vector(text, asked.dimensions or DIMENSIONS) for text in asked.inputs]
    shown: list[Any] = [_packed(each) for each in vectors] if asked.packed else vectors
    tokens = asked.prompt_tokens
    return jsons.encode(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(shown)],
            "model": reply.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


# Google's.


def _method(path: str) -> Method | None:
    found = _PATH.fullmatch(unquote(path.partition("?")[0]))
    return None if found is None else Method(_reader(found["model"], batch=found["batch"] == "batchEmbedContents"))


def _reader(model: str, *, batch: bool) -> Callable[[bytes], Asked]:
    def read(body: bytes) -> Asked:
        fields = object_of(body)
        rows = fields.get("requests") if batch else [fields]
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise invalid("requests must be a list of objects", "requests")
        if any(row.get("model") != f"models/{model}" for row in rows):
            raise invalid("Every request must name the model of the URL", "model")
        inputs = tuple(_content(row.get("content")) for row in rows)
        return Asked(
            model=model,
            text="".join(inputs),
            inputs=inputs,
            dimensions=whole_number(rows[0], "outputDimensionality", 1, _MOST_DIMENSIONS),
            packed=batch,
            caching="off",
        )

    return read


def _content(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not parts:
        raise invalid("content needs parts", "content")
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _whole_gemini(_reply: Reply, asked: Asked) -> bytes:
    rows = [{"values": vector(text, asked.dimensions or DIMENSIONS)} for text in asked.inputs]
    return jsons.encode({"embeddings": rows} if asked.packed else {"embedding": rows[0]})


WIRE = Wire(
    task="embed",
    method=at_paths({"/embeddings": Method(_read)}),
    overloaded_status=503,
    whole=_whole,
    frames=no_frames,
    error=openai.error,
    error_event=openai.error_event,
)
GEMINI_WIRE = msgspec.structs.replace(
    WIRE, method=_method, whole=_whole_gemini, error=gemini.error, error_event=gemini.error_event
)
