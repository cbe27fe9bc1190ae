"""`wideband providers`: who can be asked, how that was found out, and what to set for the others."""

from pathlib import Path
from typing import Any

import click

from wideband.cli.options import market_options, read_market
from wideband.config import Market
from wideband.pricing.shapes import provider_object
from wideband.wire import jsons


@click.command("providers")
@click.option("--json", "as_json", is_flag=True, help="Print the API's provider objects, and what each needs.")
@market_options
def command(as_json: bool, home: Path | None, config_file: Path | None) -> None:
    """List providers: the usable ones first, then what to set for each of the others."""
    market = read_market(home, config_file)
    if as_json:
        click.echo(jsons.encode({"data": _objects(market)}))
        return
    from rich.console import Console  # noqa: PLC0415  # 15 ms that --json does not need
    from rich.table import Table  # noqa: PLC0415  # as above

    table = Table("Provider", "Name", "Usable", "Models", "How", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    for found in market.found:
        table.add_row(found.slug, found.name, "yes", str(_models(market, found.slug)), found.how)
    for missing in market.missing:
        count = str(_models(market, missing.slug))
        table.add_row(missing.slug, missing.name, "no", count, missing.reason, style="dim")
    Console().print(table)
    click.echo(f"{len(market.found)} of {len(market.found) + len(market.missing)} providers can be used.")


def _models(market: Market, slug: str) -> int:
    rows = market.known.endpoints.values()
    return sum(any(endpoint.provider.slug == slug for endpoint in endpoints) for endpoints in rows)


def _objects(market: Market) -> list[dict[str, Any]]:
    providers = market.known.providers
    usable = [
        {**provider_object(providers[found.slug]), "usable": True, "how": found.how, "needs": []}
        for found in market.found
    ]
    return usable + [
        {**provider_object(providers[each.slug]), "usable": False, "how": each.reason, "needs": list(each.needs)}
        for each in market.missing
    ]
