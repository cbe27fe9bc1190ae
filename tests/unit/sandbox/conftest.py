"""A desk to ask, and readers of what it answers."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from wideband.sandbox.desk import Desk, Incoming
from wideband.sandbox.plays import End, Play
from wideband.sandbox.rows import PROVIDER_BY_SLUG, SANDBOX_KEY
from wideband.wire import jsons, sse


class Answered(msgspec.Struct):
    """A play, read as a client would."""

    status: int
    headers: dict[str, str]
    body: bytes
    end: End
    waits_s: list[float]

    @property
    def json(self) -> Any:
        return jsons.decode(self.body)

    @property
    def events(self) -> list[Any]:
        """All events but `[DONE]`, read."""
        decoder = sse.Decoder()
        frames = decoder.feed(self.body) + decoder.close()
        return [jsons.decode(frame.data) for frame in frames if frame.data != b"[DONE]"]


def unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
    return body


def read(play: Play) -> Answered:
    steps = list(play.steps)
    head, _, body = b"".join(step.data for step in steps).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    if "transfer-encoding" in headers:
        body = unchunked(body)
    return Answered(int(lines[0].split()[1]), headers, body, play.end, [step.wait_s for step in steps])


Ask = Callable[..., Play]
Fields = dict[str, Any]


def _chat(said: Any, fields: Fields) -> tuple[str, Fields]:
    messages = said if isinstance(said, list) else [{"role": "user", "content": said}]
    return "/chat/completions", {"model": "sandbox/steady", "messages": messages, **fields}


def _messages(said: Any, fields: Fields) -> tuple[str, Fields]:
    return "/messages", {**_chat(said, {})[1], "max_tokens": 1000, **fields}


def _responses(said: Any, fields: Fields) -> tuple[str, Fields]:
    return "/responses", {"model": "sandbox/responses-only", "input": said, **fields}


def _gemini(said: Any, fields: Fields) -> tuple[str, Fields]:
    """Write a request; `model`, `stream` and `method` stand in the path."""
    streams = fields.pop("stream", False)
    method = fields.pop("method", "streamGenerateContent?alt=sse" if streams else "generateContent")
    contents = said if isinstance(said, list) else [{"role": "user", "parts": [{"text": said}]}]
    return f"/models/{fields.pop('model', 'sandbox/gemini-only')}:{method}", {"contents": contents, **fields}


SPOKEN: dict[str, Callable[[Any, Fields], tuple[str, Fields]]] = {
    "openai_chat": _chat,
    "anthropic_messages": _messages,
    "openai_responses": _responses,
    "gemini_generate": _gemini,
}


@pytest.fixture
def play() -> Ask:
    """Ask one desk: `play("aurora", prompt_or_turns, **more_fields)`; the provider says in which protocol."""
    desk = Desk(seed=1, grain_s=0.02)

    def ask(provider: str, said: Any, *, at_s: float = 3 * 3600.0, **fields: Any) -> Play:
        slug = f"sim-{provider}"
        path, body = SPOKEN[PROVIDER_BY_SLUG[slug].dialect](said, fields)
        headers = {"authorization": f"Bearer {SANDBOX_KEY}"}
        payload = said if isinstance(said, bytes) else jsons.encode(body)
        return desk.play(Incoming(method="POST", path=f"/{slug}/v1{path}", headers=headers, body=payload, at_s=at_s))

    return ask


@pytest.fixture
def ask(play: Ask) -> Callable[..., Answered]:
    """As `play`, but the answer is read."""
    return lambda *args, **fields: read(play(*args, **fields))
