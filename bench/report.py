"""The figures as a table for a person and as JSON for a machine."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.machine import ROOT
from bench.subjects import OWN_UPSTREAM
from bench.targets import MEASURES, Measure

NOISY = 1.3


class Results(msgspec.Struct, kw_only=True):
    """Everything one run found out. `figures` is subject -> measure -> one value a round."""

    quick: bool = False
    upstream: str = ""
    at: str = ""
    commit: str = ""
    python: str = platform.python_version()
    processors: int = os.cpu_count() or 0
    thermometer_ms: list[float] = []
    figures: dict[str, dict[str, list[float]]] = {}
    unavailable: dict[str, str] = {}
    ledger: dict[str, Any] = {}

    def add(self, subject: str, figures: dict[str, float]) -> None:
        """Note one round's figures of a subject."""
        for name, value in figures.items():
            self.figures.setdefault(subject, {}).setdefault(name, []).append(round(value, 4))


def stamp(results: Results) -> None:
    """Say when and of which commit the results are."""
    results.at = datetime.now(UTC).isoformat(timespec="seconds")
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    results.commit = git.stdout.strip() or "unknown"


def _best(measure: Measure, values: list[float]) -> float:
    return max(values) if measure.unit.endswith("/s") else min(values)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(results: Results) -> Table:
    """Lay out each figure beside its target, and the peers with their ratio to Wideband."""
    peers = [name for name in results.figures if name != "wideband"]
    grid = Table(title=f"Wideband {results.commit}, everything on; upstream: {results.upstream}")
    for heading in ("what", "unit"):
        grid.add_column(heading, no_wrap=True)
    for heading in ("best", "median", "target"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for peer in peers:
        grid.add_column(peer, justify="right", no_wrap=True)
    for measure in MEASURES:
        own = results.figures.get("wideband", {}).get(measure.name, [])
        best = _best(measure, own) if own else None
        target = "" if measure.first is None else f"{measure.first:g} / {measure.final:g}"
        shown = ["NOT TAKEN", "", target, ""]
        if best is not None:
            shown = [_number(best), _number(median(own)), target, measure.verdict(best)]
        grid.add_row(measure.what, measure.unit, *shown, *(_peer_cell(results, peer, measure, best) for peer in peers))
    return grid


def _peer_cell(results: Results, peer: str, measure: Measure, own: float | None) -> str:
    values = results.figures[peer].get(measure.name)
    if not values:
        return "-"
    best = _best(measure, values)
    return f"{_number(best)}  x{best / own:.2g}" if own and min(own, best) > 0 else _number(best)


def show(results: Results, console: Console) -> None:
    """Print the table and what has to be known to read it."""
    console.print(table(results))
    if results.upstream == OWN_UPSTREAM:
        console.print("nginx is not on this machine: whole replies come from a server of ours, which costs it more.")
    console.print("Targets: to reach first / in the end. CPU is user + system time of the gateway's processes.")
    if len(results.figures) > 1:
        console.print("Peers: best, and how many times Wideband's best that is.")
    heat = sorted(results.thermometer_ms)
    steady = "steady" if heat[-1] <= heat[0] * NOISY else "NOISY: compare only within this run"
    console.print(f"Machine: a fixed loop took {heat[0]:.1f} to {heat[-1]:.1f} ms ({steady}).")
    if results.ledger:
        console.print(f"Ledger: {results.ledger['records']:,} records, balanced.")
    for reason in results.unavailable.values():
        console.print(f"NOT MEASURED: {reason}", style="bold", markup=False, highlight=False)


def write(results: Results, path: Path) -> None:
    """Write the results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
