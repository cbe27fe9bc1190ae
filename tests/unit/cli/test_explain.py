"""`wideband explain` says who would answer, with a server and without one."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli.explain import command
from wideband.wire import jsons

QUIET = {"WIDEBAND_DISCOVER": "0", "WIDEBAND_CONFIG": "", "COLUMNS": "160"}
CONFIG = """
[sandbox]
mode = "off"

[[provider]]
slug = "office"
dialect = "openai_chat"
base_url = "http://127.0.0.1:9/v1"

[[provider]]
slug = "attic"
dialect = "openai_chat"
base_url = "http://127.0.0.1:9/v1"

[[endpoint]]
provider = "office"
model = "acme/small"
price = { prompt = "1", completion = "2" }

[[endpoint]]
provider = "attic"
model = "acme/small"
price = { prompt = "3", completion = "6" }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "wideband.toml").write_text(CONFIG)
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    options = ["--home", str(home), "--config", str(home / "wideband.toml")]
    return CliRunner(env=QUIET).invoke(command, [*arguments, *options])


def test_without_a_server_prices_alone_decide(home: Path) -> None:
    result = run(home, "acme/small", "--prompt-tokens", "1000000", "--max-tokens", "1")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0][:4] == ["acme/small:", "ranked", "by", "market,"]
    (office,) = (line for line in lines if "office" in line)
    (attic,) = (line for line in lines if "attic" in line)
    assert (office[0], office[3], attic[0], attic[3]) == ("1", "1", "2", "3")
    assert "No server runs" in result.output


def test_what_is_asked_for_is_shown_as_it_was_written(home: Path) -> None:
    result = run(home, "acme/small", "--prefs", '{"only": ["[/]", "[red]"]}')
    assert result.exit_code == 0, result.output
    assert "[/], [red]" in result.output


@pytest.mark.parametrize("name", ["gen-a b", "gen-\u00e9", "gen-a&b#c"])
def test_a_generation_of_any_letters_is_asked_for(home: Path, name: str) -> None:
    (home / "run").mkdir()
    (home / "run" / "server.json").write_bytes(jsons.encode({"url": "http://127.0.0.1:9"}))
    (home / "local.key").write_text("key")
    assert "No server runs" in run(home, name).output
    (home / "run" / "server.json").write_text("{")
    assert "No server runs" in run(home, name).output


def test_preferences_take_candidates_out_by_name(home: Path) -> None:
    result = run(home, "acme/small:floor", "--prefs", '{"only": ["attic"]}', "--json")
    told = jsons.decode(result.output.encode())["data"]
    assert told["strategy"] == "price"
    assert [(row["tag"], row["rank"]) for row in told["candidates"]] == [("attic", 1), ("office", None)]
    assert told["candidates"][1]["removed_by"] == "Filter by Allowed Providers"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["acme/smalll"], "acme/small"),
        (["acme/small", "--prefs", "{"], "no JSON"),
        (["acme/small", "--prefs", "[]"], "object"),
        (["acme/small", "--prefs", '{"sort": "loudest"}'], "provider.sort"),
    ],
)
def test_what_is_wrong_is_said(home: Path, arguments: list[str], says: str) -> None:
    result = run(home, *arguments)
    assert result.exit_code != 0
    assert says in result.output
