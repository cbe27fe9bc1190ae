"""`wideband sandbox`: run the simulated market by itself."""

import asyncio
from pathlib import Path

import click
import uvloop

from wideband.sandbox.server import Settings, serve


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same answers and failures.")
@click.option(
    "--speedup",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    help="How many times faster than real life the providers answer.",
)
@click.option(
    "--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the URL here, as JSON, when ready."
)
@click.option("--with-parent", is_flag=True, help="Stop when standard input ends, so that no orphan is left behind.")
def command(host: str, port: int, seed: int, speedup: float, ready_file: Path | None, with_parent: bool) -> None:
    """Run simulated providers behind real HTTP; prints their URL as one line of JSON when they are ready."""
    settings = Settings(
        host=host, port=port, seed=seed, speedup=speedup, ready_file=ready_file, with_parent=with_parent
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
