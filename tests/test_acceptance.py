"""What real clients need is proven by tests that exist: `acceptance.toml` names them, point by point."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ITEMS: list[dict[str, Any]] = tomllib.loads((ROOT / "tests" / "acceptance.toml").read_text(encoding="utf-8"))["item"]
# Decisions and rules of translation are counted; what else was measured has names.
COUNTED = {*(f"1.{number}" for number in range(1, 12)), *(f"5.{number}" for number in range(1, 16))}
NAMED = {"2", "3.1", "3.2", "3.3", "3.4", "4", "6"}


@cache
def functions(file: str) -> frozenset[str]:
    """Return the functions of a file, those of a class behind its name, as pytest writes them."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    classes = [(node.body, f"{node.name}::") for node in tree.body if isinstance(node, ast.ClassDef)]
    found = [(node, before) for body, before in [(tree.body, ""), *classes] for node in body]
    return frozenset(
        before + node.name for node, before in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_what_proves_it_exists(item: dict[str, Any]) -> None:
    assert item["says"].endswith(".")
    assert item["tests"]
    assert len(set(item["tests"])) == len(item["tests"])
    for test in item["tests"]:
        file, _, name = test.partition("::")
        assert file.startswith("tests/")
        assert name.rpartition("::")[2].startswith("test_")
        assert (ROOT / file).is_file(), f"{file} is gone"
        assert name in functions(file), f"{test} is gone"


def test_every_section_is_covered_and_no_point_twice() -> None:
    ids = [item["id"] for item in ITEMS]
    assert len(set(ids)) == len(ids)
    assert set(ids) >= COUNTED
    assert {id_.partition("-")[0] for id_ in ids} - COUNTED == NAMED
