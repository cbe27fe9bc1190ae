"""The installer of what `make test-site` needs: locks that agree, and clear words where no browser is."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from scripts import browser, clients
from scripts.clients import InstallError


def test_the_lock_pins_everything_and_has_the_same_node_as_the_clients() -> None:
    rows = tomllib.loads(browser.LOCK.read_text())
    assert rows["node"] == tomllib.loads(clients.LOCK.read_text())["node"]
    assert all("@" in package[1:] for row in rows.values() for package in row.get("npm", ()))
    assert re.search(r"^playwright==[\d.]+ \\\n    --hash=sha256:", browser.DRIVER_LOCK.read_text(), re.MULTILINE)


def test_a_browser_that_is_named_is_used(tmp_path: Path) -> None:
    named = tmp_path / "chrome"
    named.touch(mode=0o755)
    assert browser.find_browser({"WIDEBAND_CHROMIUM": str(named), "PATH": ""}) == str(named)
    with pytest.raises(InstallError, match="which is no program"):
        browser.find_browser({"WIDEBAND_CHROMIUM": str(tmp_path / "none"), "PATH": ""})


def test_a_browser_on_the_path_is_found(tmp_path: Path) -> None:
    (tmp_path / "google-chrome").touch(mode=0o755)
    assert browser.find_browser({"PATH": str(tmp_path)}) == str(tmp_path / "google-chrome")


def test_without_a_browser_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_words, **_named: None)
    with pytest.raises(InstallError, match="apt-get install chromium"):
        browser.browser({"PATH": str(tmp_path)})
