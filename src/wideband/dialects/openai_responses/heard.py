"""The items of one answer while they come in: which of them an event speaks of, and what of each has been said.

Providers leave events out, number everything 0, or give the same item another id in every event. So an item is known
by its place and its kind first, then by its call id, then by its own id; and what is told again whole is compared with
what was said in pieces, of which only the rest is new.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from wideband.dialects import loose
from wideband.dialects.openai_responses import words

Row = dict[str, Any]

# The kind of an item -> the field of it that tells a tool's input as one string.
INPUTS: Final = {words.FUNCTION_CALL: "arguments", words.CUSTOM_CALL: "input"}


class Item:
    """One item of the output. `said` holds the pieces of each of its strings, by the string's name and part."""

    __slots__ = ("annotated", "blocks", "call_id", "done", "id", "index", "kind", "name", "said", "tool")

    def __init__(self, kind: str, index: int | None) -> None:
        self.kind = kind
        self.index = index
        self.id: str | None = None
        self.call_id: str | None = None
        self.name = ""
        # The number of its call among the calls, once it is told.
        self.tool: int | None = None
        self.done = False
        self.said: dict[tuple[str, int], list[str]] = {}
        # The number of the reasoning block for each kind of thinking in it.
        self.blocks: dict[str, int] = {}
        self.annotated = 0

    def adopt(self, row: Row) -> None:
        """Learn who the item is from a telling of it; what was told first stands."""
        self.id = self.id or loose.text(row.get("id"))
        self.call_id = self.call_id or loose.text(row.get("call_id"))
        if not self.name and (name := loose.text(row.get("name"))):
            self.name = words.flat_name(loose.text(row.get("namespace")), name)

    def is_told_in(self, row: Row) -> bool:
        """Tell whether a row says by its ids that it is this item."""
        told = loose.text(row.get("call_id"))
        if told and self.call_id:
            return told == self.call_id
        return self.id is not None and self.id == row.get("id")

    def may_be(self, row: Row) -> bool:
        """Tell whether nothing but an id of the item's own, which some providers change, speaks against it."""
        told = loose.text(row.get("call_id"))
        return self.kind == kind_of(row) and not (told and self.call_id and told != self.call_id)

    def has_said(self, name: str) -> bool:
        return any(said == name for said, _ in self.said)

    def rest_of_part(self, name: str, part: int, whole: str) -> str:
        """Return what of one part, told whole, was not said in pieces; where they differ, what was said stands."""
        said = "".join(self.said.get((name, part), ()))
        return whole[len(said) :] if whole.startswith(said) else ""

    def rest(self, name: str, parts: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Yield the parts, or ends of parts, of a finished item that were not said in pieces."""
        said = "".join(piece for (told, _), pieces in self.said.items() if told == name for piece in pieces)
        for part, whole in enumerate(parts):
            known = min(len(whole), len(said))
            if whole[:known] != said[:known]:
                return
            said = said[known:]
            if len(whole) > known:
                yield part, whole[known:]


class Items:
    """All items of one answer, in the order of their first events."""

    def __init__(self) -> None:
        self._all: list[Item] = []
        self._by_index: dict[int, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of_event(self, kind: str, index: Any, item_id: Any) -> Item:
        """Return the item of a kind that an event about a piece of it speaks of."""
        held = self._by_index.get(index) if type(index) is int else self._without_index(kind, item_id)
        held = held or self._unplaced(item_id)
        if held is None or held.kind != kind or (held.done and held.id not in {None, item_id}):
            held = self._new(kind, index)
            held.id = loose.text(item_id)
        return held

    def of_row(self, row: Row, index: Any) -> Item:
        """Return the item that is told as a row."""
        kind = kind_of(row)
        held = self._by_index.get(index) if type(index) is int else None
        if held is not None and held.may_be(row) and (not held.done or held.is_told_in(row)):
            return held
        known = next((item for item in self._all if item.kind == kind and item.is_told_in(row)), None)
        if known is None:
            # Without places on both sides, the last one begun is meant.
            open_ones = (item for item in reversed(self._all) if not item.done and item.may_be(row))
            known = next((item for item in open_ones if type(index) is not int or item.index is None), None)
        return known or self._new(kind, index)

    def of_output(self, rows: list[Row]) -> list[Item]:
        """Return the items of a whole output, none of them twice: an answer's end tells everything again."""
        free = list(self._all)
        found: dict[int, Item] = {}
        ways: tuple[Callable[[Item, Row, int], bool], ...] = (
            lambda item, row, _: item.kind == kind_of(row) and item.is_told_in(row),
            lambda item, row, place: item.index == place and item.may_be(row),
            lambda item, row, _: item.may_be(row),
        )
        for is_it in ways:
            for place, row in enumerate(rows):
                item = next((item for item in free if is_it(item, row, place)), None) if place not in found else None
                if item is not None:
                    found[place] = item
                    free.remove(item)
        return [found.get(place) or self._new(kind_of(row), place) for place, row in enumerate(rows)]

    def _without_index(self, kind: str, item_id: Any) -> Item | None:
        known = next((item for item in self._all if item.id is not None and item.id == item_id), None)
        return known or next((item for item in reversed(self._all) if item.kind == kind and not item.done), None)

    def _unplaced(self, item_id: Any) -> Item | None:
        """Return an item that was begun without a place, by its own id."""
        return next((item for item in self._all if item.index is None and item.id and item.id == item_id), None)

    def _new(self, kind: str, index: Any) -> Item:
        place = index if type(index) is int else None
        item = Item(kind, place)
        self._all.append(item)
        if place is not None:
            self._by_index[place] = item
        return item


def kind_of(row: Row) -> str:
    """Return an item's type; one that has only a role is a message."""
    return loose.text(row.get("type")) or (words.MESSAGE if "role" in row else "")
