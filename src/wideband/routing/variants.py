"""Variants: what the `:words` behind a model's name ask for, one row each."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wideband.catalog.rows import Catalogue, Endpoint
from wideband.routing.filters import is_free
from wideband.routing.plans import Preferences


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What one variant does to a request's preferences.

    `sort` orders the endpoints, `admits` lets a service tier in, `free` narrows to endpoints without a price: a model
    of its own in the lists, as far as anybody serves it. `web` narrows to those who search the web themselves.
    """

    meaning: str
    sort: str | None = None
    admits: str | None = None
    free: bool = False
    web: bool = False


VARIANTS: dict[str, Variant] = {
    "nitro": Variant(
        meaning="the most tokens a second first (`sort: throughput`); `priority` endpoints are let in",
        sort="throughput",
        admits="priority",
    ),
    "floor": Variant(
        meaning="the cheapest first (`sort: price`); `flex` endpoints are let in", sort="price", admits="flex"
    ),
    "exacto": Variant(meaning="the best known quality first (`sort: exacto`)", sort="exacto"),
    "free": Variant(
        meaning="only endpoints whose every price is zero at all times; 404 `free_variant_ended` when there is none",
        free=True,
    ),
    "online": Variant(
        meaning="only providers that search the web themselves, which are asked to; 404 when there is none", web=True
    ),
}

# No model's name is longer, with all that may stand behind it; nobody looks for what is.
LONGEST_NAME = 512
# A note for the client ("[1m]") may stand behind the variants.
_NOTE = re.compile(r"\[[^\]]*\]$")


class Named(msgspec.Struct, frozen=True):
    """The model that a name stands for, and the variants behind it in the order in which they were written."""

    model: str
    variants: tuple[str, ...] = ()


def find_model(name: str, catalogue: Catalogue) -> Named | None:
    """Return what a name stands for; None when nothing bears it, or its variant is none.

    A name that something bears with its colon stands for that.
    """
    if name in catalogue.models:
        return Named(name)
    if len(name) > LONGEST_NAME:
        return None
    base = _NOTE.sub("", name)
    note = name[len(base) :]
    variants: list[str] = []
    while not catalogue.bears(base):
        rest, _, word = base.rpartition(":")
        if word not in VARIANTS:
            break
        base, variants = rest, [word, *variants]
    model = catalogue.resolve(base + note)
    if model is not None:
        return Named(model, tuple(variants))
    model = catalogue.resolve(name)
    return None if model is None else Named(model)


def refined(preferences: Preferences, variants: Iterable[str]) -> Preferences:
    """Return the preferences with what variants add: they are of this model alone, so theirs win, the last first."""
    changes: dict[str, Any] = {}
    for name in variants:
        row = VARIANTS[name]
        if row.sort is not None:
            changes["sort"] = row.sort
        if row.admits is not None and not preferences.order:
            changes["tiers"] = changes.get("tiers", preferences.tiers) | {row.admits}
        if row.free:
            changes["free"] = True
        if row.web:
            changes["web"] = True
    return msgspec.structs.replace(preferences, **changes) if changes else preferences


def listed(named: Named, catalogue: Catalogue) -> tuple[str, Sequence[Endpoint]]:
    """Return under which id a name's model is listed, and its endpoints: variants that only order are left out."""
    endpoints: Sequence[Endpoint] = catalogue.endpoints.get(named.model, ())
    narrow = next((name for name in named.variants if VARIANTS[name].free), None)
    if narrow is None:
        return named.model, endpoints
    return f"{named.model}:{narrow}", [endpoint for endpoint in endpoints if is_free(endpoint)]
