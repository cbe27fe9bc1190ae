"""What several commands ask for: where the home and the file are, the market they make, and whose account it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw
import click

from wideband.canon.faults import Faulted
from wideband.config import ConfigError, Market, load_market, load_settings, wants_sandbox
from wideband.sandbox.market import market as sandbox_rows
from wideband.store.database import LOCAL_ACCOUNT

# The sandbox has an address only while it runs.
NOWHERE = "http://127.0.0.1:0"

F = TypeVar("F", bound=Callable[..., Any])

home_option = click.option(
    "--home", type=click.Path(path_type=Path), help="Where all state is kept; WIDEBAND_HOME, else ~/.wideband."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
account_option = click.option("--account", "account_id", default=LOCAL_ACCOUNT, show_default=True, help="Whose.")


def market_options(function: F) -> F:
    """Add the options by which the home and the file are found."""
    for add in (
        click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="The file to read, e.g. wideband.toml."
        ),
        click.option("--home", type=click.Path(path_type=Path), help="Where Wideband keeps its files (~/.wideband)."),
    ):
        function = add(function)
    return function


def read_market(home: Path | None, config_file: Path | None) -> Market:
    """Return the market that `serve` would open with a home and a file, the sandbox included when it would start it.

    What is wrong with them ends the command with a list.
    """
    try:
        settings = load_settings(home=home, config_file=config_file)
        market = load_market(settings)
        return load_market(settings, sandbox_rows(NOWHERE)) if wants_sandbox(settings, market) else market
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """End the command in words: with exit code 2 where something is refused, with 1 where `what` cannot be used."""
    try:
        yield
    except Faulted as error:
        raise click.UsageError(error.fault.message) from None
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except (apsw.Error, OSError) as error:
        raise click.ClickException(f"{what} cannot be used: {error}") from None
