"""`wideband connect`: what a client has to be told to ask this exchange; written for it, and taken back."""

import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wideband.catalog.rows import Catalogue
from wideband.cli.options import market_options, read_market
from wideband.cli.running import running
from wideband.config import ConfigError, Settings, load_settings
from wideband.config.outside import environment
from wideband.connect.changes import ConnectError, place, undo, write
from wideband.connect.clients import CLIENTS, Client, Link, Setting
from wideband.connect.formats import parse
from wideband.routing.variants import find_model

_UNDONE = {
    "restored": "is again what it was",
    "removed": "is removed: there was none before",
    "edited": "was changed by others since; only our values are taken out",
    "gone": "is no longer there",
}
# What the simulated market answers with while there is no other.
_SIMULATED = "sandbox/coder"


@click.command("connect")
@click.argument("client", required=False, type=click.Choice(sorted(CLIENTS)))
@click.option("--model", help="The model to ask for; else what the client likes best and this market has.")
@click.option("--small-model", help="The model for titles, summaries and the like; else the same.")
@click.option("--url", help="Where the exchange is, without a version; else the server of this home.")
@click.option("--key", help="The key to ask with; else this home's local key.")
@click.option("--write", "writes", is_flag=True, help="Put the settings into the client's own files.")
@click.option("--undo", "undoes", is_flag=True, help="Take back what --write did.")
@market_options
def command(client: str | None, home: Path | None, config_file: Path | None, undoes: bool, **options: Any) -> None:
    """Print the settings that make CLIENT ask this exchange, or write them; without CLIENT, list the clients."""
    if client is None:
        for name, row in CLIENTS.items():
            click.echo(f"{name:<18}{row.title}")
        return
    try:
        settings = load_settings(home=home, config_file=config_file)
        folder = settings.home / "connect"
        if undoes:
            _undo(folder / f"{client}.json", folder / f"{client}.env")
            return
        link = _link(CLIENTS[client], read_market(home, config_file).catalogue, settings, options)
        if options["writes"]:
            _write(client, link, folder)
        else:
            _print(CLIENTS[client], link)
    except (ConfigError, ConnectError) as error:
        raise click.ClickException(str(error)) from None


def _link(client: Client, catalogue: Catalogue, settings: Settings, options: Mapping[str, str | None]) -> Link:
    """Return what the client is to be told, from the options and, where they say nothing, from what there is."""
    chosen = options["model"] or _favourite(client, catalogue)
    small = options["small_model"] or chosen
    for named in (chosen, small):
        if find_model(named, catalogue) is None:
            raise ConnectError(f"`{named}` is no model of this market; `wideband models` lists them.")
    url = options["url"] or (running(settings.home) or {}).get("url") or f"http://{settings.host}:{settings.port}"
    key = options["key"] or _local_key(settings.home)
    return Link(url=url.rstrip("/"), key=key, model=chosen, small_model=small)


def _favourite(client: Client, catalogue: Catalogue) -> str:
    """Return the model to ask for when nobody says. Raises `ConnectError`."""
    for name in client.insists_on:
        if (found := catalogue.resolve(name)) is not None and catalogue.endpoints.get(found):
            return name
    if _SIMULATED in catalogue.models:
        return _SIMULATED
    near = ", ".join(list(catalogue.endpoints)[:5]) or "none: set a provider's key first (`wideband providers`)"
    raise ConnectError(f"Say which model with --model. This market has {near}; `wideband models` lists all.")


def _local_key(home: Path) -> str:
    try:
        return (home / "local.key").read_text(encoding="ascii").strip()
    except OSError:
        message = f"{home} has no local key yet: `wideband serve` makes it at its first start. Or give one with --key."
        raise ConnectError(message) from None


def _print(client: Client, link: Link) -> None:
    environ, settings = environment(), client.settings(link)
    for file in dict.fromkeys(setting.file for setting in settings):
        click.echo(f"# {place(file, environ)}")
        click.echo(_alone([setting for setting in settings if setting.file == file]))
    if variables := client.variables(link):
        click.echo("# in the shell that starts it")
        click.echo("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    _say_more(client)


def _alone(settings: list[Setting]) -> str:
    """Return what a file would hold if it held these settings alone."""
    document = parse(settings[0].format, "")
    for setting in settings:
        document.put(setting.path, setting.value)
    return document.text()


def _write(name: str, link: Link, folder: Path) -> None:
    client, variables = CLIENTS[name], CLIENTS[name].variables(link)
    for path in write(client.settings(link), environment(), folder / f"{name}.json"):
        click.echo(f"wrote {path}")
    if variables:
        file = folder / f"{name}.env"
        _write_variables(file, variables)
        click.echo(f"wrote {file}; before you start {client.title}: set -a; . {shlex.quote(str(file))}; set +a")
    _say_more(client)
    click.echo(f"Back again: wideband connect {name} --undo")


def _write_variables(file: Path, variables: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()), encoding="utf-8")


def _say_more(client: Client) -> None:
    if client.note:
        click.echo(f"Note: {client.note}")
    if client.start:
        click.echo(f"Then: {client.start}")


def _undo(manifest: Path, variables: Path) -> None:
    had_variables = variables.exists()
    if manifest.exists() or not had_variables:
        for done in undo(manifest):
            click.echo(f"{done.file} {_UNDONE[done.how]}")
    if had_variables:
        variables.unlink()
        click.echo(f"{variables} is removed; open a new shell to forget its variables")
