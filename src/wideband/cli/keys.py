"""`wideband keys`: make, list, revoke and enable the keys of a home, also while its server runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click

from wideband.accounts.keys import hash_secret, label
from wideband.accounts.rows import Key, LimitReset
from wideband.catalog.money import nano_from_usd, usd_from_nano
from wideband.cli.options import home_option, in_words, json_option
from wideband.clock import now_ns
from wideband.config import load_settings
from wideband.ids import key_secret
from wideband.store.base import KeyChange
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.keyring import Keyring, open_keyring
from wideband.wire import jsons

_HASH_DIGITS = 12


def dollars(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Read an amount of dollars as nano-dollars."""
    if text is None:
        return None
    try:
        amount = nano_from_usd(text.removeprefix("$"))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if amount < 0:
        raise click.BadParameter(f"`{text}` is less than nothing")
    return amount


def _instant(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Read a time in ISO 8601, UTC unless it says otherwise, as unix nanoseconds."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"`{text}` is not a time; write it like 2027-01-31T12:00:00Z") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return int(instant.timestamp()) * 1_000_000_000


@contextmanager
def keyring_of(home: Path | None) -> Iterator[Keyring]:
    """Open the keyring of a home; what it refuses ends the command with exit code 2."""
    with in_words("The ledger"), open_keyring(load_settings(home=home).home) as keyring:
        yield keyring


def echo_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need to be."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@click.group(help="Make, list and revoke API keys; a running server follows at once.")
def command() -> None:
    """Hold the commands below."""


@command.command()
@click.argument("name")
@click.option("--limit", "limit_nano", metavar="USD", callback=dollars, help="The most it may spend, in dollars.")
@click.option("--limit-reset", type=click.Choice(["daily", "weekly", "monthly"]), help="When the limit starts anew.")
@click.option(
    "--expires", "expires_ns", metavar="TIME", callback=_instant, help="When it stops working: 2027-01-31T12:00:00Z."
)
@click.option("--management", is_flag=True, help="For the management API; it cannot call models.")
@click.option("--account", "account_id", default=LOCAL_ACCOUNT, show_default=True, help="Who pays.")
@home_option
def create(home: Path | None, name: str, limit_reset: str | None, expires_ns: int | None, **fields: Any) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept."""
    if not name.strip():
        raise click.UsageError("A key needs a name.")
    if limit_reset is not None and fields["limit_nano"] is None:
        raise click.UsageError("--limit-reset goes with --limit.")
    now = now_ns()
    if expires_ns is not None and expires_ns <= now:
        raise click.UsageError("--expires has to lie ahead.")
    secret = key_secret()
    key = Key(
        hash=hash_secret(secret),
        name=name.strip(),
        label=label(secret),
        created_ns=now,
        limit_reset=cast("LimitReset | None", limit_reset),
        expires_ns=expires_ns,
        **fields,
    )
    with keyring_of(home) as keyring:
        keyring.create(key)
    click.echo(secret)


@command.command(name="list")
@json_option
@home_option
def list_(home: Path | None, as_json: bool) -> None:
    """Show the keys, oldest first."""
    with keyring_of(home) as keyring:
        charged, keys = keyring.charged(), keyring.keys()
    if as_json:
        rows = [
            {
                "name": key.name,
                "label": key.label,
                "hash": key.hash,
                "account": key.account_id,
                "management": key.management,
                "state": _state(key),
                "limit_nano": key.limit_nano,
                "limit_reset": key.limit_reset,
                "used_nano": charged[key.hash],
                "created_ns": key.created_ns,
                "expires_ns": key.expires_ns,
            }
            for key in keys
        ]
        click.echo(jsons.encode(rows))
        return
    echo_table(
        ("NAME", "KEY", "HASH", "ACCOUNT", "LIMIT", "USED", "STATE"),
        [
            (
                *(key.name, key.label, key.hash[:_HASH_DIGITS], key.account_id, _limit(key)),
                *(f"${usd_from_nano(charged[key.hash])}", _state(key)),
            )
            for key in keys
        ],
    )


@command.command()
@click.argument("key")
@home_option
def revoke(home: Path | None, key: str) -> None:
    """Stop a key from working, by its name, label or hash. `enable` undoes it."""
    _switch(home, key, disabled=True)


@command.command()
@click.argument("key")
@home_option
def enable(home: Path | None, key: str) -> None:
    """Let a revoked key work again, by its name, label or hash."""
    _switch(home, key, disabled=False)


def _switch(home: Path | None, wanted: str, *, disabled: bool) -> None:
    with keyring_of(home) as keyring:
        key = _the_one(keyring.keys(), wanted)
        keyring.change(key.hash, KeyChange(disabled=disabled))
    click.echo(f"`{key.name}` ({key.label}) is {'revoked' if disabled else 'enabled'}.")


def _the_one(keys: list[Key], wanted: str) -> Key:
    """Find a key by its name, its label or the beginning of its hash. Raises `click.UsageError` unless there is one."""
    found = [key for key in keys if wanted in (key.name, key.label, key.hash)]
    if not found and len(wanted) >= _HASH_DIGITS:
        found = [key for key in keys if key.hash.startswith(wanted)]
    if not found:
        raise click.UsageError(f"No key is named `{wanted}`; `wideband keys list` shows the names.")
    if len(found) > 1:
        hashes = ", ".join(key.hash[:_HASH_DIGITS] for key in found)
        raise click.UsageError(f"`{wanted}` names {len(found)} keys; say which by its hash: {hashes}.")
    return found[0]


def _state(key: Key) -> str:
    if key.disabled:
        return "revoked"
    if key.expires_ns is not None and key.expires_ns <= now_ns():
        return "expired"
    return "management" if key.management else "active"


def _limit(key: Key) -> str:
    if key.limit_nano is None:
        return "none"
    return f"${usd_from_nano(key.limit_nano)}" + (f" {key.limit_reset}" if key.limit_reset else "")
