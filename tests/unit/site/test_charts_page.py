"""A page of every part: it renders, its structure holds, and its colours can be told apart by everybody."""

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest
from tests.unit.site.everything import everything, visitor

from wideband.canon.faults import Fault, FaultKind
from wideband.site.paths import STATIC
from wideband.site.rendering import coded, render
from wideband.site.visit import Person

VOID = {"meta", "link", "input", "br", "hr", "img"}
# How eyes with two kinds of cones see: linear RGB to linear RGB (Machado, Oliveira, Fernandes 2009, full severity).
SIGHTS = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
MODES = ("light", "dark")
Colour = tuple[float, float, float]


class Page(HTMLParser):
    """Keeps what was opened, and complains where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, name: str) -> Iterator[str]:
        return (value for _, attributes in self.seen for key, value in attributes.items() if key == name and value)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(everything())


def test_every_tag_of_a_page_is_closed_where_it_was_opened(page: Page) -> None:
    assert page.open == []


def test_no_part_has_a_style_or_a_script_of_its_own(page: Page) -> None:
    assert not {key for _, attributes in page.seen for key in attributes if key == "style" or key.startswith("on")}
    assert [attributes for tag, attributes in page.seen if tag == "script" and "src" not in attributes] == []


def test_no_two_elements_share_an_id(page: Page) -> None:
    ids = list(page.all("id"))
    assert len(ids) == len(set(ids))
    assert "tokens" in ids


def test_every_class_of_a_part_is_known_to_the_style(page: Page) -> None:
    styled = set(re.findall(r"\.([a-z][\w-]*)", (STATIC / "site.css").read_text()))
    used = {name for value in page.all("class") for name in value.split()}
    assert used - styled - {"check", "columns", "model", "provider"} == set()


def test_a_page_loads_only_files_of_its_own(page: Page) -> None:
    loaded = [
        attributes.get("src") or attributes.get("href") for tag, attributes in page.seen if tag in {"script", "link"}
    ]
    assert len(loaded) >= 4
    assert all(re.fullmatch(r"/static/[a-z]+\.(js|css|svg)\?v=[0-9a-f]{12}", path or "") for path in loaded)


def test_headings_go_down_one_step_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_being_shown_is_marked_in_the_navigation(page: Page) -> None:
    assert [
        attributes["href"] for tag, attributes in page.seen if tag == "a" and attributes.get("aria-current") == "page"
    ] == [
        "/rankings",
        "/a",
    ]


def colours(mode: str) -> dict[str, str]:
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (STATIC / "site.css").read_text())
    return {name: light if mode == "light" else dark for name, light, dark in found}


def linear(text: str) -> Colour:
    parts = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    bright = sorted(
        sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear(each), strict=True)) for each in (one, other)
    )
    return (bright[1] + 0.05) / (bright[0] + 0.05)


def seen(text: str, sight: str) -> Colour:
    """Return a colour as eyes see it, in OKLab."""
    red, green, blue = (
        min(max(sum(w * part for w, part in zip(row, linear(text), strict=True)), 0), 1) for row in SIGHTS[sight]
    )
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


@pytest.mark.parametrize("mode", MODES)
def test_marks_stand_out_from_cards(mode: str) -> None:
    known = colours(mode)
    names = [*(f"s{number}" for number in range(1, 11)), "ok", "warn", "bad", "muted", "edge", "focus", "accent"]
    faint = {name: contrast(known[name], known["card"]) for name in names}
    assert {name: ratio for name, ratio in faint.items() if ratio < 3} == {}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ground", ["page", "card", "sunk"])
def test_text_can_be_read_on_every_ground(mode: str, ground: str) -> None:
    known = colours(mode)
    faint = {
        name: contrast(known[name], known[ground])
        for name in ("text", "soft", "link", "bad-text", "ok-text", "warn-text")
    }
    assert {name: ratio for name, ratio in faint.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("mode", MODES)
def test_text_can_be_read_on_badges_and_buttons(mode: str) -> None:
    known = colours(mode)
    assert all(contrast(known[f"{kind}-text"], known[f"{kind}-wash"]) >= 4.5 for kind in ("ok", "warn", "bad"))
    assert contrast(known["on-accent"], known["accent"]) >= 4.5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_series_can_be_told_apart(mode: str, sight: str) -> None:
    known = colours(mode)
    series = [seen(known[f"s{number}"], sight) for number in range(1, 11)]
    assert min(math.dist(*pair) for pair in combinations(series, 2)) > 0.04
    # Neighbours in a stack touch each other.
    assert min(math.dist(*pair) for pair in pairwise(series)) > 0.08


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_states_can_be_told_apart(mode: str, sight: str) -> None:
    known = colours(mode)
    states = [seen(known[name], sight) for name in ("ok", "warn", "bad", "none")]
    assert min(math.dist(*pair) for pair in combinations(states, 2)) > 0.06


@pytest.mark.parametrize(
    ("code", "query", "leads_back"), [(400, "period=8x", True), (400, "", False), (404, "a=1", False)]
)
def test_a_page_that_failed_says_why_and_leads_on(code: int, query: str, leads_back: bool) -> None:
    fault = Fault(kind=FaultKind.INVALID_REQUEST, message="`period` is `<8x>`.")
    person = Person("local", "admin", "account", "token")
    text = render("error.html", visit=visitor("/rankings", query, person), fault=fault, code=code)
    assert "<code>period</code> is <code>&lt;8x&gt;</code>." in text
    assert ('href="/rankings">This page without its filters' in text) is leads_back
    assert '<a class="button" href="/">Home</a>' in text


def test_only_pairs_of_backticks_become_code() -> None:
    assert coded("`a<b` is not `c`.") == "<code>a&lt;b</code> is not <code>c</code>."
    assert coded("one ` <alone>") == "one ` &lt;alone&gt;"
