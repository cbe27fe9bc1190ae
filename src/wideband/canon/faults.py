"""What can go wrong, as values, with the one table that says what follows from each kind."""

from enum import StrEnum
from typing import Any

import msgspec


class FaultKind(StrEnum):
    """One name per thing that can go wrong; the facts about each stand in `RULES`."""

    # The caller's request.
    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH = "context_length_exceeded"
    CONTENT_POLICY = "content_policy_violation"
    MODEL_NOT_FOUND = "model_not_found"
    AUTHENTICATION = "authentication"
    PAYMENT_REQUIRED = "payment_required"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NO_ENDPOINTS = "no_endpoints"
    REQUEST_TIMEOUT = "request_timeout"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    UNPROCESSABLE = "unprocessable"
    RATE_LIMITED = "rate_limit_exceeded"
    CANCELLED = "cancelled"
    # A provider's answer, or the lack of one.
    PROVIDER_ERROR = "provider_error"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_OVERLOADED = "provider_overloaded"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    PROVIDER_AUTH = "provider_auth"
    PROVIDER_MISSING = "provider_missing"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_STALLED = "provider_stalled"
    PROVIDER_CUT = "provider_cut"
    PROVIDER_GARBLED = "provider_garbled"
    # Ours.
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class Rule(msgspec.Struct, frozen=True):
    """What follows from a kind of fault.

    `status` is what the caller gets; `retryable` lets failover try another endpoint; `blames_provider` puts it in
    the endpoint's record; `counts_as_down` makes it count against uptime; `error_type` is the stable public name.
    """

    status: int
    retryable: bool
    blames_provider: bool
    counts_as_down: bool
    error_type: str


RULES: dict[FaultKind, Rule] = {
    FaultKind.INVALID_REQUEST: Rule(400, False, False, False, "invalid_request"),
    FaultKind.CONTEXT_LENGTH: Rule(400, True, False, False, "context_length_exceeded"),
    FaultKind.CONTENT_POLICY: Rule(403, True, False, False, "content_policy_violation"),
    FaultKind.MODEL_NOT_FOUND: Rule(400, False, False, False, "invalid_request"),
    FaultKind.AUTHENTICATION: Rule(401, False, False, False, "authentication"),
    FaultKind.PAYMENT_REQUIRED: Rule(402, False, False, False, "payment_required"),
    FaultKind.PERMISSION_DENIED: Rule(403, False, False, False, "permission_denied"),
    FaultKind.NOT_FOUND: Rule(404, False, False, False, "not_found"),
    FaultKind.METHOD_NOT_ALLOWED: Rule(405, False, False, False, "invalid_request"),
    FaultKind.NO_ENDPOINTS: Rule(404, False, False, False, "not_found"),
    FaultKind.REQUEST_TIMEOUT: Rule(408, False, False, False, "timeout"),
    FaultKind.PAYLOAD_TOO_LARGE: Rule(413, False, False, False, "payload_too_large"),
    FaultKind.HEADERS_TOO_LARGE: Rule(431, False, False, False, "payload_too_large"),
    FaultKind.UNPROCESSABLE: Rule(422, False, False, False, "unprocessable"),
    FaultKind.RATE_LIMITED: Rule(429, False, False, False, "rate_limit_exceeded"),
    FaultKind.CANCELLED: Rule(499, False, False, False, "invalid_request"),
    FaultKind.PROVIDER_ERROR: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.PROVIDER_UNREACHABLE: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.PROVIDER_OVERLOADED: Rule(503, True, True, True, "provider_overloaded"),
    FaultKind.PROVIDER_RATE_LIMITED: Rule(429, True, True, False, "rate_limit_exceeded"),
    FaultKind.PROVIDER_AUTH: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.PROVIDER_MISSING: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.PROVIDER_REJECTED: Rule(400, False, False, False, "invalid_request"),
    FaultKind.PROVIDER_TIMEOUT: Rule(504, True, True, True, "timeout"),
    FaultKind.PROVIDER_STALLED: Rule(504, True, True, True, "timeout"),
    FaultKind.PROVIDER_CUT: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.PROVIDER_GARBLED: Rule(502, True, True, True, "provider_unavailable"),
    FaultKind.UNAVAILABLE: Rule(503, False, False, False, "provider_overloaded"),
    FaultKind.INTERNAL: Rule(500, False, False, False, "server"),
}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went wrong, said so that a person can act on it.

    `param` names the request field at fault. `provider` is a provider slug. `raw` is an excerpt of the provider's
    own words (never ours, never a key). `details` goes to the caller as `error.metadata`.
    """

    kind: FaultKind
    message: str
    param: str | None = None
    provider: str | None = None
    provider_status: int | None = None
    provider_code: str | None = None
    retry_after_s: float | None = None
    raw: str | None = None
    details: dict[str, Any] = {}

    @property
    def rule(self) -> Rule:
        return RULES[self.kind]

    @property
    def status(self) -> int:
        return RULES[self.kind].status


class Faulted(Exception):  # noqa: N818  named after what it carries
    """The only exception raised on purpose: carries a `Fault` across frames."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def invalid(message: str, param: str | None = None) -> Faulted:
    """Make the exception for a request the caller has to change."""
    return Faulted(Fault(kind=FaultKind.INVALID_REQUEST, message=message, param=param))


def garbled(message: str) -> Faulted:
    """Make the exception for a provider's answer that cannot be read."""
    return Faulted(Fault(kind=FaultKind.PROVIDER_GARBLED, message=message))
