"""`wideband serve`: run the exchange."""

import asyncio
import logging
from pathlib import Path

import click
import uvloop

from wideband import __version__
from wideband.catalog.rows import Catalogue
from wideband.config import ConfigError, load_settings
from wideband.server.child import SandboxError
from wideband.server.process import Running, serve
from wideband.server.uvicorns import ListenError
from wideband.server.workers import WorkerError, serve_many
from wideband.store.serverlock import HomeError


@click.command(help="Serve the API on this machine.")
@click.option("--host", help="Address to listen on; 127.0.0.1 unless said otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 8484 unless said otherwise, 0 for any.")
@click.option(
    "--home", type=click.Path(path_type=Path), help="Where all state is kept; WIDEBAND_HOME, else ~/.wideband."
)
@click.option("--workers", type=click.IntRange(1, 64), help="How many processes serve; 1 unless said otherwise.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Settings and rows; wideband.toml here or in the home.",
)
@click.option("--verbose", is_flag=True, help="Log more.")
def command(
    host: str | None, port: int | None, home: Path | None, workers: int | None, config_file: Path | None, verbose: bool
) -> None:
    """Start, say what is there, serve until stopped."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = load_settings(config_file=config_file, home=home, host=host, port=port, workers=workers)
        run = serve if settings.workers == 1 else serve_many
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, _greet))
    except (ConfigError, HomeError, ListenError, SandboxError, WorkerError) as error:
        raise click.ClickException(str(error)) from None


def _greet(running: Running) -> None:
    market, settings = running.market, running.settings
    click.echo(f"wideband {__version__} serves {running.url}   (home {settings.home}, workers {settings.workers})")
    real = [found for found in market.found if not market.known.providers[found.slug].simulated]
    if real:
        click.echo("providers: " + ", ".join(f"{found.name} ({found.how})" for found in real))
    for missing in market.missing:
        if missing.named:
            click.echo(f"{missing.name} is not used: {missing.reason}")
    if running.sandbox_url is not None:
        click.echo(
            ("The " if real else "No provider key and no local server was found: the ")
            + "sandbox market is on. Its models, sandbox/*, are simulated: made-up answers, prices and failures."
        )
    model = _example(market.catalogue)
    if model is None:
        click.echo("No model can be served yet: set a provider's key (`wideband providers` lists them), or add rows.")
    else:
        click.echo("Try it:")
        click.echo(
            f"  curl {running.url}/api/v1/chat/completions -H 'Authorization: Bearer {running.key}' "
            "-H 'Content-Type: application/json' "
            f'-d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\''
        )


def _example(catalogue: Catalogue) -> str | None:
    """Return a model that can be served: the sandbox's sound one, else the cheapest there is."""
    served = [(rows[0].price.base.completion, model) for model, rows in catalogue.endpoints.items() if rows]
    return "sandbox/fast" if "sandbox/fast" in catalogue.endpoints else min(served, default=(0, None))[1]
