"""`wideband byok`: the provider keys that an account brings, also while a server runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from wideband.accounts.ownkeys import OwnKey
from wideband.cli.keys import echo_table
from wideband.cli.options import account_option, home_option, in_words, json_option, market_options, read_market
from wideband.config import load_settings
from wideband.config.outside import environment
from wideband.server.byok import byok_objects, check_provider
from wideband.store.ownkeys import OwnKeyChange, OwnKeyRoom, open_own_keys
from wideband.wire import jsons

_ID_DIGITS = 8


@contextmanager
def _room_of(home: Path | None) -> Iterator[OwnKeyRoom]:
    """Open the keys of a home; what they refuse ends the command with exit code 2."""
    with in_words("The provider keys"), open_own_keys(load_settings(home=home).home) as room:
        yield room


@click.group(help="Bring an account's own keys for providers; a running server follows at once.")
def command() -> None:
    """Hold the commands below."""


@command.command()
@click.argument("provider")
@account_option
@click.option("--key-env", metavar="NAME", help="The variable that holds the key.")
@click.option(
    "--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The file that holds the key."
)
@click.option("--name", help="What to call it.")
@click.option("--fallback", is_flag=True, help="Ask with it only after the exchange's own endpoints.")
@click.option("--always", is_flag=True, help="Never ask this provider with the exchange's own key.")
@market_options
def add(
    provider: str,
    home: Path | None,
    config_file: Path | None,
    key_env: str | None,
    key_file: Path | None,
    **fields: Any,
) -> None:
    """Take in a key for PROVIDER, from a variable, a file or the terminal; it is kept sealed and never shown again."""
    known = read_market(home, config_file).known
    with _room_of(home) as room:
        check_provider(provider, known)
        secret = _secret(key_env, key_file)
        key = room.add(OwnKey(id="", provider=provider, label="", sealed=b"", created_ns=0, **fields), secret)
    click.echo(f"{key.id}  {key.provider}  {key.label}")


@command.command(name="list")
@account_option
@json_option
@home_option
def list_(home: Path | None, account_id: str, as_json: bool) -> None:
    """Show an account's keys, oldest first; of secrets only the label."""
    with _room_of(home) as room:
        keys = room.kept(account_id)
        usable = {key.id for key in room.of(account_id)}
    if as_json:
        click.echo(jsons.encode(byok_objects(keys)))
        return
    echo_table(
        ("ID", "PROVIDER", "KEY", "NAME", "USE", "STATE"),
        [
            (key.id[:_ID_DIGITS], key.provider, key.label, key.name or "", _use(key), _state(key, usable))
            for key in keys
        ],
    )


@command.command()
@click.argument("key")
@account_option
@home_option
def disable(home: Path | None, account_id: str, key: str) -> None:
    """Stop asking with a key, by its id or name. `enable` undoes it."""
    _switch(home, account_id, key, disabled=True)


@command.command()
@click.argument("key")
@account_option
@home_option
def enable(home: Path | None, account_id: str, key: str) -> None:
    """Ask with a disabled key again, by its id or name."""
    _switch(home, account_id, key, disabled=False)


@command.command()
@click.argument("key")
@account_option
@home_option
def remove(home: Path | None, account_id: str, key: str) -> None:
    """Remove a key and its secret, by its id or name."""
    with _room_of(home) as room:
        found = _the_one(room.kept(account_id), key)
        room.remove(account_id, found.id)
    click.echo(f"`{found.label}` at {found.provider} is removed.")


def _switch(home: Path | None, account_id: str, wanted: str, *, disabled: bool) -> None:
    with _room_of(home) as room:
        key = _the_one(room.kept(account_id), wanted)
        room.change(account_id, key.id, OwnKeyChange(disabled=disabled))
    click.echo(f"`{key.label}` at {key.provider} is {'disabled' if disabled else 'enabled'}.")


def _secret(key_env: str | None, key_file: Path | None) -> str:
    """Return the key from where it is said to be; a terminal is asked without showing it."""
    if key_env is not None and key_file is not None:
        raise click.UsageError("Give --key-env or --key-file, not both.")
    if key_env is not None:
        found = environment().get(key_env)
        if not found:
            raise click.UsageError(f"The variable {key_env} is not set.")
        return found
    if key_file is not None:
        try:
            return key_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"{key_file} cannot be read: {error}") from None
    secret: str = click.prompt("Key", hide_input=True, err=True)
    return secret


def _the_one(keys: list[OwnKey], wanted: str) -> OwnKey:
    """Find a key by its name or the beginning of its id. Raises `click.UsageError` unless there is one."""
    found = [key for key in keys if wanted in (key.id, key.name)]
    if not found and len(wanted) >= _ID_DIGITS:
        found = [key for key in keys if key.id.startswith(wanted)]
    if not found:
        raise click.UsageError(f"No provider key is called `{wanted}`; `wideband byok list` shows them.")
    if len(found) > 1:
        ids = ", ".join(key.id for key in found)
        raise click.UsageError(f"`{wanted}` names {len(found)} keys; say which by its id: {ids}.")
    return found[0]


def _use(key: OwnKey) -> str:
    return "fallback" if key.fallback else "always" if key.always else "first"


def _state(key: OwnKey, usable: set[str]) -> str:
    return "disabled" if key.disabled else "active" if key.id in usable else "unreadable"
