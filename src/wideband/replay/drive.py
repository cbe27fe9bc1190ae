"""The open-loop driver: every request is sent at its time, whether or not the ones before it were answered."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from wideband.canon.faults import Faulted
from wideband.canon.reply import unfold
from wideband.client.base import ChatClient
from wideband.clock import monotonic_ns
from wideband.replay.prompts import request_for
from wideband.replay.tally import Tally
from wideband.replay.traces import Arrival
from wideband.replay.watch import Watch
from wideband.tasks import spawn

# Chat traffic streams; every tenth request does not, as classifiers and batch jobs do not.
WHOLE_EVERY = 10
# Sleeping for less than this costs more than being early by it.
_SHORTEST_SLEEP_S = 0.0005


class Pacing(msgspec.Struct, frozen=True, kw_only=True):
    """How a trace is played: `speedup` divides its times; at most `cap` requests are open at once (None: no limit)."""

    model: str
    speedup: float = 1.0
    cap: int | None = None


async def drive(arrivals: Sequence[Arrival], client: ChatClient, pacing: Pacing, tally: Tally) -> None:
    """Send every request at its time and wait for all answers. Cancelling gives the open ones up."""
    gate = asyncio.Semaphore(pacing.cap or len(arrivals))
    start_ns = monotonic_ns()
    running: set[asyncio.Task[None]] = set()

    def ended(task: asyncio.Task[None]) -> None:
        running.discard(task)
        gate.release()

    try:
        for index, arrival in enumerate(arrivals):
            due_ns = start_ns + int(arrival.at_ns / pacing.speedup)
            wait_s = (due_ns - monotonic_ns()) / 1e9
            if wait_s > _SHORTEST_SLEEP_S:
                await asyncio.sleep(wait_s)
            await gate.acquire()
            tally.sent += 1
            task = spawn(_send(arrival, index, client, pacing.model, due_ns, tally), name=f"replay-{index}")
            running.add(task)
            task.add_done_callback(ended)
        while running:
            await asyncio.wait(tuple(running))
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(tuple(running))


async def _send(arrival: Arrival, index: int, client: ChatClient, model: str, due_ns: int, tally: Tally) -> None:
    request = request_for(arrival, index, arrival.model or model)
    watch = Watch(request, due_ns)
    is_streamed = index % WHOLE_EVERY != WHOLE_EVERY - 1
    try:
        if is_streamed:
            async with aclosing(client.stream(request)) as events:
                async for event in events:
                    watch.see(event)
        else:
            for event in unfold(await client.complete(request)):
                watch.see(event)
    except Faulted as faulted:
        watch.refused(faulted.fault)
    tally.take(watch.result(is_streamed=is_streamed))
