"""`wideband replay`: send a recorded traffic trace through the exchange and check that nothing was lost."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import get_args

import click
import uvloop
from rich.console import Console

from wideband.canon.faults import Faulted
from wideband.replay import live
from wideband.replay.drive import Pacing
from wideband.replay.outages import Rounds, turns
from wideband.replay.run import Replay, Target
from wideband.replay.tally import Summary
from wideband.replay.traces import Arrival, Format, read
from wideband.sandbox.breaking import EARLY_FAULTS
from wideband.sandbox.rows import MODEL_BY_ID
from wideband.tasks import spawn
from wideband.wire import jsons


@click.command("replay")
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(get_args(Format)), help="The trace's format; told from its text.")
@click.option(
    "--speedup", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Play it so many times faster."
)
@click.option("--limit", type=click.IntRange(min=1), help="Play only so many requests, from the start.")
@click.option("--model", default="sandbox/storm", show_default=True, help="The model to ask, where a row names none.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object.")
@click.option("--url", help="A running server (without /v1); unless given, one is started on an empty home.")
@click.option("--key", help="A key of the server at --url.")
@click.option("--concurrency-cap", type=click.IntRange(min=1), help="Never more open requests than this.")
@click.option("--outages", is_flag=True, help="Break two of the model's simulated providers at a time, in every way.")
@click.option("--seed", default=1, show_default=True, help="Seed of the simulated market of an own server.")
def command(  # noqa: PLR0913  one argument per option
    trace: Path,
    form: Format | None,
    speedup: float,
    limit: int | None,
    model: str,
    as_json: bool,
    url: str | None,
    key: str | None,
    concurrency_cap: int | None,
    outages: bool,
    seed: int,
) -> None:
    """Replay a traffic trace: every request at its time, with its lengths, then counted against the ledger.

    TRACE is Azure's CSV, Mooncake's JSON lines, or JSON lines of at_ms, prompt_tokens and completion_tokens.
    Exits with 1 when a request failed for its client or the ledger does not add up.
    """
    if (url is None) != (key is None):
        raise click.UsageError("--url and --key go together.")
    if outages and (url is not None or model not in MODEL_BY_ID):
        raise click.UsageError("--outages needs an own server (no --url) and a model of the sandbox.")
    try:
        arrivals = _arrivals(trace, form, limit)
        target = Target(url, key) if url is not None and key is not None else None
        pacing = Pacing(model=model, speedup=speedup, cap=concurrency_cap)
        replay = Replay(arrivals, pacing, target, seed, rounds=_rounds(model) if outages else None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            summary = runner.run(_watched(replay))
    except Faulted as faulted:
        raise click.ClickException(faulted.fault.message) from None
    if as_json:
        click.echo(jsons.encode(summary))
    else:
        Console().print(live.table(summary))
    sys.exit(0 if summary.passed else 1)


def _rounds(model: str) -> Rounds:
    return turns([serving.provider for serving in MODEL_BY_ID[model].servings], EARLY_FAULTS)


def _arrivals(trace: Path, form: Format | None, limit: int | None) -> list[Arrival]:
    try:
        with trace.open(encoding="utf-8", newline=None) as lines:
            return read(str(trace), lines, form, limit)
    except UnicodeDecodeError:
        raise click.ClickException(f"{trace} is not UTF-8 text") from None


async def _watched(replay: Replay) -> Summary:
    """Run with progress on standard error; the first Ctrl-C ends the traffic, and what there is gets counted."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, replay.interrupt)
    progress = spawn(live.show(Console(stderr=True), replay.tally, len(replay.arrivals)), name="progress")
    try:
        return await replay.run()
    finally:
        progress.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await progress
