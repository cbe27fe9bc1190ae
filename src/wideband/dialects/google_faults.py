"""Error objects of Gemini's protocol for clients: Google's status words, and details that its clients act on."""

from typing import Any, Final

from wideband.canon.faults import Fault, FaultKind
from wideband.wire import jsons

_GOOGLE: Final = "type.googleapis.com/google.rpc."
# Clients tell from it that an error is of a gateway, and by which names to read the rest.
_DOMAIN: Final = "wideband"

# Out of credits is a spent quota to these clients: Gemini CLI stops at one that holds for a day, and tries a 402 again.
STATUSES: Final[dict[FaultKind, int]] = {FaultKind.PAYMENT_REQUIRED: 429}

_STATUS_WORDS: Final[dict[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def encode_error(fault: Fault) -> dict[str, Any]:
    """Return the error object a client gets, as a body or inside a stream; of a fault of ours (500) no cause is told.

    `error` stands first: Google's SDK for Python knows an error in a stream by how its bytes begin.
    """
    code = STATUSES.get(fault.kind, fault.status)
    is_ours = fault.kind is FaultKind.INTERNAL
    error: dict[str, Any] = {
        "code": code,
        "message": "Internal server error." if is_ours else fault.message,
        "status": _STATUS_WORDS.get(code, "UNKNOWN"),
    }
    if not is_ours:
        error["details"] = _details(fault)
    return {"error": error}


def encode_fault(fault: Fault, request_id: str | None) -> bytes:
    """Write the body of an error answer."""
    body = encode_error(fault)
    if "openrouter_metadata" in fault.details and fault.kind is not FaultKind.INTERNAL:
        body["openrouter_metadata"] = fault.details["openrouter_metadata"]
    if request_id is not None:
        body["request_id"] = request_id
    return jsons.encode(body)


def _details(fault: Fault) -> list[dict[str, Any]]:
    details = [_info(fault)]
    if fault.param is not None:
        violation = {"field": fault.param, "description": fault.message}
        details.append({"@type": _GOOGLE + "BadRequest", "fieldViolations": [violation]})
    if fault.kind is FaultKind.PAYMENT_REQUIRED:
        # A limit by the day is what Gemini CLI does not wait for.
        violation = {"quotaId": "CreditsPerDay", "quotaMetric": "credits", "description": fault.message}
        details.append({"@type": _GOOGLE + "QuotaFailure", "violations": [violation]})
    elif fault.retry_after_s is not None:
        details.append({"@type": _GOOGLE + "RetryInfo", "retryDelay": f"{max(fault.retry_after_s, 0):g}s"})
    return details


def _info(fault: Fault) -> dict[str, Any]:
    """Say what kind of fault it is, with what else there is to tell; values are strings in this message."""
    told = {
        "provider_name": fault.provider,
        "provider_code": fault.provider_code,
        "raw": fault.raw,
        **{name: value for name, value in fault.details.items() if name != "openrouter_metadata"},
    }
    metadata = {name: _text(value) for name, value in told.items() if value is not None}
    info: dict[str, Any] = {"@type": _GOOGLE + "ErrorInfo", "reason": fault.rule.error_type, "domain": _DOMAIN}
    return info | ({"metadata": metadata} if metadata else {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else jsons.encode(value).decode()
