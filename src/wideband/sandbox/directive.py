"""Directions to the simulated providers, written in a prompt: `[[sandbox tokens=120 fault=hang@aurora seed=7]]`.

| word | meaning |
|---|---|
| `tokens=N` | the answer is N tokens long (reasoning included), cut at max_tokens |
| `fault=KIND` | this request fails so at every provider; `KIND@aurora` only there; `none` never; several by comma |
| `seed=N` | another answer to the same words |
| `calls=N` | call so many of the offered tools (0: none) |
| `tool=NAME` | call this tool |
| `ids=1` | give tool calls ids where the protocol leaves them out (Gemini) |
| `keep=NAME` | keep the request as it came, to be read at `GET /kept/NAME` |
| `ttft_ms=N`, `tps=N` | time to first token and tokens per second, instead of drawn ones |
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

OPENING = b"[[sandbox "
_DIRECTIVE = re.compile(rb"\[\[sandbox ([^\]\"\\]{1,400})\]\]")


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """What a prompt asks of the simulation. `faults` holds (kind, provider or "" for all)."""

    tokens: int | None = None
    faults: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    calls: int | None = None
    tool: str | None = None
    ids: int | None = None
    keep: str | None = None
    ttft_ms: int | None = None
    tps: int | None = None

    def fault_at(self, provider: str) -> str | None:
        """Return the kind of failure ordered from a provider ("none" for none), or None when nothing was ordered."""
        for kind, where in self.faults:
            if not where or where in {provider, provider.removeprefix("sim-")}:
                return kind
        return "none" if self.faults else None


NOTHING = Directive()


def _faults(text: str) -> tuple[tuple[str, str], ...]:
    parted = (item.partition("@") for item in text.split(",") if item)
    return tuple((kind, where) for kind, _, where in parted)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


_WORDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "tokens": ("tokens", _count),
    "fault": ("faults", _faults),
    "seed": ("seed", _count),
    "calls": ("calls", _count),
    "tool": ("tool", str),
    "ids": ("ids", _count),
    "keep": ("keep", str),
    "ttft_ms": ("ttft_ms", _count),
    "tps": ("tps", _count),
}


def find(body: bytes) -> Directive:
    """Read the last directive in a request's bytes; words it does not know are passed over."""
    at = body.rfind(OPENING)
    found = _DIRECTIVE.match(body, at) if at >= 0 else None
    if found is None:
        return NOTHING
    values: dict[str, Any] = {}
    for word in found[1].decode("utf-8", "replace").split():
        name, _, text = word.partition("=")
        if name in _WORDS:
            field, read = _WORDS[name]
            if (value := read(text)) is not None:
                values[field] = value
    return Directive(**values)
