"""Clients who leave or stop reading, and a server told to stop: what becomes of providers, memory and money."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.served import Served, serving
from tests.e2e.test_wire_faults import gauge, rss_kb
from tests.e2e.wire import PATHS, SHORT, Do, Fault, Peer, chunk, market, question, wire

from wideband.store.ledger import LocalLedger

CONFIG = """
[sandbox]
mode = "off"

[deadlines]
first_token_s = 30
inter_token_s = 30
client_s = 1.0
drain_s = 1

"""
AT_ONCE_S = 0.5

SILENT: dict[str, Fault] = {
    "before the headers": lambda _w, _s: [Do.HANG],
    "after the headers": lambda w, s: [w.head(stream=s), Do.HANG],
    "in the middle": lambda w, s: [w.said if s else w.head(stream=s) + chunk(w.whole[:60]), Do.HANG],
}
FLOOD: dict[str, Fault] = {"floods": lambda w, _s: [w.said, *([chunk(w.hello * 400)] * 5000)]}
FAULTS = {**SILENT, **FLOOD}


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with wire(FAULTS) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients"), CONFIG + market(peer.port, list(FAULTS), 1)) as running:
        yield running


def connect(running: Served, *, small: bool = False) -> socket.socket:
    """Open a connection; a small one takes little before it is read from."""
    place = urlsplit(running.url)
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((place.hostname, place.port))
    sock.settimeout(10)
    return sock


def ask(running: Served, dialect: str, name: str, *, stream: bool, prompt: str = "Hi", small: bool = False) -> Any:
    """Send a request and return its connection."""
    model = f"wire/{SHORT[dialect]}-{list(FAULTS).index(name)}a"
    path, fields = question(dialect, model, stream=stream, text=prompt, most=9)
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {running.key}\r\n"
    sock = connect(running, small=small)
    sock.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(body))
    sock.sendall(body)
    return sock


def soon(holds: Callable[[], bool], within_s: float = 5.0) -> bool:
    ends = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def spent_nano(running: Served) -> int:
    with running.http() as http:
        usage: float = http.get("/api/v1/key").json()["data"]["usage"]
    return round(usage * 1e9)


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("prompt", ["Hi", "long " * 60_000], ids=["short", "long"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("moment", SILENT)
@pytest.mark.parametrize("dialect", PATHS)
def test_a_client_that_leaves_takes_the_provider_along_at_once(
    gateway: Served, peer: Peer, dialect: str, moment: str, stream: bool, prompt: str, reset: bool
) -> None:
    begun, before = len(peer.hung), spent_nano(gateway)
    client = ask(gateway, dialect, moment, stream=stream, prompt=prompt)
    assert soon(lambda: len(peer.hung) > begun)
    name, over = peer.hung[begun]
    assert name == moment
    if stream and moment == "in the middle":
        while b"Hello" not in client.recv(65536):
            pass
    time.sleep(0.03)
    assert not over.is_set()
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert over.wait(AT_ONCE_S)
    assert soon(lambda: gauge(gateway, "wideband_open_requests") == 0)
    charged = spent_nano(gateway) - before
    assert (charged > 0) == (stream and moment == "in the middle")
    assert peer.asked[-1] == moment  # nobody else was asked


def test_clients_that_stop_reading_cost_little_memory_and_are_dropped(gateway: Served, peer: Peer) -> None:
    pid, begun = gateway.process.pid, len(peer.hung)
    before = rss_kb(pid)
    clients = [ask(gateway, "openai_chat", "floods", stream=True, small=True) for _ in range(10)]
    assert soon(lambda: len(peer.hung) == begun + 10)
    time.sleep(1.0)
    grown = rss_kb(pid) - before
    assert gauge(gateway, "wideband_open_requests") == 10
    assert grown < 10 * 2500
    assert soon(lambda: all(over.is_set() for _, over in peer.hung[begun:]), 8)
    assert soon(lambda: gauge(gateway, "wideband_open_requests") == 0)
    for client in clients:
        client.close()


def test_a_client_that_reads_slowly_is_served_on(gateway: Served, peer: Peer) -> None:
    begun = len(peer.hung)
    client = ask(gateway, "openai_chat", "floods", stream=True, small=True)
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        assert client.recv(16384)
        time.sleep(0.05)
    assert not peer.hung[begun][1].is_set()
    client.close()
    assert peer.hung[begun][1].wait(AT_ONCE_S)


async def add_up(home: Path) -> dict[str, Any]:
    ledger = LocalLedger(home)
    try:
        return await ledger.balance()
    finally:
        await ledger.close()


def test_a_server_told_to_stop_ends_hopeless_requests_and_keeps_their_records(tmp_path: Path, peer: Peer) -> None:
    begun = len(peer.hung)
    with serving(tmp_path / "home", CONFIG + market(peer.port, list(FAULTS), 1)) as running:
        kinds = list(itertools.product(PATHS, SILENT, (False, True)))
        clients = [ask(running, dialect, moment, stream=stream) for dialect, moment, stream in kinds]
        clients += [ask(running, "openai_chat", "floods", stream=True, small=True) for _ in range(2)]
        assert soon(lambda: len(peer.hung) == begun + len(clients))
        time.sleep(0.2)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        ends: list[bytes] = []
        for client in clients[: len(kinds)]:
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    said += piece
            ends.append(said)
        assert running.stop() == 0
        assert time.monotonic() - began < 12
        log = (running.home / "server.log").read_text()
    for (dialect, _, stream), said in zip(kinds, ends, strict=True):
        assert b"stopped before the answer was complete" in said, (dialect, stream, said)
    figures = asyncio.run(add_up(tmp_path / "home"))
    assert figures["balanced"], figures
    assert (figures["records"], figures["open_holds"]) == (len(clients), 0)
    assert "Traceback" not in log, log
    for client in clients:
        client.close()
