"""What to do after a try failed, as a generator: it yields endpoints and is told how each one went."""

from collections.abc import Generator

import msgspec

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Endpoint
from wideband.routing.plans import Committed, Plan, Refused


def tries(plan: Plan, limit: int) -> Generator[Endpoint, Committed | Refused, Fault | None]:
    """Yield endpoints to try, at most `limit`, none twice; return None once committed, else what to tell the caller.

    A request that a provider rejects is not shown to others who serve the same model, but to the next model.
    """
    tried: set[str] = set()
    closed_models: set[str] = set()
    refused: list[tuple[Endpoint, Fault]] = []
    for endpoint in plan.endpoints:
        if len(refused) >= limit:
            break
        if endpoint.id in tried or endpoint.model in closed_models:
            continue
        tried.add(endpoint.id)
        verdict = yield endpoint
        if isinstance(verdict, Committed):
            return None
        fault = verdict.fault
        refused.append((endpoint, fault))
        if fault.rule.retryable:
            continue
        if fault.kind is not FaultKind.PROVIDER_REJECTED:
            break
        closed_models.add(endpoint.model)
    if not refused:
        return plan.fault or Fault(kind=FaultKind.NO_ENDPOINTS, message="There is no endpoint to try.")
    return _last_word(refused)


def _last_word(refused: list[tuple[Endpoint, Fault]]) -> Fault:
    """Return the fault of the last try, with what is known of all: the earlier errors and the shortest wait."""
    endpoint, last = refused[-1]
    waits = [fault.retry_after_s for _, fault in refused if fault.retry_after_s is not None]
    details = dict(last.details)
    if len(refused) > 1:
        details["previous_errors"] = [
            {"provider": e.provider.name, "code": f.kind.value, "status": f.provider_status or f.status}
            for e, f in refused[:-1]
        ]
    availability = _availability(refused, min(waits, default=None))
    if availability:
        details["availability"] = availability
    message = last.message
    if len(refused) > 1 and all(fault.kind is FaultKind.PROVIDER_RATE_LIMITED for _, fault in refused):
        message = f"All {len(refused)} providers that could serve this are rate-limiting. The last one said: {message}"
    return msgspec.structs.replace(
        last,
        message=message,
        provider=last.provider or endpoint.provider.slug,
        retry_after_s=min(waits, default=None) if last.rule.retryable else last.retry_after_s,
        details=details,
    )


def _availability(refused: list[tuple[Endpoint, Fault]], wait_s: float | None) -> dict[str, object] | None:
    """Say in `error.availability` words what all tries had in common; None when that is nothing."""
    kinds = {fault.kind for _, fault in refused}
    if kinds == {FaultKind.PROVIDER_RATE_LIMITED}:
        code = "capacity_exhausted"
    elif kinds == {FaultKind.PROVIDER_MISSING}:
        code = "model_unavailable_upstream"
    elif all(fault.rule.counts_as_down for _, fault in refused):
        code = "temporarily_unavailable"
    else:
        return None
    found: dict[str, object] = {
        "code": code,
        "retryable": code != "model_unavailable_upstream",
        "requested_models": list(dict.fromkeys(endpoint.model for endpoint, _ in refused)),
        "affected_providers": list(dict.fromkeys(endpoint.provider.slug for endpoint, _ in refused)),
    }
    if wait_s is not None:
        found["retry_after"] = wait_s
    return found
