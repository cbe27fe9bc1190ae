"""`wideband providers` says who can be asked, why, and what to set for the others."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli.providers import command
from wideband.config.outside import shipped

# No key of the machine the tests run on counts.
KEYS = [name for row in tomllib.loads(shipped("providers.toml"))["provider"] for name in row.get("key_env", ())]
QUIET = {"WIDEBAND_DISCOVER": "0", "WIDEBAND_CONFIG": "", "COLUMNS": "160", **dict.fromkeys(KEYS, "")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *arguments: str, **env: str) -> Result:
    return CliRunner(env={**QUIET, **env}).invoke(command, [*arguments, "--home", str(home)])


def test_found_providers_say_how_and_the_others_what_they_need(home: Path) -> None:
    result = run(home, GROQ_API_KEY="gsk-secret", MISTRAL_API_KEY="")
    lines = [line.split() for line in result.output.splitlines()]
    groq = next(line for line in lines if line[:1] == ["groq"])
    assert (groq[2], groq[-1]) == ("yes", "GROQ_API_KEY")
    mistral = next(line for line in lines if line[:1] == ["mistral"])
    assert (mistral[2], mistral[-2:]) == ("no", ["set", "MISTRAL_API_KEY"])
    assert "gsk-secret" not in result.output


def test_json_names_the_variables_and_shows_no_key(home: Path) -> None:
    result = run(home, "--json", GROQ_API_KEY="gsk-secret", AZURE_OPENAI_API_KEY="", AZURE_OPENAI_RESOURCE="")
    rows = {row["slug"]: row for row in json.loads(result.output)["data"]}
    assert (rows["groq"]["usable"], rows["groq"]["how"]) == (True, "GROQ_API_KEY")
    assert rows["azure"]["needs"] == ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_RESOURCE"]
    assert "gsk-secret" not in result.output
