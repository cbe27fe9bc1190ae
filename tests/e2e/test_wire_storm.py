"""Hundreds of clients at once, some careless, some leaving, on simulated providers that fail: the books still agree."""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.e2e.served import Served, serving
from tests.e2e.test_wire_clients import add_up, soon
from tests.e2e.test_wire_faults import gauge

CONFIG = """
[sandbox]
mode = "on"
speedup = 20.0

[deadlines]
first_token_s = 1.0
inter_token_s = 1.0
drain_s = 5.0
"""
MODELS = ["sandbox/storm", "sandbox/flaky", "sandbox/steady", "sandbox/thinker", "sandbox/fast", "sandbox/nobody"]
PATHS = ["/api/v1/chat/completions", "/api/v1/messages"]
ENDS = {PATHS[0]: (b"data: [DONE]\n\n",), PATHS[1]: (b'"message_stop"', b'"type":"error"', b'"type": "error"')}


@dataclass
class Tally:
    """What came of the clients' asks."""

    answered: list[str] = field(default_factory=list)
    refused: int = 0  # not understood: no record
    left: int = 0  # perhaps before the server understood them
    unended: list[bytes] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class Client:
    """One ask, drawn from a seed: where, what, and how it is treated."""

    def __init__(self, number: int) -> None:
        draw = random.Random(number)
        self.path = draw.choice(PATHS)
        self.stream = draw.random() < 0.6
        self.valid = draw.random() < 0.9
        self.leaves_after_s = draw.uniform(0, 0.4) if draw.random() < 0.3 else None
        words = f"Hello [[sandbox tokens={draw.randint(1, 80)} seed={number}]] " + "long " * draw.choice([1, 1, 40_000])
        fields = {"model": draw.choice(MODELS), "stream": self.stream, "max_tokens": 90}
        fields["messages"] = [{"role": "user", "content": words}] if self.valid else "hello"
        self.body = json.dumps(fields).encode()

    async def go(self, running: Served, tally: Tally) -> None:
        place = urlsplit(running.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = f"POST {self.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {running.key}\r\nconnection: close\r\n"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(self.body) + self.body)
        said = b""
        try:
            async with asyncio.timeout(self.leaves_after_s or 25):
                while piece := await reader.read(65536):
                    said += piece
        except TimeoutError:
            assert self.leaves_after_s is not None, "it hangs"
            tally.left += 1
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self.look(said, tally)

    def look(self, said: bytes, tally: Tally) -> None:
        """Sort an answer that came to its end."""
        head, _, body = said.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        tally.statuses[status] += 1
        if not self.valid:
            assert status == 400
            tally.refused += 1
            return
        [name] = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"x-generation-id")]
        tally.answered.append(name.decode())
        if b"chunked" in head and not (body.endswith(b"0\r\n\r\n") and any(end in body for end in ENDS[self.path])):
            tally.unended.append(said)


async def storm(running: Served, clients: int, tally: Tally) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(Client(number).go(running, tally))


def served_counts(running: Served) -> float:
    with running.http() as http:
        lines = http.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("wideband_requests_total"))


@pytest.mark.parametrize(("workers", "clients"), [(1, 300), (2, 120)])
def test_after_a_storm_the_books_agree(tmp_path: Path, workers: int, clients: int) -> None:
    home, tally = tmp_path / "home", Tally()
    with serving(home, CONFIG, "--workers", str(workers)) as running:
        asyncio.run(storm(running, clients, tally))
        assert soon(lambda: gauge(running, "wideband_open_requests") == 0)
        time.sleep(1.1 * (workers > 1))  # workers tell each other their counts every second
        counted = served_counts(running)
        with running.http() as http:
            for name in itertools.islice(tally.answered, 0, None, 10):
                assert http.get("/api/v1/generation", params={"id": name}).status_code == 200
        assert running.stop() == 0
        log = (home / "server.log").read_text()
    assert tally.unended == []
    assert len(tally.answered) + tally.refused + tally.left == clients
    assert len(set(tally.answered)) == len(tally.answered) > clients / 3
    assert tally.left > clients / 15
    assert tally.statuses[200] > clients / 3
    figures = asyncio.run(add_up(home))
    assert figures["balanced"], figures
    assert figures["open_holds"] == 0
    assert len(tally.answered) <= figures["records"] <= len(tally.answered) + tally.left
    assert figures["records"] == counted
    assert "Traceback" not in log, log
