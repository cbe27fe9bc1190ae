"""The load generator counts what the mock upstream really answered."""

import asyncio

import msgspec
import pytest
from bench.load import Closed, Order, Rate, Streams, Tally, carry_out
from bench.machine import Line
from bench.mock import serve
from bench.traffic import BURST_EVENTS, DIALECTS, Dialect, Route, Script, path_of, request


def order(kind: type[Order], port: int, dialect: Dialect, script: Script, **more: float) -> Order:
    payload = request(Route(port=port, path=path_of(dialect, script, script), model=script), dialect, script)
    return kind(port=port, payload=payload, connections=4, **more)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_closed_loop_counts_whole_answers(dialect: Dialect) -> None:
    async with await serve(0) as server:
        what = order(Closed, port_of(server), dialect, "reply", seconds=0.2)
        assert isinstance(what, Closed)
        tally = await carry_out(what)
    assert tally.answers > 4
    assert tally.errors == 0
    assert tally.seconds >= 0.2


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_burst_arrives_with_all_its_events(dialect: Dialect) -> None:
    async with await serve(0) as server:
        what = order(Closed, port_of(server), dialect, "burst", seconds=0.2)
        assert isinstance(what, Closed)
        tally = await carry_out(what)
    assert tally.errors == 0
    assert tally.events > tally.answers * BURST_EVENTS


async def test_a_fixed_rate_sends_what_was_asked_and_times_each() -> None:
    async with await serve(0) as server:
        what = order(Rate, port_of(server), "openai_chat", "reply", seconds=0.2, per_s=100)
        assert isinstance(what, Rate)
        tally = await carry_out(what)
    assert (tally.answers, tally.errors, tally.unsent) == (20, 0, 0)
    assert list(tally.latencies_ms) == sorted(tally.latencies_ms)
    assert tally.latencies_ms[0] > 0


async def test_an_error_answer_is_counted_and_ends_its_connection() -> None:
    async with await serve(0) as server:
        payload = request(Route(port=0, path="/nothing/here", model="reply"), "openai_chat", "reply")
        tally = await carry_out(Closed(port=port_of(server), payload=payload, connections=3, seconds=0.05))
    assert (tally.answers, tally.errors) == (3, 3)


async def test_streams_are_opened_counted_and_left() -> None:
    def talk(what: Order) -> tuple[int, Tally]:
        line = Line("bench.load")
        try:
            line.say(msgspec.json.encode(what))
            opened = msgspec.json.decode(line.hear())["open"]
            line.say(b"count")
            line.say(b"stop")
            return opened, msgspec.json.decode(line.hear(), type=Tally)
        finally:
            line.close()

    async with await serve(0) as server:
        opened, tally = await asyncio.to_thread(talk, order(Streams, port_of(server), "openai_chat", "idle"))
    assert opened == 4
    assert (tally.answers, tally.events, tally.errors) == (0, 0, 0)
