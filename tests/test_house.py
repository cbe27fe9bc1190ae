"""The house rules that no other tool checks: sizes, names, complete registries, a quick import, clean locks."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wideband.canon.faults import RULES, FaultKind
from wideband.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "wideband"
CODE = [path for room in ("src", "tests", "bench", "scripts") for path in sorted((ROOT / room).rglob("*.py"))]
SOURCES = [path for path in CODE if PACKAGE in path.parents]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
# May only go down.
SUPPRESSIONS = 43

SUPPRESSION = re.compile(
    r"#\s*(?:noqa(?P<code>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?P<kind>\[[\w,\s-]+\])?)(?P<reason>.*)"
)
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
HEAVY = {"aiohttp", "duckdb", "apsw", "starlette", "uvicorn", "genai_prices", "pydantic", "rich", "click", "asyncio"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def suppressions() -> Iterator[tuple[str, re.Match[str]]]:
    for path in CODE:
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := SUPPRESSION.search(line):
                yield f"{name(path)}:{number}", found


def pins(lock: str) -> dict[str, str]:
    """Return the packages that a lock file names, with their versions."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_files_stay_readable_in_one_sitting() -> None:
    long = {name(path): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES}
    assert long == {}


def test_functions_stay_on_one_screen() -> None:
    long = {
        f"{name(path)}:{node.lineno} {node.name}": lines
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_every_suppressed_check_names_what_and_why() -> None:
    bare = [
        place
        for place, found in suppressions()
        if not (found["code"] or found["kind"]) or not found["reason"].strip(" #")
    ]
    assert bare == []


def test_suppressed_checks_do_not_grow() -> None:
    assert len(list(suppressions())) <= SUPPRESSIONS


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [name(path) for path in [*CODE, *PACKAGE.rglob("*/")] if path.stem in VAGUE_NAMES] == []


def test_every_kind_of_fault_has_a_rule() -> None:
    assert set(RULES) == set(FaultKind)


def test_every_dialect_folder_is_registered() -> None:
    from wideband.dialects.registry import DIALECTS

    folders = {path.parent.name for path in (PACKAGE / "dialects").glob("*/__init__.py")}
    assert set(DIALECTS) == folders


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_module_and_a_place_in_the_reference(command: str) -> None:
    module = PACKAGE.parent / (COMMANDS[command].replace(".", "/") + ".py")
    assert module.is_file()
    assert f"## wideband {command}\n" in (ROOT / "docs/reference/cli.md").read_text()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, wideband; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert HEAVY & set(done.stdout.split()) == set()


def test_every_golden_says_where_it_comes_from() -> None:
    cases = [path for path in (ROOT / "tests/golden").glob("*/*/") if any(path.iterdir())]
    assert [name(case) for case in cases if not (case / "meta.toml").is_file()] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = (folder / "README.md").read_text()
    assert [path.name for path in folder.glob("0*.md") if f"({path.name})" not in listed] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-site.lock"])
def test_lock_files_name_no_host_and_hash_everything(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert [line for line in text.splitlines() if line.startswith("-")] == []
    packages = [line for line in text.splitlines() if not line.startswith(" ")]
    assert len(packages) == len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", text, re.MULTILINE))


def test_what_the_project_asks_for_is_locked() -> None:
    """Fails after a change of dependencies without `make lock`."""
    tables = project()
    extras = [each for extra in tables["project"]["optional-dependencies"].values() for each in extra]
    runtime = [*tables["project"]["dependencies"], *extras, *tables["dependency-groups"]["build"]]
    development = [*runtime, *tables["dependency-groups"]["dev"]]
    for lock, wanted in (("requirements.lock", runtime), ("requirements-dev.lock", development)):
        locked = pins(lock)
        for requirement in map(Requirement, wanted):
            assert locked.get(canonicalize_name(requirement.name), "nothing") in requirement.specifier, (
                f"{requirement} in {lock}"
            )


def test_both_lock_files_agree() -> None:
    small, large = pins("requirements.lock"), pins("requirements-dev.lock")
    assert small.items() <= large.items()


def test_the_wheel_holds_every_file_of_the_package() -> None:
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    there = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert packed == there
    assert "wideband/py.typed" in packed


def test_nothing_reaches_outside_the_repository() -> None:
    outside = re.compile(re.escape("../" + "shared") + "|" + re.escape("/work" + "/"))
    files = [
        path for room in ("src", "tests", "bench", "scripts") for path in (ROOT / room).rglob("*") if path.is_file()
    ]
    read = {path: path.read_bytes().decode("utf-8", "replace") for path in files if "__pycache__" not in path.parts}
    assert [name(path) for path, text in read.items() if outside.search(text)] == []
