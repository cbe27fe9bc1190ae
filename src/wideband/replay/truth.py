"""The server's own account of a replay: from its ledger and analytics when it was ours, else from its counters."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from wideband.catalog.money import usd_from_nano
from wideband.store.archive import FILE, Archive
from wideband.store.audit import audit
from wideband.store.engine import connect

# Without what was generated: nobody sent that.
_TRIES = """
    SELECT count(*) FROM "try" WHERE generation_id NOT IN (SELECT id FROM generation WHERE usage_source = 'generated')
"""
_FAILOVERS = f"{_TRIES} AND number > 0"
_FAULTS = """
    SELECT fault, count(*) FROM "try" WHERE fault IS NOT NULL
    AND generation_id NOT IN (SELECT id FROM generation WHERE usage_source = 'generated')
    GROUP BY fault ORDER BY count(*) DESC, fault
"""
_COUNTER = re.compile(r"^(wideband_[a-z_]+)(?:\{([^}]*)\})? ([0-9.e+]+)$", re.MULTILINE)
_METRICS_TIMEOUT_S = 5.0
_SETTLE_READS = 30
_SETTLE_WAIT_S = 0.1


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What the server counted; None where it cannot be known. `try_faults` are faults of upstream calls by kind."""

    records: int | None = None
    tries: int | None = None
    failovers: int | None = None
    balanced: bool | None = None
    cost_usd: str | None = None
    try_faults: dict[str, int] | None = None
    note: str | None = None


class Counters(msgspec.Struct, frozen=True, gc=False):
    """A server's counters at one moment."""

    requests: int
    tries: int
    failovers: int
    cost_nano: int


async def of_home(home: Path) -> Truth:
    """Read the ledger and the analytics of a server that has stopped. Raises `Faulted` when they cannot be read."""
    return await asyncio.to_thread(_audited, home)


def _audited(home: Path) -> Truth:
    archive = Archive(home)
    try:
        figures = audit(home, archive)
    finally:
        archive.close()
    problems = [str(problem) for problem in figures["problems"]]
    if figures["open_holds"]:
        problems.append(f"{figures['open_holds']} holds were never settled")
    is_balanced = not problems
    if figures["waiting_records"]:
        problems.append(f"{figures['waiting_records']} records have not reached the analytics: tries are incomplete")
    tries, failovers, faults = _tries(home / FILE)
    return Truth(
        records=figures["records"],
        tries=tries,
        failovers=failovers,
        balanced=is_balanced,
        cost_usd=usd_from_nano(figures["charged_nano"]),
        try_faults=faults,
        note="; ".join(problems) or None,
    )


def _tries(path: Path) -> tuple[int, int, dict[str, int]]:
    ((tries,),), ((failovers,),) = rows(path, _TRIES), rows(path, _FAILOVERS)
    return int(tries), int(failovers), {str(kind): int(count) for kind, count in rows(path, _FAULTS)}


def rows(archive: Path, query: str) -> list[Any]:
    """Ask the analytics of a server that has stopped."""
    with connect(str(archive), read_only=True) as db:
        return db.execute(query).fetchall()


async def counters(url: str, key: str) -> Counters | None:
    """Read a running server's counters, or None when it does not show them."""
    timeout = aiohttp.ClientTimeout(total=_METRICS_TIMEOUT_S)
    headers = {"authorization": f"Bearer {key}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/metrics", headers=headers) as response,
        ):
            return parse_counters(await response.text()) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


async def settled_counters(url: str, key: str, request_count: int) -> Counters | None:
    """Read the counters once so many requests are in them, or when that takes too long: settling follows the answer."""
    found = await counters(url, key)
    for _ in range(_SETTLE_READS):
        if found is None or found.requests >= request_count:
            break
        await asyncio.sleep(_SETTLE_WAIT_S)
        found = await counters(url, key)
    return found


def parse_counters(text: str) -> Counters | None:
    """Read counters from Prometheus text, adding labels up; None when they are not Wideband's."""
    sums: dict[str, float] = {}
    for name, _, value in _COUNTER.findall(text):
        sums[name] = sums.get(name, 0) + float(value)
    if "wideband_" not in text:
        return None
    return Counters(
        requests=int(sums.get("wideband_requests_total", 0)),
        tries=int(sums.get("wideband_tries_total", 0)),
        failovers=int(sums.get("wideband_failovers_total", 0)),
        cost_nano=int(sums.get("wideband_cost_nano_dollars_total", 0)),
    )


def of_counters(before: Counters | None, after: Counters | None) -> Truth:
    """Say what a running server counted between two moments, whoever asked it."""
    if before is None or after is None:
        return Truth(note="the server shows no counters at /metrics")
    return Truth(
        records=after.requests - before.requests,
        tries=after.tries - before.tries,
        failovers=after.failovers - before.failovers,
        cost_usd=usd_from_nano(after.cost_nano - before.cost_nano),
        note="counted from /metrics, which includes other traffic of the server; its ledger was not audited",
    )
