"""What our own client promises beyond the protocol: whose bytes an answer is made of, and what is whose fault."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator

import pytest
from tests.unit.upstream.peer import Serve, Visit, chunked, ok

from wideband.canon.faults import Faulted, FaultKind
from wideband.tasks import spawn
from wideband.upstream import line
from wideband.upstream.base import Call
from wideband.upstream.raw import RawUpstream


@pytest.fixture
async def raw() -> AsyncIterator[RawUpstream]:
    client = RawUpstream()
    yield client
    await client.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("early", [ok(b"evil"), b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
async def test_bytes_that_wait_unseen_on_an_idle_connection_are_nobodys_answer(
    raw: RawUpstream, serve: Serve, early: bytes
) -> None:
    async def play(visit: Visit) -> None:
        while True:
            await visit.ask()
            await visit.say(ok(b"mine"))

    server = await serve(play)
    assert await (await raw.send(server.call())).read(10) == b"mine"
    os.write(server.visits[0].writer.get_extra_info("socket").fileno(), early)
    assert await (await raw.send(server.call())).read(10) == b"mine"
    assert len(server.visits) == 2


async def test_a_connection_lost_while_the_provider_worked_is_the_providers_fault(
    raw: RawUpstream, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "STALE_S", 0.05)

    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"0"))
        await visit.ask()
        await asyncio.sleep(0.1)

    server = await serve(play)
    assert await (await raw.send(server.call())).read(10) == b"0"
    with pytest.raises(Faulted) as caught:
        await raw.send(server.call())
    assert caught.value.fault.kind is FaultKind.PROVIDER_UNREACHABLE
    assert len(server.visits) == 1


ODD = {
    "no status": b"HTTP/1.1 000 ?\r\ncontent-length: 0\r\n\r\n",
    "both lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "compressed in transfer": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\nabc",
    "folded header": b"HTTP/1.1 200 OK\r\nx: a\r\n content-length: 3\r\n\r\nabc",
    "lines without CR": b"HTTP/1.1 200 OK\ncontent-length: 3\n\nabc",
    "endless chunk": chunked() + b"fffffffffffffffff\r\nabc",
}


@pytest.mark.parametrize("case", ODD)
async def test_what_two_readers_could_frame_differently_is_refused(raw: RawUpstream, serve: Serve, case: str) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ODD[case])
        await visit.reader.read()

    server = await serve(play)
    with pytest.raises(Faulted) as caught:
        await (await raw.send(server.call())).read(10)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED
    await server.closed(0)


@pytest.mark.parametrize("coding", ["Identity", "", "identity, identity"])
async def test_a_body_that_is_said_to_be_plain_is_plain(raw: RawUpstream, serve: Serve, coding: str) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"plain", f"content-encoding: {coding}"))

    assert await (await raw.send((await serve(play)).call())).read(10) == b"plain"


@pytest.mark.parametrize("status", [b"204 None", b"304 Same"])
async def test_a_length_on_an_answer_without_a_body_is_not_waited_for(
    raw: RawUpstream, serve: Serve, status: bytes
) -> None:
    async def play(visit: Visit) -> None:
        for _ in range(2):
            await visit.ask()
            await visit.say(b"HTTP/1.1 " + status + b"\r\ncontent-length: 5\r\n\r\n")

    server = await serve(play)
    for _ in range(2):
        assert await (await raw.send(server.call())).read(10) == b""
    assert len(server.visits) == 1


async def test_a_peer_that_closes_only_its_half_leaves_no_connection(raw: RawUpstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\nall")
        visit.writer.write_eof()
        await visit.reader.read()

    server = await serve(play)
    assert await (await raw.send(server.call())).read(10) == b"all"
    await server.closed(0)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
async def test_what_this_machine_has_run_out_of_blames_no_provider(
    raw: RawUpstream, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def exhausted(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(raw, "_dial", exhausted)
    with pytest.raises(Faulted) as caught:
        await raw.send(Call(url="http://127.0.0.1:9/", body=b"", headers={}, connect_s=1, first_byte_s=1))
    fault = caught.value.fault
    assert (fault.kind, fault.rule.blames_provider) == (FaultKind.UNAVAILABLE, False)


@pytest.mark.parametrize("after_s", [0.0, 0.0005, 0.002, 0.01])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_caller_who_leaves_at_any_moment_leaves_no_descriptor(
    raw: RawUpstream, serve: Serve, after_s: float, tls: bool
) -> None:
    async def play(visit: Visit) -> None:
        await visit.reader.read()

    server = await serve(play)
    if tls:  # the peer never speaks: the handshake hangs
        server.scheme = "https"
    before = descriptors()
    callers = [spawn(raw.send(server.call()), name="caller") for _ in range(20)]
    await asyncio.sleep(after_s)
    for caller in callers:
        caller.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*callers, return_exceptions=True)
    )
    async with asyncio.timeout(2):
        while descriptors() > before or not all(gone.is_set() for gone in server.gone):
            await asyncio.sleep(0.01)


def test_a_call_shows_neither_its_key_nor_its_prompt() -> None:
    call = Call(
        url="http://h/x", body=b"a prompt", headers={"authorization": "Bearer secret"}, connect_s=1, first_byte_s=1
    )
    assert repr(call) == "Call('http://h/x')"
