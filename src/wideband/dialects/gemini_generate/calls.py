"""Function calls and what answers them, matched up: Gemini's clients often name neither, and then order tells."""

import msgspec


class _Call(msgspec.Struct, gc=False):
    id: str
    name: str
    told: str | None
    is_answered: bool = False


class Calls:
    """The calls of a conversation, read from its beginning.

    Ids that are missing are made of the place of a call, so that they are the same in every turn that repeats it.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._earlier: list[_Call] = []
        self._open: list[_Call] = []
        self._turn = 0
        self._orphans = 0

    def begin_turn(self, turn: int) -> None:
        """Take note that the model speaks: what it called before is found by its id alone from now on."""
        self._earlier.extend(self._open)
        self._open = []
        self._turn = turn

    def opened(self, name: str, told: str | None) -> str:
        """Return the id of the next call; `told` is its own, which it keeps unless another has it."""
        call_id = told or self._minted(len(self._open))
        if call_id in self._ids:
            call_id = self._minted(len(self._open))
        self._ids.add(call_id)
        self._open.append(_Call(call_id, name, told or None))
        return call_id

    def answered(self, name: str | None, told: str | None) -> str:
        """Return the id of the call that a result answers: by its id, else by name and order."""
        waiting = [call for call in self._open if not call.is_answered]
        found = self._by_id(waiting, name, told) or next((call for call in waiting if call.name == name), None)
        if found is None and name is None:
            found = next(iter(waiting), None)
        if found is not None:
            found.is_answered = True
            return found.id
        if told:
            return told
        self._orphans += 1
        return self._minted(self._orphans, "result")

    def _by_id(self, waiting: list[_Call], name: str | None, told: str | None) -> _Call | None:
        if not told:
            return None
        # Two calls of one id are told apart by name, then by order.
        same = [call for call in waiting if call.told == told]
        same = same or [call for call in self._earlier if not call.is_answered and call.told == told]
        return next((call for call in same if call.name == name), next(iter(same), None))

    def _minted(self, place: int, kind: str = "call") -> str:
        made = f"{kind}_{self._turn}_{place}"
        while made in self._ids:
            made += "x"
        return made
