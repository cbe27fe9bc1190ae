"""A real server on a filled home and a real browser before it. Run by `make test-site`, never by `make test`."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.served import Served, serving
from tests.site.atlas import Atlas
from tests.site.filling import CONFIG, fill, send

SHOTS = Path(os.environ.get("WIDEBAND_SHOTS") or tempfile.mkdtemp(prefix="wideband-site-"))


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a home with three months of records, and some requests of this minute."""
    home = tmp_path_factory.mktemp("home")
    fill(home)
    with serving(home, CONFIG) as served:
        send(served, 40)
        yield served


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the browser that scripts/browser.py found."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["WIDEBAND_CHROMIUM"], args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of the accessibility rules."""
    return Path(os.environ["WIDEBAND_AXE"]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def atlas(exchange: Served) -> Atlas:
    """Return an address for every page, found by following links."""
    return Atlas(exchange.url)


@pytest.fixture(scope="session")
def shots() -> Path:
    """Return where screenshots go."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the screenshots lie."""
    count = len(list(SHOTS.glob("*.png")))
    terminalreporter.write_line(f"{count} screenshots in {SHOTS}")
