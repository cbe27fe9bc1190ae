"""The caller's `provider` object: what it may hold, and which endpoints a slug in it names."""

from collections.abc import Callable
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Json
from wideband.catalog.rows import NANO, Endpoint
from wideband.routing.plans import Preferences

# OpenRouter's four, and the two by which traffic is shared out: ours and OpenRouter's of old.
SORTS = frozenset({"price", "throughput", "latency", "exacto", "market", "inverse-square"})
# Endpoints under these suffixes cost or behave differently on purpose: a base slug does not name them.
TIERS = frozenset({"flex", "priority"})
PRICE_KEYS = ("prompt", "completion", "request", "image", "audio")
PERCENTILES = frozenset({"p50", "p75", "p90", "p99"})

# Rounding down keeps the comparison exact: prices are whole nano-dollars, so `price <= limit` iff `price <= floor`.
_MONEY = Context(prec=60, rounding=ROUND_FLOOR)
_MOST_USD = Decimal(1_000_000_000)
_MOST_DIGITS = 64
# What no wait and no speed exceeds; larger whole numbers do not fit a float.
_MOST_LIMIT = 10**12
# More than all providers and formats there are.
_MOST_SLUGS = 1000
_LONGEST_SLUG = 128

_NONE = Preferences()


def decode_preferences(raw: dict[str, Any]) -> Preferences:
    """Check a `provider` object; unknown keys are let through. Raises `Faulted` naming the field that is wrong."""
    if not raw:
        return _NONE
    found: dict[str, Any] = {}
    for key, value in raw.items():
        reader = _READERS.get(key)
        if reader is not None and value is not None:
            found.update(reader(f"provider.{key}", value))
    return Preferences(**found)


def names(slug: str, endpoint: Endpoint, tiers: frozenset[str] = frozenset()) -> bool:
    """Say whether a slug of `order`, `only` or `ignore` names an endpoint.

    A provider's slug or display name stands for all of its endpoints but the service tiers other than `tiers`; a slug
    with a suffix only for the endpoint with that very tag.
    """
    slug = slug.casefold()
    tag = endpoint.tag.casefold()
    if slug == tag:
        return True
    provider = endpoint.provider
    tier = tier_of(endpoint)
    return slug in (provider.slug.casefold(), provider.name.casefold()) and (tier is None or tier in tiers)


def tier_of(endpoint: Endpoint) -> str | None:
    """Return the service tier that an endpoint is, if any: it is used only by those who ask for it."""
    suffix = endpoint.tag.rpartition("/")[2].casefold()
    return suffix if suffix in TIERS else None


# The word that a request says -> the service tier that it asks for; every other word is the usual service.
_ASKED = {"fast": "priority", "flex": "flex", "priority": "priority", "ultrafast": "priority"}
_TIER_SORTS = {"flex": "price", "priority": "throughput"}


def in_service_tier(preferences: Preferences, word: str | None) -> Preferences:
    """Return the preferences with what a request's `service_tier` adds: a caller who orders providers has chosen."""
    tier = _ASKED.get((word or "").lower())
    if tier is None or preferences.order:
        return preferences
    return msgspec.structs.replace(
        preferences, tier=tier, tiers=preferences.tiers | {tier}, sort=preferences.sort or _TIER_SORTS[tier]
    )


def _slugs(field: str, value: Json) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(slug, str) for slug in given):
        raise invalid(f"{field} must be a list of strings.", field)
    if len(given) > _MOST_SLUGS:
        raise invalid(f"{field} must be a list of at most {_MOST_SLUGS} strings.", field)
    if any(len(slug) > _LONGEST_SLUG for slug in given):
        raise invalid(f"{field} holds a word of more than {_LONGEST_SLUG} letters.", field)
    return tuple(slug.strip() for slug in given if slug.strip())


def _flag(field: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{field} must be true or false.", field)
    return value


def _object(field: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise invalid(f"{field} must be an object.", field)
    return value


def _word(field: str, value: Json, words: frozenset[str]) -> str:
    if not isinstance(value, str) or value not in words:
        raise invalid(f"{field} must be one of {', '.join(sorted(words))}.", field)
    return value


def _sort(field: str, value: Json) -> dict[str, Any]:
    if isinstance(value, str):
        return {"sort": _word(field, value, SORTS)}
    given = _object(field, value)
    found = {}
    if given.get("by") is not None:
        found["sort"] = _word(f"{field}.by", given["by"], SORTS)
    if given.get("partition") is not None:
        found["sort_partition"] = _word(f"{field}.partition", given["partition"], frozenset({"model", "none"}))
    return found


def _max_price(field: str, value: Json) -> dict[str, Any]:
    given = _object(field, value)
    known = {key: given[key] for key in PRICE_KEYS if given.get(key) is not None}
    return {"max_price": {key: _nano(f"{field}.{key}", usd) for key, usd in known.items()}}


def _nano(field: str, usd: Json) -> int:
    """Return dollars as whole nano-dollars, rounded down. JSON numbers and decimal strings are both taken."""
    text = usd.strip() if isinstance(usd, str) else repr(usd) if _is_number(usd) else ""
    try:
        amount = _MONEY.create_decimal(text) if len(text) <= _MOST_DIGITS else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise invalid(f"{field} must be a price in US dollars.", field)
    return int(_MONEY.multiply(min(amount, _MOST_USD), Decimal(NANO)).to_integral_value(ROUND_FLOOR))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _percentiles(field: str, value: Json) -> dict[str, float]:
    """Return cut-offs by percentile; a bare number is the median's."""
    given = {"p50": value} if _is_number(value) else _object(field, value)
    for name, limit in given.items():
        if name in PERCENTILES and limit is not None and not (_is_number(limit) and 0 <= limit <= _MOST_LIMIT):
            raise invalid(f"{field}.{name} must be a number from 0 to {_MOST_LIMIT}.", f"{field}.{name}")
    return {name: float(limit) for name, limit in given.items() if name in PERCENTILES and limit is not None}


_READERS: dict[str, Callable[[str, Json], dict[str, Any]]] = {
    "order": lambda field, value: {"order": _slugs(field, value)},
    "only": lambda field, value: {"only": _slugs(field, value)},
    "ignore": lambda field, value: {"ignore": _slugs(field, value)},
    "allow_fallbacks": lambda field, value: {"allow_fallbacks": _flag(field, value)},
    "require_parameters": lambda field, value: {"require_parameters": _flag(field, value)},
    "data_collection": lambda field, value: {"data_collection": _word(field, value, frozenset({"allow", "deny"}))},
    "zdr": lambda field, value: {"zdr": _flag(field, value)},
    "enforce_distillable_text": lambda field, value: {"enforce_distillable_text": _flag(field, value)},
    "quantizations": lambda field, value: {"quantizations": tuple(q.casefold() for q in _slugs(field, value))},
    "sort": _sort,
    "max_price": _max_price,
    "preferred_min_throughput": lambda field, value: {"min_throughput": _percentiles(field, value)},
    "preferred_max_latency": lambda field, value: {"max_latency_s": _percentiles(field, value)},
    "hedge": lambda field, value: {"hedge": _flag(field, value)},
    "options": lambda field, value: {"options": _object(field, value)},
}
