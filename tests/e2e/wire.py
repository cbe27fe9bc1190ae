"""A provider that misbehaves on the wire, and a sound one: what they say, byte by byte, and when they fall silent."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from tests.unit.upstream.peer import Visit

PROMPT_TOKENS, COMPLETION_TOKENS = 10, 5
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


class Do:
    """Steps that are not bytes to say; a number is a pause in seconds."""

    HANG: Final = "hang"
    RESET: Final = "reset"


Step = bytes | float | str
Steps = list[Step]


def frame(data: Any, event: str | None = None) -> bytes:
    return (f"event: {event}\n" if event else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)


def message(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Words:
    """How a provider of one dialect says the one answer it has: "Hello", with its counts."""

    whole: bytes
    opening: bytes
    hello: bytes
    finish: bytes
    done: bytes
    error: bytes
    error_event: bytes

    @property
    def said(self) -> bytes:
        """Return a stream that has begun to answer."""
        return HEAD % b"text/event-stream" + chunk(self.opening, self.hello)

    def head(self, *, stream: bool) -> bytes:
        return HEAD % (b"text/event-stream" if stream else b"application/json")

    def sound(self, *, stream: bool) -> bytes:
        if not stream:
            return message(self.whole)
        return self.said + chunk(self.finish, self.done) + LAST


def _openai(**choice: Any) -> bytes:
    row = {"index": 0, "delta": {}, "finish_reason": None, **choice}
    return frame({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [row]})


_USAGE = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS, "total_tokens": 15}
_OPENAI = Words(
    whole=json.dumps(
        {
            "id": "c-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "usage": _USAGE,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        }
    ).encode(),
    opening=_openai(delta={"role": "assistant", "content": ""}),
    hello=_openai(delta={"content": "Hello"}),
    finish=_openai(finish_reason="stop")
    + frame({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "choices": [], "usage": _USAGE}),
    done=b"data: [DONE]\n\n",
    error=json.dumps({"error": {"message": "no", "type": "server_error"}}).encode(),
    error_event=frame({"error": {"message": "no", "type": "server_error", "code": 500}}),
)

_MESSAGE = {"id": "m-1", "type": "message", "role": "assistant", "model": "m"}
_COUNTS = {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS}


def _anthropic(kind: str, **fields: Any) -> bytes:
    return frame({"type": kind, **fields}, kind)


_ANTHROPIC = Words(
    whole=json.dumps(
        {
            **_MESSAGE,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": _COUNTS,
            "content": [{"type": "text", "text": "Hello"}],
        }
    ).encode(),
    opening=_anthropic(
        "message_start",
        message={**_MESSAGE, "content": [], "stop_reason": None, "usage": {**_COUNTS, "output_tokens": 1}},
    )
    + _anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    hello=_anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"}),
    finish=_anthropic("content_block_stop", index=0)
    + _anthropic("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=_COUNTS),
    done=_anthropic("message_stop"),
    error=json.dumps({"type": "error", "error": {"type": "api_error", "message": "no"}}).encode(),
    error_event=_anthropic("error", error={"type": "overloaded_error", "message": "no"}),
)

_ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
_PART = {"type": "output_text", "text": "Hello", "annotations": []}
_RESPONSE: dict[str, Any] = {
    "id": "r-1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "status": "completed",
    "error": None,
    "output": [{**_ITEM, "content": [_PART]}],
    "usage": {**_COUNTS, "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS},
}
_BEGUN = {**_RESPONSE, "status": "in_progress", "output": [], "usage": None}
_PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def _responses(kind: str, **fields: Any) -> bytes:
    return frame({"type": kind, **fields}, kind)


_RESPONSES = Words(
    whole=json.dumps(_RESPONSE).encode(),
    opening=_responses("response.created", sequence_number=0, response=_BEGUN)
    + _responses(
        "response.output_item.added",
        sequence_number=1,
        output_index=0,
        item={**_ITEM, "status": "in_progress", "content": []},
    )
    + _responses("response.content_part.added", sequence_number=2, **_PLACE, part={**_PART, "text": ""}),
    hello=_responses("response.output_text.delta", sequence_number=3, **_PLACE, delta="Hello"),
    finish=_responses("response.output_text.done", sequence_number=4, **_PLACE, text="Hello")
    + _responses("response.output_item.done", sequence_number=5, output_index=0, item=_RESPONSE["output"][0])
    + _responses("response.completed", sequence_number=6, response=_RESPONSE),
    done=b"",
    error=json.dumps({"error": {"message": "no", "type": "server_error", "code": None, "param": None}}).encode(),
    error_event=_responses("error", sequence_number=3, code="server_error", message="no", param=None),
)


def _gemini(text: str, **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **fields}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "g-1"}


_METADATA = {"promptTokenCount": PROMPT_TOKENS, "candidatesTokenCount": COMPLETION_TOKENS, "totalTokenCount": 15}
_GEMINI = Words(
    whole=json.dumps(_gemini("Hello", finishReason="STOP") | {"usageMetadata": _METADATA}).encode(),
    opening=frame({"modelVersion": "m", "responseId": "g-1", "usageMetadata": {"promptTokenCount": PROMPT_TOKENS}}),
    hello=frame(_gemini("Hello")),
    finish=frame(_gemini("", finishReason="STOP") | {"usageMetadata": _METADATA}),
    done=b"",
    error=json.dumps({"error": {"code": 500, "message": "no", "status": "INTERNAL"}}).encode(),
    error_event=frame({"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}),
)

WORDS = {
    "openai_chat": _OPENAI,
    "anthropic_messages": _ANTHROPIC,
    "openai_responses": _RESPONSES,
    "gemini_generate": _GEMINI,
}
# What a dialect is called in the names of providers and models.
SHORT = {
    "openai_chat": "chat",
    "anthropic_messages": "messages",
    "openai_responses": "responses",
    "gemini_generate": "gemini",
}
ASKERS = "abcdefgh"


def asked(target: str, body: bytes) -> tuple[str, str, bool]:
    """Return the dialect a provider is asked in, the model, and whether it is to stream."""
    path = unquote(urlsplit(target).path)
    if ":" in path.rpartition("/models/")[2]:
        model, _, method = path.rpartition("/models/")[2].rpartition(":")
        return "gemini_generate", model, method == "streamGenerateContent"
    fields = json.loads(body)
    (dialect,) = (name for name, end in _ENDS.items() if path.endswith(end))
    return dialect, fields["model"], bool(fields.get("stream"))


_ENDS = {"openai_chat": "/chat/completions", "anthropic_messages": "/messages", "openai_responses": "/responses"}
PATHS = {
    "openai_chat": "/api/v1/chat/completions",
    "anthropic_messages": "/api/v1/messages",
    "openai_responses": "/api/v1/responses",
    "gemini_generate": "/v1beta/models/",
}


def question(
    dialect: str, model: str, *, stream: bool, text: str = "Say hello.", most: int = 1, alt: str = "?alt=sse"
) -> tuple[str, dict[str, Any]]:
    """Return where a client of a dialect asks, and what it sends."""
    if dialect == "gemini_generate":
        method = f"streamGenerateContent{alt}" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": text}]}]
        return f"{PATHS[dialect]}{model}:{method}", {
            "contents": contents,
            "generationConfig": {"maxOutputTokens": most},
        }
    fields: dict[str, Any] = {"model": model, "stream": stream}
    if dialect == "openai_responses":
        return PATHS[dialect], fields | {"input": text, "max_output_tokens": most}
    return PATHS[dialect], fields | {"messages": [{"role": "user", "content": text}], "max_tokens": most}


Fault = Callable[[Words, bool], Steps]


@dataclass
class Peer:
    """The listening end of all. `hung` gets an event for every connection kept hanging, set once it is closed."""

    faults: dict[str, Fault]
    port: int = 0
    asked: list[str] = field(default_factory=list)
    hung: list[tuple[str, threading.Event]] = field(default_factory=list)
    unread: int = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what is asked on one connection; the model's name says how."""
        visit = Visit(reader, writer, 0)
        try:
            while True:
                head, body = await visit.ask()
                dialect, model, stream = asked(head.split()[1].decode(), body)
                self.asked.append(model)
                words = WORDS[dialect]
                if model == "sound":
                    await visit.say(words.sound(stream=stream))
                    continue
                await self.play(visit, model, self.faults[model](words, stream))
                return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def play(self, visit: Visit, name: str, steps: Steps) -> None:
        """Say one faulty answer."""
        over = threading.Event()
        self.hung.append((name, over))
        try:
            for step in steps:
                if isinstance(step, bytes):
                    self.unread += len(step)
                    await visit.say(step)
                    self.unread -= len(step)
                elif step == Do.HANG:
                    await visit.reader.read()
                elif step == Do.RESET:
                    visit.reset()
                else:
                    await asyncio.sleep(float(step))
        finally:
            over.set()


@contextlib.contextmanager
def wire(faults: dict[str, Fault]) -> Iterator[Peer]:
    """Run a peer in a thread of its own."""
    peer, ready, ended = Peer(faults), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        server = await asyncio.start_server(peer.meet, "127.0.0.1", 0, limit=2**20)
        peer.port = server.sockets[0].getsockname()[1]
        ready.set()
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: loop.run_until_complete(listen()))
    thread.start()
    try:
        assert ready.wait(10)
        yield peer
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def market(port: int, faults: list[str], nobody_port: int) -> str:
    """Write the rows: of each model, the faulty endpoint is the cheapest, hence the first, and a sound one behind it.

    A model is called `wire/DIALECT-N`, N counting the faults; every ask has one of its own, so that no breaker opens.
    """
    rows = ['[routing]\nranker = "price"']
    for dialect, short in SHORT.items():
        for slug, at in ("bad", port), ("sound", port), ("nobody", nobody_port):
            rows.append(
                f'[[provider]]\nslug = "{slug}-{short}"\nname = "{slug}"\ndialect = "{dialect}"\n'
                f'base_url = "http://127.0.0.1:{at}/v1"\nkey = "sk-secret-of-the-provider"'
            )
        for number, name in enumerate(faults):
            slug = "nobody" if name == "nobody listens" else "bad"
            for asker in ASKERS:
                model = f'model = "wire/{short}-{number}{asker}"\ncontext_length = 100000'
                rows.append(
                    f'[[endpoint]]\nprovider = "{slug}-{short}"\n{model}\nupstream_model = "{name}"\n'
                    'price = { prompt = "0.10", completion = "0.20" }'
                )
                rows.append(
                    f'[[endpoint]]\nprovider = "sound-{short}"\n{model}\nupstream_model = "sound"\n'
                    'price = { prompt = "1", completion = "2" }'
                )
    return "\n\n".join(rows)
