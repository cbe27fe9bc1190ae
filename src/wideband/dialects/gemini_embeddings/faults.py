"""Error answers in Google's shape."""

from typing import Any, Final

from wideband.canon.faults import Fault, FaultKind
from wideband.wire import jsons

# HTTP status -> the word that Google's clients know for it.
_STATUSES: Final[dict[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def encode_fault(fault: Fault, request_id: str | None) -> bytes:
    """Write the body of an error answer; a fault of ours (500) says nothing of its cause."""
    if fault.kind is FaultKind.INTERNAL:
        return jsons.encode({"error": {"code": 500, "message": "Internal Server Error", "status": "INTERNAL"}})
    metadata = {"error_type": fault.rule.error_type, "param": fault.param, "request_id": request_id, "raw": fault.raw}
    info: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": fault.kind.value.upper(),
        "domain": "wideband",
        "metadata": {name: told for name, told in metadata.items() if told is not None},
    }
    status = _STATUSES.get(fault.status, "INTERNAL")
    error = {"code": fault.status, "message": fault.message, "status": status, "details": [info]}
    return jsons.encode({"error": error})
