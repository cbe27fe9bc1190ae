"""Something to look at: three months of records in a home, then real requests of all outcomes through its server."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from tests.e2e.served import Served
from tests.unit.analytics.filled import NOW_S, records

from wideband.clock import now_ns
from wideband.metering.record import Generation
from wideband.store.archive import Archive
from wideband.wire import jsons

CONFIG = """
[sandbox]
mode = "on"
speedup = 20.0
"""
DAYS, COUNT = 88, 6000
_BATCH = 2000


def fill(home: Path) -> None:
    """Write records of the last three months into a home that nobody serves."""
    archive = Archive(home)
    given = [_moved(record) for record in records(COUNT, days=DAYS)]
    for start in range(0, len(given), _BATCH):
        archive.append([jsons.encode(record) for record in given[start : start + _BATCH]])
    archive.close()


def _moved(record: Generation) -> Generation:
    """Bring a record from the present of the tests to ours."""
    later_ns = now_ns() - NOW_S * 1_000_000_000
    tries = tuple(msgspec.structs.replace(one, started_ns=one.started_ns + later_ns) for one in record.tries)
    return msgspec.structs.replace(record, created_ns=record.created_ns + later_ns, tries=tries)


def send(served: Served, count: int) -> None:
    """Send requests to several simulated models: streamed or whole, with tools, one in a while too dear or wrong."""
    chance = random.Random(3)
    bodies = [_body(chance, number) for number in range(count)]
    with served.http() as http, ThreadPoolExecutor(6) as pool:
        headers = {"x-title": "Site suite", "http-referer": "https://suite.example"}
        statuses = list(
            pool.map(lambda body: http.post("/api/v1/chat/completions", json=body, headers=headers).status_code, bodies)
        )
    assert statuses.count(200) > count / 2, statuses


def _body(chance: random.Random, number: int) -> dict[str, object]:
    model = chance.choice(("sandbox/fast", "sandbox/steady", "sandbox/storm"))
    words = "Hi" if number % 9 != 5 else "Hi [[sandbox fault=400]]"
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "user", "content": words}],
        "max_tokens": chance.randrange(8, 90),
        "stream": number % 3 > 0,
    }
    return body
