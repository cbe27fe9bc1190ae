"""Progress on standard error while a replay runs, and the table at its end."""

import asyncio
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from wideband.replay.outages import LEFT_WITHIN_S, Reaction
from wideband.replay.tally import Quantiles, Summary, Tally

_TTY_EVERY_S = 0.2
_LINE_EVERY_S = 5.0


async def show(console: Console, tally: Tally, total: int) -> None:
    """Show how far a replay is until cancelled: a bar on a terminal, a plain line now and then elsewhere."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(_LINE_EVERY_S)
            console.print(_line(tally, total), highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("replay", total=total)
        while True:
            state = f"{tally.ok} ok, {tally.failed} failed, {tally.sent - tally.ok - tally.failed} open"
            progress.update(bar, completed=tally.sent, description=state)
            await asyncio.sleep(_TTY_EVERY_S)


def _line(tally: Tally, total: int) -> str:
    return f"sent {tally.sent} of {total}: {tally.ok} ok, {tally.failed} failed"


def table(summary: Summary) -> Table:
    """Lay a summary out for people."""
    rows: Iterable[tuple[str, str]] = (
        ("model", f"{summary.model}, {summary.speedup:g} times as fast as recorded"),
        ("requests", f"{summary.requests}, sent {summary.sent} in {summary.wall_s:.1f} s"),
        ("ok", f"{summary.ok}"),
        ("failed for the client", f"{summary.failed_for_client}{_kinds(summary.client_faults)}"),
        ("upstream tries", f"{_known(summary.tries)}, failovers {_known(summary.failovers)}"),
        (
            "faults of tries",
            "not known" if summary.try_faults is None else _kinds(summary.try_faults).strip(" ()") or "none",
        ),
        ("records", _known(summary.records)),
        ("ledger", {True: "balanced", False: "NOT BALANCED", None: "not known"}[summary.ledger_balanced]),
        ("cost", "not known" if summary.cost_usd is None else f"{summary.cost_usd} USD"),
        ("tokens", f"{summary.tokens.prompt} prompt, {summary.tokens.completion} completion"),
        ("time to first token", _spread(summary.ttft_ms, "ms")),
        ("tokens per second", _spread(summary.tokens_per_second, "")),
        ("sent late by", _spread(summary.late_ms, "ms")),
        *(() if summary.outages is None else _outages(summary.outages)),
    )
    found = Table(title="interrupted replay" if summary.interrupted else "replay", show_header=False)
    for name, value in rows:
        found.add_row(name, value)
    if summary.note:
        found.caption = summary.note
    return found


def _outages(seen: Sequence[Reaction]) -> Iterable[tuple[str, str]]:
    later, of_all = sum(one.tries_later for one in seen), sum(one.all_later for one in seen)
    most = max((one.tries_later for one in seen), default=0)
    waits = [one.returned_s for one in seen if one.returned_s is not None]
    yield "outages", f"{len(seen)}, of {len({one.fault for one in seen})} kinds"
    yield f"there after {LEFT_WITHIN_S:g} s", f"{later} tries of {of_all}, at most {most} in one outage"
    yield "back after", f"{max(waits, default=0.0)} s at most; {len(seen) - len(waits)} not seen to return"


def _known(value: object) -> str:
    return "not known" if value is None else str(value)


def _kinds(faults: dict[str, int] | None) -> str:
    return f" ({', '.join(f'{kind} {count}' for kind, count in faults.items())})" if faults else ""


def _spread(values: Quantiles, unit: str) -> str:
    if values.p50 is None:
        return "not measured"
    return f"p50 {values.p50} {unit}, p99 {values.p99} {unit}".replace(" ,", ",").rstrip()
