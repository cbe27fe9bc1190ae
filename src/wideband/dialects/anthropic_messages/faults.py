"""Error objects of the Messages protocol, both ways."""

import re
from typing import Any

import msgspec

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.excerpts import STATUSES, excerpt, kind_of_status, masked, unsaid
from wideband.wire import jsons

# OpenRouter's table of error types in Anthropic's words; what is not here is an `api_error`.
_WORDS: dict[str, str] = {
    "authentication": "authentication_error",
    "content_policy_violation": "invalid_request_error",
    "context_length_exceeded": "invalid_request_error",
    "invalid_request": "invalid_request_error",
    "not_found": "not_found_error",
    "payload_too_large": "request_too_large",
    "payment_required": "billing_error",
    "permission_denied": "permission_error",
    "provider_overloaded": "overloaded_error",
    "rate_limit_exceeded": "rate_limit_error",
    "timeout": "timeout_error",
    "unprocessable": "invalid_request_error",
}

_KINDS: dict[str, FaultKind] = {
    "api_error": FaultKind.PROVIDER_ERROR,
    "authentication_error": FaultKind.PROVIDER_AUTH,
    "billing_error": FaultKind.PROVIDER_AUTH,
    "invalid_request_error": FaultKind.PROVIDER_REJECTED,
    "not_found_error": FaultKind.PROVIDER_MISSING,
    "overloaded_error": FaultKind.PROVIDER_OVERLOADED,
    "permission_error": FaultKind.PROVIDER_AUTH,
    "rate_limit_error": FaultKind.PROVIDER_RATE_LIMITED,
    "request_too_large": FaultKind.PAYLOAD_TOO_LARGE,
    "timeout_error": FaultKind.PROVIDER_TIMEOUT,
}

_STATUSES = STATUSES | {
    413: FaultKind.PAYLOAD_TOO_LARGE,
    524: FaultKind.PROVIDER_TIMEOUT,
    529: FaultKind.PROVIDER_OVERLOADED,
}

# Anthropic says several different things under `invalid_request_error`; only its words tell them apart.
_PHRASES: tuple[tuple[str, FaultKind], ...] = (
    ("prompt is too long", FaultKind.CONTEXT_LENGTH),
    ("input is too long for requested model", FaultKind.CONTEXT_LENGTH),
    ("exceed context limit", FaultKind.CONTEXT_LENGTH),
    ("exceeds the context window", FaultKind.CONTEXT_LENGTH),
    ("content filtering policy", FaultKind.CONTENT_POLICY),
    ("credit balance is too low", FaultKind.PROVIDER_AUTH),
)

# Of OpenRouter's finer types, those that Anthropic's own words hide; a gateway behind this one says them.
_FINE_KINDS: dict[str, FaultKind] = {
    "content_policy_violation": FaultKind.CONTENT_POLICY,
    "context_length_exceeded": FaultKind.CONTEXT_LENGTH,
}


# Claude Code makes a conversation shorter when it reads these words, by how much it learns from the two counts.
_TOO_LONG = re.compile(r"prompt is too long: \d+ tokens > \d+ maximum|exceed context limit: \d+ \+ \d+ > \d+")
# A limit in the words of other providers: behind its name, or before it.
_LIMIT = re.compile(
    r"(?:maximum|limit|allowed|context size|window)[^\d]{0,60}?(\d{3,9})\b|\b(\d{3,9})\s+maximum", re.IGNORECASE
)
_COUNT = re.compile(r"\b\d{3,9}\b")


class WireError(msgspec.Struct):
    """The error object, wherever it stands."""

    type: str | None = None
    message: str | None = None
    error_type: str | None = None


class _Body(msgspec.Struct):
    error: WireError | None = None


def decode_error(error: WireError, status: int, raw: bytes) -> Fault:
    """Make the fault of an error object; `status` 0 stands for an error told inside a stream."""
    message = error.message
    kind = _FINE_KINDS.get(error.error_type or "") or _KINDS.get(error.type or "") or kind_of_status(status, _STATUSES)
    if kind is FaultKind.PROVIDER_REJECTED and message:
        lowered = message.lower()
        kind = next((found for phrase, found in _PHRASES if phrase in lowered), kind)
    return Fault(
        kind=kind,
        message=masked(message) if message else unsaid(status),
        provider_status=status or None,
        provider_code=error.type,
        raw=excerpt(raw),
    )


def decode_fault(status: int, body: bytes) -> Fault:
    """Make the fault of an upstream's error answer, whatever its body is."""
    try:
        error = jsons.decode_as(body, _Body).error or WireError()
    except jsons.DecodeError:
        error = WireError()
    return decode_error(error, status, body)


def encode_error(fault: Fault, request_id: str | None) -> dict[str, Any]:
    """Return the error object a client gets, as a body or as the data of an `error` event.

    A fault of ours (500) says nothing of its cause.
    """
    error_type = fault.rule.error_type
    is_ours = fault.kind is FaultKind.INTERNAL
    error: dict[str, Any] = {
        "type": _WORDS.get(error_type, "api_error"),
        "message": "Internal server error." if is_ours else _told(fault),
        "error_type": error_type,
    }
    body: dict[str, Any] = {"type": "error", "error": error, "request_id": request_id}
    details = {} if is_ours else dict(fault.details)
    if "openrouter_metadata" in details:
        body["openrouter_metadata"] = details.pop("openrouter_metadata")
    if "availability" in details:
        error["availability"] = details["availability"]
    if details:
        error["metadata"] = details
    return body


def _told(fault: Fault) -> str:
    """Return the words of a fault; of a prompt that is too long in Anthropic's, before those of who refused it."""
    message = fault.message
    if fault.kind is not FaultKind.CONTEXT_LENGTH or _TOO_LONG.search(message):
        return message
    found = _LIMIT.search(message)
    limit = int(found[1] or found[2]) if found else 0
    count = next((int(each[0]) for each in _COUNT.finditer(message) if int(each[0]) > limit > 0), 0)
    counts = f": {count} tokens > {limit} maximum" if count else ""
    return f"prompt is too long{counts} ({message})"


def encode_fault(fault: Fault, request_id: str | None) -> bytes:
    """Write the body of an error answer."""
    return jsons.encode(encode_error(fault, request_id))
