"""`wideband admin`: who may sign in to the site of a home, also while its server runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from wideband.accounts.passwords import MIN_CHARS, SALT_BYTES, check_password, hashed
from wideband.accounts.people import ROLES, Profile, Role, clean_name
from wideband.cli.keys import echo_table
from wideband.cli.options import home_option, in_words, json_option
from wideband.config import load_settings
from wideband.ids import random_bytes
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.people import PeopleRoom, PersonChange, open_people
from wideband.wire import jsons


@contextmanager
def people_of(home: Path | None) -> Iterator[PeopleRoom]:
    """Open the people of a home; what it refuses ends the command with exit code 2."""
    with in_words("The ledger"), open_people(load_settings(home=home).home) as people:
        yield people


@click.group(help="Say who may sign in to the site; a running server follows at once.")
def command() -> None:
    """Hold the commands below."""


@command.command()
@click.option("--name", default="admin", show_default=True, help="Whose.")
@click.option(
    "--role", type=click.Choice(ROLES), help="What they may do; admin for somebody new, unless said otherwise."
)
@click.option("--account", "account_id", help=f"Whose keys are theirs; {LOCAL_ACCOUNT} for somebody new.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standing input, one line.")
@home_option
def password(home: Path | None, name: str, role: Role | None, account_id: str | None, from_stdin: bool) -> None:
    """Set a password, for somebody new or known.

    With the first one the site asks everybody to sign in. It ends the sessions of whoever it is for, and the waits
    after failed sign-ins under the name.
    """
    with people_of(home) as people:
        name = clean_name(name)
        person = people.find(name)
        if person is not None and person.subject is not None:
            raise click.UsageError(f"`{name}` signs in by the provider of [oidc], not with a password.")
        digest = hashed(check_password(_asked(from_stdin)), random_bytes(SALT_BYTES))
        if person is None:
            people.add(
                Profile(
                    id="",
                    name=name,
                    role=role or "admin",
                    account_id=account_id or LOCAL_ACCOUNT,
                    created_ns=0,
                    password=digest,
                )
            )
        else:
            change = PersonChange(password=digest, role=role or msgspec.UNSET, account_id=account_id or msgspec.UNSET)
            people.change(person.id, change)
    click.echo(f"`{name}` can sign in with this password now.")


@command.command(name="people")
@json_option
@home_option
def list_(home: Path | None, as_json: bool) -> None:
    """Show who may sign in."""
    with people_of(home) as people:
        rows, sessions = people.all(), people.open_sessions()
    if as_json:
        shown = [
            {
                "name": person.name,
                "role": person.role,
                "account": person.account_id,
                "signs_in_by": _way(person),
                "sessions": sessions.get(person.id, 0),
                "created_ns": person.created_ns,
                "signed_in_ns": person.signed_in_ns,
            }
            for person in rows
        ]
        click.echo(jsons.encode(shown))
        return
    echo_table(
        ("NAME", "ROLE", "ACCOUNT", "BY", "SESSIONS", "LAST SIGN-IN"),
        [
            (
                *(person.name, person.role, person.account_id, _way(person)),
                *(str(sessions.get(person.id, 0)), _when(person.signed_in_ns)),
            )
            for person in rows
        ],
    )


@command.command()
@click.argument("name")
@home_option
def remove(home: Path | None, name: str) -> None:
    """Remove somebody and end their sessions.

    Who signs in by a provider can come back for as long as [oidc] lets them.
    """
    with people_of(home) as people:
        people.remove(_the_one(people, name).id)
        left = people.all()
    click.echo(f"`{name}` is removed.")
    if not left:
        click.echo("Nobody is left: without a provider, whoever is on this machine is its administrator again.")


@command.command()
@click.option("--end", is_flag=True, help="End them.")
@click.option("--name", help="Only those of one person.")
@home_option
def sessions(home: Path | None, end: bool, name: str | None) -> None:
    """Count the browsers that are signed in, or end their sessions."""
    with people_of(home) as people:
        wanted = None if name is None else _the_one(people, name).id
        if end:
            count = people.end_all(wanted)
        else:
            count = sum(number for person, number in people.open_sessions().items() if wanted in (None, person))
    click.echo(f"{count} {'session' if count == 1 else 'sessions'} {'ended' if end else 'open'}.")


def _asked(from_stdin: bool) -> str:
    """Return a password from one line, or from somebody who writes it twice."""
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    answer: str = click.prompt(
        f"Password ({MIN_CHARS} characters or more)", hide_input=True, confirmation_prompt="Again"
    )
    return answer


def _the_one(people: PeopleRoom, name: str) -> Profile:
    person = people.find(name)
    if person is None:
        raise click.UsageError(f"Nobody is named `{name}`; `wideband admin people` shows who there is.")
    return person


def _way(person: Profile) -> str:
    return "provider" if person.subject is not None else "password" if person.password is not None else "nothing"


def _when(at_ns: int | None) -> str:
    if at_ns is None:
        return "never"
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
