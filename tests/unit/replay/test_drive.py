"""The open-loop driver, with a scripted client in place of a server."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from wideband.canon.events import Counted, Event, Finished, Started, TextDelta
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Reply, fold
from wideband.canon.request import Request
from wideband.canon.usage import Usage
from wideband.clock import monotonic_ns
from wideband.replay.drive import WHOLE_EVERY, Pacing, drive
from wideband.replay.tally import Tally
from wideband.replay.traces import Arrival

STORM = Pacing(model="sandbox/storm", speedup=10.0)


class Scripted:
    """Answers every request in full after `delay_s`; remembers when they came and how many were open."""

    def __init__(self, delay_s: float = 0.0, fault: Fault | None = None) -> None:
        self.delay_s = delay_s
        self.fault = fault
        self.came_ns: list[int] = []
        self.streamed: list[bool] = []
        self.models: list[str] = []
        self.open = self.most_open = 0

    async def stream(self, request: Request) -> AsyncGenerator[Event]:
        for event in await self._answer(request, streamed=True):
            yield event

    async def complete(self, request: Request) -> Reply:
        return fold(await self._answer(request, streamed=False))

    async def close(self) -> None: ...

    async def _answer(self, request: Request, *, streamed: bool) -> list[Event]:
        self.came_ns.append(monotonic_ns())
        self.streamed.append(streamed)
        self.models.append(request.model)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.open -= 1
        if self.fault is not None:
            raise Faulted(self.fault)
        tokens = request.max_tokens or 0
        usage = Usage(prompt_tokens=7, completion_tokens=tokens)
        return [Started(id="gen-1"), TextDelta("word" * tokens), Finished("stop"), Counted(usage)]


def arrivals(count: int, gap_ms: int = 100) -> list[Arrival]:
    return [Arrival(at_ns=at * gap_ms * 1_000_000, prompt_tokens=9, completion_tokens=3) for at in range(count)]


async def test_requests_leave_at_their_times_whatever_the_answers_do() -> None:
    client, tally = Scripted(delay_s=0.2), Tally()
    await drive(arrivals(11), client, STORM, tally)
    gaps_ms = [(later - earlier) / 1e6 for earlier, later in zip(client.came_ns, client.came_ns[1:], strict=False)]
    assert sum(gaps_ms) == pytest.approx(100, abs=40)
    assert client.most_open == 11
    assert (tally.sent, tally.ok, tally.failed) == (11, 11, 0)
    assert tally.completion_tokens == 33


async def test_most_requests_stream_and_a_few_do_not() -> None:
    client = Scripted()
    await drive(arrivals(2 * WHOLE_EVERY, 0), client, STORM, Tally())
    assert client.streamed.count(False) == 2


async def test_a_cap_holds_requests_back_and_the_lateness_shows() -> None:
    client, tally = Scripted(delay_s=0.03), Tally()
    await drive(arrivals(6, 0), client, Pacing(model="sandbox/storm", cap=2), tally)
    assert client.most_open == 2
    assert max(tally.late_ms) >= 50


async def test_a_refusal_is_counted_by_its_kind() -> None:
    client, tally = Scripted(fault=Fault(kind=FaultKind.PAYMENT_REQUIRED, message="no")), Tally()
    await drive(arrivals(12, 0), client, STORM, tally)
    assert (tally.ok, tally.faults) == (0, {"payment_required": 12})


async def test_a_row_may_name_its_own_model() -> None:
    client = Scripted()
    row = Arrival(at_ns=0, prompt_tokens=9, completion_tokens=3, model="sandbox/fast")
    await drive([row, *arrivals(1)], client, STORM, Tally())
    assert sorted(client.models) == ["sandbox/fast", "sandbox/storm"]


async def test_cancelled_it_gives_up_what_is_open() -> None:
    client, tally = Scripted(delay_s=60), Tally()
    driving = asyncio.ensure_future(drive(arrivals(50), client, STORM, tally))
    while client.open < 3:
        await asyncio.sleep(0.005)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert client.open == 0
    assert tally.ok == tally.failed == 0
    assert 3 <= tally.sent < 50
