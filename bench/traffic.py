"""What is sent and what is answered: request bodies, reply bodies and stream events of both dialects, as bytes."""

import json
from typing import Literal, get_args

import msgspec

Dialect = Literal["openai_chat", "anthropic_messages"]
# How an upstream answers: a whole reply; events at a steady pace without end; a hundred events at once; two events,
# then silence. The upstream model's name is the script.
Script = Literal["reply", "paced", "burst", "idle"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

PACED_GAP_S = 0.05
BURST_EVENTS = 100

SMALL = 1_000
LARGE = 100_000

PATHS: dict[Dialect, str] = {"openai_chat": "/v1/chat/completions", "anthropic_messages": "/v1/messages"}

_SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog dreams of rivers. "


class Lane(msgspec.Struct, frozen=True):
    """Which protocol the caller speaks and which the upstream."""

    inside: Dialect
    outside: Dialect

    @property
    def translated(self) -> bool:
        return self.inside != self.outside


OPENAI = Lane("openai_chat", "openai_chat")
ANTHROPIC = Lane("anthropic_messages", "anthropic_messages")
OPENAI_TO_ANTHROPIC = Lane("openai_chat", "anthropic_messages")
ANTHROPIC_TO_OPENAI = Lane("anthropic_messages", "openai_chat")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to ask a subject for one lane and script."""

    port: int
    path: str
    model: str
    headers: dict[str, str] = {}


def compact(value: object) -> bytes:
    """Write JSON as clients do that care for size."""
    return json.dumps(value, separators=(",", ":")).encode()


def body(dialect: Dialect, model: str, script: Script, size: int) -> bytes:
    """Return a chat request of about `size` bytes; the same shape is valid in both dialects."""
    stream = {"openai_chat": {"stream_options": {"include_usage": True}}, "anthropic_messages": {}}[dialect]
    fields = {
        "model": model,
        "max_tokens": 256,
        "temperature": 0.7,
        "messages": [{"role": "user", "content": ""}],
        **({"stream": True, **stream} if script != "reply" else {}),
    }
    missing = max(0, size - len(compact(fields)))
    fields["messages"] = [{"role": "user", "content": (_SENTENCE * (missing // len(_SENTENCE) + 1))[:missing]}]
    return compact(fields)


def request(route: Route, dialect: Dialect, script: Script, size: int = SMALL) -> bytes:
    """Return one HTTP request as bytes, to be sent over and over."""
    content = body(dialect, route.model, script, size)
    headers = {
        "host": f"127.0.0.1:{route.port}",
        "content-type": "application/json",
        "content-length": str(len(content)),
        **route.headers,
    }
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST {route.path} HTTP/1.1\r\n{lines}\r\n".encode() + content


_TEXT = (_SENTENCE * 8)[:560]

REPLIES: dict[Dialect, bytes] = {
    "openai_chat": compact(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": "reply",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _TEXT, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 220,
                "completion_tokens": 130,
                "total_tokens": 350,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            "system_fingerprint": "fp_bench",
        }
    ),
    "anthropic_messages": compact(
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "model": "reply",
            "content": [{"type": "text", "text": _TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 220,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 130,
            },
        }
    ),
}


class Events(msgspec.Struct, frozen=True):
    """The parts of a stream: how it opens, the event that repeats, how it ends."""

    opening: bytes
    delta: bytes
    ending: bytes


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + compact({**_CHUNK, "choices": [choice]}) + b"\n\n"


def _named(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + compact({"type": kind, **fields}) + b"\n\n"


_CHUNK = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "stream"}
_USAGE = {"prompt_tokens": 220, "completion_tokens": BURST_EVENTS, "total_tokens": 220 + BURST_EVENTS}
_MESSAGE: dict[str, object] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "stream",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 220, "output_tokens": 1},
}

EVENTS: dict[Dialect, Events] = {
    "openai_chat": Events(
        opening=_chunk({"role": "assistant", "content": ""}),
        delta=_chunk({"content": " token"}),
        ending=_chunk({}, "stop")
        + b"data: "
        + compact({**_CHUNK, "choices": [], "usage": _USAGE})
        + b"\n\ndata: [DONE]\n\n",
    ),
    "anthropic_messages": Events(
        opening=_named("message_start", message=_MESSAGE)
        + _named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        delta=_named("content_block_delta", index=0, delta={"type": "text_delta", "text": " token"}),
        ending=_named("content_block_stop", index=0)
        + _named(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": BURST_EVENTS},
        )
        + _named("message_stop"),
    ),
}
