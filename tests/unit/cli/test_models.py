"""`wideband models` shows what can be asked for and what it costs, and says what to do when that is nothing."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli.models import command
from wideband.config.outside import shipped

# No key of the machine the tests run on counts.
KEYS = [name for row in tomllib.loads(shipped("providers.toml"))["provider"] for name in row.get("key_env", ())]
QUIET = {"WIDEBAND_DISCOVER": "0", "WIDEBAND_CONFIG": "", "COLUMNS": "160", **dict.fromkeys(KEYS, "")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *arguments: str, **env: str) -> Result:
    return CliRunner(env={**QUIET, **env}).invoke(command, [*arguments, "--home", str(home)])


def test_usable_models_are_listed_with_price_context_and_endpoints(home: Path) -> None:
    result = run(home, "gpt-4o-mini", OPENAI_API_KEY="sk-secret")
    assert result.exit_code == 0
    line = next(line for line in result.output.splitlines() if line.startswith("openai/gpt-4o-mini"))
    assert line.split() == ["openai/gpt-4o-mini", "0.15", "0.6", "128,000", "1", "openai"]
    assert "sk-secret" not in result.output


def test_all_also_lists_what_has_no_key_and_says_how_much_of_it_is_usable(home: Path) -> None:
    result = run(home, "--all", "gpt-oss-120b", OPENAI_API_KEY="x")
    (line,) = [line for line in result.output.splitlines() if line.startswith("openai/gpt-oss-120b ")]
    assert " 0 of " in line


def test_a_query_is_words_that_must_all_be_there(home: Path) -> None:
    rows = json.loads(run(home, "--all", "--json", "claude 4.5 opus").output)["data"]
    assert "anthropic/claude-opus-4.5" in [row["id"] for row in rows]
    assert all({"claude", "4.5", "opus"} <= set(row["id"].replace("/", "-").split("-")) for row in rows)


def test_json_is_the_apis_model_objects(home: Path) -> None:
    (row,) = json.loads(run(home, "--json", "gpt-4o-mini", OPENAI_API_KEY="x").output)["data"]
    assert (row["id"], row["object"], row["pricing"]["prompt"]) == ("openai/gpt-4o-mini", "model", "0.00000015")


def test_without_any_key_the_sandbox_is_shown_as_what_it_is(home: Path) -> None:
    result = run(home)
    assert result.exit_code == 0
    assert "sandbox/fast (simulated)" in result.stdout
    assert "wideband providers" in result.stdout


def test_with_nothing_at_all_it_says_what_to_do(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text('[sandbox]\nmode = "off"\n')
    result = run(home, "--config", str(file))
    assert result.exit_code == 1
    assert "wideband providers" in result.stderr


def test_a_query_that_fits_nothing_points_at_the_rest(home: Path) -> None:
    result = run(home, "no-such-model", OPENAI_API_KEY="x")
    assert result.exit_code == 1
    assert "wideband models --all" in result.stderr


def test_a_bad_file_ends_with_its_faults(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text('[[provider]]\nslug = "x"\n')
    result = run(home, "--config", str(file))
    assert result.exit_code == 1
    assert f"{file}:1: [[provider]] number 1 `dialect`: a new provider needs `dialect`" in result.stderr


def test_routers_are_listed_behind_what_they_choose_among(home: Path) -> None:
    result = run(home, "wideband/", OPENAI_API_KEY="sk-secret")
    assert [line.split()[0] for line in result.output.splitlines()[1:3]] == ["wideband/auto", "wideband/free"]
    shown = json.loads(run(home, "wideband/auto", "--json", OPENAI_API_KEY="x").output)["data"]
    assert [row["pricing"] for row in shown] == [{"prompt": "-1", "completion": "-1"}]
