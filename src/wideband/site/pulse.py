"""Whether there is anything new: one look at the archive every other second, for all who listen in this process."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from wideband.analytics.named import Query, Reader
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.tasks import spawn

LOOK_S = 2.0
HEARTBEAT_S = 15.0
MOST_LISTENERS = 256

# Also changes when a day is sealed and its rows leave the table, which is seldom and does no harm.
_NEWEST = Query("newest", "SELECT max(created_ns), count(*) FROM generation")


class Pulse:
    """Tells listeners that records were shipped. Looks only while somebody listens; `close` ends every listening."""

    def __init__(self) -> None:
        self.count = 0
        self._ears: set[asyncio.Event] = set()
        self._watch: asyncio.Task[Any] | None = None
        self._closed = False

    def admit(self) -> None:
        """Raise `Faulted` (unavailable) when nobody more can listen."""
        if self._closed or len(self._ears) >= MOST_LISTENERS:
            message = "The server is going down." if self._closed else "Too many pages listen already."
            raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message))

    async def beats(self, reader: Reader) -> AsyncGenerator[int | None, None]:
        """Yield the count of shipments seen, now and after each one; None when nothing happened for a while."""
        ear = asyncio.Event()
        self._ears.add(ear)
        if self._watch is None or self._watch.done():
            self._watch = spawn(self._look(reader), name="pulse of the archive")
        try:
            yield self.count
            while not self._closed:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await ear.wait()
                except TimeoutError:
                    yield None
                    continue
                ear.clear()
                if not self._closed:
                    yield self.count
        finally:
            self._ears.discard(ear)
            if not self._ears:
                self._stop()

    def close(self) -> None:
        """End every listening, at once: open pages must not hold up a server that goes down."""
        self._closed = True
        self._stop()
        self._wake()

    async def _look(self, reader: Reader) -> None:
        seen = await _newest(reader)
        while True:
            await asyncio.sleep(LOOK_S)
            newest = await _newest(reader)
            # What cannot be read now is told once it can.
            if newest is not None and newest != seen:
                seen = newest
                self.count += 1
                self._wake()

    def _wake(self) -> None:
        for ear in self._ears:
            ear.set()

    def _stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()


async def _newest(reader: Reader) -> tuple[Any, ...] | None:
    try:
        rows = await _NEWEST.ask(reader)
    except Faulted:
        return None
    return rows[0] if rows else None
