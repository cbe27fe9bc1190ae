"""The inference routes: raw ASGI, one coroutine from the request to its answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.dialects.base import Called, Dialect
from wideband.dialects.registry import COUNTERS
from wideband.gateway import metadata
from wideband.gateway.caching import read_wish
from wideband.gateway.counting import count_tokens
from wideband.gateway.exchange import Caller, Exchange
from wideband.gateway.presets import NAMED, apply_preset
from wideband.gateway.session import INTERNAL, answer
from wideband.ids import generation_id
from wideband.server.auth import authenticate
from wideband.server.body import ClientLeftError, read_body
from wideband.server.respond import Receive, Response, Scope, Send

log = logging.getLogger("wideband.server")

Headers = Mapping[bytes, bytes]
Answering = Callable[[Dialect, Called, Headers, Receive, Response, str], Awaitable[None]]

# A client's header -> the dialect whose upstreams get it, and by which name.
_PASSED = {
    b"x-anthropic-beta": ("anthropic_messages", "anthropic-beta"),
    b"anthropic-beta": ("anthropic_messages", "anthropic-beta"),
}

# Where agents of several makers name the conversation that a request belongs to; the first counts.
_SESSIONS = (b"x-session-id", b"x-claude-code-session-id", b"session-id", b"thread-id", b"agent-session-id")


class Inference:
    """Answers POSTs of one dialect after another; holds nothing of a request."""

    def __init__(self, exchange: Exchange, max_body_bytes: int, body_s: float, max_open_requests: int) -> None:
        self._exchange = exchange
        self._max_body_bytes, self._body_s = max_body_bytes, body_s
        self._max_open_requests = max_open_requests

    async def chat(self, dialect: Dialect, called: Called, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for an answer of a model's."""
        await _answer(self._chat, dialect, called, scope, receive, send)

    async def count(self, dialect: Dialect, called: Called, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to count tokens; nothing is held, charged or recorded."""
        await _answer(self._count, dialect, called, scope, receive, send)

    async def _chat(
        self, dialect: Dialect, called: Called, headers: Headers, receive: Receive, response: Response, name: str
    ) -> None:
        key = authenticate(headers, self._exchange.ledger, called.query, management=False)
        self._admit()
        sent = body = await self._body(receive, headers, response)
        if dialect.absorb is not None:
            body = dialect.absorb(called, body)
        await answer(self._exchange, dialect, _caller(headers, key), response, name, (sent, body))

    async def _count(
        self, dialect: Dialect, called: Called, headers: Headers, receive: Receive, response: Response, name: str
    ) -> None:
        key = authenticate(headers, self._exchange.ledger, called.query, management=False)
        body = await self._body(receive, headers, response)
        if (absorb := COUNTERS[dialect.name].absorb) is not None:
            body = absorb(called, body)
        if NAMED in body:
            applied = apply_preset(dialect, body, self._exchange.presets, key.account_id)
            body = body if applied is None else applied.body
        counted = await count_tokens(self._exchange, dialect, body, _passed(headers).get(dialect.name, {}), response)
        await response.reply(200, {"content-type": "application/json", "x-generation-id": name}, counted)

    async def _body(self, receive: Receive, headers: Headers, response: Response) -> bytes:
        arrived = response.body_arrived
        return await read_body(receive, headers, self._max_body_bytes, self._body_s, arrived=arrived)

    def _admit(self) -> None:
        if self._exchange.open_requests >= self._max_open_requests:
            message = f"{self._max_open_requests} requests are open, the most this server takes. Try again shortly."
            raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message, retry_after_s=2.0))


STOPPING = Fault(kind=FaultKind.UNAVAILABLE, message="The server is stopping. Try again shortly.", retry_after_s=2.0)


async def _answer(
    answering: Answering, dialect: Dialect, called: Called, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request; what keeps it from its answer is told in the dialect, a defect of ours too."""
    response, name = Response(scope, send), generation_id()
    try:
        await answering(dialect, called, dict(scope["headers"]), receive, response, name)
    except Faulted as error:
        await _refuse(dialect, response, error.fault, name)
    except ClientLeftError:
        return
    except asyncio.CancelledError:
        # The server stops. The session has settled and said so; who was still sending a request is told here.
        if not response.started:
            await _refuse(dialect, response, STOPPING, name)
    except Exception:
        log.exception("request %s failed on a defect of ours", name)
        if response.started:
            raise
        await _refuse(dialect, response, INTERNAL, name)
    finally:
        response.close()


async def refuse_method(dialect: Dialect, scope: Scope, send: Send) -> None:
    """Answer anything but a POST to an inference route.

    Codex asks for a WebSocket first; only 426 makes it go on over HTTP at once (clients.md 1.7).
    """
    if (b"upgrade", b"websocket") in scope["headers"]:
        message = f"{scope['path']} is not served over a WebSocket. POST to it."
        fault = Fault(kind=FaultKind.METHOD_NOT_ALLOWED, message=message)
        await Response(scope, send).reply(426, {"content-type": "application/json"}, dialect.encode_fault(fault, None))
        return
    message = f"{scope['path']} takes POST, not {scope['method']}."
    fault = Fault(kind=FaultKind.METHOD_NOT_ALLOWED, message=message)
    await _refuse(dialect, Response(scope, send), fault, generation_id())


async def _refuse(dialect: Dialect, response: Response, fault: Fault, name: str) -> None:
    fault = metadata.for_caller(fault, None, None)
    status = metadata.status(fault, dialect)
    await response.reply(status, metadata.fault_headers(fault, status, name), dialect.encode_fault(fault, None))


def _caller(headers: Headers, key: Key) -> Caller:
    def text(name: bytes) -> str | None:
        value = headers.get(name)
        return value.decode("latin-1")[:512] if value else None

    wants = text(b"x-openrouter-metadata") or text(b"x-openrouter-experimental-metadata")
    return Caller(
        key=key,
        metadata=wants is not None and wants.lower() == "enabled",
        session_id=next((said for name in _SESSIONS if (said := text(name))), None),
        app_url=text(b"http-referer"),
        app_title=text(b"x-openrouter-title") or text(b"x-title"),
        user_agent=text(b"user-agent"),
        cache=read_wish(headers),
        passed=_passed(headers),
    )


def _passed(headers: Headers) -> dict[str, dict[str, str]]:
    passed: dict[str, dict[str, str]] = {}
    for name, (dialect, told) in _PASSED.items():
        if name in headers:
            passed.setdefault(dialect, {})[told] = headers[name].decode("latin-1")
    return passed
