"""Why nobody could answer: the codes of `error.availability`, what each means and what to do about it."""

from collections.abc import Iterable
from typing import Any

import msgspec


class Availability(msgspec.Struct, frozen=True):
    """One code. `retryable` says whether the same request may go well later."""

    meaning: str
    remedy: str
    retryable: bool = False


# As OpenRouter names them (openrouter.md 8.2).
AVAILABILITY: dict[str, Availability] = {
    "model_not_found": Availability(
        "no model has this name", "ask for one of `fallback_models`, or look into GET /api/v1/models"
    ),
    "wrong_endpoint": Availability(
        "the model does something else than what was asked of it", "POST to the path that `constraint.detail` names"
    ),
    "no_endpoints": Availability(
        "the model is known and nobody serves it here", "set a provider's key: `wideband providers` says which"
    ),
    "model_unavailable_upstream": Availability(
        "every provider that lists the model says that it does not have it", "ask for another model"
    ),
    "capacity_exhausted": Availability(
        "every provider that was asked is rate-limiting", "try again after `retry_after` seconds", retryable=True
    ),
    "temporarily_unavailable": Availability(
        "every provider that was asked failed or did not answer",
        "try again after `retry_after` seconds",
        retryable=True,
    ),
    "privacy_restricted": Availability(
        "nobody left keeps to the data policy that was asked for", "relax `provider.data_collection` or `provider.zdr`"
    ),
    "constraint_filtered": Availability(
        "nobody left meets all that was asked for",
        "relax what `constraint.field` names; `excluded_by` says which filter",
    ),
    "free_variant_ended": Availability(
        "nobody serves the model for free", "ask for one of `fallback_models`, which cost money"
    ),
}


def told(code: str, models: Iterable[str], **more: Any) -> dict[str, Any]:
    """Return `error.availability` of a code: whether to try again, which models were asked for, each once, and more."""
    retryable = AVAILABILITY[code].retryable
    return {"code": code, "retryable": retryable, "requested_models": list(dict.fromkeys(models)), **more}
