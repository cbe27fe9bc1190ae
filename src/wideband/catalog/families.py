"""What the price lists leave out: facts about families of models, oddities of their endpoints, days of peak hours."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from wideband.catalog.rows import EndpointRow, Model, Override, Weekday


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts shared by the models whose ids fit `match` (glob patterns, any of them). None says nothing."""

    match: tuple[str, ...]
    tokenizer: str | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    supported_parameters: tuple[str, ...] | None = None
    open_weights: bool | None = None
    reasoning: bool | None = None
    max_output: int | None = None


class Oddity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quirks of a provider's endpoints for the models whose ids fit `match`."""

    provider: str
    match: tuple[str, ...]
    quirks: frozenset[str]


class PeakDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weekdays on which a provider's hours hold."""

    provider: str
    utc_days: tuple[Weekday, ...]


def with_families(models: Iterable[Model], families: Iterable[Family]) -> dict[str, Model]:
    """Return the models by id with the facts of their families; of several families the later wins."""
    known = tuple(families)
    refined: dict[str, Model] = {}
    for model in models:
        facts: dict[str, Any] = {}
        for family in known:
            if _fits(model.id, family.match):
                facts.update(_facts(family))
        refined[model.id] = msgspec.structs.replace(model, **facts)
    return refined


def with_oddities(rows: Iterable[EndpointRow], oddities: Iterable[Oddity]) -> list[EndpointRow]:
    """Return the rows with the quirks of their provider and model added."""
    known = tuple(oddities)
    return [msgspec.structs.replace(row, quirks=row.quirks.union(*_quirks(row, known))) for row in rows]


def with_peak_days(rows: Iterable[EndpointRow], peak_days: Iterable[PeakDays]) -> list[EndpointRow]:
    """Return the rows with the hours in their prices put on their provider's weekdays."""
    days = {each.provider: each.utc_days for each in peak_days}
    return [_on_days(row, days[row.provider]) if row.provider in days else row for row in rows]


def _quirks(row: EndpointRow, oddities: Iterable[Oddity]) -> list[frozenset[str]]:
    return [each.quirks for each in oddities if each.provider == row.provider and _fits(row.model, each.match)]


def _fits(model_id: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(model_id, pattern) for pattern in patterns)


def _on_days(row: EndpointRow, days: tuple[Weekday, ...]) -> EndpointRow:
    overrides = tuple(_timed_on(override, days) for override in row.price.overrides)
    return msgspec.structs.replace(row, price=msgspec.structs.replace(row.price, overrides=overrides))


def _timed_on(override: Override, days: tuple[Weekday, ...]) -> Override:
    return override if override.utc_start is None else msgspec.structs.replace(override, utc_days=days)


def _facts(family: Family) -> Mapping[str, Any]:
    return {
        name: value for name, value in msgspec.structs.asdict(family).items() if name != "match" and value is not None
    }
