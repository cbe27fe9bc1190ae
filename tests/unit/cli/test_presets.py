"""`wideband presets`, beside whatever server runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wideband.cli import main
from wideband.wire import jsons


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WIDEBAND_HOME", str(tmp_path / "home"))


def presets(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["presets", *arguments])


def test_presets_are_set_shown_used_and_removed(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(jsons.encode({"model": "acme/m1", "temperature": 0.2}))
    (tmp_path / "two.toml").write_text('model = "acme/m2"\nsystem_prompt = "Be kind."\n')
    assert presets("set", "support", "one.json").output == "`@preset/support` is at version 1.\n"
    assert presets("set", "support", "two.toml").output == "`@preset/support` is at version 2.\n"
    assert jsons.decode(presets("show", "support").stdout) == {"system_prompt": "Be kind.", "model": "acme/m2"}
    assert presets("use", "support", "1").exit_code == 0
    assert jsons.decode(presets("list", "--json").stdout) == [
        {"slug": "support", "source": "version 1", "model": "acme/m1", "temperature": 0.2}
    ]
    assert "acme/m1" in presets("list").stdout
    assert presets("remove", "support").exit_code == 0
    assert jsons.decode(presets("list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"temperatures": 1}', "no preset says `temperatures`"),
        ('{"temperature": 9}', "Expected `float` <= 2.0"),
        ("[]", "one object"),
        ("{", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_preset_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    done = presets("set", "support", "bad.json")
    assert (done.exit_code, told in done.output) == (2, True)


def test_what_is_not_there_is_said() -> None:
    assert "no preset `x`" in presets("show", "x").output
    assert "no version 3" in presets("use", "x", "3").output
    assert presets("remove", "x").exit_code == 2
