"""A server that cannot start says in one line why, and what to do."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from wideband.cli.serve import command


def refusal(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit), "a traceback tells nobody what to do"
    return done.output


@pytest.mark.parametrize("text", [None, "this is no database"], ids=["a file is in its place", "its ledger is none"])
def test_a_home_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    home = tmp_path / "home"
    if text is None:
        home.touch()
    else:
        home.mkdir()
        (home / "ledger.db").write_text(text)
    said = refusal("--home", str(home), "--port", "0")
    assert f"`{home}` cannot be used" in said
    assert "--home" in said


def test_a_port_that_is_taken_calls_for_another_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refusal("--home", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert "--port" in said


def test_an_address_of_another_machine_calls_for_one_of_this(tmp_path: Path) -> None:
    assert "--host" in refusal("--home", str(tmp_path), "--host", "192.0.2.1", "--port", "0")
