"""`wideband worker`: one process of `serve --workers N`; started by it, not by people."""

import asyncio
import logging
import sys
from pathlib import Path

import click
import uvloop

from wideband.config import load_settings
from wideband.server.workers import READY_LINE, work


@click.command(hidden=True, help="One process of `wideband serve --workers N`.")
@click.option("--number", type=int, required=True)
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--host", required=True)
@click.option("--port", type=int, required=True)
@click.option("--config", "config_file", type=click.Path(path_type=Path))
@click.option("--sandbox-url")
def command(number: int, home: Path, host: str, port: int, config_file: Path | None, sandbox_url: str | None) -> None:
    """Serve until the parent says stop, or is gone."""
    logging.basicConfig(
        level=logging.WARNING, format=f"%(asctime)s %(levelname)s worker {number} %(name)s: %(message)s"
    )
    settings = load_settings(config_file=config_file, home=home, host=host, port=port, workers=1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(settings, number, sandbox_url, _ready))


def _ready() -> None:
    sys.stdout.buffer.write(READY_LINE)
    sys.stdout.buffer.flush()
