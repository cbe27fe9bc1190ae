"""Callers' JSON Schemas, compiled: nothing is fetched for them, and no schema can keep a judge busy for long.

A schema and what is held against it both come from strangers, and references that branch double the work at each step.
So the work is bounded before it is begun: what would be too much is not judged.
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from wideband.wire import jsons

MOST_SCHEMA_BYTES: Final = 64 * 1024
# How often a part of a schema may have to be held against a part of a value: about a third of a second at worst.
MOST_VISITS: Final = 10_000_000

_MOST_STEPS: Final = 50_000
_MOST_DEPTH: Final = 32
_MOST_COMPILED: Final = 128
# What a pattern may take when it is built; it then runs in a time that grows with the text, and not faster.
_PATTERN_BYTES: Final = 128 * 1024
_PATTERN_VISITS: Final = 300
_MOST_PATTERNS: Final = 100

_PATTERNS: Final = (b'"pattern"', b'"patternProperties"')
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SINGLES: Final = ("not", "if", "then", "else")
_INNER_MAPS: Final = ("properties", "patternProperties")
_INNER: Final = ("additionalProperties", "propertyNames", "items", "additionalItems", "contains")


class _EndlessError(Exception):
    """A schema whose work has no bound that could be told from the schema."""


class Allowance(msgspec.Struct):
    """How many visits there may still be, of one value or of all that is judged together."""

    left: int = MOST_VISITS


class Schema:
    """A compiled schema; `validator` is None for one that cannot be compiled, which anything fits."""

    def __init__(self, root: dict[str, Any], validator: Any, *, has_patterns: bool) -> None:
        self._root = root
        self._validator = validator
        self._patterns = has_patterns
        self._work: dict[int | None, int | None] = {}

    def fits(self, value: Any, allowance: Allowance) -> bool | None:
        """Tell whether a value fits, out of an allowance; None where telling would be too much work."""
        if self._validator is None:
            return True
        depth, size = _extent(value, 0, letters=self._patterns)
        work = self._work_at(None)
        if work is None and depth <= _MOST_DEPTH:
            # It refers to itself: how often, the value says.
            work = self._work_at(depth)
        if work is None or work * size > allowance.left:
            return None
        allowance.left -= work * size
        return bool(self._validator.is_valid(value))

    def _work_at(self, depth: int | None) -> int | None:
        """Return how many parts of the schema a part of a value meets at most; None where that has no bound."""
        if depth not in self._work:
            try:
                self._work[depth] = _Weigher(self._root).weigh(self._root, depth)
            except (_EndlessError, RecursionError):
                self._work[depth] = None
        return self._work[depth]


def compiled(schema: dict[str, Any]) -> Schema | None:
    """Return a schema ready for use; None for one that is too large, or of which building would take long."""
    try:
        data = jsons.encode(schema)
    except jsons.EncodeError:
        return None
    if len(data) > MOST_SCHEMA_BYTES or sum(map(data.count, _PATTERNS)) > _MOST_PATTERNS:
        return None
    return _compiled(data)


@lru_cache(maxsize=_MOST_COMPILED)
def _compiled(data: bytes) -> Schema:
    # Maps 15 MB of machine code, which takes 30 ms: only who judges pays for it.
    library = import_module("jsonschema_rs")
    root = jsons.decode(data)
    patterns = library.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES)
    try:
        # Formats are notes for readers in this draft, and a model is not held to them.
        validator = library.Draft7Validator(root, validate_formats=False, pattern_options=patterns, offline=True)
    except (ValueError, TypeError, OverflowError, RecursionError):
        validator = None
    return Schema(root, validator, has_patterns=any(word in data for word in _PATTERNS))


class _Weigher:
    """Counts the parts of a schema that one part of a value can meet, with all references written out."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._steps = 0
        self._known: dict[tuple[int, int | None], int | None] = {}

    def weigh(self, node: Any, depth: int | None) -> int:
        """Return the count for a value of a depth, None being any. Raises `_EndlessError`."""
        if not isinstance(node, dict):
            return 1
        key = id(node), depth
        if key in self._known:
            found = self._known[key]
            if found is None:
                raise _EndlessError
            return found
        self._steps += 1
        if self._steps > _MOST_STEPS or (node is not self._root and "$id" in node):
            raise _EndlessError
        self._known[key] = None
        total = 1 + _own(node) + sum(self.weigh(inner, depth) for inner in self._beside(node))
        if depth is None or depth > 0:
            below = None if depth is None else depth - 1
            total += sum(self.weigh(inner, below) for inner in _inside(node))
        self._known[key] = total
        return total

    def _beside(self, node: dict[str, Any]) -> Iterator[Any]:
        """Give the schemas that are held against the same value."""
        if "$ref" in node:
            yield self._referred(node["$ref"])
        for name in _LISTS:
            yield from _rows(node.get(name))
        for name in _SINGLES:
            yield node.get(name)
        yield from _values(node.get("dependencies"))

    def _referred(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#") or reference[1:2] not in ("", "/"):
            raise _EndlessError
        found: Any = self._root
        for step in reference[2:].split("/") if len(reference) > 1 else ():
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise _EndlessError
        return found


def _inside(node: dict[str, Any]) -> Iterator[Any]:
    """Give the schemas that are held against what a value holds."""
    for name in _INNER_MAPS:
        yield from _values(node.get(name))
    for name in _INNER:
        told = node.get(name)
        if isinstance(told, list):
            yield from told
        else:
            yield told


def _own(node: dict[str, Any]) -> int:
    """Return what a schema's own words cost."""
    patterns = ("pattern" in node) + len(_values(node.get("patternProperties")))
    return len(_rows(node.get("enum"))) + len(_rows(node.get("required"))) + _PATTERN_VISITS * patterns


def _values(told: Any) -> list[Any]:
    return list(told.values()) if isinstance(told, dict) else []


def _rows(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _extent(value: Any, depth: int, *, letters: bool) -> tuple[int, int]:
    """Return how deep a value goes and how many parts it has; where `letters` count, each of a text is a part."""
    if isinstance(value, str):
        return depth, 1 + len(value) if letters else 1
    if not isinstance(value, dict | list):
        return depth, 1
    deepest, size = depth, 1
    for inner in value.values() if isinstance(value, dict) else value:
        below, parts = _extent(inner, depth + 1, letters=letters)
        deepest, size = max(deepest, below), size + parts
    if letters and isinstance(value, dict):
        size += sum(map(len, value))
    return deepest, size
