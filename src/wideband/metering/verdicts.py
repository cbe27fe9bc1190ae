"""Judges what a model wrote for programs to read: its calls of tools, and text under a schema."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from wideband.canon.events import Event, TextDelta, ToolArgs, ToolOpened
from wideband.dialects.base import Ask, Offer
from wideband.metering.schemas import Allowance, compiled
from wideband.routing.plans import Verdict
from wideband.wire import jsons

# Of the arguments, and of the text, of one answer; more is not judged.
MOST_CHARS: Final = 256 * 1024

_BROKEN: Final = object()


class Call(msgspec.Struct, gc=False):
    """A call of a tool, with the pieces of its arguments as they come."""

    name: str
    pieces: list[str]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Heard:
    """What is kept of an answer to be judged: its calls, or its text, as far as either is wanted; bounded."""

    __slots__ = ("_calls", "_chars", "_text", "_text_chars", "refused", "wants_calls", "wants_text")

    def __init__(self, *, wants_calls: bool = False, wants_text: bool = False) -> None:
        self.wants_calls, self.wants_text = wants_calls, wants_text
        self.forget()

    @classmethod
    def of(cls, ask: Ask) -> "Heard":
        """Want what a request gives something to judge by."""
        return cls(wants_calls="tools" in ask.needs, wants_text="structured_outputs" in ask.needs)

    def beside(self) -> "Heard":
        """Return another that wants the same."""
        return Heard(wants_calls=self.wants_calls, wants_text=self.wants_text)

    def forget(self) -> None:
        """Begin anew, with another answer."""
        self.refused = False
        self._calls: dict[tuple[int, int], Call] = {}
        self._text: list[str] = []
        self._chars = self._text_chars = 0

    def opened(self, event: ToolOpened) -> None:
        """Take the beginning of a call; what a tool for free text is given fits no schema."""
        if self.wants_calls and not event.custom:
            self._calls[event.choice, event.index] = Call(event.name, [])
            self._chars += len(event.name)

    def argued(self, event: ToolArgs) -> None:
        """Take more of a call's arguments."""
        if (call := self._calls.get((event.choice, event.index))) is not None:
            self._chars += len(event.fragment)
            if self._chars <= MOST_CHARS:
                call.pieces.append(event.fragment)

    def said(self, event: Event) -> None:
        """Take more of the first choice's text."""
        if isinstance(event, TextDelta) and event.choice == 0:
            self._text_chars += len(event.text)
            if self._text_chars <= MOST_CHARS:
                self._text.append(event.text)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls, none where they are too long to be judged."""
        return tuple(self._calls.values()) if self._chars <= MOST_CHARS else ()

    @property
    def text(self) -> str | None:
        """The text; None where it is not wanted, was refused, or is too long to be judged."""
        is_judged = self.wants_text and not self.refused and self._text_chars <= MOST_CHARS
        return "".join(self._text) if is_judged else None


def judge(offer: Offer, calls: Iterable[Call], text: str | None) -> tuple[Verdict | None, Verdict | None]:
    """Return the verdicts on an answer's calls and on its text; None for either where there is nothing to judge.

    Calls are as bad as the first bad one among them. A schema that is missing or cannot be compiled is fitted by
    anything; work that would be too much is not begun.
    """
    allowance = Allowance()
    verdicts = [_of_call(offer, call, allowance) for call in calls]
    bad = next((verdict for verdict in verdicts if verdict not in (None, "valid")), None)
    tools = bad or (None if None in verdicts or not verdicts else "valid")
    return tools, None if text is None or offer.output is None else _of_text(text, offer.output, allowance)


def _of_call(offer: Offer, call: Call, allowance: Allowance) -> Verdict | None:
    arguments = call.arguments
    if not arguments.strip():
        # None at all are right for a function that needs none; one that needs some was sent no JSON.
        verdict = _fitted({}, offer.tools[call.name], allowance) if call.name in offer.tools else "unknown_name"
        return "invalid_json" if verdict == "schema_mismatch" else verdict
    value = _read(arguments)
    if value is _BROKEN:
        return "invalid_json"
    return _fitted(value, offer.tools[call.name], allowance) if call.name in offer.tools else "unknown_name"


def _of_text(text: str, schema: dict[str, Any], allowance: Allowance) -> Verdict | None:
    value = _read(text)
    return "invalid_json" if value is _BROKEN else _fitted(value, schema, allowance)


def _read(text: str) -> Any:
    try:
        return jsons.decode(text)
    except (jsons.DecodeError, UnicodeEncodeError):
        return _BROKEN


def _fitted(value: Any, schema: dict[str, Any] | None, allowance: Allowance) -> Verdict | None:
    if schema is None:
        return "valid"
    found = compiled(schema)
    fits = None if found is None else found.fits(value, allowance)
    return None if fits is None else "valid" if fits else "schema_mismatch"
