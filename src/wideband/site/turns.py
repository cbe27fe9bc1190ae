"""Pages take turns: few are made at a time, so that the API beside them goes on, however many ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from wideband.canon.faults import Fault, Faulted, FaultKind

# A page keeps a processor busy, and what serves the API has one to share with it.
AT_ONCE = 3
MOST_WAITING = 100
RETRY_S = 5.0


class Turns:
    """Who makes a page now, and how many wait. A page whose reader has left meanwhile is not made.

    `close` refuses those that wait: they must not hold up a server that goes down.
    """

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._waiting = 0
        self._closed = False

    def close(self) -> None:
        self._closed = True

    @asynccontextmanager
    async def taken(self, request: Request) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises `Faulted` (unavailable) when too many wait, or nobody reads any more."""
        if self._waiting >= self._most_waiting:
            raise _busy("Too many pages are asked for at once. Try again in a few seconds.")
        has_to_wait = self._free.locked()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            if self._closed:
                raise _busy("The server is going down.")
            if has_to_wait and await request.is_disconnected():
                raise _busy("The reader of this page has left.")
            yield
        finally:
            self._free.release()


def _busy(message: str) -> Faulted:
    return Faulted(Fault(kind=FaultKind.UNAVAILABLE, message=message, retry_after_s=RETRY_S))
