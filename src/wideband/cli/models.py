"""`wideband models`: what can be asked for, what it costs and who serves it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from wideband import clock
from wideband.catalog.rows import Catalogue, Endpoint, Model
from wideband.cli.options import market_options, read_market
from wideband.config import Market
from wideband.pricing import resolve, usd_from_nano
from wideband.pricing.shapes import model_object
from wideband.routing.auto import ROUTERS
from wideband.wire import jsons


@click.command("models")
@click.argument("query", required=False, default="")
@click.option("--all", "show_all", is_flag=True, help="Also models for whose providers no key is set.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's model objects.")
@market_options
def command(query: str, show_all: bool, as_json: bool, home: Path | None, config_file: Path | None) -> None:
    """List models, cheapest endpoint first. QUERY picks those whose id or name holds all its words."""
    market = read_market(home, config_file)
    shown = market.known if show_all else market.catalogue
    routers = [router.model for router in ROUTERS.values() if shown.models]
    models = [model for model in (*shown.models.values(), *routers) if _fits(model, query)]
    models.sort(key=lambda model: model.id)
    if as_json:
        now_ns = clock.now_ns()
        objects = [model_object(model, shown.endpoints.get(model.id, ()), now_ns) for model in models]
        click.echo(jsons.encode({"data": objects}))
    elif models:
        _print_table(models, shown, market)
    else:
        click.echo(_nothing(query, market), err=True)
        sys.exit(1)


def _fits(model: Model, query: str) -> bool:
    text = f"{model.id} {model.name}".lower()
    return all(word in text for word in query.lower().split())


def _print_table(models: Sequence[Model], shown: Catalogue, market: Market) -> None:
    from rich.console import Console  # noqa: PLC0415  # 15 ms that --json does not need
    from rich.table import Table  # noqa: PLC0415  # as above

    now_ns = clock.now_ns()
    table = Table("Model", "Prompt", "Completion", "Context", "Endpoints", "Providers", box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:5]:
        column.justify = "right"
    for model in models:
        endpoints = shown.endpoints.get(model.id, ())
        usable = len(market.catalogue.endpoints.get(model.id, ()))
        count = str(usable) if usable == len(endpoints) else f"{usable} of {len(endpoints)}"
        name = f"{model.id} (simulated)" if model.simulated else model.id
        if model.id in ROUTERS:
            table.add_row(name, "", "", _tokens(model.context_length), "", "whoever serves its choice")
            continue
        style = "" if usable else "dim"
        table.add_row(
            name, *_price(endpoints, now_ns), _tokens(model.context_length), count, _names(endpoints), style=style
        )
    # Only the names of providers may be cut off on a narrow screen.
    for column in table.columns[:5]:
        column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    Console().print(table)
    click.echo(f"{len(models)} models. Prices are USD per million tokens at the cheapest endpoint, now.")
    if all(model.simulated for model in market.catalogue.models.values()):
        click.echo("No provider's key is set: what can be used is simulated. `wideband providers` says what to set.")


def _price(endpoints: Sequence[Endpoint], now_ns: int) -> tuple[str, str]:
    if not endpoints:
        return "", ""
    rates = resolve(endpoints[0].price, now_ns, 0)
    return usd_from_nano(rates.prompt), usd_from_nano(rates.completion)


def _tokens(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _names(endpoints: Sequence[Endpoint], most: int = 4) -> str:
    tags = [endpoint.tag for endpoint in endpoints]
    more = f" +{len(tags) - most}" if len(tags) > most else ""
    return ", ".join(tags[:most]) + more


def _nothing(query: str, market: Market) -> str:
    if market.catalogue.models:
        return f"No usable model fits `{query}`; `wideband models --all` also lists those without a key."
    return (
        "No model can be used: no provider's key is set, no local server answers, and the sandbox is off. "
        "`wideband providers` says which variables to set."
    )
