"""One replay from start to end: a server, the traffic, the count."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from wideband.client.http import HttpClient
from wideband.clock import monotonic_ns
from wideband.replay.drive import Pacing, drive
from wideband.replay.outages import Outage, Reaction, Rounds, break_in_turn, reactions, tries_of
from wideband.replay.ownserver import OwnServer
from wideband.replay.tally import Summary, Tally, sum_up
from wideband.replay.traces import Arrival
from wideband.replay.truth import Truth, counters, of_counters, of_home, settled_counters
from wideband.store.archive import FILE
from wideband.tasks import spawn


class Target(msgspec.Struct, frozen=True):
    """A server that already runs: its URL without a version, and a key of it."""

    url: str
    key: str


class Replay:
    """A replay, its tally open to whoever shows progress. `interrupt` ends it early, with what there is."""

    def __init__(
        self,
        arrivals: Sequence[Arrival],
        pacing: Pacing,
        target: Target | None = None,
        seed: int = 1,
        *,
        rounds: Rounds | None = None,
    ) -> None:
        """With `rounds` of outages, an own server's simulated providers are broken in turn."""
        self.arrivals = arrivals
        self.tally = Tally()
        self._pacing = pacing
        self._target = target
        self._seed = seed
        self._rounds = rounds
        self._reactions: list[Reaction] | None = None
        self._driving: asyncio.Task[None] | None = None
        self._is_interrupted = False
        self._wall_ns = 0

    def interrupt(self) -> None:
        """Give up the requests that are open or to come."""
        self._is_interrupted = True
        if self._driving is not None:
            self._driving.cancel()

    async def run(self) -> Summary:
        """Play the trace and count. Raises `Faulted` when the server does not start or its books cannot be read."""
        truth = await (self._against_own() if self._target is None else self._against(self._target))
        wall_s = self._wall_ns / 1e9
        facts = {
            "model": self._pacing.model,
            "speedup": self._pacing.speedup,
            "requests": len(self.arrivals),
            "wall_s": round(wall_s, 3),
            "requests_per_second": round(self.tally.sent / wall_s, 2) if wall_s else 0.0,
            "interrupted": self._is_interrupted,
            "outages": self._reactions,
        }
        return sum_up(self.tally, truth, facts)

    async def _against_own(self) -> Truth:
        async with AsyncExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wideband-replay-")))
            server = await stack.enter_async_context(OwnServer(home, self._pacing.speedup, self._seed))
            seen: list[Outage] = []
            if self._rounds is not None:
                breaker = spawn(break_in_turn(server.sandbox_url, self._rounds, seen), name="outages")
                stack.push_async_callback(_ended, breaker)
                await self._drive(server.url, server.key)
                await _ended(breaker)
            else:
                await self._drive(server.url, server.key)
            await server.stop()
            truth = await of_home(home)
            if self._rounds is not None:
                self._reactions = reactions(seen, await asyncio.to_thread(tries_of, home / FILE))
            return truth

    async def _against(self, target: Target) -> Truth:
        before = await counters(target.url, target.key)
        await self._drive(target.url, target.key)
        expected = self.tally.sent + (before.requests if before else 0)
        return of_counters(before, await settled_counters(target.url, target.key, expected))

    async def _drive(self, url: str, key: str) -> None:
        if self._is_interrupted:
            return
        start_ns = monotonic_ns()
        async with HttpClient(f"{url.rstrip('/')}/api/v1", key) as client:
            self._driving = spawn(drive(self.arrivals, client, self._pacing, self.tally), name="replay")
            try:
                await self._driving
            except asyncio.CancelledError:
                if not self._is_interrupted:
                    raise
            finally:
                self._wall_ns = monotonic_ns() - start_ns


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
