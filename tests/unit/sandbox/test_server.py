"""The sandbox as a process: real sockets, real time, and no orphan."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from wideband.wire import jsons

SPEEDUP = 50.0


def start(*options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "wideband", "sandbox", "--seed", "3", "--speedup", str(SPEEDUP), *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with start("--with-parent") as process:
        assert process.stdout is not None
        facts = jsons.decode(process.stdout.readline())
        yield int(urlsplit(facts["url"]).port or 0)
        process.terminate()
        assert process.wait(10) == 0


def request(said: str, *, stream: bool = True, extra: str = "") -> bytes:
    body = jsons.encode({"model": "sandbox/steady", "stream": stream, "messages": [{"role": "user", "content": said}]})
    head = f"POST /sim-aurora/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{extra}"
    return head.encode() + b"authorization: Bearer simulated\r\n\r\n" + body


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes on a fresh connection and read until the other side ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


CLOSE = "connection: close\r\n"


async def test_a_stream_arrives_paced_and_whole(port: int) -> None:
    start_s = time.monotonic()
    data = await exchange(port, request("Hi [[sandbox tokens=200 tps=50 ttft_ms=500]]", extra=CLOSE))
    took_s = time.monotonic() - start_s
    assert data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    # 0.5 s and 199 tokens at 50 a second, fifty times as fast.
    assert 0.085 <= took_s < 1.0
    # Fifty tokens ride in each event of 20 ms: one alone, then four.
    assert data.count(b'"delta":{"content":') == 5


async def test_connections_are_kept_and_requests_on_them_answered_in_order(port: int) -> None:
    pair = request("Hi [[sandbox tokens=3]]", stream=False) + request("Hi [[sandbox tokens=5]]", extra=CLOSE)
    data = await exchange(port, pair)
    assert data.count(b"HTTP/1.1 200 OK") == 2
    assert data.index(b'"completion_tokens":3') < data.index(b"text/event-stream")


@pytest.mark.parametrize("kind", ["cut", "reset", "bad_chunking"])
async def test_broken_connections_are_really_broken(port: int, kind: str) -> None:
    data = await exchange(port, request(f"Hi [[sandbox fault={kind}]]"))
    assert not data.endswith(b"0\r\n\r\n")


async def test_a_hang_lasts_until_the_client_leaves(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("Hi [[sandbox fault=hang]]"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()
    assert b"[DONE]" in await exchange(port, request("Hi", extra=CLOSE))


async def test_what_is_not_http_is_hung_up_on(port: int) -> None:
    assert await exchange(port, b"\x16\x03\x01 this is no HTTP\r\n\r\n") == b""


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    process = start("--with-parent", "--ready-file", str(ready))
    assert process.stdin is not None
    assert process.stdout is not None
    line: dict[str, Any] = jsons.decode(process.stdout.readline())
    assert jsons.decode(ready.read_bytes()) == line
    assert line["simulated"] is True
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
