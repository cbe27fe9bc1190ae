"""What the gateway tells about its own decisions: the opt-in router metadata, and faults enriched with them."""

import difflib
from functools import reduce
from typing import Any

import msgspec

from wideband.canon.availability import told
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.request import Loss, Task
from wideband.catalog.money import usd_from_nano
from wideband.catalog.rows import NANO, Catalogue, Endpoint, Model
from wideband.dialects.base import Dialect
from wideband.metering.record import Try
from wideband.routing.plans import Plan
from wideband.routing.variants import LONGEST_NAME, VARIANTS, find_model

# Where a client can read what a code of `error.availability` means.
AVAILABILITY_PATH = "/api/v1/availability"
# Faults of a try whose retry could succeed, so that clients' own retries wait instead of hammering.
DEFAULT_RETRY_AFTER_S = 1.0
# What clients that are told in the middle of a stream, where there is no status, go by (clients.md 4).
_RETRY = "You can retry your request."
# Of the faults that may pass, those that will not without somebody's doing.
_LASTING = frozenset({FaultKind.PROVIDER_AUTH, FaultKind.PROVIDER_MISSING})
# A shorter key ("none", "EMPTY") is no secret, and its letters may stand anywhere.
_SHORTEST_SECRET = 6
# Answers that a client gets again when it sends the same again.
FINAL = frozenset({400, 401, 402, 403, 404, 413, 422})


def unknown_model(name: str, catalogue: Catalogue) -> Fault:
    """Say that no model has this name, with the nearest names there are."""
    if len(name) > LONGEST_NAME:
        name = f"{name[:40]}..."
    base, colon, variant = name.rpartition(":")
    named = find_model(base, catalogue) if colon else None
    if named is not None:
        known = ", ".join(f"`:{one}`" for one in sorted(VARIANTS))
        return _no_such_model(
            f"`{named.model}` has no variant `:{variant}`. Variants are {known}.", name, [named.model]
        )
    near = difflib.get_close_matches(name, catalogue.models, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(f'`{one}`' for one in near)}?" if near else ""
    message = f"`{name}` is not a valid model ID.{hint} GET /api/v1/models lists the models you can use."
    return _no_such_model(message, name, near)


def _no_such_model(message: str, name: str, near: list[str]) -> Fault:
    return Fault(
        kind=FaultKind.MODEL_NOT_FOUND,
        message=message,
        param="model",
        details={"availability": told("model_not_found", [name], fallback_models=near)},
    )


# Where what is asked for by which task.
_PATHS: dict[Task, str] = {"generate": "/chat/completions", "embed": "/embeddings", "rerank": "/rerank"}


def wrong_task(model: Model) -> Fault:
    """Say that a model does something else, and where to ask it."""
    path = f"/api/v1{_PATHS[model.task]}"
    constraint = {"field": "model", "detail": path}
    return Fault(
        kind=FaultKind.INVALID_REQUEST,
        message=f"`{model.id}` cannot be asked here: POST to {path}.",
        param="model",
        details={"availability": told("wrong_endpoint", [model.id], constraint=constraint)},
    )


def router_metadata(
    requested: str, plan: Plan, tried: tuple[Try, ...], served: Endpoint | None, losses: list[Loss]
) -> dict[str, Any]:
    """Return `openrouter_metadata` (openrouter.md 8.5) with the whole funnel and every try."""
    provider = served.provider.name if served else None
    return {
        "requested": requested,
        "strategy": plan.strategy,
        "region": None,
        "summary": _summary(plan, tried, provider),
        "attempt": len(tried),
        "is_byok": served is not None and served.own_key is not None,
        "endpoints": {
            "total": plan.total,
            "available": [
                {
                    "provider": endpoint.provider.name,
                    "model": endpoint.model,
                    "selected": served is not None and endpoint.id == served.id,
                    "share": round(row.share, 6),
                    "expected_cost": usd_from_nano(row.cost_nano),
                    "note": row.note,
                }
                for endpoint, row in zip(plan.endpoints, plan.weighed, strict=True)
            ],
        },
        "attempts": [
            {
                "provider": one.provider_name,
                "model": one.model,
                "status": one.status,
                "fault": one.fault,
                "duration_ms": one.duration_ms,
                "ttft_ms": one.ttft_ms,
                **({"is_byok": True} if one.is_byok else {}),
                **_hedging(one),
            }
            for one in tried
        ],
        "routing_funnel": [step.shown for step in plan.funnel],
        "losses": [{"feature": loss.feature, "detail": loss.detail} for loss in losses],
        "simulated": served.simulated if served else False,
    }


def _hedging(one: Try) -> dict[str, Any]:
    """Say of a try that it ran beside another, and what it may have cost in USD though nobody is charged for it."""
    shown: dict[str, Any] = {"hedge": True} if one.hedge else {}
    return shown | {"wasted_cost": one.wasted_nano / NANO} if one.wasted_nano else shown


def _summary(plan: Plan, tried: tuple[Try, ...], provider: str | None) -> str:
    shown = f"available={len(plan.endpoints)}"
    return f"{shown}, served by {provider} at try {len(tried)}" if provider else f"{shown}, tried {len(tried)}"


def without_secret(fault: Fault, secret: str | None) -> Fault:
    """Return the fault with a provider's key blotted out: some repeat it in the words with which they refuse it."""
    if secret is None or len(secret) < _SHORTEST_SECRET:
        return fault

    # In the bytes of a JSON answer it may be escaped, a slash in two ways.
    escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
    forms = {secret, escaped, escaped.replace("/", "\\/")}

    def blotted(text: str | None) -> str | None:
        return text and reduce(_without, forms, text)

    return msgspec.structs.replace(
        fault,
        message=blotted(fault.message),
        param=blotted(fault.param),
        provider_code=blotted(fault.provider_code),
        raw=blotted(fault.raw),
    )


def _without(text: str, secret: str) -> str:
    """Blot a key out of a text, also where the text was cut in the middle of it."""
    text = text.replace(secret, "[key]")
    start = text.rfind(secret[:_SHORTEST_SECRET])
    return f"{text[:start]}[key]" if start >= 0 and secret.startswith(text[start:]) else text


def of_own_key(fault: Fault) -> Fault:
    """Return the fault of a try that was made with the account's own key, saying so."""
    return msgspec.structs.replace(fault, details={**fault.details, "is_byok": True})


def for_caller(fault: Fault, provider_name: str | None, router: dict[str, Any] | None) -> Fault:
    """Return the fault with what the caller may know of the router's part in it."""
    details = dict(fault.details)
    if provider_name is not None:
        details.setdefault("provider_name", provider_name)
    if router is not None:
        details["openrouter_metadata"] = router
    if "availability" in details:
        known = details["availability"]
        details["availability"] = {**known, "docs_url": f"{AVAILABILITY_PATH}/{known['code']}"}
    retry_after_s = fault.retry_after_s
    # What one endpoint refused another may take, but the same request will be refused again.
    passing = fault.status in {429, 503} or (fault.rule.retryable and fault.status not in FINAL)
    if retry_after_s is None and passing:
        retry_after_s = DEFAULT_RETRY_AFTER_S
    message = fault.message
    if fault.kind is FaultKind.PROVIDER_AUTH:
        # In the provider's words alone it would read as if the caller's own key were wrong.
        whose = "your own key there" if "is_byok" in details else "the key or account that this server has there"
        message = f"{provider_name or 'The provider'} refused {whose}: {message}"
    if passing and fault.status >= 500 and fault.kind not in _LASTING:
        message = f"{message.rstrip('.')}. {_RETRY}"
    return msgspec.structs.replace(fault, message=message, details=details, retry_after_s=retry_after_s)


def status(fault: Fault, dialect: Dialect) -> int:
    """Return the status of an error answer: the rule's, unless this protocol's clients need another."""
    return dialect.statuses.get(fault.kind, fault.status)


def fault_headers(fault: Fault, status: int, generation_id: str | None) -> dict[str, str]:
    """Return the headers of an error answer of a status. Clients' retries are steered by them (clients.md 4)."""
    headers = {"content-type": "application/json"}
    if generation_id is not None:
        headers["x-generation-id"] = generation_id
    if fault.status in FINAL:
        headers["x-should-retry"] = "false"
    elif fault.retry_after_s is not None or status == 429:
        headers["retry-after"] = str(max(1, round(fault.retry_after_s or DEFAULT_RETRY_AFTER_S)))
    return headers
