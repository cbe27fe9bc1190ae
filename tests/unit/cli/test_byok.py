"""`wideband byok`, beside whatever server runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli import main
from wideband.store.database import LOCAL_ACCOUNT
from wideband.store.ownkeys import open_own_keys
from wideband.wire import jsons

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIDEBAND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WIDEBAND_DISCOVER", "0")
    monkeypatch.setenv("MY_KEY", SECRET)


def byok(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["byok", *arguments], input=typed)


def secrets(tmp_path: Path) -> list[str | None]:
    with open_own_keys(tmp_path / "home") as room:
        return [room.secret(key.id) for key in room.of(LOCAL_ACCOUNT)]


def test_a_key_is_added_listed_disabled_enabled_and_removed(tmp_path: Path) -> None:
    added = byok("add", "openai", "--key-env", "MY_KEY", "--name", "mine")
    assert added.exit_code == 0
    assert "sk-proj-abc...789" in added.output
    [row] = jsons.decode(byok("list", "--json").stdout)
    assert (row["provider"], row["name"], row["is_fallback"], row["disabled"]) == ("openai", "mine", False, False)
    assert secrets(tmp_path) == [SECRET]
    assert byok("disable", "mine").exit_code == 0
    assert "disabled" in byok("list").stdout
    assert secrets(tmp_path) == []
    assert byok("enable", row["id"][:8]).exit_code == 0
    assert "active" in byok("list").stdout
    removed = byok("remove", row["id"])
    assert (removed.exit_code, jsons.decode(byok("list", "--json").stdout)) == (0, [])
    assert SECRET not in added.output + removed.output


def test_a_key_comes_from_a_file_or_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert byok("add", "openai", "--key-file", "key", "--fallback").exit_code == 0
    typed = byok("add", "anthropic", "--always", typed="sk-ant-abcdefghijklmnopqrstu\n")
    assert typed.exit_code == 0
    assert "sk-ant-abcdefghijklmnopqrstu" not in typed.output
    assert secrets(tmp_path) == [SECRET, "sk-ant-abcdefghijklmnopqrstu"]
    uses = [(row["is_fallback"], row["is_byok_only"]) for row in jsons.decode(byok("list", "--json").stdout)]
    assert uses == [(True, False), (False, True)]


def test_a_lost_home_key_is_shown(tmp_path: Path) -> None:
    byok("add", "openai", "--key-env", "MY_KEY")
    (tmp_path / "home" / "byok.key").unlink()
    assert "unreadable" in byok("list").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "openia", "--key-env", "MY_KEY"), "Did you mean"),
        (("add", "openai", "--key-env", "NOT_SET"), "NOT_SET is not set"),
        (("add", "openai", "--key-env", "MY_KEY", "--fallback", "--always"), "fallback"),
        (("add", "openai", "--key-env", "MY_KEY", "--account", "nobody"), "no account `nobody`"),
        (("remove", "nothing"), "No provider key is called `nothing`"),
    ],
)
def test_what_cannot_be_ends_with_two_and_says_why(arguments: tuple[str, ...], says: str) -> None:
    result = byok(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert SECRET not in result.output
