"""Asking models on behalf of whoever sits at a page: through the exchange's own sessions, not over the network."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.dialects.registry import DIALECTS
from wideband.gateway import metadata
from wideband.gateway.exchange import Caller, Exchange
from wideband.gateway.session import INTERNAL, answer
from wideband.gateway.sink import Sink
from wideband.ids import generation_id, key_secret
from wideband.store.base import Ledger
from wideband.tasks import spawn

log = logging.getLogger("wideband.site")

KEY_NAME = "playground"
APP = "Wideband playground"
_CHAT = DIALECTS["openai_chat"]

Asking = Callable[[Sink], Awaitable[None]]


class Whole:
    """Takes an answer and keeps it."""

    def __init__(self) -> None:
        self.started = False
        self.gone = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self._calls: list[Callable[[], None]] = []

    def on_gone(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def leave(self) -> None:
        """Say that nobody reads any more."""
        self.gone = True
        for call in self._calls:
            call()

    async def start(self, status: int, headers: dict[str, str]) -> None:
        self.started, self.status, self.headers = True, status, headers

    async def send(self, data: bytes) -> None:
        self.body += data

    async def end(self, data: bytes = b"") -> None:
        self.body += data

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await self.start(status, headers)
        await self.end(body)


class _Wired(Whole):
    """Sends an answer to the browser as it comes."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._send, self._headers = send, headers

    async def start(self, status: int, headers: dict[str, str]) -> None:
        await super().start(status, headers)
        shown = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        kept = [pair for pair in self._headers if pair[0] not in {name for name, _ in shown} | {b"content-length"}]
        await self._send({"type": "http.response.start", "status": status, "headers": shown + kept})

    async def send(self, data: bytes) -> None:
        if not self.gone:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        if not self.gone:
            await self._send({"type": "http.response.body", "body": data, "more_body": False})


class Streamed(Response):
    """The response of a request that is answered while it is sent; the model is hung up on when the browser leaves."""

    def __init__(self, asking: Asking) -> None:
        super().__init__()
        self._asking = asking

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sink = _Wired(send, self.raw_headers)

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            sink.leave()

        watcher = spawn(watch(), name="a playground's reader")
        try:
            await self._asking(sink)
        finally:
            watcher.cancel()


async def ask(exchange: Exchange, key: Key, body: bytes, sink: Sink) -> None:
    """Have a chat request answered into a sink, as one over the API would be; refusals too."""
    name = generation_id()
    caller = Caller(key=key, app_title=APP, user_agent="wideband-playground")

    try:
        await answer(exchange, _CHAT, caller, sink, name, (body, body))
    except Faulted as error:
        await _refuse(sink, error.fault, name)
    except Exception:
        log.exception("request %s of the playground failed on a defect of ours", name)
        await _refuse(sink, INTERNAL, name)


async def _refuse(sink: Sink, fault: Fault, name: str) -> None:
    if sink.started:
        await sink.end()
        return
    fault = metadata.for_caller(fault, None, None)
    status = metadata.status(fault, _CHAT)
    await sink.reply(status, metadata.fault_headers(fault, status, name), _CHAT.encode_fault(fault, None))


async def whole(asking: Asking) -> Whole:
    """Return an answer that nobody watches come; it ends when who waits for it does."""
    sink = Whole()
    try:
        await asking(sink)
    except asyncio.CancelledError:
        sink.leave()
        raise
    return sink


async def playground_key(ledger: Ledger, account_id: str) -> Key:
    """Return the key that an account's playground spends with; made at the first use, and nobody holds its secret.

    Raises `Faulted` (permission_denied) when it was switched off.
    """
    named = [key for key in await ledger.keys(account_id) if key.name == KEY_NAME and not key.management]
    if not named:
        secret = key_secret()
        key = Key(
            hash=hash_secret(secret),
            account_id=account_id,
            name=KEY_NAME,
            label=label(secret),
            created_ns=now_ns(),
        )
        await ledger.create_key(key)
        return key
    usable = [key for key in named if not key.disabled and (key.expires_ns is None or key.expires_ns > now_ns())]
    if not usable:
        message = f"The key `{KEY_NAME}` of this account is switched off or over. Switch it on under Keys."
        raise Faulted(Fault(kind=FaultKind.PERMISSION_DENIED, message=message))
    return usable[0]
