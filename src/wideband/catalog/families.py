"""What is known of whole families of models, laid under what is known of each."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from wideband.catalog.rows import Model


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts shared by the models whose ids fit `match` (glob patterns, any of them). None says nothing."""

    match: tuple[str, ...]
    tokenizer: str | None = None
    input_modalities: tuple[str, ...] | None = None
    supported_parameters: tuple[str, ...] | None = None
    open_weights: bool | None = None
    reasoning: bool | None = None
    max_output: int | None = None

    def covers(self, model_id: str) -> bool:
        """Tell whether a model is of this family."""
        return any(fnmatchcase(model_id, pattern) for pattern in self.match)


def with_families(models: Iterable[Model], families: Iterable[Family]) -> dict[str, Model]:
    """Return the models by id with the facts of their families; of several families the later wins."""
    known = tuple(families)
    refined: dict[str, Model] = {}
    for model in models:
        facts: dict[str, Any] = {}
        for family in known:
            if family.covers(model.id):
                facts.update(_facts(family))
        refined[model.id] = msgspec.structs.replace(model, **facts)
    return refined


def _facts(family: Family) -> Mapping[str, Any]:
    return {
        name: value for name, value in msgspec.structs.asdict(family).items() if name != "match" and value is not None
    }
