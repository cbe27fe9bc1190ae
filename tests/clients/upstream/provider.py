"""A provider that plays a script in four dialects, on a port of its own; what it is asked is kept."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from aiohttp import web
from tests.clients.upstream import chat, gemini, messages, responses
from tests.clients.upstream.play import Asked, Play, says

_GEMINI = re.compile(r".*/models/(?P<model>.+):(?P<method>generateContent|streamGenerateContent|countTokens)")
_WIRES: dict[str, ModuleType] = {"chat/completions": chat, "messages": messages, "responses": responses}
WORDS = "text/event-stream"


@dataclass(frozen=True)
class Trouble:
    """What goes wrong instead of an answer: an error answer, or a cut after so many events (0: before the head).

    Only requests of the task count, those with tools; `host` says at which of the provider's names.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "the script says so"
    cut_after: int = 0
    host: str = ""


@dataclass
class Provider:
    """The running provider. `play` is the script, `troubles` come first, one a request; `asked` is what came."""

    url: str = ""
    play: Play = field(default_factory=lambda: Play((says("Hello."),)))
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def begin(self, play: Play, *troubles: Trouble) -> None:
        """Forget what was, and play this from now on."""
        self.play, self.troubles = play, list(troubles)
        self.asked.clear()
        self.defects.clear()

    @property
    def task(self) -> list[Asked]:
        """What was asked for the task itself, without titles and the like."""
        return [asked for asked in self.asked if asked.tools or len(self.play.steps) == 1]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request as the play goes on."""
        wire, body = _read(request, await request.json())
        if wire is None:
            return web.json_response({"input_tokens": 42, "totalTokens": 42})
        asked = replace(wire.read(body), path=request.path)
        self.asked.append(asked)
        trouble = self._trouble(asked, request.match_info["host"])
        if trouble and trouble.status:
            body = wire.fault(trouble.status, trouble.message)
            return web.json_response(body, status=trouble.status, headers=dict(trouble.headers))
        try:
            turn = self.play.turn(asked)
            if not asked.stream and trouble is None:
                return web.json_response(wire.whole(turn, asked))
            events = list(wire.stream(turn, asked))
        except LookupError as error:
            # The play cannot go on with these tools: no reason to try again.
            self.defects.append(repr(error))
            return web.json_response(wire.fault(400, repr(error)), status=400)
        return await _send(request, events, trouble)

    def _trouble(self, asked: Asked, host: str) -> Trouble | None:
        if not asked.tools and len(self.play.steps) > 1:
            return None
        for trouble in self.troubles:
            if trouble.host in ("", host):
                self.troubles.remove(trouble)
                return trouble
        return None


def _read(request: web.Request, body: dict[str, Any]) -> tuple[ModuleType | None, dict[str, Any]]:
    """Tell by the path which dialect is spoken; None is for what only counts."""
    if found := _GEMINI.fullmatch(request.path):
        if found["method"] == "countTokens":
            return None, body
        return gemini, {"model": found["model"], "stream": found["method"].startswith("stream"), **body}
    wire = next((wire for tail, wire in _WIRES.items() if request.path.endswith(f"/{tail}")), None)
    return wire, body


async def _send(request: web.Request, events: list[bytes], trouble: Trouble | None) -> web.StreamResponse:
    if trouble and trouble.cut_after == 0:
        _drop(request)
        return web.Response()
    response = web.StreamResponse(headers={"content-type": WORDS})
    await response.prepare(request)
    for event in events[: trouble.cut_after] if trouble else events:
        await response.write(event)
        await asyncio.sleep(0)
    if trouble:
        # So that what was said is read before the connection is reset.
        await asyncio.sleep(0.2)
        _drop(request)
        return response
    await response.write_eof()
    return response


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@contextlib.contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider in a thread of its own."""
    provider, ready = Provider(), threading.Event()
    loop = asyncio.new_event_loop()
    stopped = asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{host}/{tail:.*}", provider.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        provider.url = f"http://{host}:{port}"
        ready.set()
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=_run, args=(loop, serve), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(20)


def _run(loop: asyncio.AbstractEventLoop, serve: Callable[[], Any]) -> None:
    try:
        loop.run_until_complete(serve())
    finally:
        loop.close()


def saved(asked: Asked) -> str:
    """Return a request as readable text, for the eyes of who looks for a mistake."""
    return json.dumps(asked.body, indent=1, ensure_ascii=False)
