"""What scripts add to pages: values under the pointer, spans to pick, a theme that stays, renewal."""

import gzip
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page
from tests.e2e.served import Served
from tests.site.filling import send
from tests.site.looking import Look

CHART = "#home-outcomes svg[data-chart]"
Opened = Callable[..., Page]


@pytest.fixture
def opened(chromium: Browser, exchange: Served) -> Iterator[Opened]:
    """Open an address in a window of its own; in the end, the browser may have complained of nothing."""
    looks: list[Look] = []

    def go(address: str, **context: Any) -> Page:
        looks.append(Look(chromium, exchange.url, **context))
        return looks[-1].go(address)

    yield go
    troubles = [trouble for look in looks for trouble in look.troubles]
    for look in looks:
        look.close()
    assert troubles == []


def within(page: Page, done: Callable[[], bool], seconds: float = 10) -> bool:
    """Say whether something becomes true in time."""
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            return False
        page.wait_for_timeout(50)
    return True


def table_of(page: Page) -> list[list[str]]:
    """Return the rows of the table behind the chart, the earliest first."""
    rows: list[list[str]] = page.locator("#home-outcomes .behind table").evaluate(
        "(table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return rows[::-1]


def tip_of(page: Page) -> list[str]:
    tip = page.locator("#home-outcomes .tip")
    return [tip.locator("b").inner_text(), *tip.locator("em").all_inner_texts()]


def over(page: Page, chart: Locator, share: float) -> tuple[float, float]:
    """Return where in the window a share of a chart's width lies."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def test_the_pointer_shows_what_the_table_says(opened: Opened) -> None:
    page = opened("/?period=24h")
    chart, rows = page.locator(CHART), table_of(page)
    for index in (0, 7, len(rows) // 2, len(rows) - 1):
        page.mouse.move(*over(page, chart, (index + 0.5) / len(rows)))
        assert tip_of(page) == rows[index]
    page.mouse.move(5, 5)
    assert page.locator("#home-outcomes .tip").is_hidden()


def test_a_finger_shows_values_until_it_is_put_elsewhere(opened: Opened) -> None:
    page = opened("/?period=24h", width=390, has_touch=True)
    rows, tip = table_of(page), page.locator("#home-outcomes .tip")
    page.touchscreen.tap(*over(page, page.locator(CHART), 3.5 / len(rows)))
    page.wait_for_timeout(100)
    assert tip_of(page) == rows[3]
    page.locator("#home-outcomes h2").tap(position={"x": 150, "y": 5}, no_wait_after=True)
    page.wait_for_timeout(100)
    assert tip.is_hidden()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_values_stay_within_the_window(opened: Opened, share: float) -> None:
    page = opened("/?period=24h", width=390)
    page.mouse.move(*over(page, page.locator(CHART), share))
    box = page.locator("#home-outcomes .tip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_arrow_keys_walk_over_the_bars_and_say_their_values(opened: Opened) -> None:
    page = opened("/?period=24h")
    rows = table_of(page)
    page.locator(CHART).focus()
    page.keyboard.press("End")
    assert tip_of(page) == rows[-1]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert tip_of(page) == rows[-3]
    page.keyboard.press("Home")
    assert tip_of(page) == rows[0]
    said = page.locator("#home-outcomes [aria-live]").inner_text()
    assert all(value in said for value in rows[0])


def asked_span(page: Page) -> tuple[int, int]:
    query = parse_qs(urlsplit(page.url).query)
    start, end = (int(datetime.fromisoformat(query[name][0]).timestamp()) for name in ("from", "to"))
    return start, end


def test_a_span_can_be_picked_by_dragging_and_left_again(opened: Opened) -> None:
    page = opened("/?period=24h")
    chart = page.locator(CHART)
    starts = [int(at) for at in (chart.get_attribute("data-starts") or "").split()]
    page.mouse.move(*over(page, chart, 5.5 / len(starts)))
    page.mouse.down()
    page.mouse.move(*over(page, chart, 7.5 / len(starts)), steps=4)
    page.mouse.move(*over(page, chart, 9.5 / len(starts)), steps=4)
    assert page.locator("#home-outcomes rect.span").get_attribute("visibility") == "visible"
    with page.expect_navigation():
        page.mouse.up()
    assert asked_span(page) == (starts[5], starts[10])
    shown = [int(at) for at in (page.locator(CHART).get_attribute("data-starts") or "").split()]
    assert shown[0] == starts[5]
    with page.expect_navigation():
        page.locator(CHART).dblclick()
    assert "from" not in page.url


def test_a_span_can_be_picked_by_keys(opened: Opened) -> None:
    page = opened("/?period=24h")
    chart = page.locator(CHART)
    starts = [int(at) for at in (chart.get_attribute("data-starts") or "").split()]
    chart.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert asked_span(page) == (starts[0], starts[4])
    page.locator(CHART).focus()
    with page.expect_navigation():
        page.keyboard.press("Escape")
    assert "from" not in page.url


def test_a_press_without_a_drag_goes_nowhere(opened: Opened) -> None:
    page = opened("/?period=24h")
    page.mouse.click(*over(page, page.locator(CHART), 0.4))
    page.wait_for_timeout(200)
    assert page.url.endswith("/?period=24h")


def background(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def test_the_theme_that_is_chosen_stays_from_the_first_paint_on(opened: Opened) -> None:
    page = opened("/", color_scheme="light")
    light, switch = background(page), page.locator("[data-theme-switch]")
    while page.locator("html").get_attribute("data-theme") != "dark":
        switch.click()
    dark = background(page)
    assert dark != light
    page.goto("/status")
    assert background(page) == dark
    # Nothing that is deferred may decide it: it stands before the body does.
    scripts = page.locator("head script:not([type=module])").count()
    assert scripts == 1
    page.locator("[data-theme-switch]").click()
    assert page.locator("html").get_attribute("data-theme") is None
    assert background(page) == light


SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({type: 'layout-shift', buffered: false});
window.same = true;
"""


def newest(page: Page) -> str:
    href: str | None = page.locator("#home-newest tbody tr").first.locator("a").first.get_attribute("href")
    assert href is not None
    return href


def test_a_new_request_comes_in_by_itself(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    before, total = newest(page), page.locator("#home-stats .note").first.inner_text()
    page.wait_for_timeout(500)
    page.evaluate(SHIFTS)
    send(exchange, 3)
    assert within(page, lambda: newest(page) != before)
    assert within(page, lambda: page.locator("#home-stats .note").first.inner_text() != total)
    assert page.evaluate("window.same") is True
    assert page.evaluate("window.shifted") < 0.02
    assert page.locator("#home-newest tr.fresh").count() >= 1


def test_renewal_keeps_what_the_reader_holds(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    before = newest(page)
    page.locator("#home-outcomes .behind summary").click()
    page.locator("#home-newest tbody tr:nth-child(3) a").first.focus()
    scrolled, held = page.evaluate("scrollY"), page.evaluate("document.activeElement.getAttribute('href')")
    send(exchange, 3)
    assert within(page, lambda: newest(page) != before)
    assert page.locator("#home-outcomes details").get_attribute("open") is not None
    assert page.evaluate("scrollY") == scrolled > 0
    still_there = page.locator(f'#home-newest a[href="{held}"]').count()
    assert page.evaluate("document.activeElement.getAttribute('href')") == (held if still_there else None)


def test_hovered_values_outlive_a_renewal(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    rows = table_of(page)
    page.mouse.move(*over(page, page.locator(CHART), (len(rows) - 0.5) / len(rows)))
    before = tip_of(page)
    send(exchange, 3)
    assert within(page, lambda: tip_of(page) != before)
    assert tip_of(page) == table_of(page)[-1]


def test_nothing_is_exchanged_while_the_reader_selects_text(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    before = newest(page)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#home-newest tbody'))")
    send(exchange, 2)
    assert not within(page, lambda: newest(page) != before, 4)
    page.evaluate("getSelection().removeAllRanges()")
    assert within(page, lambda: newest(page) != before)


def test_a_paused_page_stays_as_it_is_until_it_goes_on(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    before, button = newest(page), page.locator("[data-live-switch]")
    assert button.inner_text() == "Live"
    button.click()
    assert button.inner_text() == "Paused"
    send(exchange, 2)
    assert not within(page, lambda: newest(page) != before, 4)
    button.click()
    assert within(page, lambda: newest(page) != before)


def test_a_page_that_nobody_sees_rests_and_catches_up_when_it_is_seen(opened: Opened, exchange: Served) -> None:
    page = opened("/?period=24h")
    page.wait_for_timeout(500)
    before = newest(page)
    page.evaluate(HIDDEN, True)
    send(exchange, 2)
    assert not within(page, lambda: newest(page) != before, 4)
    page.evaluate(HIDDEN, False)
    assert within(page, lambda: newest(page) != before)


HIDDEN = """(hidden) => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_the_log_follows_new_requests(opened: Opened, exchange: Served) -> None:
    page = opened("/log")
    rows = page.locator("#log-rows tbody tr")
    before = rows.first.locator("a").first.get_attribute("href")
    send(exchange, 2)
    assert within(page, lambda: rows.first.locator("a").first.get_attribute("href") != before)


def test_a_filter_is_applied_when_it_is_chosen(opened: Opened) -> None:
    page = opened("/log")
    with page.expect_navigation():
        page.locator("form[data-filters] select[name=outcome]").select_option("failed")
    query = parse_qs(urlsplit(page.url).query)
    assert query["outcome"] == ["failed"]
    assert "model" not in query


def test_text_can_be_copied(opened: Opened) -> None:
    page = opened("/models")
    first = page.locator("a.model").first.get_attribute("href")
    page.goto(first or "")
    box = page.locator("[data-copy]:visible").first
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    box.locator("button.copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == box.locator("code, pre").first.text_content()


COLUMN = "(table) => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim().toLowerCase())"


def test_a_table_sorts_by_its_heads_and_stays_sorted_when_renewed(opened: Opened, exchange: Served) -> None:
    page = opened("/providers")
    table = page.locator("table[data-sort]").first
    head = table.locator("thead th").first
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    rising = table.evaluate(COLUMN)
    assert rising == sorted(rising)
    assert len(set(rising)) > 3
    head.locator("button").click()
    assert table.evaluate(COLUMN) == rising[::-1]
    send(exchange, 2)
    page.wait_for_timeout(5000)
    assert table.evaluate(COLUMN) == rising[::-1]


def test_all_scripts_of_a_page_are_small(opened: Opened, exchange: Served) -> None:
    page = opened("/")
    names: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map((e) => e.name).filter((name) => /\\.js(\\?|$)/.test(name))"
    )
    assert len(names) >= 4
    with exchange.http() as http:
        sizes = {re.sub(r".*/", "", name): len(gzip.compress(http.get(name).content, 9)) for name in names}
    assert sum(sizes.values()) <= 20_000, sizes
