"""What is asked of the response cache: the headers, what a preset says, and where an answer would be kept."""

import hashlib
import re
from collections.abc import Mapping

import msgspec

from wideband.dialects.base import Ask
from wideband.wire import jsons

DEFAULT_TTL_S = 300
LONGEST_TTL_S = 86_400

_CACHE, _TTL, _CLEAR = b"x-openrouter-cache", b"x-openrouter-cache-ttl", b"x-openrouter-cache-clear"
_DIGITS = re.compile(rb"\s*(\d+)")
_SWITCH = {b"true": True, b"false": False}


class CacheWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of the response cache; None leaves it to the preset. `clear` asks anew."""

    enabled: bool | None = None
    ttl_s: int | None = None
    clear: bool = False


class Slot(msgspec.Struct, frozen=True):
    """The place of a request's answer in the cache, and how long it may stay there."""

    key: bytes
    ttl_s: int


def read_wish(headers: Mapping[bytes, bytes]) -> CacheWish | None:
    """Return what the headers of a request say; None when they say nothing, as nearly all do."""
    if _CACHE not in headers and _TTL not in headers and _CLEAR not in headers:
        return None
    digits = _DIGITS.match(headers.get(_TTL, b""))
    return CacheWish(
        enabled=_switch(headers.get(_CACHE)),
        # Longer numbers than these mean the same and take long to read.
        ttl_s=min(max(int(digits[1][:18]), 1), LONGEST_TTL_S) if digits else None,
        clear=_switch(headers.get(_CLEAR)) is True,
    )


def settled(said: CacheWish | None, enabled: bool | None = None, ttl_s: int | None = None) -> CacheWish | None:
    """Return what holds for a request whose preset says `enabled` and `ttl_s`; None when its answer is not cached.

    A preset that switches the cache off cannot be overridden; its lifetime can.
    """
    said = said or CacheWish()
    wants = False if enabled is False else enabled if said.enabled is None else said.enabled
    if not wants:
        return None
    return CacheWish(enabled=True, ttl_s=said.ttl_s or ttl_s or DEFAULT_TTL_S, clear=said.clear)


def forbids_keeping(ask: Ask) -> bool:
    """Say whether a request asks that nobody keeps anything of it: then we do not either."""
    return ask.preferences.get("zdr") is True or ask.preferences.get("data_collection") == "deny"


def slot_key(key_hash: str, ask: Ask, passed: Mapping[str, Mapping[str, str]], body: bytes) -> bytes:
    """Return the key of a request's answer: the same only for the same body asked with the same API key.

    White space outside of strings is nothing, the order of fields is something. `passed` are the caller's headers that
    providers get.
    """
    body_hash = hashlib.sha256(jsons.compact(body)).hexdigest()
    parts = (key_hash, ask.dialect, ask.model, ask.stream, ask.framing, passed, body_hash)
    return hashlib.sha256(jsons.encode(parts)).digest()


def _switch(value: bytes | None) -> bool | None:
    return None if value is None else _SWITCH.get(value.strip().lower())
