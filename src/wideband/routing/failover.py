"""Whom to ask next, and what to tell the caller when nobody is left."""

from collections.abc import Iterator
from typing import Any

import msgspec

from wideband.canon.availability import told
from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Endpoint
from wideband.routing.plans import Plan


class Failover:
    """The tries of one request: at most `limit`, no endpoint twice, though two of them may be under way at once.

    A request that a provider rejects is not shown to others who serve the same model, but to the next model. A key of
    the caller's own that is refused takes no try from the endpoints behind it.
    """

    def __init__(self, plan: Plan, limit: int) -> None:
        self._plan, self._limit = plan, limit
        self._tried: set[str] = set()
        self._closed_models: set[str] = set()
        self._refused: list[tuple[Endpoint, Fault]] = []
        self._is_over = False

    def ahead(self) -> Iterator[Endpoint]:
        """Yield the endpoints that may still be tried, the next one first."""
        if self._is_over or len(self._tried) >= self._limit:
            return
        for endpoint in self._plan.endpoints:
            if endpoint.id not in self._tried and endpoint.model not in self._closed_models:
                yield endpoint

    def next(self) -> Endpoint | None:
        """Take the endpoint to try next; None when there is none."""
        endpoint = next(self.ahead(), None)
        if endpoint is not None:
            self._tried.add(endpoint.id)
        return endpoint

    def refused(self, endpoint: Endpoint, fault: Fault) -> None:
        """Say that a try ended before the caller saw anything of it."""
        self._refused.append((endpoint, fault))
        if fault.kind is FaultKind.PROVIDER_AUTH and endpoint.own_key is not None:
            self._limit += 1
        if fault.kind is FaultKind.PROVIDER_REJECTED:
            self._closed_models.add(endpoint.model)
        elif not fault.rule.retryable:
            self._is_over = True

    def last_word(self) -> Fault:
        """Return what to tell the caller when no try committed."""
        if not self._refused:
            return self._plan.fault or Fault(kind=FaultKind.NO_ENDPOINTS, message="There is no endpoint to try.")
        return _last_word(self._refused)


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


def _availability(refused: list[tuple[Endpoint, Fault]], wait_s: float | None) -> dict[str, Any] | None:
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
    affected = list(dict.fromkeys(endpoint.provider.slug for endpoint, _ in refused))
    wait = {} if wait_s is None else {"retry_after": wait_s}
    return told(code, (endpoint.model for endpoint, _ in refused), affected_providers=affected, **wait)
