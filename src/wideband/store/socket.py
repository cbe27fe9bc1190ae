"""One ledger for several processes: the server beside it and the client in each worker, over a unix socket.

A frame is a msgpack array. Frames are pipelined: nobody waits for an answer before asking again.
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import msgspec

from wideband.accounts.rows import Hold, Key, Settlement
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.store.base import KeyChange, Spend, Status, Table
from wideband.store.keycache import KeyCache
from wideband.store.ledger import LocalLedger
from wideband.store.lines import Line, bind_at
from wideband.store.versions import Versions
from wideband.tasks import spawn

# Method -> (the type of its arguments, the type of its result). The names are those of `Ledger`.
_METHODS: dict[str, tuple[Any, Any]] = {
    "hold": (tuple[Hold], Fault | None),
    "settle": (tuple[Settlement], None),
    "generation": (tuple[str], bytes | None),
    "spend": (tuple[str | None, str | None], Spend),
    "credits": (tuple[str], tuple[int, int]),
    "create_key": (tuple[Key], None),
    "keys": (tuple[str | None], list[Key]),
    "change_key": (tuple[str, KeyChange], Key | None),
    "delete_key": (tuple[str], bool),
    "failure": (tuple[()], str | None),
    "read": (tuple[str, tuple[Any, ...]], Table),
    "archive_status": (tuple[()], Status),
    "balance": (tuple[()], dict[str, Any]),
}


class _Ask(msgspec.Struct, frozen=True, array_like=True):
    number: int
    method: str
    arguments: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    number: int
    result: msgspec.Raw
    fault: Fault | None = None


_encode = msgspec.msgpack.Encoder().encode
_ask = msgspec.msgpack.Decoder(_Ask)
_answer = msgspec.msgpack.Decoder(_Answer)
_arguments = {name: msgspec.msgpack.Decoder(kinds[0]) for name, kinds in _METHODS.items()}
_result = {name: msgspec.msgpack.Decoder(kinds[1]) for name, kinds in _METHODS.items()}


class LedgerServer:
    """Answers workers from the one ledger. When a worker goes, its open holds end as interrupted."""

    def __init__(self, ledger: LocalLedger, path: Path) -> None:
        self._ledger = ledger
        self._path = path
        self._lines: set[_ServerLine] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; only this user can connect."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _ServerLine(self._ledger, self._lines), sock=bind_at(self._path)
        )

    async def close(self) -> None:
        """Stop listening and hang up on every worker."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.release_holds()
            line.hang_up()
        self._path.unlink(missing_ok=True)


class _ServerLine(Line):
    """The connection of one worker."""

    def __init__(self, ledger: LocalLedger, lines: "set[_ServerLine]") -> None:
        super().__init__()
        self._ledger = ledger
        self._lines = lines
        self._open: set[str] = set()
        lines.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lines.discard(self)
        self.release_holds()

    def release_holds(self) -> None:
        """End what this worker will not settle any more."""
        for hold_id in self._open:
            self._ledger.interrupt(hold_id, "The worker that served this request died.")
        self._open.clear()

    def frame(self, data: bytes) -> None:
        ask = _ask.decode(data)
        arguments = _arguments[ask.method].decode(ask.arguments)
        match ask.method:
            case "hold":
                self._hold(ask.number, *arguments)
            case "settle":
                self._settle(ask.number, *arguments)
            case "spend":
                key_hash, account_id = arguments
                self._later(ask.number, self._ledger.spend(key_hash=key_hash, account_id=account_id))
            case method:
                self._later(ask.number, getattr(self._ledger, method)(*arguments))

    def _hold(self, number: int, hold: Hold) -> None:
        fault = self._ledger.decide(hold)
        if fault is None:
            self._open.add(hold.id)
        self._reply(number, fault)

    def _settle(self, number: int, settlement: Settlement) -> None:
        def done(future: "asyncio.Future[None]") -> None:
            error = future.exception()
            self._reply(number, None, error.fault if isinstance(error, Faulted) else None)

        self._open.discard(settlement.id)
        try:
            self._ledger.submit(settlement).add_done_callback(done)
        except Faulted as error:
            self._reply(number, None, error.fault)

    def _later(self, number: int, work: Awaitable[Any]) -> None:
        async def answer() -> None:
            try:
                self._reply(number, await work)
            except Faulted as error:
                self._reply(number, None, error.fault)
            except Exception:
                self._reply(number, None, Fault(kind=FaultKind.INTERNAL, message="The ledger failed; see its log."))
                raise

        spawn(answer(), name="answer a worker")

    def _reply(self, number: int, result: Any, fault: Fault | None = None) -> None:
        self.send(_encode(_Answer(number, msgspec.Raw(_encode(result)), fault)))


class RemoteLedger:
    """The `Ledger` of a worker: keys are looked up here, everything else is asked of the server at the socket.

    Once the server is gone every call fails at once with `unavailable`; the worker is of no use then.
    """

    def __init__(self, path: Path, home: Path) -> None:
        self._path = path
        self._home = home

    async def connect(self) -> None:
        """Connect. Raises `Faulted` (unavailable) when nobody listens."""
        loop = asyncio.get_running_loop()
        try:
            _, self._line = await loop.create_unix_connection(_ClientLine, str(self._path))
        except OSError as error:
            raise Faulted(_gone(f"no ledger answers at `{self._path}`: {error}")) from error
        self._versions = Versions(self._home)
        self._keys = KeyCache(self._home, self._versions)

    async def close(self) -> None:
        self._line.hang_up()
        self._keys.close()
        self._versions.close()

    def key_for(self, secret_hash: str) -> Key | None:
        if self._keys.stale:
            self._keys.reload()
        return self._keys.keys.get(secret_hash)

    async def hold(self, hold: Hold) -> Fault | None:
        try:
            fault: Fault | None = await self._line.ask("hold", hold)
        except Faulted as error:
            return error.fault
        return fault

    async def settle(self, settlement: Settlement) -> None:
        await self._line.ask("settle", settlement)

    async def generation(self, generation_id: str) -> bytes | None:
        record: bytes | None = await self._line.ask("generation", generation_id)
        return record

    async def spend(self, *, key_hash: str | None = None, account_id: str | None = None) -> Spend:
        spend: Spend = await self._line.ask("spend", key_hash, account_id)
        return spend

    async def credits(self, account_id: str) -> tuple[int, int]:
        granted_and_charged: tuple[int, int] = await self._line.ask("credits", account_id)
        return granted_and_charged

    async def create_key(self, key: Key) -> None:
        await self._line.ask("create_key", key)

    async def keys(self, account_id: str | None = None) -> list[Key]:
        keys: list[Key] = await self._line.ask("keys", account_id)
        return keys

    async def change_key(self, key_hash: str, change: KeyChange) -> Key | None:
        key: Key | None = await self._line.ask("change_key", key_hash, change)
        return key

    async def delete_key(self, key_hash: str) -> bool:
        deleted: bool = await self._line.ask("delete_key", key_hash)
        return deleted

    async def failure(self) -> str | None:
        try:
            reason: str | None = await self._line.ask("failure")
        except Faulted as error:
            return error.fault.message
        return reason

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        table: Table = await self._line.ask("read", sql, parameters)
        return table

    async def archive_status(self) -> Status:
        status: Status = await self._line.ask("archive_status")
        return status

    async def balance(self) -> dict[str, Any]:
        figures: dict[str, Any] = await self._line.ask("balance")
        return figures


class _ClientLine(Line):
    """A worker's connection, and who waits for which answer."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._waiting: dict[int, tuple[asyncio.Future[Any], str]] = {}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(Faulted(_gone("the server has stopped")))
        self._waiting.clear()

    def ask(self, method: str, *arguments: Any) -> "asyncio.Future[Any]":
        """Send a call; the future is its result. Raises `Faulted` (unavailable) when the server is gone."""
        if not self.is_open:
            raise Faulted(_gone("the server has stopped"))
        self._number += 1
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[self._number] = (future, method)
        self.send(_encode(_Ask(self._number, method, msgspec.Raw(_encode(arguments)))))
        return future

    def frame(self, data: bytes) -> None:
        answer = _answer.decode(data)
        future, method = self._waiting.pop(answer.number)
        if future.done():
            return
        if answer.fault is not None:
            future.set_exception(Faulted(answer.fault))
        else:
            future.set_result(_result[method].decode(answer.result))


def _gone(why: str) -> Fault:
    return Fault(kind=FaultKind.UNAVAILABLE, message=f"The ledger cannot be reached: {why}.")
