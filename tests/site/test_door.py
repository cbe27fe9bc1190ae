"""The site behind a password: what nobody sees, the form, and the pages of people, in a real browser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests.e2e.served import Served, environment, serving
from tests.site.filling import CONFIG, send
from tests.site.looking import Look

PASSWORD = "correct horse battery staple"
SIZES = pytest.mark.parametrize("width", [1440, 390])
THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("guarded")
    with serving(home, CONFIG + "\n[site]\npublic_status = true\n") as served:
        words = ["admin", "password", "--name", "ada", "--role", "admin", "--stdin", "--home", str(home)]
        subprocess.run(
            [sys.executable, "-m", "wideband", *words],
            input=PASSWORD + "\n",
            text=True,
            check=True,
            env=environment(),
            capture_output=True,
        )
        send(served, 9)
        yield served


@SIZES
@THEMES
def test_the_form_is_sound_and_lets_in(
    chromium: Browser, guarded: Served, axe: str, shots: Path, width: int, theme: Any
) -> None:
    with Look(chromium, guarded.url, width, color_scheme=theme) as look:
        page = look.go("/log?outcome=ok")
        assert page.url.startswith(guarded.url + "/sign-in")
        page.screenshot(path=shots / f"sign-in-{width}-{theme}.png", full_page=True)
        assert look.flaws(axe) == []
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/log?outcome=ok")
        for address in ("/people", "/password"):
            look.go(address)
            page.screenshot(path=shots / f"{address[1:]}-{width}-{theme}.png", full_page=True)
            assert look.flaws(axe) == []


@SIZES
def test_a_public_status_page_needs_nobody_and_complains_of_nothing(
    chromium: Browser, guarded: Served, axe: str, width: int
) -> None:
    with Look(chromium, guarded.url, width) as look:
        page = look.go("/status")
        page.wait_for_timeout(400)
        assert page.url == guarded.url + "/status"
        assert page.locator("h1").inner_text() == "Status"
        assert look.flaws(axe) == []
