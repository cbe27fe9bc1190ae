"""`wideband credits`: open prepaid accounts, put money into them and see what is left."""

from pathlib import Path

import click

from wideband.accounts.rows import Account
from wideband.catalog.money import usd_from_nano
from wideband.cli.keys import dollars, echo_table, keyring_of
from wideband.cli.options import home_option, json_option
from wideband.clock import now_ns
from wideband.wire import jsons


@click.group(help="Open prepaid accounts and put money into them; a running server follows at once.")
def command() -> None:
    """Hold the commands below."""


@command.command(name="open")
@click.argument("account")
@home_option
def open_(home: Path | None, account: str) -> None:
    """Open a prepaid account: its keys spend no more than it was granted."""
    with keyring_of(home) as keyring:
        keyring.open_account(Account(id=account, name=account, created_ns=now_ns(), prepaid=True))
    click.echo(f"The account `{account}` is open; `wideband credits grant {account} 10` puts $10 into it.")


@command.command()
@click.argument("account")
@click.argument("amount", callback=dollars)
@click.option("--note", help="Why; kept in the ledger.")
@home_option
def grant(home: Path | None, account: str, amount: int, note: str | None) -> None:
    """Put an AMOUNT of dollars into an ACCOUNT."""
    with keyring_of(home) as keyring:
        keyring.grant(account, amount, note)
    click.echo(f"`{account}` was granted ${usd_from_nano(amount)}.")


@command.command()
@json_option
@home_option
def show(home: Path | None, as_json: bool) -> None:
    """Show what every account was granted and charged."""
    with keyring_of(home) as keyring:
        accounts = keyring.accounts()
    if as_json:
        rows = [
            {"account": account.id, "prepaid": account.prepaid, "granted_nano": granted, "charged_nano": charged}
            for account, granted, charged in accounts
        ]
        click.echo(jsons.encode(rows))
        return
    echo_table(
        ("ACCOUNT", "GRANTED", "USED", "LEFT"),
        [
            (
                *(account.id, f"${usd_from_nano(granted)}", f"${usd_from_nano(charged)}"),
                f"${usd_from_nano(granted - charged)}" if account.prepaid else "unlimited",
            )
            for account, granted, charged in accounts
        ],
    )
