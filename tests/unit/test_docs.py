"""The documentation says what the code does: generated parts are fresh, hand-written ones complete, links alive."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from scripts.reference import PARTS, renewed
from starlette.routing import Route

from wideband.catalog.presets import Preset
from wideband.catalog.pricetables import RATES
from wideband.catalog.rows import EndpointRow, Model, Provider
from wideband.config import load_market, load_settings
from wideband.dialects.registry import COUNTERS, DIALECTS
from wideband.routing.filters import FILTERS
from wideband.server.management import Management

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def test_generated_parts_are_fresh() -> None:
    """Fails after a change of commands, settings or faults without `make docs`."""
    # In a process of its own: click remembers the first way in which a command was asked for help.
    check = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_written_by_hand_stays() -> None:
    page = renewed("above\n<!-- faults -->\nstale\n<!-- end -->\nbelow\n")
    assert page.startswith("above\n<!-- faults -->\n")
    assert page.endswith("<!-- end -->\nbelow\n")
    assert "stale" not in page
    assert "| `invalid_request` | 400 |" in page


def test_every_generated_part_stands_on_a_page() -> None:
    pages = "".join(path.read_text() for path in REFERENCE.glob("*.md"))
    found = set(re.findall(r"^<!-- (\w+) -->$", pages, re.MULTILINE))
    assert found - {"end"} == set(PARTS)


def test_every_route_is_documented() -> None:
    nothing = cast(Any, None)
    routes = [route for route in Management(nothing, nothing, nothing).app().routes if isinstance(route, Route)]
    served = {
        (method, re.sub(r"^(/api)?/v1(beta)?|:path", "", route.path))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    served |= {("POST", path) for dialect in DIALECTS.values() for path in dialect.paths}
    served |= {("POST", path) for counter in COUNTERS.values() for path in counter.paths}
    documented = set(re.findall(r"^\| `(GET|POST|PATCH|DELETE) (/[^`?]*)", page("api.md"), re.MULTILINE))
    assert documented == served


def test_filters_are_documented_in_the_order_in_which_they_are_applied() -> None:
    documented = re.findall(r"^\| `(Filter by [^`]*)", page("routing.md"), re.MULTILINE)
    assert documented == [row.step for row in FILTERS]


@pytest.mark.parametrize("row", [Provider, Model, EndpointRow, Preset])
def test_every_field_of_a_row_is_documented(row: type[msgspec.Struct]) -> None:
    # Only the sandbox says of itself that it is simulated.
    fields = set(row.__struct_fields__) - {"simulated"}
    assert [field for field in fields if f"`{field}`" not in page("configuration.md")] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", REFERENCE / "configuration.md"], ids=lambda path: path.name)
def test_settings_that_are_shown_are_read_as_they_stand(path: Path, tmp_path: Path) -> None:
    shown = re.findall(r"^```toml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        settings = load_settings(config_file=file, home=tmp_path, environ={})
        market = load_market(settings, environ={"WIDEBAND_DISCOVER": "0", "OFFICE_KEY": "k"})
        assert {found.slug for found in market.found} & {"office", "nightshift"}


def test_every_price_is_documented() -> None:
    assert [rate for rate in RATES if f"`{rate}`" not in page("configuration.md")] == []


def test_every_variable_is_documented() -> None:
    code = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r"\bWIDEBAND_[A-Z]+\b", code))
    assert [name for name in named if name not in page("configuration.md")] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_names_only_targets_and_commands_that_exist() -> None:
    from wideband.cli import COMMANDS

    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", readme)) <= targets
    assert set(re.findall(r"\bwideband ([a-z]+)\b", readme)) - {"serves"} <= set(COMMANDS)
