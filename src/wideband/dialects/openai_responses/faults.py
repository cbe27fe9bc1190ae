"""Faults as clients of this protocol are told them: as an error answer, or as the `error` of a response that failed.

OpenAI's own clients act on a few words in `code`; OpenRouter's refuse to read an error answer whose `code` is no
integer. So an error answer says its status there, but for the faults on whose word a client stops (clients.md 4).
In a response every code is a word.
"""

from typing import Any, Final

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects import openai_faults
from wideband.dialects.openai_responses import words
from wideband.wire import jsons

# Told under the status that makes Codex stop at once, instead of asking six times.
STATUSES: Final = {FaultKind.PAYMENT_REQUIRED: 429}
# Without these words clients would ask again for what cannot be had, or not know to shorten what they ask.
_STEERING: Final = frozenset({FaultKind.CONTEXT_LENGTH, FaultKind.PAYMENT_REQUIRED})
_OTHERS: Final = "server_error"


def encode_fault(fault: Fault, request_id: str | None) -> bytes:
    """Write the body of an error answer."""
    error: dict[str, Any] = {"param": None} | openai_faults.encode_error(fault)
    if fault.kind in _STEERING:
        error["code"] = words.CODES[fault.kind]
    if fault.kind is FaultKind.PAYMENT_REQUIRED:
        error["type"] = words.CODES[fault.kind]
    body: dict[str, Any] = {"error": error, "error_type": fault.rule.error_type}
    if "openrouter_metadata" in fault.details and fault.kind is not FaultKind.INTERNAL:
        body["openrouter_metadata"] = fault.details["openrouter_metadata"]
    if request_id is not None:
        body["request_id"] = request_id
    return jsons.encode(body)


def failure(fault: Fault, provider_name: str) -> dict[str, Any]:
    """Return the `error` of a response that failed."""
    told = openai_faults.encode_error(fault, provider_name)
    code, message = words.CODES.get(fault.kind, _OTHERS), told["message"]
    if code == "rate_limit_exceeded" and fault.retry_after_s is not None:
        # The one place in a stream where clients look for how long to wait.
        seconds = f"{fault.retry_after_s:.3f}".rstrip("0").rstrip(".")
        message = f"{message} Please try again in {seconds}s."
    return {"code": code, "message": message, "metadata": told.get("metadata", {})}
