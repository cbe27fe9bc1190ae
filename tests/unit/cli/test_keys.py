"""`wideband keys` and `wideband credits`: what they print, what they change, and what they refuse."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wideband.accounts.keys import hash_secret
from wideband.cli import main
from wideband.store.keyring import open_keyring
from wideband.wire import jsons


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--home", str(home)])


def done(home: Path, *words: str) -> str:
    result = run(home, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed(home: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = jsons.decode(done(home, "keys", "list", "--json"))
    return rows


def test_create_prints_the_key_and_nothing_else_and_keeps_only_its_hash(home: Path) -> None:
    secret = done(home, "keys", "create", "ci").removesuffix("\n")
    assert secret.startswith("sk-wb-v1-")
    assert len(secret) == len("sk-wb-v1-") + 64
    with open_keyring(home) as keyring:
        key = keyring.find(hash_secret(secret))
    assert key is not None
    assert (key.name, key.account_id, key.label) == ("ci", "local", f"{secret[:12]}...{secret[-3:]}")
    assert not any(secret.encode() in path.read_bytes() for path in home.iterdir())


def test_create_takes_limits_and_an_end(home: Path) -> None:
    done(home, "keys", "create", "ci", "--limit", "$2.50", "--limit-reset", "weekly", "--expires", "2099-01-01")
    done(home, "keys", "create", "admin", "--management")
    ci, admin = listed(home)
    assert (ci["limit_nano"], ci["limit_reset"], ci["used_nano"]) == (2_500_000_000, "weekly", 0)
    assert ci["expires_ns"] == int(datetime(2099, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert (ci["state"], admin["state"]) == ("active", "management")


def test_the_list_is_a_table_for_people(home: Path) -> None:
    done(home, "keys", "create", "ci", "--limit", "10", "--limit-reset", "daily")
    head, row = done(home, "keys", "list").splitlines()
    assert head.split() == ["NAME", "KEY", "HASH", "ACCOUNT", "LIMIT", "USED", "STATE"]
    assert row.split() == ["ci", *row.split()[1:3], "local", "$10", "daily", "$0", "active"]


@pytest.mark.parametrize("field", ["name", "label", "hash"])
def test_a_key_is_revoked_and_enabled_by_any_of_its_names(home: Path, field: str) -> None:
    done(home, "keys", "create", "ci")
    done(home, "keys", "create", "other")
    done(home, "keys", "revoke", listed(home)[0][field])
    assert [key["state"] for key in listed(home)] == ["revoked", "active"]
    done(home, "keys", "enable", listed(home)[0][field][:20])
    assert [key["state"] for key in listed(home)] == ["active", "active"]


def test_a_name_that_two_keys_have_is_not_guessed_at(home: Path) -> None:
    for _ in range(2):
        done(home, "keys", "create", "ci")
    result = run(home, "keys", "revoke", "ci")
    assert result.exit_code == 2
    for key in listed(home):
        assert key["hash"][:12] in result.stderr
        assert key["state"] == "active"
    done(home, "keys", "revoke", listed(home)[1]["hash"][:12])
    assert [key["state"] for key in listed(home)] == ["active", "revoked"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keys", "revoke", "nobody"), "No key is named `nobody`"),
        (("keys", "create", " "), "needs a name"),
        (("keys", "create", "ci", "--limit", "five"), "`five` is not a decimal number"),
        (("keys", "create", "ci", "--limit=-1"), "less than nothing"),
        (("keys", "create", "ci", "--limit-reset", "daily"), "goes with --limit"),
        (("keys", "create", "ci", "--expires", "2001-01-01"), "has to lie ahead"),
        (("keys", "create", "ci", "--expires", "soon"), "`soon` is not a time"),
        (("keys", "create", "ci", "--account", "acme"), "`wideband credits open acme`"),
        (("credits", "grant", "acme", "5"), "There is no account `acme`"),
        (("credits", "grant", "local", "0"), "more than nothing"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(home: Path, words: tuple[str, ...], said: str) -> None:
    result = run(home, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_credits_open_fill_and_show_prepaid_accounts(home: Path) -> None:
    done(home, "credits", "open", "acme")
    done(home, "credits", "grant", "acme", "12.50", "--note", "invoice 7")
    done(home, "keys", "create", "ci", "--account", "acme")
    assert jsons.decode(done(home, "credits", "show", "--json"))[0] == {
        "account": "acme",
        "prepaid": True,
        "granted_nano": 12_500_000_000,
        "charged_nano": 0,
    }
    assert [line.split() for line in done(home, "credits", "show").splitlines()] == [
        ["ACCOUNT", "GRANTED", "USED", "LEFT"],
        ["acme", "$12.5", "$0", "$12.5"],
        ["local", "$0", "$0", "unlimited"],
    ]
