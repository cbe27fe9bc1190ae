"""A `ChatClient` over HTTP, speaking OpenAI's chat completions to any server of them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Self

import aiohttp
import msgspec

from wideband.canon.events import Event, Failed
from wideband.canon.faults import Fault, Faulted, FaultKind, garbled
from wideband.canon.reply import Reply
from wideband.canon.request import Request
from wideband.dialects.base import Target
from wideband.dialects.registry import DIALECTS
from wideband.wire import sse

_CHAT = DIALECTS["openai_chat"]
# What is asked of an exchange goes there whole: it knows itself what each provider takes.
_EVERYTHING = frozenset({"openrouter"})
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class HttpClient:
    """Posts to `{url}/chat/completions`; `url` ends in the version (…/v1). Make and close it in a running loop.

    `timeout_s` bounds silence (no byte for so long), not the length of an answer.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = 300.0) -> None:
        self._url = url.rstrip("/") + _CHAT.paths[0]
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=timeout_s),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("user-agent", "accept-encoding"),
            read_bufsize=1 << 18,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def complete(self, request: Request) -> Reply:
        """Return the whole answer. Raises `Faulted` when there is none."""
        try:
            async with self._session.post(self._url, data=_body(request, stream=False)) as response:
                body = await response.read()
        except _BROKEN as error:
            raise Faulted(_lost(error)) from error
        if response.status != 200:
            raise Faulted(_CHAT.decode_fault(response.status, body))
        return _CHAT.decode_reply(body)

    async def stream(self, request: Request) -> AsyncGenerator[Event]:
        """Give the answer's events as they come. Raises `Faulted` when it is refused before it begins."""
        response = await self._opened(request)
        try:
            async for event in _events(response.content):
                yield event
        finally:
            # A connection whose answer was not read to its end cannot carry another.
            response.close()

    async def _opened(self, request: Request) -> aiohttp.ClientResponse:
        try:
            response = await self._session.post(self._url, data=_body(request, stream=True))
            if response.status != 200:
                raise Faulted(_CHAT.decode_fault(response.status, await response.read()))
        except _BROKEN as error:
            raise Faulted(_lost(error)) from error
        if response.content_type != "text/event-stream":
            response.close()
            raise garbled(f"a stream was asked for, and {response.content_type} came")
        return response

    async def close(self) -> None:
        """Give all connections up."""
        await self._session.close()
        await asyncio.sleep(0)


async def _events(content: aiohttp.StreamReader) -> AsyncGenerator[Event]:
    frames, events = sse.Decoder(), _CHAT.stream_decoder()
    try:
        async for chunk in content.iter_any():
            for frame in frames.feed(chunk):
                for event in events.feed(frame):
                    yield event
    except sse.TooLargeError as error:
        yield Failed(Fault(kind=FaultKind.PROVIDER_GARBLED, message=str(error)))
        return
    except _BROKEN as error:
        yield Failed(_lost(error))
        return
    for frame in frames.close():
        for event in events.feed(frame):
            yield event
    for event in events.close():
        yield event


def _body(request: Request, *, stream: bool) -> bytes:
    request = msgspec.structs.replace(request, stream=stream)
    return _CHAT.encode_request(request, Target(model=request.model, provider="server", quirks=_EVERYTHING)).body


def _lost(error: Exception) -> Fault:
    """Say that no answer, or only a part of one, came through."""
    if isinstance(error, TimeoutError):
        return Fault(kind=FaultKind.PROVIDER_TIMEOUT, message="No byte came in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message=f"No connection could be made: {error.strerror}")
    return Fault(kind=FaultKind.PROVIDER_CUT, message=f"The connection broke: {type(error).__name__}")
