"""kill -9 of a process that holds and settles: nothing it acknowledged is lost, nothing is booked twice."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.store.money import make_key

from wideband.metering.record import Generation
from wideband.store.database import connect_reader
from wideband.store.keyring import open_keyring
from wideband.store.ledger import LocalLedger
from wideband.wire import jsons

# What the writer of each round is let to do before it is killed.
ROUNDS = (b"shipped", b"settled", b"began", b"shipped")
CHARGE_NANO = 7
KEYS = [make_key(f"key {number}") for number in range(3)]

# Settles without end, ships to analytics meanwhile, and says what it has done.
WRITER = """
import asyncio, os, sys
from pathlib import Path
from tests.e2e.test_crash import CHARGE_NANO, KEYS
from tests.unit.store.money import make_hold, settle_hold
from wideband.store.hub import Hub
from wideband.store.ledger import LocalLedger

async def request(ledger, key):
    while True:
        hold = make_hold(key)
        os.write(1, f"began {hold.id}\\n".encode())
        assert await ledger.hold(hold) is None
        await asyncio.sleep(0.001)
        await ledger.settle(settle_hold(hold, CHARGE_NANO))
        os.write(1, f"settled {hold.id}\\n".encode())

async def stuck(ledger, key):
    hold = make_hold(key)
    os.write(1, f"began {hold.id}\\n".encode())
    assert await ledger.hold(hold) is None
    await asyncio.sleep(3600)

async def ship(hub):
    while True:
        count = await asyncio.to_thread(hub.ship)
        os.write(1, f"shipped {count}\\n".encode())

async def main(home):
    ledger = LocalLedger(home)
    waiting = [stuck(ledger, key) for key in KEYS]
    await asyncio.gather(ship(Hub(ledger)), *waiting, *(request(ledger, KEYS[at % len(KEYS)]) for at in range(40)))

asyncio.run(main(Path(sys.argv[1])))
"""

ROOT = Path(__file__).resolve().parents[2]


def run_and_kill(home: Path, until: bytes, after_s: float) -> list[list[str]]:
    """Run a writer until it says something, a while more, and kill it. Returns what it said, line by line."""
    path = home / "said"
    with open(path, "wb") as said:
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(home)], stdout=said, cwd=ROOT)
    deadline = time.monotonic() + 20
    while until not in path.read_bytes() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after_s)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    return [line.split() for line in path.read_text().splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_keyring(tmp_path) as keyring:
        for key in KEYS:
            keyring.create(key)
    return tmp_path


async def test_kill_9_loses_nothing_that_was_acknowledged_and_books_nothing_twice(home: Path) -> None:
    chance = random.Random(7)
    began: set[str] = set()
    settled: set[str] = set()
    for until in ROUNDS:
        said = await asyncio.to_thread(run_and_kill, home, until, chance.uniform(0.3, 0.5))  # longer than holds rest
        began |= {generation_id for what, generation_id in said if what == "began"}
        settled |= {generation_id for what, generation_id in said if what == "settled"}
    assert settled
    ledger = LocalLedger(home)
    figures = await ledger.balance()
    assert figures["problems"] == []
    assert (figures["open_holds"], figures["doubled_records"]) == (0, 0)
    assert figures["shipped_records"] > 0
    rows: list[Any] = connect_reader(home).execute("SELECT id, kind, amount_nano FROM ledger").fetchall()
    booked = {generation_id: (kind, amount_nano) for generation_id, kind, amount_nano in rows}
    assert len(rows) == len(booked) == figures["records"]
    assert settled <= set(booked) <= began
    assert {booked[generation_id] for generation_id in settled} == {("charge", CHARGE_NANO)}
    interrupted = {generation_id for generation_id, row in booked.items() if row == ("release", 0)}
    assert interrupted
    for generation_id in chance.sample(sorted(interrupted), min(20, len(interrupted))):
        record = jsons.decode_as(await ledger.generation(generation_id) or b"", Generation)
        assert (record.fault, record.cost_nano) == ("interrupted", 0)
    await ledger.close()
