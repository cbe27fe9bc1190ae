"""Tool calls in a stream: which call a piece belongs to, when pieces come without index, id, name or order."""

import hashlib
from typing import Any

from wideband.canon.events import Event, ToolArgs, ToolOpened
from wideband.dialects.loose import obj, rows, text
from wideband.wire import jsons


class _Call:
    __slots__ = ("custom", "held", "id", "name", "number", "place", "said")

    def __init__(self, place: int, call_id: str) -> None:
        self.place = place
        self.id = call_id
        self.name = ""
        self.custom = False
        # Which of the calls told so far it is; None while it is not told.
        self.number: int | None = None
        self.held: list[str] = []
        self.said: list[str] = []

    def is_whole(self) -> bool:
        """Tell whether the arguments said so far are a JSON object."""
        try:
            return isinstance(jsons.decode("".join(self.said).encode("utf-8", "replace")), dict)
        except jsons.DecodeError:
            return False


class Calls:
    """The calls of one choice, counted from 0 as they are told. `seed` makes missing ids unique."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._calls: list[_Call] = []
        self._told = 0
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def events(self, entries: Any, choice: int, *, whole: bool) -> list[Event]:
        """Read a `tool_calls` array; in a `whole` message every entry without an index is a call of its own."""
        events: list[Event] = []
        told: set[int] = set()
        for entry in rows(entries):
            custom = obj(entry.get("custom"))
            function = custom or obj(entry.get("function"))
            name, call_id = text(function.get("name")), text(entry.get("id"))
            fragment = _fragment(function.get("input" if custom else "arguments"))
            index = entry.get("index")
            call = self._find(index, call_id, name, whole=whole)
            # A name again, with no id to tell: in the same piece, or with arguments after whole ones, it is a new call.
            again = name and call.name and not call_id
            if again and (call.place in told or (fragment and call.is_whole())):
                call = self._new(None)
                if type(index) is int:
                    self._by_index[index] = call
            told.add(call.place)
            call.custom = call.custom or bool(custom)
            if name and not call.name:
                call.name = name
            if fragment:
                call.held.append(fragment)
                call.said.append(fragment)
            if call.name:
                events.extend(self._release(call, choice))
        return events

    def flush(self, choice: int) -> list[Event]:
        """Open the calls that never got a name, at the end."""
        return [event for call in self._calls if call.number is None for event in self._release(call, choice)]

    def _find(self, index: Any, call_id: str | None, name: str | None, *, whole: bool) -> _Call:
        if type(index) is int:
            held = self._by_index.get(index)
            # Some providers give every parallel call the index 0: a new id with a new name is a new call.
            if held is None or (call_id and name and held.name and call_id != held.id):
                held = self._by_index[index] = self._new(call_id)
            return held
        if call_id:
            known = next((call for call in self._calls if call.id == call_id), None)
            return known or self._new(call_id)
        last = self._calls[-1] if self._calls else None
        if last is None or whole or (name and last.name and name != last.name):
            return self._new(None)
        return last

    def _new(self, call_id: str | None) -> _Call:
        place = len(self._calls)
        call = _Call(place, call_id or self._mint(place))
        self._calls.append(call)
        return call

    def _mint(self, place: int) -> str:
        return "call_" + hashlib.sha256(f"{self._seed}:{place}".encode()).hexdigest()[:24]

    def _release(self, call: _Call, choice: int) -> list[Event]:
        events: list[Event] = []
        number = call.number
        if number is None:
            number = call.number = self._told
            self._told += 1
            events.append(ToolOpened(number, call.id, call.name, choice, call.custom))
        if call.held:
            events.append(ToolArgs(number, "".join(call.held), choice))
            call.held = []
        return events


def _fragment(arguments: Any) -> str:
    """Return a piece of the JSON text; some providers send the arguments as the object they mean."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else jsons.encode(arguments).decode()
