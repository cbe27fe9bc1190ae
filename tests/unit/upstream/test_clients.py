"""What every HTTP client does with proper answers: framing, reuse, streaming. For each client on each event loop."""

import asyncio

import pytest
from tests.unit.upstream.peer import Serve, Visit, chunked, ok

from wideband.upstream.base import Upstream


async def answer_all(visit: Visit) -> None:
    while True:
        await visit.ask()
        await visit.say(ok(b"hello"))


async def test_sends_what_was_given_and_nothing_else(upstream: Upstream, serve: Serve) -> None:
    asked: list[tuple[bytes, bytes]] = []

    async def play(visit: Visit) -> None:
        asked.append(await visit.ask())
        await visit.say(ok(b"", "set-cookie: a=b"))
        asked.append(await visit.ask())
        await visit.say(ok(b""))

    server = await serve(play)
    for _ in range(2):
        answer = await upstream.send(server.call(b'{"a": 1}', path="/v1/chat?x=%2F"))
        assert await answer.read(10) == b""
        answer.release()
    for head, body in asked:
        first, *rest = head.decode().split("\r\n")[:-2]
        assert first == "POST /v1/chat?x=%2F HTTP/1.1"
        assert sorted(line.lower() for line in rest) == [
            "accept-encoding: identity",
            "authorization: bearer secret",
            "content-length: 8",
            "content-type: application/json",
            f"host: localhost:{server.port}",
        ]
        assert body == b'{"a": 1}'


async def test_gives_status_headers_and_body(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-A: 1\r\ncontent-length: 4\r\n\r\nbusy")

    answer = await upstream.send((await serve(play)).call())
    assert (answer.status, answer.headers["retry-after"], answer.headers.get("x-a")) == (429, "7", "1")
    assert await answer.read(4) == b"busy"
    assert await answer.chunk() == b""


async def test_an_answer_read_to_its_end_frees_the_connection_for_the_next_call(
    upstream: Upstream, serve: Serve
) -> None:
    server = await serve(answer_all)
    for _ in range(3):
        answer = await upstream.send(server.call())
        assert await answer.read(10) == b"hello"
        answer.release()
        answer.release()
    assert len(server.visits) == 1


async def test_an_answer_given_up_early_closes_the_connection_at_once(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(chunked(b"first"))
        await visit.reader.read()

    server = await serve(play)
    answer = await upstream.send(server.call())
    assert await answer.chunk() == b"first"
    answer.release()
    answer.release()
    await server.closed(0)


async def test_bytes_come_as_they_are_sent(upstream: Upstream, serve: Serve) -> None:
    took = asyncio.Event()

    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(chunked(b"data: 1\n\n"))
        await took.wait()
        await visit.say(b"3\r\nend\r\n0\r\n\r\n")

    answer = await upstream.send((await serve(play)).call())
    assert await answer.chunk() == b"data: 1\n\n"
    took.set()
    assert await answer.chunk() == b"end"
    assert await answer.chunk() == b""
    assert await answer.chunk() == b""


async def test_an_answer_may_be_cut_anywhere_on_the_wire(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        for byte in chunked(b"ab", b"c" * 17) + b"0\r\nx-trailer: 1\r\n\r\n":
            await visit.say(bytes([byte]))
            await asyncio.sleep(0)
        await visit.ask()
        await visit.say(ok(b"again"))

    server = await serve(play)
    assert await (await upstream.send(server.call())).read(100) == b"ab" + b"c" * 17
    assert await (await upstream.send(server.call())).read(100) == b"again"
    assert len(server.visits) == 1


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_without_a_length_ends_with_the_connection(
    upstream: Upstream, serve: Serve, version: bytes
) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/%b 200 OK\r\n\r\nall of it" % version)

    server = await serve(play)
    assert await (await upstream.send(server.call())).read(100) == b"all of it"
    assert await (await upstream.send(server.call())).read(100) == b"all of it"
    assert len(server.visits) == 2


async def test_informational_answers_are_passed_over(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok(b"real"))

    answer = await upstream.send((await serve(play)).call())
    assert answer.status == 200
    assert "link" not in answer.headers
    assert await answer.read(10) == b"real"


async def test_an_answer_without_a_body_is_empty(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        for _ in range(2):
            await visit.ask()
            await visit.say(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = await serve(play)
    for _ in range(2):
        assert await (await upstream.send(server.call())).read(10) == b""
    assert len(server.visits) == 1


async def test_a_redirect_is_an_answer_like_any_other(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n")

    assert (await upstream.send((await serve(play)).call())).status == 307


async def test_a_large_body_is_sent_whole(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        _, body = await visit.ask()
        await visit.say(ok(b"%d" % sum(body)))

    body = bytes(range(250)) * 12_000
    assert await (await upstream.send((await serve(play)).call(body))).read(100) == b"%d" % sum(body)


async def test_an_answer_to_half_a_request_is_taken_and_the_connection_not_used_again(
    upstream: Upstream, serve: Serve
) -> None:
    async def play(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.say(b"HTTP/1.1 413 No\r\ncontent-length: 3\r\n\r\nbig")
        await asyncio.sleep(0.2)

    server = await serve(play)
    for _ in range(2):
        answer = await upstream.send(server.call(b"x" * 30_000_000))
        assert answer.status == 413
        assert await answer.read(10) == b"big"
        answer.release()
    assert len(server.visits) == 2


async def test_connection_close_is_heeded(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        await visit.ask()
        await visit.say(ok(b"bye", "connection: close"))
        await visit.reader.read()

    server = await serve(play)
    for number in range(2):
        assert await (await upstream.send(server.call())).read(10) == b"bye"
        await server.closed(number)


async def test_concurrent_calls_get_their_own_answers(upstream: Upstream, serve: Serve) -> None:
    async def play(visit: Visit) -> None:
        while True:
            _, body = await visit.ask()
            await asyncio.sleep(0.001 * (int(body) % 3))
            await visit.say(chunked(body, b" done") + b"0\r\n\r\n")

    server = await serve(play)

    async def one(number: int) -> bytes:
        answer = await upstream.send(server.call(b"%d" % number))
        return await answer.read(100)

    for _ in range(2):
        got = await asyncio.gather(*(one(number) for number in range(40)))
        assert got == [b"%d done" % number for number in range(40)]
    assert len(server.visits) == 40


async def test_a_slow_reader_slows_the_sender_down(upstream: Upstream, serve: Serve) -> None:
    written = 0
    size = 64 * 1024 * 1024

    async def play(visit: Visit) -> None:
        nonlocal written
        await visit.ask()
        await visit.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while written < size:
            await visit.say(b"x" * 65536)
            written += 65536
        await visit.reader.read()

    server = await serve(play)
    answer = await upstream.send(server.call())
    await asyncio.sleep(0.2)
    assert written < size // 2
    total = 0
    while piece := await answer.chunk():
        total += len(piece)
    assert total == size
