"""`wideband simulate`: rankers side by side in modelled markets, in simulated time."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wideband.canon.faults import Faulted
from wideband.config import ConfigError
from wideband.config.errors import located
from wideband.config.outside import read_toml
from wideband.replay.traces import read
from wideband.routing.policy import Weights
from wideband.simulate import showing
from wideband.simulate.compare import means
from wideband.simulate.pool import run_all
from wideband.simulate.rates import Rates, read_rates
from wideband.simulate.reading import built_in, names, read_world, text_of
from wideband.simulate.rows import World
from wideband.simulate.run import RANKED, Setup
from wideband.simulate.score import Result
from wideband.simulate.sweep import GRID, RANKER, matches, sweep_setups
from wideband.wire import jsons

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Layout = Callable[[str, showing.Row, Sequence[showing.Row], str | None], Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say; each stands at its option."""

    rankers: tuple[str, ...]
    seed: int
    runs: int
    hours: float | None
    start_hour: float | None
    requests_per_s: float | None
    rates: Path | None
    column: str | None
    trace: Path | None
    weights: str
    sticky: bool
    sweep: bool
    jobs: int
    form: str


@click.command("simulate")
@click.argument("markets", nargs=-1)
@click.option(
    "--ranker", "rankers", multiple=True, type=click.Choice(RANKED), metavar="NAME", help="Who competes; else all."
)
@click.option("--seed", default=1, show_default=True, help="Decides everything left to chance.")
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="So many seeds, from --seed on.")
@click.option("--hours", type=click.FloatRange(min=0.001), help="How long requests come; else as the market says.")
@click.option("--start-hour", type=click.FloatRange(0, 24), help="The hour of the UTC day at which it begins.")
@click.option("--requests-per-s", type=click.FloatRange(min=0.001), help="Requests a second on average over a day.")
@click.option("--rates", type=_FILE, help="A CSV file of seconds and requests a second: the ups and downs.")
@click.option("--column", help="The column of --rates to take.")
@click.option("--trace", type=_FILE, help="The requests of a trace, as `wideband replay` reads them.")
@click.option("--weights", default="", metavar="NAME=N,...", help="For the market ranker, such as time=1,edge=4.")
@click.option("--sticky/--no-sticky", default=True, help="Whether conversations stay where they are cached.")
@click.option("--sweep", is_flag=True, help="Search for weights that beat each other ranker.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes; else one per core.")
@click.option("--json", "form", flag_value="json", help="Print exactly one JSON object.")
@click.option("--markdown", "form", flag_value="markdown", help="Print tables for a page.")
@click.option("--table", "form", flag_value="table", default=True, hidden=True)
@click.option("--list", "show_list", is_flag=True, help="List the built-in markets.")
@click.option("--show", metavar="MARKET", help="Print a built-in market's file, to begin your own with.")
def command(markets: tuple[str, ...], *, show_list: bool, show: str | None, **options: Any) -> None:
    """Compare rankers in modelled MARKETS: names of built-in ones, or TOML files of your own; else `steady`.

    Every ranker gets the same requests, planned by the gateway's own planner, failover, health board and stickiness
    against providers that are modelled: their speed, failures, limits, peak hours, prices and caches. The same seed
    gives the same figures. Ctrl-C prints what there is.
    """
    if show_list:
        for name in names():
            click.echo(f"{name:10}{built_in(name).about}")
        return
    if show is not None:
        click.echo(_text(show), nl=False)
        return
    asked = Asked(**options)
    _check(asked)
    try:
        setups = _setups([_world(name, asked) for name in markets or ("steady",)], asked)
    except Faulted as faulted:
        raise click.ClickException(faulted.fault.message) from None
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    _sweep(setups, asked) if asked.sweep else _compare(setups, asked)


def _check(asked: Asked) -> None:
    """Refuse options that would do nothing."""
    if asked.column is not None and asked.rates is None:
        raise click.UsageError("--column names a column of --rates, which is missing.")
    if asked.trace is not None and (asked.rates is not None or asked.hours is not None):
        raise click.UsageError("--trace has times of its own; leave out --rates and --hours.")
    if asked.sweep and set(asked.rankers) == {RANKER}:
        raise click.UsageError(f"--sweep stands `{RANKER}` beside others; name another --ranker.")


def _text(name: str) -> str:
    try:
        return text_of(name)
    except KeyError:
        raise click.UsageError(f"There is no market `{name}`; built in are {', '.join(names())}.") from None


def _world(name: str, asked: Asked) -> World:
    """Return a market by its name or file, with what the options change of its demand. Raises `ConfigError`."""
    if name in names():
        world = built_in(name)
    elif Path(name).is_file():
        document, text = read_toml(Path(name))
        found, problems = read_world(name, document)
        if found is None:
            raise ConfigError(located(problems, Path(name), text))
        world = found
    else:
        raise click.UsageError(f"{name} is neither a file nor one of {', '.join(names())}.")
    changes = {key: getattr(asked, key) for key in ("hours", "start_hour", "requests_per_s")}
    known = {key: value for key, value in changes.items() if value is not None}
    return msgspec.structs.replace(world, demand=msgspec.structs.replace(world.demand, **known))


def _setups(worlds: Sequence[World], asked: Asked) -> list[Setup]:
    """Return a setup for each market and seed. Raises `Faulted` for a file that cannot be used."""
    weights, cycle, trace = _weights(asked.weights), _cycle(asked), _trace(asked.trace)
    return [
        Setup(
            world=world,
            ranker=RANKED[0],
            seed=seed,
            weights=weights,
            sticky=asked.sticky,
            cycle=cycle,
            trace=trace,
        )
        for world in worlds
        for seed in range(asked.seed, asked.seed + asked.runs)
    ]


def _weights(text: str) -> Weights:
    known = Weights.__struct_fields__
    changes: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        name, _, number = pair.partition("=")
        try:
            changes[name.strip()] = float(number)
        except ValueError:
            raise click.UsageError(f"--weights: `{pair}` is not NAME=NUMBER.") from None
        if name.strip() not in known:
            raise click.UsageError(f"--weights: there is no weight `{name.strip()}`; there are {', '.join(known)}.")
    try:
        return msgspec.convert(msgspec.structs.asdict(Weights()) | changes, Weights)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"--weights: {error}.") from None


def _cycle(asked: Asked) -> Rates | None:
    if asked.rates is None:
        return None
    try:
        with asked.rates.open(encoding="utf-8") as lines:
            cycle = read_rates(str(asked.rates), lines, asked.column)
    except UnicodeDecodeError:
        raise click.ClickException(f"{asked.rates} is not UTF-8 text") from None
    return cycle if asked.requests_per_s is None else cycle.scaled(asked.requests_per_s)


def _trace(path: Path | None) -> tuple[tuple[int, int, int], ...]:
    if path is None:
        return ()
    try:
        with path.open(encoding="utf-8", newline=None) as lines:
            return tuple((row.at_ns, row.prompt_tokens, row.completion_tokens) for row in read(str(path), lines))
    except UnicodeDecodeError:
        raise click.ClickException(f"{path} is not UTF-8 text") from None


def _compare(setups: Sequence[Setup], asked: Asked) -> None:
    rankers = asked.rankers or RANKED
    results = _watched([msgspec.structs.replace(each, ranker=name) for each in setups for name in rankers], asked.jobs)
    rows = means(results)
    if asked.form == "json":
        click.echo(jsons.encode({"results": results, "means": rows}))
        return
    show = _shower(asked.form)
    pairs: list[showing.Row] = []
    for name, about in {each.world.name: each.world.about for each in setups}.items():
        own = [row for row in rows if row.market == name]
        if own:
            show(f"{name}: {own[0].requests:,} requests", *showing.comparison(own), about)
            pairs += showing.beside(own)
    if pairs:
        show(f"{rankers[0]} beside the others", showing.beside_columns(), pairs, None)
    _speed(results)


def _sweep(setups: Sequence[Setup], asked: Asked) -> None:
    baselines = tuple(name for name in asked.rankers or RANKED if name != RANKER)
    named = sweep_setups(setups, baselines, GRID)
    results = _watched([setup for _, setup in named], asked.jobs)
    pairs = [(name, result) for (name, _), result in zip(named, results, strict=False)]
    found = matches(pairs, setups[0].weights, baselines, GRID)
    if asked.form == "json":
        click.echo(jsons.encode({"matches": found}))
        return
    rows = showing.sweep_rows(found, GRID)
    _shower(asked.form)("weights of the market ranker", showing.sweep_columns(), rows, None)
    _speed(results)


def _shower(form: str) -> Callable[[str, showing.Row, Sequence[showing.Row], str | None], None]:
    if form == "markdown":
        return lambda *parts: click.echo(showing.markdown(*parts))
    console = Console()
    return lambda *parts: console.print(showing.table(*parts))


def _speed(results: Sequence[Result]) -> None:
    """Say on standard error how much was simulated how fast."""
    requests, wall_s = sum(row.requests for row in results), sum(row.wall_s for row in results)
    if any(row.interrupted for row in results):
        click.echo("Interrupted: the figures are of what had been simulated by then.", err=True)
    if wall_s:
        click.echo(f"{requests:,} requests simulated, {requests / wall_s * 60:,.0f} a minute and core.", err=True)


def _watched(setups: Sequence[Setup], jobs: int) -> list[Result]:
    """Run with a bar on standard error."""
    bar_columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    text = TextColumn("{task.description}")
    with Progress(text, *bar_columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"{len(setups)} runs", total=1.0)
        return run_all(setups, jobs, lambda share: progress.update(bar, completed=share))
