"""`wideband demo`: the site with a past and with traffic, in one command, on made-up models only."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import webbrowser
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wideband.canon.faults import Faulted
from wideband.config.outside import environment, without_providers
from wideband.demo.run import Plan, play, prepare
from wideband.demo.sending import Count
from wideband.replay.truth import Truth
from wideband.tasks import spawn

_PORT = 8484
_LINE_EVERY_S = 10.0


@click.command("demo")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the server; 8484 or, when it is taken, any.")
@click.option("--home", type=click.Path(path_type=Path), help="A new home; unless given, a temporary folder.")
@click.option("--days", type=click.IntRange(2, 366), default=60, show_default=True, help="How long the past is.")
@click.option("--records", type=click.IntRange(100), default=60_000, show_default=True, help="How many it has.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 500), default=8.0, show_default=True, help="Requests a second from now on."
)
@click.option(
    "--speedup", type=click.FloatRange(0.1, 100), default=2.0, show_default=True, help="How fast the sandbox is."
)
@click.option("--seed", default=7, show_default=True, help="Decides everything left to chance.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
def command(port: int | None, home: Path | None, no_browser: bool, **wanted: float) -> None:
    """Show the site at work: a made-up past, then traffic through a real server with simulated providers behind it.

    Providers break now and then and their traffic leaves them. It goes on until Ctrl-C; the home is kept.
    """
    console = Console(stderr=True)
    folder = home or Path(tempfile.mkdtemp(prefix="wideband-demo-"))
    plan = Plan(
        home=folder,
        days=int(wanted["days"]),
        records=int(wanted["records"]),
        rate=wanted["rate"],
        speedup=wanted["speedup"],
        seed=int(wanted["seed"]),
        port=_free(_PORT) if port is None else port,
        environ=without_providers(),
    )
    count = Count()
    try:
        secrets = _prepared(plan, console)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            truth = runner.run(_played(plan, secrets, count, with_browser=not no_browser))
    except Faulted as faulted:
        raise click.ClickException(faulted.fault.message) from None
    except OSError as error:
        raise click.ClickException(f"`{folder}` cannot be used: {error}") from None
    _sum_up(plan, count, truth)


def _prepared(plan: Plan, console: Console) -> list[str]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(f"making up {plan.days} days", total=plan.records)
        return prepare(plan, lambda records, _: bars.advance(bar, records))


async def _played(plan: Plan, secrets: list[str], count: Count, *, with_browser: bool) -> Truth:
    def ready(url: str) -> None:
        click.echo(f"Wideband shows itself at {url}   (home {plan.home})")
        click.echo("All models, prices and traffic are simulated. Stop with Ctrl-C.")
        if with_browser and _has_display():
            webbrowser.open(url)

    playing = spawn(play(plan, secrets, count, ready), name="demo")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    telling = spawn(_tell(count), name="demo-progress")
    try:
        truth: Truth = await playing
        return truth
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(count: Count) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY_S)
        click.echo(f"{count.sent} requests sent, {count.answered} answered, {count.failed} failed")


def _sum_up(plan: Plan, count: Count, truth: Truth) -> None:
    click.echo(f"{count.sent} requests in {count.sessions} sessions: {count.answered} answered, {count.failed} failed")
    books = "is balanced" if truth.balanced else f"is NOT BALANCED: {truth.note}"
    click.echo(f"{truth.records} records, {truth.tries} tries, {truth.failovers} failovers, {truth.cost_usd} USD")
    click.echo(f"The ledger {books}.")
    click.echo(f"The home is kept: wideband serve --home {plan.home}")


def _has_display() -> bool:
    return os.name != "posix" or os.uname().sysname == "Darwin" or bool(environment().get("DISPLAY"))


def _free(port: int) -> int:
    """Return the port, or 0 when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
