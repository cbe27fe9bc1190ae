"""What is sent, and between which protocols: request bodies of every dialect, as bytes."""

import json
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

Dialect = Literal["openai_chat", "anthropic_messages", "openai_responses", "gemini_generate"]
# How an upstream answers: a whole reply; events at a steady pace without end; a hundred events at once; two events,
# then silence. The upstream model's name is the script.
Script = Literal["reply", "paced", "burst", "idle"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

PACED_GAP_S = 0.05
BURST_EVENTS = 100

SMALL = 1_000
LARGE = 100_000

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
# What a protocol is called in names of models and figures.
SHORT: dict[Dialect, str] = {
    "openai_chat": "openai",
    "anthropic_messages": "anthropic",
    "openai_responses": "responses",
    "gemini_generate": "gemini",
}
# Gemini says the model, and whether it streams, in the path.
_PATHS: dict[Dialect, str] = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "gemini_generate": "/v1/models/{model}:{method}",
}

SENTENCE = "The quick brown fox jumps over the lazy dog, and the dog dreams of rivers. "


class Lane(msgspec.Struct, frozen=True):
    """Which protocol the caller speaks and which the upstream."""

    inside: Dialect
    outside: Dialect

    @property
    def name(self) -> str:
        inside, outside = SHORT[self.inside], SHORT[self.outside]
        return f"{inside}_to_{outside}" if self.translated else inside

    @property
    def translated(self) -> bool:
        return self.inside != self.outside


def path_of(dialect: Dialect, model: str, script: Script) -> str:
    """Return the path at which a model is asked to play a script."""
    method = "generateContent" if script == "reply" else "streamGenerateContent?alt=sse"
    return _PATHS[dialect].format(model=model, method=method)


OPENAI = Lane("openai_chat", "openai_chat")
ANTHROPIC = Lane("anthropic_messages", "anthropic_messages")
OPENAI_TO_ANTHROPIC = Lane("openai_chat", "anthropic_messages")
ANTHROPIC_TO_OPENAI = Lane("anthropic_messages", "openai_chat")
RESPONSES = Lane("openai_responses", "openai_responses")
GEMINI = Lane("gemini_generate", "gemini_generate")
# The younger protocols, among themselves and with the elder: a figure each.
YOUNGER = (
    RESPONSES,
    GEMINI,
    Lane("openai_responses", "openai_chat"),
    Lane("openai_chat", "openai_responses"),
    Lane("gemini_generate", "openai_chat"),
    Lane("openai_chat", "gemini_generate"),
    Lane("gemini_generate", "anthropic_messages"),
    Lane("openai_responses", "anthropic_messages"),
)


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
    """Return a chat request of about `size` bytes."""
    write = _BODIES[dialect]
    streams = script != "reply"
    missing = max(0, size - len(compact(write(model, "", streams))))
    return compact(write(model, (SENTENCE * (missing // len(SENTENCE) + 1))[:missing], streams))


Fields = dict[str, object]


def _chat(model: str, text: str, streams: bool) -> Fields:
    counted: Fields = {"stream_options": {"include_usage": True}} if streams else {}
    return _messages(model, text, streams) | counted


def _messages(model: str, text: str, streams: bool) -> Fields:
    said = {"model": model, "max_tokens": 256, "temperature": 0.7, "messages": [{"role": "user", "content": text}]}
    return said | ({"stream": True} if streams else {})


def _responses(model: str, text: str, streams: bool) -> Fields:
    said = {"model": model, "max_output_tokens": 256, "temperature": 0.7, "input": [{"role": "user", "content": text}]}
    return said | ({"stream": True} if streams else {})


def _gemini(_model: str, text: str, _streams: bool) -> Fields:
    contents = [{"role": "user", "parts": [{"text": text}]}]
    return {"contents": contents, "generationConfig": {"maxOutputTokens": 256, "temperature": 0.7}}


_BODIES: dict[Dialect, Callable[[str, str, bool], Fields]] = {
    "openai_chat": _chat,
    "anthropic_messages": _messages,
    "openai_responses": _responses,
    "gemini_generate": _gemini,
}


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
