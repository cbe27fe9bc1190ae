"""`python -m bench.analytics`: how long the site takes over millions of records, page by page and query by query."""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import msgspec
from rich.console import Console
from rich.table import Table

from bench.machine import ROOT, BenchError, thermometer
from wideband.analytics.named import Query, Reader
from wideband.config import load_settings
from wideband.generate.home import fill_home
from wideband.generate.market import market
from wideband.generate.run import Wanted
from wideband.server.build import build
from wideband.server.clients import CLIENTS
from wideband.server.process import opened, own_metrics
from wideband.site import visit
from wideband.store.archive import Archive
from wideband.wire import jsons

RUNS = 5
PERIODS = ("1h", "24h", "7d", "30d", "90d", "1y")
HOUR_MS, WEEK_SHARES_MS, PAGE_MS = 50.0, 1000.0, 150.0
PAGES = (
    *("/", "/rankings", "/models", "/models/{model}", "/providers", "/providers/{provider}"),
    *("/compare?model={model}&model={other}", "/activity", "/log", "/log/{id}", "/keys", "/status"),
)
PERIODIC = ("/rankings", "/activity", "/models/{model}", "/providers/{provider}")


class Times(msgspec.Struct):
    """Milliseconds of wall time, one value a run; the first is the first look."""

    wall_ms: list[float] = msgspec.field(default_factory=list)
    cpu_ms: list[float] = msgspec.field(default_factory=list)

    @property
    def first(self) -> float:
        """Return how long the first took."""
        return self.wall_ms[0]

    @property
    def p50(self) -> float:
        """Return the median of those after the first."""
        return statistics.median(self.wall_ms[1:] or self.wall_ms)


class Results(msgspec.Struct):
    """What a run found."""

    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    pages: dict[str, Times] = msgspec.field(default_factory=dict)
    queries: dict[str, Times] = msgspec.field(default_factory=dict)
    by_page: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)


class Watch:
    """Times every named query that is asked while it is on."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    @contextmanager
    def on(self) -> Iterator[None]:
        """Listen to all queries."""
        real = Query.ask

        async def ask(query: Query, reader: Reader, *parameters: Any, **words: str) -> list[tuple[Any, ...]]:
            began = time.perf_counter()
            rows = await real(query, reader, *parameters, **words)
            name = f"{query.name} ({words['grain']})" if "grain" in words else query.name
            self.seen.append((name, (time.perf_counter() - began) * 1000))
            return rows

        with patch.object(Query, "ask", ask):
            yield


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench-analytics ARGS=...", description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with records; unless given, one is generated")
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", type=Path, help="where to write the results")
    return parser.parse_args()


def generate(home: Path, records: int, days: int) -> dict[str, Any]:
    """Fill a home; return how long drawing and adding up took."""
    now_s = int(time.time())
    wanted = Wanted(records=records, days=days, seed=7, until_s=now_s)
    began, marks = time.perf_counter(), list[float]()
    fill_home(
        home,
        market(7, days, max(200, min(50_000, records // 200))),
        wanted,
        lambda _records, _days: marks.append(time.perf_counter()),
        lambda _until: None,
    )
    drawing, ended = marks[-1] - began, time.perf_counter()
    return {"drawing_s": drawing, "records_per_s": records / drawing, "adding_up_s": ended - marks[-1]}


def sizes(home: Path) -> dict[str, Any]:
    """Return how many records there are, where they end, and how large they lie on the disk."""
    archive = Archive(home)
    try:
        ((count, last_ns, last_id),) = archive.read(
            "SELECT count(*), max(created_ns), arg_max(id, created_ns) FROM record"
        ).rows
        models = [
            row[0]
            for row in archive.read(
                "SELECT model FROM usage_day WHERE endpoint_id <> '' GROUP BY 1 ORDER BY sum(requests) DESC LIMIT 2"
            ).rows
        ]
        ((provider,),) = archive.read(
            "SELECT provider FROM usage_day WHERE provider <> '' GROUP BY 1 ORDER BY sum(requests) DESC LIMIT 1"
        ).rows
    finally:
        archive.close()
    if not count:
        raise BenchError(f"`{home}` has no records.")
    sealed = [path.stat().st_size for path in (home / "analytics").glob("d=*/*.parquet")]
    return {
        "records": count,
        "last_ns": last_ns,
        "id": last_id,
        "model": models[0],
        "other": models[-1],
        "provider": provider,
        "sealed_bytes": sum(sealed),
        "sealed_days": len(sealed),
        "database_bytes": (home / "analytics.duckdb").stat().st_size,
    }


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Put the application together as a server does, without a socket."""
    settings = load_settings(home=home)
    async with opened(settings) as parts_of_home:
        upstream = CLIENTS[settings.upstream.client]()
        parts = build(settings, parts_of_home.market, parts_of_home.ledger, upstream, metrics_text=own_metrics)
        transport = httpx.ASGITransport(app=parts.app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8484", timeout=600) as client:
            try:
                yield client
            finally:
                parts.close()
                await upstream.close()


def addresses(facts: dict[str, Any]) -> list[str]:
    """Return all pages, those with a period for each."""
    found = []
    for page in PAGES:
        address = page.format(**facts)
        found += [f"{address}?period={period}" for period in PERIODS] if page in PERIODIC else [address]
    return found


async def measure(home: Path, runs: int, results: Results) -> None:
    """Look at every page, several times, as of the last record."""
    watch = Watch()
    with patch.object(visit, "now_ns", return_value=results.facts["last_ns"]), watch.on():
        async with serving(home) as client:
            for address in addresses(results.facts):
                times = results.pages.setdefault(address, Times())
                for run in range(runs + 1):
                    watch.seen.clear()
                    began, cpu = time.perf_counter(), time.process_time()
                    answer = await client.get(address)
                    times.wall_ms.append((time.perf_counter() - began) * 1000)
                    times.cpu_ms.append((time.process_time() - cpu) * 1000)
                    if answer.status_code != 200:
                        raise BenchError(f"{address}: {answer.status_code} {answer.text[:300]}")
                    for name, took_ms in watch.seen:
                        key = f"{name} {address.partition('period=')[2]}".strip()
                        results.queries.setdefault(key, Times()).wall_ms.append(took_ms)
                    if run == 0:
                        results.by_page[address] = dict(sorted(watch.seen, key=lambda seen: -seen[1]))
    results.facts["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def show(results: Results, console: Console) -> None:
    """Print pages beside their target and the query that took longest, then the slowest queries."""
    facts = results.facts
    console.print(
        f"{facts['records']:,} records, {facts['sealed_bytes'] / facts['records']:.0f} bytes each sealed,"
        f" {facts['database_bytes'] / 1e6:.0f} MB of cubes and hot records; peak memory {facts['peak_rss_mb']} MB;"
        f" a fixed loop took {facts['thermometer_ms'][0]:.1f} ms before and {facts['thermometer_ms'][1]:.1f} after"
    )
    pages = Table("page", "first ms", "p50 ms", "CPU p50 ms", "target", "longest query of the first look")
    for address, times in results.pages.items():
        longest = next(iter(results.by_page[address].items()), ("", 0.0))
        verdict = "ok" if times.first <= PAGE_MS else f"{times.first / PAGE_MS:.1f} times over"
        cpu = statistics.median(times.cpu_ms[1:] or times.cpu_ms)
        pages.add_row(
            address,
            f"{times.first:.0f}",
            f"{times.p50:.0f}",
            f"{cpu:.0f}",
            verdict,
            f"{longest[0]} {longest[1]:.0f} ms",
        )
    console.print(pages)
    queries = Table("query", "runs", "first ms", "p50 ms", "target")
    for name, times in sorted(results.queries.items(), key=lambda found: -found[1].p50):
        target = HOUR_MS if name.endswith(" 1h") else WEEK_SHARES_MS if name.endswith((" 7d", " 1y")) else None
        verdict = "" if target is None else "ok" if times.p50 <= target else f"over {target:.0f}"
        queries.add_row(name, str(len(times.wall_ms)), f"{times.first:.1f}", f"{times.p50:.1f}", verdict)
    console.print(queries)


def main() -> None:
    """Run it."""
    asked = arguments()
    results = Results()
    with tempfile.TemporaryDirectory(prefix="wideband-bench-") as folder:
        home: Path = asked.home or Path(folder)
        if asked.home is None:
            results.facts |= generate(home, asked.records, asked.days)
        results.facts |= sizes(home)
        before = thermometer()
        asyncio.run(measure(home, asked.runs, results))
        results.facts["thermometer_ms"] = (before, thermometer())
    console = Console(width=200)
    show(results, console)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    path = asked.json or ROOT / "bench" / "results" / f"analytics-{at}.json"
    path.write_bytes(jsons.encode(results))
    console.print(f"wrote {path}")


if __name__ == "__main__":
    main()
