"""Something that takes a while to fetch and ages: kept, and fetched anew ahead of its end, off the event loop."""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.tasks import spawn

log = logging.getLogger("wideband.upstream")

T = TypeVar("T")

# Fresh is good to use; stale too, but not for long; what is over has to be waited for.
Age = Literal["fresh", "stale", "over"]

PAUSE_S = 10.0


def refused(what: str, reason: str, remedy: str) -> Faulted:
    """Make the exception for credentials that are not to be had. The reason, which may name files, is only logged."""
    log.warning("%s: %s; %s", what, reason, remedy)
    return Faulted(Fault(kind=FaultKind.PROVIDER_AUTH, message=f"{what}; {remedy}."))


class Kept(Generic[T]):
    """Keeps one value. `fetch(last)` makes the next one in a thread of its own and may raise `Faulted`."""

    def __init__(self, fetch: Callable[[T | None], T], age: Callable[[T], Age]) -> None:
        self._fetch, self._age = fetch, age
        self._value: T | None = None
        self._fetching: asyncio.Task[T | Fault] | None = None
        self._again_s = 0.0

    async def get(self) -> T:
        """Return the value; only those who ask when there is none that is good wait. Raises `Faulted`."""
        value = self._value
        age = "over" if value is None else self._age(value)
        if value is not None and age != "over":
            if age == "stale" and self._fetching is None and asyncio.get_running_loop().time() >= self._again_s:
                self._start()
            return value
        # A caller who leaves does not take the answer from the others.
        outcome = await asyncio.shield(self._fetching or self._start())
        if isinstance(outcome, Fault):
            raise Faulted(outcome)
        return outcome

    def _start(self) -> asyncio.Task[T | Fault]:
        self._fetching = spawn(self._ask(), name="fetch credentials")
        return self._fetching

    async def _ask(self) -> T | Fault:
        try:
            self._value = value = await asyncio.to_thread(self._fetch, self._value)
        except Faulted as error:
            self._again_s = asyncio.get_running_loop().time() + PAUSE_S
            return error.fault
        finally:
            self._fetching = None
        return value
