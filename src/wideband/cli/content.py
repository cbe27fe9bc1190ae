"""`wideband content`: forget what was kept of what requests said, also while a server runs."""

import re
from pathlib import Path

import click

from wideband.cli.options import home_option, in_words
from wideband.clock import now_ns
from wideband.config import load_settings
from wideband.store.contents import Contents

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@click.group(help="Forget prompts and answers that were kept ([content] in wideband.toml).")
def command() -> None:
    """Hold the commands below."""


@command.command()
@click.option("--older-than", metavar="AGE", help="All that is older: 12h, 7d, 2w; 0d forgets everything.")
@click.option("--id", "generation_id", metavar="GENERATION", help="That of one request (gen-...).")
@home_option
def drop(home: Path | None, older_than: str | None, generation_id: str | None) -> None:
    """Forget contents: of one request, or of all that are older than an age."""
    if (older_than is None) == (generation_id is None):
        raise click.UsageError("Say either --older-than or --id.")
    with in_words("The kept contents"):
        settings = load_settings(home=home)
        contents = Contents(settings.home, settings.content.days)
        try:
            if generation_id is not None:
                click.echo("forgotten" if contents.drop(generation_id) else "nothing was kept of it")
                return
            count = contents.drop_before(now_ns() - _age_ns(older_than or ""))
            click.echo(f"forgotten: what {count} request{'' if count == 1 else 's'} said")
        finally:
            contents.close()


def _age_ns(text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found is None:
        raise click.BadParameter("an age is a number and m, h, d or w, such as 12h or 7d", param_hint="--older-than")
    return int(found[1]) * _UNITS_S[found[2]] * 1_000_000_000
