"""Google's error objects (`google.rpc.Status`), as answers of their own and inside streams, as faults."""

import re
from typing import Any

import msgspec

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.excerpts import STATUSES, excerpt, kind_of_status, masked, unsaid
from wideband.wire import jsons

_KINDS: dict[str, FaultKind] = {
    "ABORTED": FaultKind.PROVIDER_ERROR,
    "CANCELLED": FaultKind.PROVIDER_ERROR,
    "DATA_LOSS": FaultKind.PROVIDER_ERROR,
    "DEADLINE_EXCEEDED": FaultKind.PROVIDER_TIMEOUT,
    # A region that is not served, billing that is not set up: of the account, not of the request.
    "FAILED_PRECONDITION": FaultKind.PROVIDER_AUTH,
    "INTERNAL": FaultKind.PROVIDER_ERROR,
    "INVALID_ARGUMENT": FaultKind.PROVIDER_REJECTED,
    "NOT_FOUND": FaultKind.PROVIDER_MISSING,
    "OUT_OF_RANGE": FaultKind.PROVIDER_REJECTED,
    "PERMISSION_DENIED": FaultKind.PROVIDER_AUTH,
    "RESOURCE_EXHAUSTED": FaultKind.PROVIDER_RATE_LIMITED,
    "UNAUTHENTICATED": FaultKind.PROVIDER_AUTH,
    "UNAVAILABLE": FaultKind.PROVIDER_OVERLOADED,
    "UNIMPLEMENTED": FaultKind.PROVIDER_MISSING,
    "UNKNOWN": FaultKind.PROVIDER_ERROR,
}

_STATUSES = STATUSES | {
    413: FaultKind.PAYLOAD_TOO_LARGE,
    499: FaultKind.PROVIDER_ERROR,
}

# Reasons (`ErrorInfo`) that say more than the status beside them; the words in small letters are a gateway's like ours.
_REASONS: dict[str, FaultKind] = {
    "content_policy_violation": FaultKind.CONTENT_POLICY,
    "context_length_exceeded": FaultKind.CONTEXT_LENGTH,
    "invalid_request": FaultKind.PROVIDER_REJECTED,
    "payment_required": FaultKind.PROVIDER_AUTH,
    "provider_unavailable": FaultKind.PROVIDER_ERROR,
    "API_KEY_EXPIRED": FaultKind.PROVIDER_AUTH,
    "API_KEY_INVALID": FaultKind.PROVIDER_AUTH,
    "RATE_LIMIT_EXCEEDED": FaultKind.PROVIDER_RATE_LIMITED,
}

# Google says several different things with INVALID_ARGUMENT; only its words tell them apart.
_PHRASES: tuple[tuple[str, FaultKind], ...] = (
    ("api key not valid", FaultKind.PROVIDER_AUTH),
    ("api key expired", FaultKind.PROVIDER_AUTH),
    ("user location is not supported", FaultKind.PROVIDER_AUTH),
    ("exceeds the maximum number of tokens", FaultKind.CONTEXT_LENGTH),
    ("input token count", FaultKind.CONTEXT_LENGTH),
    ("payload size exceeds the limit", FaultKind.PAYLOAD_TOO_LARGE),
    ("prohibited content", FaultKind.CONTENT_POLICY),
    ("due to safety", FaultKind.CONTENT_POLICY),
    ("safety filter", FaultKind.CONTENT_POLICY),
    ("usage guidelines", FaultKind.CONTENT_POLICY),
)

_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class WireError(msgspec.Struct):
    """The error object, wherever it stands; `code` may be a status as a number or a word."""

    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: list[Any] | None = None


class _Body(msgspec.Struct):
    error: WireError | None = None


class _Plain(msgspec.Struct):
    """What is left of an error object when its parts are of other types than Google's."""

    message: str | None = None


class _PlainBody(msgspec.Struct):
    error: _Plain | str | None = None


def decode_error(error: WireError, status: int, raw: bytes) -> Fault:
    """Make the fault of an error object; `status` 0 stands for an error told inside a stream or a 200."""
    told = status or (error.code if isinstance(error.code, int) else 0)
    reason = _detail(error, "reason")
    kind = _REASONS.get(reason or "") or _KINDS.get(error.status or "") or kind_of_status(told, _STATUSES)
    message = error.message
    if kind is FaultKind.PROVIDER_REJECTED and message:
        lowered = message.lower()
        kind = next((found for phrase, found in _PHRASES if phrase in lowered), kind)
    return Fault(
        kind=kind,
        message=masked(message) if message else unsaid(status),
        provider_status=told or None,
        provider_code=error.status or reason,
        retry_after_s=_seconds(_detail(error, "retryDelay")),
        raw=excerpt(raw),
    )


def decode_fault(status: int, body: bytes) -> Fault:
    """Make the fault of an upstream's error answer, whatever its body is; a stream's refusal is a list of one."""
    return decode_error(_error(body), status, body)


def _error(body: bytes) -> WireError:
    try:
        is_list = body.lstrip()[:1] == b"["
        bodies = jsons.decode_as(body, list[_Body]) if is_list else [jsons.decode_as(body, _Body)]
    except jsons.DecodeError:
        return WireError(message=_plain_message(body))
    return next((held.error for held in bodies if held.error is not None), WireError())


def _plain_message(body: bytes) -> str | None:
    try:
        error = jsons.decode_as(body, _PlainBody).error
    except jsons.DecodeError:
        return None
    return error.message if isinstance(error, _Plain) else error


def _detail(error: WireError, name: str) -> str | None:
    """Return the first of the details' values under a name, if it is text."""
    for detail in error.details or ():
        value = detail.get(name) if isinstance(detail, dict) else None
        if isinstance(value, str):
            return value
    return None


def _seconds(delay: str | None) -> float | None:
    """Read a duration as protobuf writes it: seconds with an `s`."""
    found = _SECONDS.fullmatch(delay or "")
    return float(found[1]) if found else None
