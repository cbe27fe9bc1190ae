"""What every HTTP client makes of broken answers, lost connections and callers who leave."""

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.unit.upstream.conftest import CLIENTS
from tests.unit.upstream.peer import Serve, Server, Visit, chunked, ok

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.tasks import spawn
from wideband.upstream.base import Call, Upstream


async def refused(upstream: Upstream, call: Call) -> Fault:
    try:
        answer = await upstream.send(call)
        try:
            await answer.read(10_000_000)
        finally:
            answer.release()
    except Faulted as error:
        return error.fault
    pytest.fail("the call went well")


def says(data: bytes, *, reset: bool = False) -> object:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(data)
        if reset:
            await asyncio.sleep(0.05)
            visit.reset()

    return play


BROKEN = {
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", FaultKind.PROVIDER_GARBLED),
    "bad status": (b"HTTP/1.1 abc OK\r\n\r\n", FaultKind.PROVIDER_GARBLED),
    "bad chunk size": (chunked(b"x") + b"zz\r\n", FaultKind.PROVIDER_GARBLED),
    "bad length": (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", FaultKind.PROVIDER_GARBLED),
    "two lengths": (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", FaultKind.PROVIDER_GARBLED),
    "compressed": (ok(b"\x1f\x8b", "content-encoding: gzip"), FaultKind.PROVIDER_GARBLED),
    "switched": (b"HTTP/1.1 101 Now\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", FaultKind.PROVIDER_GARBLED),
    "long header": (ok(b"", "x: " + "y" * 200_000), FaultKind.PROVIDER_GARBLED),
    "many headers": (ok(b"", *(f"x{n}: y" for n in range(500))), FaultKind.PROVIDER_GARBLED),
    "short body": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", FaultKind.PROVIDER_CUT),
    "cut chunks": (chunked(b"one"), FaultKind.PROVIDER_CUT),
    "cut in a chunk": (chunked(b"one") + b"9\r\nhal", FaultKind.PROVIDER_CUT),
    "cut headers": (b"HTTP/1.1 200 OK\r\ncontent-le", FaultKind.PROVIDER_UNREACHABLE),
    "silence": (b"", FaultKind.PROVIDER_UNREACHABLE),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_answer_becomes_its_fault(upstream: Upstream, serve: Serve, case: str) -> None:
    data, kind = BROKEN[case]
    server = await serve(says(data))
    fault = await refused(upstream, server.call())
    assert fault.kind is kind
    assert "secret" not in fault.message
    assert "localhost" not in fault.message
    assert len(server.visits) == 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [(chunked(b"one"), FaultKind.PROVIDER_CUT), (b"HTTP/1.1 2", FaultKind.PROVIDER_UNREACHABLE)],
)
async def test_a_reset_connection_becomes_its_fault(
    upstream: Upstream, serve: Serve, data: bytes, kind: FaultKind
) -> None:
    assert (await refused(upstream, (await serve(says(data, reset=True))).call())).kind is kind


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nx-a: 1\r\n"])
async def test_headers_that_do_not_come_in_time_close_the_connection(
    upstream: Upstream, serve: Serve, begun: bytes
) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(begun)
        await visit.reader.read()

    server = await serve(play)
    fault = await refused(upstream, server.call(first_byte_s=0.1))
    assert fault.kind is FaultKind.PROVIDER_TIMEOUT
    await server.closed(0)


async def test_the_deadline_for_headers_does_not_bound_the_body(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(chunked(b"a"))
        await asyncio.sleep(0.2)
        await visit.say(b"1\r\nb\r\n0\r\n\r\n")

    answer = await upstream.send((await serve(play)).call(first_byte_s=0.1))
    assert await answer.read(10) == b"ab"


async def test_nobody_there_is_unreachable(upstream: Upstream, serve: Serve, unused_tcp_port: int) -> None:
    fault = await refused(upstream, Server(port=unused_tcp_port).call())
    assert (fault.kind, fault.message) == (
        FaultKind.PROVIDER_UNREACHABLE,
        "The provider could not be reached: Connection refused.",
    )


@pytest.mark.parametrize(
    "url", ["http://nowhere.invalid/", "ftp://localhost/", "http:///x", "localhost", "http://h:99999/"]
)
async def test_an_address_that_leads_nowhere_is_unreachable(upstream: Upstream, url: str) -> None:
    call = Call(url=url, body=b"", headers={}, connect_s=2, first_byte_s=2)
    assert (await refused(upstream, call)).kind is FaultKind.PROVIDER_UNREACHABLE


async def test_a_body_longer_than_allowed_is_not_read_on(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await visit.say(b"x" * 1000)

    server = await serve(play)
    answer = await upstream.send(server.call())
    with pytest.raises(Faulted) as caught:
        await answer.read(5000)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED
    await server.closed(0)


# -- kept-alive connections ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
async def test_a_call_swallowed_by_a_stale_connection_is_sent_again_once(
    upstream: Upstream, serve: Serve, reset: bool
) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"%d" % visit.number))
        await visit.reader.readexactly(1)  # the next request begins to come, and finds the server gone
        if reset:
            visit.reset()

    server = await serve(play)
    assert await (await upstream.send(server.call())).read(10) == b"0"
    assert await (await upstream.send(server.call())).read(10) == b"1"
    assert len(server.visits) == 2


@pytest.mark.parametrize("reset", [False, True])
async def test_a_call_is_not_sent_again_once_its_answer_began(upstream: Upstream, serve: Serve, reset: bool) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"0"))
        await visit.ask()
        await visit.say(b"HTTP/1.1 2")
        if reset:
            await asyncio.sleep(0.05)
            visit.reset()

    server = await serve(play)
    assert await (await upstream.send(server.call())).read(10) == b"0"
    assert (await refused(upstream, server.call())).kind is FaultKind.PROVIDER_UNREACHABLE
    assert len(server.visits) == 1


async def test_a_deadline_on_a_kept_connection_is_not_taken_for_staleness(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"0"))
        await visit.reader.read()

    server = await serve(play)
    assert await (await upstream.send(server.call())).read(10) == b"0"
    assert (await refused(upstream, server.call(first_byte_s=0.1))).kind is FaultKind.PROVIDER_TIMEOUT
    assert len(server.visits) == 1


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"junk"])
@pytest.mark.parametrize("late", [False, True])
async def test_bytes_nobody_asked_for_never_become_the_next_answer(
    upstream: Upstream, serve: Serve, extra: bytes, late: bool
) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"mine") + (b"" if late else extra))
        if late:
            await asyncio.sleep(0.05)
            await visit.say(extra)
        await visit.reader.read()

    server = await serve(play)
    for _ in range(2):
        try:
            answer = await upstream.send(server.call())
            assert await answer.read(10) == b"mine"
        except Faulted as error:  # a client may distrust the whole connection
            assert error.fault.kind is FaultKind.PROVIDER_GARBLED
        await asyncio.sleep(0.1)
    assert len(server.visits) == 2


# -- callers who leave ---------------------------------------------------------------------------------------------


async def test_cancelling_before_the_headers_closes_the_connection(upstream: Upstream, serve: Serve) -> None:
    asked = asyncio.Event()

    async def play(visit: Visit) -> None:
        await visit.ask()
        asked.set()
        await visit.reader.read()

    server = await serve(play)
    task = spawn(upstream.send(server.call()), name="caller")
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.closed(0)


async def test_cancelling_in_the_body_and_releasing_closes_the_connection(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(chunked(b"one"))
        await visit.reader.read()

    server = await serve(play)
    answer = await upstream.send(server.call())
    assert await answer.chunk() == b"one"
    task = spawn(answer.chunk(), name="caller")
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer.release()
    await server.closed(0)


async def test_closing_the_client_closes_its_connections(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"x"))
        await visit.reader.read()

    server = await serve(play)
    await (await upstream.send(server.call())).read(10)
    await upstream.close()
    await server.closed(0)


# -- the world around ----------------------------------------------------------------------------------------------


async def test_proxies_of_the_environment_are_not_used(
    upstream: Upstream, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert await (await upstream.send((await serve(says(ok(b"direct")))).call())).read(10) == b"direct"


@pytest.mark.parametrize("client", CLIENTS)
async def test_tls_to_a_trusted_host_works_and_is_reused(
    client: str, serve: Serve, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    async def play(visit: Visit) -> None:
        while True:
            _, body = await visit.ask()
            await visit.say(chunked(body) + b"0\r\n\r\n")

    server = await serve(play, server_tls)
    upstream = CLIENTS[client](ssl.create_default_context(cafile=str(certificate)))
    for size in (10, 1_000_000):
        answer = await upstream.send(server.call(b"x" * size))
        assert len(await answer.read(size)) == size
        answer.release()
    assert len(server.visits) == 1
    await upstream.close()


async def test_a_certificate_nobody_vouches_for_is_refused(
    upstream: Upstream, serve: Serve, server_tls: ssl.SSLContext
) -> None:
    server = await serve(says(ok(b"")), server_tls)
    fault = await refused(upstream, server.call())
    assert fault.kind is FaultKind.PROVIDER_UNREACHABLE
    assert "certificate is not valid" in fault.message


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_certificate_of_another_host_is_refused(
    client: str, serve: Serve, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    server = await serve(says(ok(b"")), server_tls)
    upstream = CLIENTS[client](ssl.create_default_context(cafile=str(certificate)))
    call = Call(url=f"https://127.0.0.1:{server.port}/", body=b"", headers={}, connect_s=2, first_byte_s=2)
    assert "certificate is not valid" in (await refused(upstream, call)).message
    await upstream.close()
