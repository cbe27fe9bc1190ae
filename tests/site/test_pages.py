"""Every page, light and dark, wide and narrow: no complaint of the browser, accessible, and within its width."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests.e2e.served import Served
from tests.site.atlas import Atlas, patterns
from tests.site.looking import Look

EVERY = pytest.mark.parametrize("pattern", patterns())
# Bounds of what a reader with a narrow window can be asked to scroll.
WIDTHS = {"wide": 1440, "narrow": 390}


def address_of(atlas: Atlas, pattern: str) -> str:
    address = atlas.of(pattern)
    assert address is not None, f"no link of the site leads to a page like {pattern}"
    if not atlas.found[address].headers["content-type"].startswith("text/html"):
        pytest.skip("a download")
    return address


@EVERY
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_a_page_is_sound(
    pattern: str, theme: Any, width: str, chromium: Browser, exchange: Served, atlas: Atlas, axe: str, shots: Path
) -> None:
    address = address_of(atlas, pattern)
    with Look(chromium, exchange.url, WIDTHS[width], color_scheme=theme, reduced_motion="reduce") as look:
        page = look.go(address)
        page.wait_for_timeout(150)
        name = re.sub(r"\W+", "-", pattern).strip("-") or "home"
        page.screenshot(path=shots / f"{name}-{width}-{theme}.png", full_page=True)
        assert look.flaws(axe) == []


def test_no_link_of_the_site_leads_nowhere(atlas: Atlas) -> None:
    assert atlas.broken == {}
    assert len(atlas.found) > 20


@EVERY
def test_a_page_is_whole_without_scripts(pattern: str, chromium: Browser, exchange: Served, atlas: Atlas) -> None:
    address = address_of(atlas, pattern)
    with Look(chromium, exchange.url, java_script_enabled=False) as look:
        page = look.go(address)
        assert page.locator("h1").count() == 1
        assert len(page.locator("main").inner_text()) > 40
        assert not page.locator("[data-theme-switch], [data-live-switch]").locator("visible=true").count()


@EVERY
def test_the_keyboard_reaches_everything(pattern: str, chromium: Browser, exchange: Served, atlas: Atlas) -> None:
    address = address_of(atlas, pattern)
    with Look(chromium, exchange.url) as look:
        page = look.go(address)
        wanted = page.evaluate(MARK)
        assert wanted > 5
        for _ in range(wanted + 8):
            page.keyboard.press("Tab")
            page.evaluate("document.activeElement.dataset.reached = ''")
        missed = page.evaluate(
            "[...document.querySelectorAll('[data-wanted]:not([data-reached])')].map((e) => e.outerHTML.slice(0, 120))"
        )
        assert missed == []


# What can be used by a pointer and is seen; of a group of radios one is enough.
MARK = """
(() => {
  const usable = 'a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary, [tabindex="0"]';
  const all = [...document.querySelectorAll(usable)].filter((e) => e.checkVisibility({visibilityProperty: true})
    && !e.disabled && !e.closest('details:not([open]) > :not(summary)'));
  for (const e of all) e.dataset.wanted = '';
  return all.length;
})()
"""
