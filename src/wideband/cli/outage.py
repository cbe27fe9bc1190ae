"""`wideband outage`: break a simulated provider of a running server, and mend it."""

from pathlib import Path
from typing import Any
from urllib import request
from urllib.parse import quote

import click

from wideband.cli.options import market_options
from wideband.cli.running import answer_of, running
from wideband.config import ConfigError, load_settings
from wideband.sandbox.breaking import FAULTS
from wideband.wire import jsons


@click.command("outage")
@click.argument("provider", required=False)
@click.argument("fault", required=False, type=click.Choice(list(FAULTS)))
@click.option("--end", is_flag=True, help="Mend the provider.")
@market_options
def command(provider: str | None, fault: str | None, end: bool, home: Path | None, config_file: Path | None) -> None:
    """Have every request to the simulated PROVIDER fail with FAULT until --end; without arguments, list outages.

    The server that runs on this home is asked, so you can watch its traffic leave the provider and come back.
    """
    if provider is None and (fault or end):
        raise click.UsageError("Name a provider, such as sim-aurora.")
    if provider is not None and (fault is None) != end:
        raise click.UsageError("Give a fault to begin an outage, or --end to end it.")
    url = f"{_sandbox_url(home, config_file)}/outages/{quote(provider or '', safe='')}".rstrip("/")
    method = "GET" if provider is None else "DELETE" if end else "PUT"
    told = _asked(request.Request(url, data=jsons.encode({"fault": fault}), method=method))
    for slug, kind in told["outages"].items():
        click.echo(f"{slug}: {kind}")
    if not told["outages"]:
        click.echo("No simulated provider is broken.")


def _sandbox_url(home: Path | None, config_file: Path | None) -> str:
    try:
        settings = load_settings(home=home, config_file=config_file)
    except ConfigError as wrong:
        raise click.ClickException(str(wrong)) from None
    facts = running(settings.home)
    if facts is None:
        raise click.ClickException(f"No server runs on `{settings.home}`: start `wideband serve`.")
    url = facts.get("sandbox_url")
    if url is None:
        raise click.ClickException("The server runs without the sandbox: only simulated providers can be broken.")
    return str(url)


def _asked(call: request.Request) -> Any:
    try:
        return answer_of(call)
    except OSError as lost:
        raise click.ClickException(f"The sandbox does not answer: {lost}") from None
