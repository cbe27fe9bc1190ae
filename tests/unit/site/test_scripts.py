"""The site's own scripts: small, from here only, and without what its policy forbids."""

import gzip
import re
from pathlib import Path

import pytest

from wideband.site.paths import STATIC

SCRIPTS = sorted(STATIC.glob("*.js"))
MOST_BYTES = 20_000


def test_all_scripts_together_are_small() -> None:
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in SCRIPTS) <= MOST_BYTES
    assert len(SCRIPTS) > 4


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_loads_nothing_from_elsewhere_and_writes_no_markup(path: Path) -> None:
    text = path.read_text()
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    # A model's words are shown too: they must never become markup, code or a style.
    assert re.findall(r"\.(?:innerHTML|outerHTML)\s*[+]?=[^=]|insertAdjacentHTML|document\.write|\beval\(", text) == []
    assert re.findall(r"setAttribute\(\s*[\"']style", text) == []


def test_every_import_is_there() -> None:
    for path in SCRIPTS:
        for name in re.findall(r"from \"\./([\w.]+)\"", path.read_text()):
            assert (STATIC / name).is_file(), f"{path.name} imports {name}"
