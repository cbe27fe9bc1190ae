"""One connection of our own client, without a network: any cut of the bytes is the same answer, no bytes break it."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.upstream.peer import chunked, ok

from wideband.canon.faults import Faulted
from wideband.tasks import spawn
from wideband.upstream.line import HIGH_WATER_BYTES, Incoming, Line


class Wire(asyncio.Transport):
    """A transport that goes nowhere and remembers what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Bench:
    """A line on a wire with one request under way."""

    def __init__(self) -> None:
        self.idle: list[Line] = []
        self.line = Line(self.idle.append, lambda _: None)
        self.wire = Wire()
        self.line.connection_made(self.wire)
        self.asking = self.ask()

    def ask(self) -> asyncio.Task[Incoming]:
        return spawn(self.line.ask(b"POST / HTTP/1.1\r\n\r\n", b"", 5), name="ask")

    async def hear(self, data: bytes, cuts: list[int]) -> None:
        await asyncio.sleep(0)
        points = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        for start, end in itertools.pairwise(points):
            if not self.wire.closed:
                self.line.data_received(data[start:end])
        self.line.connection_lost(None) if self.wire.closed else None


ANSWERS = [
    ok(b"a whole body"),
    chunked(b"data: 1\n\n", b"x" * 70, b"data: 2\n\n") + b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(b"12") + b"0\r\ntrailer: t\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
]
BODIES = [b"a whole body", b"data: 1\n\n" + b"x" * 70 + b"data: 2\n\n", b"12", b""]


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 3), cuts=st.lists(st.integers(0, 500), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_answer_and_a_reusable_line(which: int, cuts: list[int]) -> None:
    async def run() -> None:
        bench = Bench()
        await bench.hear(ANSWERS[which], cuts)
        answer = await bench.asking
        assert await answer.read(1000) == BODIES[which]
        assert bench.idle == [bench.line]
        assert bench.line.usable

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(
    which=st.integers(0, 3),
    at=st.integers(0, 300),
    put=st.binary(max_size=12),
    drop=st.integers(0, 12),
    cuts=st.lists(st.integers(0, 500), max_size=4),
)
def test_no_bytes_break_the_line(which: int, at: int, put: bytes, drop: int, cuts: list[int]) -> None:
    async def run() -> None:
        bench = Bench()
        data = ANSWERS[which]
        at_ = at % (len(data) + 1)
        await bench.hear(data[:at_] + put + data[at_ + drop :], cuts)
        if not bench.wire.closed:
            bench.line.connection_lost(None)
        try:
            await (await bench.asking).read(10_000)
        except Faulted:
            assert bench.idle == []

    asyncio.run(run())


async def test_what_has_come_can_be_taken_after_the_line_went_on_to_another_call() -> None:
    bench = Bench()
    await bench.hear(ok(b"first"), [])
    first = await bench.asking
    asking = bench.ask()
    await bench.hear(ok(b"second"), [])
    second = await asking
    first.release()
    assert (await second.read(10), await first.read(10)) == (b"second", b"first")
    assert not bench.wire.closed


async def test_reading_pauses_while_the_caller_is_behind() -> None:
    bench = Bench()
    await bench.hear(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (HIGH_WATER_BYTES + 1), [])
    answer = await bench.asking
    assert bench.wire.paused
    await answer.chunk()
    assert not bench.wire.paused


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        chunked(b"a") + b"1;" + b"e" * 100_000,
        chunked(b"a") + b"0\r\nx: " + b"y" * 100_000,
    ],
    ids=["header", "informational", "chunk extension", "trailer"],
)
async def test_bytes_that_are_no_content_are_bounded(flood: bytes) -> None:
    bench = Bench()
    await bench.hear(flood, list(range(0, len(flood), 5000)))
    with pytest.raises(Faulted, match="not proper HTTP"):
        await (await bench.asking).read(10)
    assert bench.wire.closed
