"""The command `wideband`: one file per command, each thin, loaded only when it is called."""

import importlib

import click

from wideband import __version__

# Command -> module that holds a click command of the same name in `command`.
COMMANDS: dict[str, str] = {
    "analytics": "wideband.cli.analytics",
    "admin": "wideband.cli.admin",
    "byok": "wideband.cli.byok",
    "serve": "wideband.cli.serve",
    "keys": "wideband.cli.keys",
    "connect": "wideband.cli.connect",
    "content": "wideband.cli.content",
    "credits": "wideband.cli.credits",
    "demo": "wideband.cli.demo",
    "explain": "wideband.cli.explain",
    "models": "wideband.cli.models",
    "outage": "wideband.cli.outage",
    "presets": "wideband.cli.presets",
    "providers": "wideband.cli.providers",
    "replay": "wideband.cli.replay",
    "sandbox": "wideband.cli.sandbox",
    "simulate": "wideband.cli.simulate",
    "worker": "wideband.cli.worker",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wideband")
def main() -> None:
    """Wideband: the open model exchange you run yourself."""
