"""Something to look at: three months of made-up records in a home, then real requests through its server."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.served import Served, environment

CONFIG = """
[sandbox]
mode = "on"
speedup = 20.0
"""
DAYS, COUNT = 95, 20_000


def fill(home: Path) -> None:
    """Generate the history of a market into a home that nobody serves."""
    words = ["analytics", "generate", "--home", str(home), "--records", str(COUNT), "--days", str(DAYS)]
    done = subprocess.run(
        [sys.executable, "-m", "wideband", *words], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, done.stderr


def send(served: Served, count: int) -> None:
    """Send requests to several simulated models, streamed and whole; one in nine is refused by its provider."""
    chance = random.Random(3)
    bodies = [_body(chance, number) for number in range(count)]
    with served.http() as http, ThreadPoolExecutor(6) as pool:
        headers = {"x-title": "Site suite", "http-referer": "https://suite.example"}
        statuses = list(
            pool.map(lambda body: http.post("/api/v1/chat/completions", json=body, headers=headers).status_code, bodies)
        )
    assert statuses.count(200) > count / 2, statuses


def _body(chance: random.Random, number: int) -> dict[str, object]:
    words = "Hi" if number % 9 != 5 else "Hi [[sandbox fault=400]]"
    return {
        "model": chance.choice(("sandbox/fast", "sandbox/steady", "sandbox/thinker")),
        "messages": [{"role": "user", "content": words}],
        "max_tokens": chance.randrange(8, 90),
        "stream": number % 3 > 0,
    }
