"""TOML tables checked field by field against a struct, so that every fault of a table is told at once."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field: `table` and `nth` (from 0) say where, `field` may be a path, `text` what to do."""

    table: str
    nth: int
    field: str
    text: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a document, where its problems are collected."""

    table: str
    nth: int
    problems: list[Problem]

    def note(self, field: str, text: str) -> None:
        """Add a problem of this table."""
        self.problems.append(Problem(table=self.table, nth=self.nth, field=field, text=text))


def tables_of(
    document: Mapping[str, Any], name: str, problems: list[Problem]
) -> Iterable[tuple[Place, dict[str, Any]]]:
    """Give each table of a repeated name with its place; anything but repeated tables is a problem."""
    tables = document.get(name, [])
    if not isinstance(tables, list):
        Place(table=name, nth=0, problems=problems).note("", f"write `[[{name}]]`, with two brackets")
        return
    for nth, table in enumerate(tables):
        place = Place(table=name, nth=nth, problems=problems)
        if isinstance(table, dict):
            yield place, table
        else:
            place.note("", "must be a table")


def once(key: str, seen: set[str], field: str, place: Place) -> None:
    """Note a key that was seen before in the same file."""
    if key in seen:
        place.note(field, f"`{key}` stands twice in this file; keep one")
    seen.add(key)


def read_fields(table: Mapping[str, Any], kind: type[msgspec.Struct], place: Place) -> dict[str, Any]:
    """Return the fields of a table that are well typed; note the others and those the struct does not have."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            place.note(key, f"unknown field{nearest(key, types)}")
            continue
        try:
            values[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            place.note(key, _sentence(error))
    return values


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the closest known word, or the known words if they are few."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known are {listed(words)}" if 0 < len(words) <= 12 else ""


def listed(words: Collection[str]) -> str:
    """Write words one after the other."""
    return ", ".join(f"`{word}`" for word in words)


def _sentence(error: msgspec.ValidationError) -> str:
    text = str(error).replace(" - at `$", " at `")
    return text[0].lower() + text[1:]
