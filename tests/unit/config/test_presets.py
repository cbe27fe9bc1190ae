"""Presets in the settings file: read like other rows, and refused with the line at which to mend them."""

from pathlib import Path

import pytest

from wideband.catalog.presets import Preset
from wideband.config import ConfigError, load_settings, read_shelf


def shelf(tmp_path: Path, text: str) -> dict[str, Preset]:
    file = tmp_path / "wideband.toml"
    file.write_text(text)
    return read_shelf(load_settings(config_file=file, home=tmp_path, environ={}))


def test_presets_of_the_file_are_known_by_their_slug(tmp_path: Path) -> None:
    text = """
[[preset]]
slug = "support"
models = ["acme/m1", "acme/m2"]
system_prompt = "Be kind."
temperature = 0.2
provider = { sort = "price" }
cache_enabled = true
"""
    preset = shelf(tmp_path, text)["support"]
    assert (preset.models, preset.system_prompt, preset.cache_enabled) == (("acme/m1", "acme/m2"), "Be kind.", True)
    assert preset.config["provider"] == {"sort": "price"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("temperatures = 0.2", ":4: [[preset]] number 1 `temperatures`: unknown field; did you mean `temperature`?"),
        ("temperature = 9", ":4: [[preset]] number 1 `temperature`: expected `float` <= 2.0"),
        ('model = "@preset/other"', ":4: [[preset]] number 1 `model`: names another preset"),
        ('provider = { sort = "luck" }', ":4: [[preset]] number 1 `provider.sort`: provider.sort must be one of"),
    ],
)
def test_what_is_wrong_with_a_preset_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        shelf(tmp_path, f'[server]\n[[preset]]\nslug = "support"\n{line}\n')
    assert told in str(caught.value)


def test_a_slug_that_stands_twice_or_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stands twice"):
        shelf(tmp_path, '[[preset]]\nslug = "a"\n[[preset]]\nslug = "a"\n')
    with pytest.raises(ConfigError, match="small letters"):
        shelf(tmp_path, '[[preset]]\nslug = "My Preset"\n')
