"""A provider that misbehaves on the wire, and a sound one: what they say, byte by byte, and when they fall silent."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

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
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


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

WORDS = {"openai_chat": _OPENAI, "anthropic_messages": _ANTHROPIC}
Fault = Callable[[Words, bool], Steps]


@dataclass
class Peer:
    """The listening end of both. `hung` gets an event for every connection kept hanging, set once it is closed."""

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
                ask = json.loads(body)
                self.asked.append(ask["model"])
                words = WORDS["anthropic_messages" if b"/messages" in head.split(b"\r\n")[0] else "openai_chat"]
                stream = bool(ask.get("stream"))
                if ask["model"] == "sound":
                    await visit.say(words.sound(stream=stream))
                    continue
                await self.play(visit, ask["model"], self.faults[ask["model"]](words, stream))
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
    """Write the rows: of each model, the faulty endpoint is the cheapest and the sound one stands behind it.

    A model is called `wire/DIALECT-N`, N counting the faults; every ask has one of its own, so that no breaker opens.
    """
    rows = []
    for dialect in WORDS:
        short = dialect.partition("_")[0]
        for slug, at in ("bad", port), ("sound", port), ("nobody", nobody_port):
            rows.append(
                f'[[provider]]\nslug = "{slug}-{short}"\nname = "{slug}"\ndialect = "{dialect}"\n'
                f'base_url = "http://127.0.0.1:{at}/v1"\nkey = "sk-secret-of-the-provider"'
            )
        for number, name in enumerate(faults):
            slug = "nobody" if name == "nobody listens" else "bad"
            for asker in "abcd":
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
