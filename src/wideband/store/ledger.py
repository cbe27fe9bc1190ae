"""The ledger of a home: decisions in memory, made durable by one writer thread.

A hold is decided by the book and queued; a settlement is applied to the book once it is on the disk, so what a
request may spend is never more than what the disk knows.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw
import msgspec

from wideband.accounts.book import Book
from wideband.accounts.rows import Account, Hold, Key, Settlement
from wideband.accounts.windows import windows_at, windows_of_day
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.store.archive import Archive
from wideband.store.audit import audit
from wideband.store.base import KeyChange, Spend, Status, Table
from wideband.store.database import MAX_INTEGER, connect
from wideband.store.interruption import interrupted
from wideband.store.keeping import Keeping
from wideband.store.keycache import KeyCache
from wideband.store.keyring import Keyring
from wideband.store.outbox import Outbox
from wideband.store.posting import Batch, Poster, Posting
from wideband.store.serverlock import ServerLock
from wideband.store.upkeep import Upkeep
from wideband.store.versions import Versions
from wideband.store.writer import Writer
from wideband.tasks import spawn

log = logging.getLogger("wideband.store")

T = TypeVar("T")

SWEEP_S = 1.0
# Questions to the archive may take seconds. They have threads of their own: serving needs those that all share.
READERS = 4


class LocalLedger:
    """The `Ledger` of the process that owns a home. Made inside the event loop that it then belongs to."""

    def __init__(self, home: Path, *, sweep_s: float = SWEEP_S, keeping: Keeping | None = None) -> None:
        """Take the home, and end what a dead server left held. Raises `HomeLockedError` if another server has it."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self._lock = ServerLock(home)
        self._db = connect(home)
        self._versions = Versions(home)
        self._keyring = Keyring(self._db, self._versions)
        self._keys = KeyCache(home, self._versions)
        self._book = Book()
        self._settling: dict[str, Posting] = {}
        self._closed = False
        _release_left_holds(self._db)
        self._reload()
        _load_spend(self._db, self._book)
        loop = self._loop = asyncio.get_running_loop()
        self._writer = Writer(
            self._db,
            committed=lambda postings: _tell(loop, self._committed, postings),
            failed=lambda postings: _tell(loop, self._refused, postings),
        )
        self._writer.start()
        self.outbox = Outbox(home, self._writer)
        self.archive = Archive(home, keeping)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="archive")
        self._sweeper = spawn(self._sweep(sweep_s), name="expire holds")

    async def close(self) -> None:
        """Make durable what is queued, and let the next server in."""
        self._closed = True
        self._sweeper.cancel()
        await asyncio.to_thread(self._writer.close)
        await asyncio.sleep(0)  # what the writer has told this loop comes first
        await asyncio.to_thread(self._readers.shutdown, cancel_futures=True)
        await asyncio.to_thread(self.archive.close)
        self.outbox.close()
        self._keys.close()
        self._db.close()
        self._versions.close()
        self._lock.release()

    # -- the request path ----------------------------------------------------------------------------------------

    def key_for(self, secret_hash: str) -> Key | None:
        if self._keys.stale:
            self._reload()
        return self._keys.keys.get(secret_hash)

    async def hold(self, hold: Hold) -> Fault | None:
        return self.decide(hold)

    def decide(self, hold: Hold) -> Fault | None:
        """Set money aside, or say why not; does not wait for anything."""
        if self._refuses:
            return _cannot_write(self._writer.failure)
        key = self.key_for(hold.key_hash)
        if key is None:
            return Fault(kind=FaultKind.AUTHENTICATION, message="The API key of this request no longer exists.")
        if hold.id in self._book.holds:
            return None
        fault = self._book.hold(hold, key)
        if fault is None:
            self._writer.rest(hold)
        return fault

    async def settle(self, settlement: Settlement) -> None:
        await self.submit(settlement)

    def submit(self, settlement: Settlement, kind: Literal["charge", "release"] = "charge") -> "asyncio.Future[None]":
        """Queue a settlement; the future is done when it is durable. Raises `Faulted` if it cannot be taken."""
        if self._closed:
            raise Faulted(_cannot_write(None))
        future: asyncio.Future[None] = self._loop.create_future()
        posting = self._settling.get(settlement.id)
        if posting is None:
            self._check(settlement)
            posting = self._settling[settlement.id] = Posting(settlement, kind)
            self._writer.put(posting)
        posting.waiters.append(future)
        return future

    def interrupt(self, hold_id: str, why: str) -> None:
        """Release a hold that nobody will settle; leaves one record. Does nothing when it is not open."""
        hold = self._book.holds.get(hold_id)
        if hold is not None and hold_id not in self._settling:
            self.submit(interrupted(hold, now_ns(), why), "release").add_done_callback(_look)

    @property
    def _refuses(self) -> bool:
        return self._closed or self._writer.failure is not None

    def _check(self, settlement: Settlement) -> None:
        known = settlement.account_id in self._book.accounts and (
            self.key_for(settlement.key_hash) is not None or settlement.key_hash in self._keys.deleted
        )
        if not known or not 0 <= settlement.charge_nano <= MAX_INTEGER:
            message = f"`{settlement.id}` cannot be settled: its account, its key or its charge cannot be."
            raise Faulted(Fault(kind=FaultKind.INTERNAL, message=message))

    def _committed(self, postings: list[Posting]) -> None:
        """Take over what has become durable."""
        for posting in postings:
            settlement = posting.settlement
            if posting.is_new:
                self._book.settle(settlement)
            else:
                self._book.release(settlement.id)
                log.info("`%s` was settled before; this settlement changed nothing", settlement.id)
            del self._settling[settlement.id]
            for future in posting.waiters:
                if not future.done():
                    future.set_result(None)

    def _refused(self, postings: list[Posting]) -> None:
        """Tell those who wait that the disk takes nothing; the writer keeps their settlements and tries again."""
        fault = _cannot_write(self._writer.failure)
        for posting in postings:
            for future in posting.waiters:
                if not future.done():
                    future.set_exception(Faulted(fault))
            posting.waiters.clear()

    def _reload(self) -> None:
        self._keys.reload()
        for account, granted_nano, _ in self._keys.accounts():
            self._book.put_account(account, granted_nano)

    async def _sweep(self, sweep_s: float) -> None:
        while True:
            await asyncio.sleep(sweep_s)
            self._writer.nudge()
            for hold in self._book.expired(now_ns()):
                self.interrupt(hold.id, "The request did not end before its hold expired.")

    # -- looking things up ---------------------------------------------------------------------------------------

    async def generation(self, generation_id: str) -> bytes | None:
        # In this order: a record leaves the outbox only after it has reached the archive.
        record = await asyncio.to_thread(self.outbox.find, generation_id)
        return record if record is not None else await asyncio.to_thread(self.archive.find, generation_id)

    async def spend(self, *, key_hash: str | None = None, account_id: str | None = None) -> Spend:
        tallies, owner = (self._book.by_key, key_hash) if key_hash is not None else (self._book.by_account, account_id)
        if owner is None or owner not in tallies:
            return Spend()
        tally = tallies[owner]
        tally.turn(windows_at(now_ns()))
        return Spend(
            total_nano=tally.charged, daily_nano=tally.daily, weekly_nano=tally.weekly, monthly_nano=tally.monthly
        )

    async def credits(self, account_id: str) -> tuple[int, int]:
        if self._keys.stale:
            self._reload()
        if account_id not in self._book.accounts:
            return 0, 0
        return self._book.granted[account_id], self._book.by_account[account_id].charged

    async def failure(self) -> str | None:
        return _cannot_write(self._writer.failure).message if self._refuses else None

    async def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> Table:
        return await self._ask(self.archive.read, sql, parameters)

    async def archive_status(self) -> Status:
        return await self._ask(Upkeep(self.archive).status)

    async def _ask(self, question: Callable[..., T], *arguments: Any) -> T:
        if self._closed:
            raise Faulted(_cannot_write(None))
        return await self._loop.run_in_executor(self._readers, question, *arguments)

    async def balance(self) -> dict[str, Any]:
        await self._call(lambda _: None)  # what was queued before is written
        figures = await asyncio.to_thread(audit, self.home, self.archive)
        figures["problems"] += self._book.problems()
        figures["balanced"] = not figures["problems"]
        return figures

    # -- keys and accounts ---------------------------------------------------------------------------------------

    async def create_key(self, key: Key) -> None:
        await self._call(lambda _: self._keyring.create(key))

    async def keys(self, account_id: str | None = None) -> list[Key]:
        return await self._call(lambda _: self._keyring.keys(account_id))

    async def change_key(self, key_hash: str, change: KeyChange) -> Key | None:
        return await self._call(lambda _: self._keyring.change(key_hash, change))

    async def delete_key(self, key_hash: str) -> bool:
        return await self._call(lambda _: self._keyring.delete(key_hash))

    async def open_account(self, account: Account) -> None:
        """Add an account. Raises `Faulted` (invalid_request) when its id is taken."""
        await self._call(lambda _: self._keyring.open_account(account))

    async def grant(self, account_id: str, amount_nano: int, note: str | None = None) -> None:
        """Put money into an account. Raises `Faulted` (not_found, invalid_request)."""
        await self._call(lambda _: self._keyring.grant(account_id, amount_nano, note))

    async def _call(self, function: Callable[[apsw.Connection], T]) -> T:
        try:
            return await asyncio.wrap_future(self._writer.call(function))
        except apsw.Error as error:
            raise Faulted(_cannot_write(str(error))) from error


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[[list[Posting]], None], postings: list[Posting]) -> None:
    if postings:
        loop.call_soon_threadsafe(function, postings)


def _look(future: "asyncio.Future[None]") -> None:
    """Look at a failure that nobody waits for; the writer has said it."""
    if not future.cancelled():
        future.exception()


def _cannot_write(why: str | None) -> Fault:
    why = why or "the server is stopping"
    return Fault(
        kind=FaultKind.UNAVAILABLE,
        message=f"The ledger cannot be written ({why}); no new requests are taken until it can be.",
        retry_after_s=5.0,
    )


def _release_left_holds(db: apsw.Connection) -> None:
    """End every hold of a server that died, each with its record."""
    rows = db.execute("SELECT id, account_id, key_hash, amount_nano, created_ns, expires_ns, model FROM hold")
    batch = Batch()
    for row in rows.fetchall():
        hold = msgspec.convert(dict(zip(Hold.__struct_fields__, row, strict=True)), Hold)
        batch.add_posting(
            Posting(interrupted(hold, now_ns(), "The server died while it served this request."), "release")
        )
    if batch:
        Poster(db).write(batch)
        log.warning("%d requests of a server that died were closed as interrupted", len(batch.postings))


def _load_spend(db: apsw.Connection, book: Book) -> None:
    """Take over what was charged before: in all, and on the days of the current windows."""
    for account_id, charged_nano in db.execute("SELECT id, charged_nano FROM account"):
        book.by_account[account_id].charged = charged_nano
    for key_hash, charged_nano in db.execute("SELECT hash, charged_nano FROM key WHERE charged_nano > 0"):
        book.by_key[key_hash].charged = charged_nano
    first_day = windows_at(now_ns()).first_day
    rows = db.execute("SELECT kind, owner, day, amount_nano FROM spend WHERE day >= ? ORDER BY day", (first_day,))
    for kind, owner, day, amount_nano in rows:
        tallies = book.by_account if kind == "account" else book.by_key
        tallies[owner].count(amount_nano, windows_of_day(day))
