"""`wideband admin`: who may sign in, said on the machine itself."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wideband.accounts.passwords import Strength, hashed, matches
from wideband.cli import admin, main
from wideband.clock import now_ns
from wideband.store.attempts import NAME, Attempts
from wideband.store.people import open_people
from wideband.wire import jsons

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "hashed", lambda password, salt: hashed(password, salt, Strength(4, 1, 1)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(home: Path, *words: str, said: str | None = None) -> Result:
    return CliRunner().invoke(main, ["admin", *words, "--home", str(home)], input=said)


def done(home: Path, *words: str, said: str | None = None) -> str:
    result = run(home, *words, said=said)
    assert result.exit_code == 0, result.output
    return result.stdout


def people(home: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = jsons.decode(done(home, "people", "--json"))
    return [{name: row[name] for name in ("name", "role", "account", "sessions")} for row in rows]


def test_a_password_is_asked_for_twice_and_makes_an_admin(home: Path) -> None:
    said = done(home, "password", said=f"{PASSWORD}\n{PASSWORD}\n")
    assert PASSWORD not in said
    assert people(home) == [{"name": "admin", "role": "admin", "account": "local", "sessions": 0}]
    with open_people(home) as room:
        kept = room.all()[0].password
    assert kept is not None
    assert matches(PASSWORD, kept)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in home.iterdir() if path.is_file())


def test_a_password_comes_from_a_pipe_for_scripts(home: Path) -> None:
    done(home, "password", "--stdin", "--name", "Eve", "--role", "viewer", said=PASSWORD + "\n")
    assert people(home) == [{"name": "eve", "role": "viewer", "account": "local", "sessions": 0}]


def test_a_new_password_keeps_who_it_is_and_ends_what_the_old_one_opened(home: Path) -> None:
    done(home, "password", "--stdin", "--name", "eve", "--role", "member", said=PASSWORD)
    with open_people(home) as room:
        eve = room.all()[0]
        room.begin(eve, "a" * 64, now_ns() + 10**12)
        for _ in range(NAME.free + 1):
            Attempts(home).begin({"name:eve": NAME})
        assert Attempts(home).begin({"name:eve": NAME}) > 0
        assert people(home)[0]["sessions"] == 1
        done(home, "password", "--stdin", "--name", "eve", said="another password")
        # A running server sees it at its next request.
        assert room.session("a" * 64) is None
    assert Attempts(home).begin({"name:eve": NAME}) == 0
    assert people(home) == [{"name": "eve", "role": "member", "account": "local", "sessions": 0}]


def test_people_are_a_table_for_people(home: Path) -> None:
    done(home, "password", "--stdin", said=PASSWORD)
    head, row = done(home, "people").splitlines()
    assert head.split() == ["NAME", "ROLE", "ACCOUNT", "BY", "SESSIONS", "LAST", "SIGN-IN"]
    assert row.split() == ["admin", "admin", "local", "password", "0", "never"]


def test_somebody_is_removed_with_their_sessions(home: Path) -> None:
    done(home, "password", "--stdin", said=PASSWORD)
    with open_people(home) as room:
        room.begin(room.all()[0], "a" * 64, now_ns() + 10**12)
        assert "Nobody is left" in done(home, "remove", "admin")
        assert room.session("a" * 64) is None
        assert not room.have_password
    assert people(home) == []


def test_sessions_are_counted_and_ended(home: Path) -> None:
    for name in ("ada", "eve"):
        done(home, "password", "--stdin", "--name", name, said=PASSWORD)
    with open_people(home) as room:
        for number, person in enumerate(room.all()):
            room.begin(person, str(number) * 64, now_ns() + 10**12)
        assert done(home, "sessions") == "2 sessions open.\n"
        assert done(home, "sessions", "--end", "--name", "ada") == "1 session ended.\n"
        assert room.session("0" * 64) is None
        assert room.session("1" * 64) is not None
        assert done(home, "sessions", "--end") == "1 session ended.\n"
        assert room.session("1" * 64) is None


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("password", "--stdin"), "short", "12 to 1024 characters"),
        (("password", "--stdin"), "", "12 to 1024 characters"),
        (("password", "--stdin"), "abababababababab", "anybody would guess"),
        (("password", "--stdin", "--name", " "), PASSWORD, "A name is one line"),
        (("password", "--stdin", "--role", "root"), PASSWORD, "'root' is not one of"),
        (("password", "--stdin", "--account", "acme"), PASSWORD, "`wideband credits open acme`"),
        (("remove", "nobody"), None, "Nobody is named `nobody`"),
        (("sessions", "--end", "--name", "nobody"), None, "Nobody is named `nobody`"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    home: Path, words: tuple[str, ...], given: str | None, said: str
) -> None:
    result = run(home, *words, said=given)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert people(home) == []


def test_whom_a_provider_vouches_for_gets_no_password(home: Path) -> None:
    with open_people(home) as room:
        room.meet("https://id.example\n7", "carol", "admin", "local")
    result = run(home, "password", "--stdin", "--name", "carol", said=PASSWORD)
    assert (result.exit_code, "by the provider" in result.stderr) == (2, True)
