"""`wideband analytics generate`: fill a home with made-up history, to see what the site shows of it."""

from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wideband.canon.faults import Faulted
from wideband.cli.options import home_option
from wideband.clock import monotonic_s, now_ns
from wideband.config import ConfigError, load_settings
from wideband.generate.home import fill_home
from wideband.generate.market import market
from wideband.generate.run import Wanted

_DAY_S = 86_400


@click.command("generate")
@click.option(
    "--records", type=click.IntRange(1, 1_000_000_000), default=1_000_000, show_default=True, help="How many."
)
@click.option("--days", type=click.IntRange(1, 1_100), default=180, show_default=True, help="Over how many days.")
@click.option("--seed", default=7, show_default=True, help="Decides everything left to chance.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day, whole; unless given, until now.")
@click.option("--add", is_flag=True, help="Also where there are records already.")
@home_option
def command(records: int, days: int, seed: int, until: datetime | None, add: bool, home: Path | None) -> None:
    """Make up the history of a market and put it into a home for the site to show.

    Models, providers, apps and users are invented; their names begin with sim-. No ledger hears of it: generated
    records say so, and books leave them out. docs/reference/generated-data.md tells how they are drawn.
    """
    until_s = now_ns() // 1_000_000_000 if until is None else _end_of(until)
    wanted = Wanted(records=records, days=days, seed=seed, until_s=until_s)
    try:
        folder = load_settings(home=home).home
        took_s = _shown(folder, wanted, add=add)
    except (Faulted, ConfigError, OSError) as error:
        raise click.ClickException(error.fault.message if isinstance(error, Faulted) else str(error)) from None
    click.echo(f"{records:,} records of {days} days are in {folder} after {took_s:.0f} s; look with:")
    click.echo(f"  wideband serve --home {folder}")


def _end_of(day: datetime) -> int:
    start_s = int((day - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001  click's dates have no zone: UTC
    return start_s + _DAY_S


def _shown(home: Path, wanted: Wanted, *, add: bool) -> float:
    """Generate with bars on standard error; return how many seconds it took."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[so_far]}"))
    with Progress(
        *columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True)
    ) as bars:
        drawing = bars.add_task("drawing", total=wanted.records, so_far="")
        adding = bars.add_task("adding up", total=wanted.days, so_far="", start=False)
        first_s = int(datetime.combine(wanted.first, datetime.min.time()).timestamp())
        began_s, drawn = monotonic_s(), 0

        def made(records: int, _days: int) -> None:
            nonlocal drawn
            drawn += records
            bars.update(drawing, completed=drawn, so_far=f"{drawn:,} records")

        def folded(until_s: int) -> None:
            if not bars.tasks[1].started:
                bars.start_task(adding)
            done = min(wanted.days, (until_s - first_s) // _DAY_S)
            bars.update(adding, completed=done, so_far=f"{done} days")

        people = max(200, min(50_000, wanted.records // 200))
        world = market(wanted.seed, wanted.days, people)
        fill_home(home, world, wanted, made, folded, add=add)
        bars.update(adding, completed=wanted.days)
        return monotonic_s() - began_s
