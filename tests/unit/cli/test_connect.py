"""`wideband connect`: settings printed, written and taken back."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli.connect import command
from wideband.wire import jsons


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("WIDEBAND_DISCOVER", "0")
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    (home / "local.key").write_text("sk-wb-local\n")
    return home


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--home", str(home)])


def test_without_a_client_they_are_listed(home: Path) -> None:
    assert "claude-code       Claude Code" in run(home).output


def test_what_is_printed_is_what_a_client_reads(home: Path) -> None:
    shown = run(home, "claude-code", "--url", "http://gateway:1/").output
    body = jsons.decode(shown[shown.index("{") : shown.rindex("}") + 1])
    assert body["env"]["ANTHROPIC_BASE_URL"] == "http://gateway:1"
    assert body["env"]["ANTHROPIC_AUTH_TOKEN"] == "sk-wb-local"
    assert body["env"]["ANTHROPIC_MODEL"] == "sandbox/coder"
    assert not (home / "connect").exists()


def test_settings_are_written_and_taken_back(home: Path, tmp_path: Path) -> None:
    (home / "run").mkdir()
    (home / "run" / "server.json").write_text('{"url": "http://127.0.0.1:5"}')
    done = run(home, "codex", "--write", "--key", "k 1", "--small-model", "sandbox/fast")
    assert done.exit_code == 0
    config = tmp_path / "user" / ".codex" / "config.toml"
    assert 'base_url = "http://127.0.0.1:5/v1"' in config.read_text()
    variables = home / "connect" / "codex.env"
    assert variables.read_text() == "WIDEBAND_API_KEY='k 1'\n"
    assert variables.stat().st_mode & 0o777 == 0o600
    assert "wideband connect codex --undo" in done.output
    undone = run(home, "codex", "--undo")
    assert undone.exit_code == 0
    assert not config.exists()
    assert not variables.exists()


def test_clients_told_by_variables_alone_are_undone_too(home: Path) -> None:
    assert run(home, "aider", "--write").exit_code == 0
    assert "AIDER_MODEL=openai/sandbox/coder\n" in (home / "connect" / "aider.env").read_text()
    assert run(home, "aider", "--undo").exit_code == 0
    again = run(home, "aider", "--undo")
    assert (again.exit_code, "not connected" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pi", "--model", "no/such"), "`no/such` is no model of this market"),
        (("pi", "--small-model", "no/such"), "`no/such` is no model of this market"),
        (("nobody",), "is not one of"),
    ],
)
def test_mistakes_are_named(home: Path, words: tuple[str, ...], told: str) -> None:
    done = run(home, *words)
    assert done.exit_code != 0
    assert told in done.output


def test_without_a_key_it_says_where_one_comes_from(home: Path) -> None:
    (home / "local.key").unlink()
    assert "`wideband serve` makes it" in run(home, "pi").output
