"""The settings of `wideband/auto`."""

from pathlib import Path

import pytest

from wideband.config import ConfigError, Settings, load_settings


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "wideband.toml"
    file.write_text(text)
    return load_settings(config_file=file, home=tmp_path, environ={})


def test_who_chooses_and_in_which_tier_can_be_set(tmp_path: Path) -> None:
    assert settings(tmp_path, '[auto]\ncost_tier = "high"\n').auto.cost_tier == "high"
    assert settings(tmp_path, "").auto.chooser == "rules"


@pytest.mark.parametrize(
    ("line", "told"),
    [('chooser = "oracle"', ":2: [auto] `chooser`: `oracle` is no chooser"), ('cost_tier = "cheap"', "`cost_tier`")],
)
def test_a_chooser_or_tier_that_there_is_not_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, f"[auto]\n{line}\n")
    assert told in str(caught.value)
