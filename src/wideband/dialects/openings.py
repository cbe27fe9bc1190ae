"""How a conversation begins, what was asked last, and how long its cache marks ask to be kept: read off typed probes.

Only the ends of a conversation are looked at, and its texts are cut, never copied whole.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from wideband.dialects import loose
from wideband.dialects.base import OPENING_CHARS
from wideband.wire import jsons

# What clients put beside the words of a person: it may change from turn to turn, or be the same in all conversations.
ASIDES: Final = ("<system-reminder>", "<environment_context>", "<user_instructions>", "x-anthropic-billing-header:")
_ASIDE_HEADS: Final = frozenset(aside[0] for aside in ASIDES)

# A mark that names no lifetime asks for the shortest there is.
_PLAIN_MARK_S: Final = 300
_LONGEST_S: Final = 86_400
_TTL: Final = re.compile(rb'"ttl"\s*:\s*"([^"]{1,16})"')
_LIFETIME: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LIFETIMES: Final = ("cache_control", "prompt_cache_options", "prompt_cache_retention")
_NO_MARK: Final = msgspec.Raw()
_SYSTEM: Final = frozenset({"system", "developer"})


class Part(Protocol):
    """A part of a turn: its text, where it has one."""

    @property
    def text(self) -> str | None: ...


Content = str | Sequence[Part | str] | None


class Marked(Protocol):
    """What may bear a cache mark, as its bytes."""

    @property
    def cache_control(self) -> msgspec.Raw: ...


class Turn(Protocol):
    """A message; the roles that count are user, system and developer."""

    @property
    def role(self) -> str | None: ...
    @property
    def content(self) -> Content: ...


def _is_aside(text: str) -> bool:
    return text[0] in _ASIDE_HEADS and text.startswith(ASIDES)


def words(content: Content) -> str:
    """Return the first text that is no aside, else the first text at all, cut to `OPENING_CHARS`."""
    if content is None or isinstance(content, str):
        return content[:OPENING_CHARS] if content else ""
    aside = ""
    for part in content:
        text = part if isinstance(part, str) else part.text
        if text:
            if not _is_aside(text):
                return text[:OPENING_CHARS]
            aside = aside or text[:OPENING_CHARS]
    return aside


def ends(turns: Sequence[Turn], system: Content = None) -> tuple[str, str]:
    """Return how a conversation begins, and what was asked last.

    It begins with the first system text and, on a line after it, the first words of the first user turns: what follows
    the first answer is not looked at, so whatever a conversation grows by leaves its beginning as it is.
    """
    head, user, begun = words(system), "", False
    for turn in turns:
        role = turn.role
        if role == "user":
            begun = True
            said = words(turn.content)
            if said and not _is_aside(said):
                return f"{head}\n{said}", said if turn is turns[-1] else _asking(turns)
            user = user or said
        elif begun:
            break
        elif not head and role in _SYSTEM:
            head = words(turn.content)
    return f"{head}\n{user}", _asking(turns)


def _asking(turns: Sequence[Turn]) -> str:
    """Return the words of the newest user turn that has any beside asides and results of tools."""
    aside = ""
    for turn in reversed(turns):
        if turn.role == "user":
            said = words(turn.content)
            if said and not _is_aside(said):
                return said
            aside = aside or said
    return aside


def mark_s(mark: msgspec.Raw) -> int:
    """Return how many seconds a `cache_control` asks for; 0 for none."""
    told = bytes(mark)
    if not told.startswith(b"{"):
        return 0
    found = _TTL.search(told)
    return lifetime_s(found[1].decode("utf-8", "replace")) or _PLAIN_MARK_S if found else _PLAIN_MARK_S


def lifetime_s(word: str | None) -> int:
    """Return the seconds of a word such as "30m", "24h" or "in_memory", at most a day; 0 for any other."""
    if word == "in_memory":
        return _PLAIN_MARK_S
    found = _LIFETIME.fullmatch(word or "")
    return min(int(found[1]) * _SECONDS[found[2]], _LONGEST_S) if found else 0


def lasting_s(fields: dict[str, msgspec.Raw], longest_s: int) -> int | None:
    """Return the longest lifetime that a body asks for: at its top level, or in its parts, where it is `longest_s`.

    None where nothing asks for any.
    """
    if not fields.keys().isdisjoint(_LIFETIMES):
        options = loose.obj(jsons.plain(fields.get("prompt_cache_options")))
        longest_s = max(
            longest_s,
            mark_s(fields.get("cache_control", _NO_MARK)),
            lifetime_s(loose.text(options.get("ttl"))),
            lifetime_s(loose.text(jsons.plain(fields.get("prompt_cache_retention")))),
        )
    return longest_s or None


def marked_s(rows: Iterable[Marked]) -> int:
    """Return the longest lifetime that the marks of some rows ask for; 0 without any."""
    longest_s = 0
    for row in rows:
        if row.cache_control:
            longest_s = max(longest_s, mark_s(row.cache_control))
    return longest_s
