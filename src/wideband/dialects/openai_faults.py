"""OpenAI's error objects, both ways: whatever a provider answers in place of an answer, and OpenRouter's body."""

import re
from typing import Any

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.excerpts import STATUSES, excerpt, kind_of_status, masked, unsaid
from wideband.dialects.loose import obj, rows, text
from wideband.wire import jsons

# A provider's own code or type for an error; the first of code, type and status to be found here decides.
_CODES: dict[str, FaultKind] = {
    "account_deactivated": FaultKind.PROVIDER_AUTH,
    "authentication_error": FaultKind.PROVIDER_AUTH,
    "bio_policy": FaultKind.CONTENT_POLICY,
    "billing_hard_limit_reached": FaultKind.PROVIDER_AUTH,
    "capacity_exceeded": FaultKind.PROVIDER_OVERLOADED,
    "content_filter": FaultKind.CONTENT_POLICY,
    "content_policy_violation": FaultKind.CONTENT_POLICY,
    "context_length_exceeded": FaultKind.CONTEXT_LENGTH,
    "cyber_policy": FaultKind.CONTENT_POLICY,
    "deployment_not_found": FaultKind.PROVIDER_MISSING,
    "deploymentnotfound": FaultKind.PROVIDER_MISSING,
    "engine_overloaded": FaultKind.PROVIDER_OVERLOADED,
    "engine_overloaded_error": FaultKind.PROVIDER_OVERLOADED,
    "exceeded_current_quota_error": FaultKind.PROVIDER_AUTH,
    "image_content_policy_violation": FaultKind.CONTENT_POLICY,
    "insufficient_quota": FaultKind.PROVIDER_AUTH,
    "invalid_api_key": FaultKind.PROVIDER_AUTH,
    "invalid_authentication_error": FaultKind.PROVIDER_AUTH,
    "invalid_prompt": FaultKind.PROVIDER_REJECTED,
    "misalignment_policy_violation": FaultKind.CONTENT_POLICY,
    "model_decommissioned": FaultKind.PROVIDER_MISSING,
    "model_not_found": FaultKind.PROVIDER_MISSING,
    "overloaded_error": FaultKind.PROVIDER_OVERLOADED,
    "permission_denied_error": FaultKind.PROVIDER_AUTH,
    "provider_overloaded": FaultKind.PROVIDER_OVERLOADED,
    "provider_unavailable": FaultKind.PROVIDER_ERROR,
    "rate_limit_error": FaultKind.PROVIDER_RATE_LIMITED,
    "rate_limit_exceeded": FaultKind.PROVIDER_RATE_LIMITED,
    "rate_limit_reached_error": FaultKind.PROVIDER_RATE_LIMITED,
    "resource_exhausted": FaultKind.PROVIDER_RATE_LIMITED,
    "resource_not_found_error": FaultKind.PROVIDER_MISSING,
    "server_overloaded": FaultKind.PROVIDER_OVERLOADED,
    "service_unavailable": FaultKind.PROVIDER_OVERLOADED,
    "timeout": FaultKind.PROVIDER_TIMEOUT,
    "unsupported_country_region_territory": FaultKind.PROVIDER_AUTH,
    "vector_store_timeout": FaultKind.PROVIDER_TIMEOUT,
}

_STATUSES = STATUSES | {
    410: FaultKind.PROVIDER_MISSING,
    498: FaultKind.PROVIDER_OVERLOADED,  # Groq: flex capacity exceeded
    524: FaultKind.PROVIDER_TIMEOUT,
    529: FaultKind.PROVIDER_OVERLOADED,
}

# Many providers answer a bare 400 or 403 for these; only the words tell which it is.
_PHRASES: tuple[tuple[re.Pattern[str], FaultKind], ...] = (
    (
        re.compile(
            r"maximum context length|context (length|window|limit)|prompt is too long|input is too long"
            r"|too many (input )?tokens|reduce the length|exceeds? the (model's )?maximum (input|number of)",
            re.IGNORECASE,
        ),
        FaultKind.CONTEXT_LENGTH,
    ),
    (
        re.compile(
            r"api[ _]key not valid|invalid api[ _]key|credit balance|insufficient (balance|funds)", re.IGNORECASE
        ),
        FaultKind.PROVIDER_AUTH,
    ),
    (
        re.compile(r"model\b.{0,80}(does not exist|not found|not exist|decommissioned)|unknown model", re.IGNORECASE),
        FaultKind.PROVIDER_MISSING,
    ),
    (
        re.compile(
            r"content (policy|management policy|filter)|flagged (as|by)|safety system|moderation", re.IGNORECASE
        ),
        FaultKind.CONTENT_POLICY,
    ),
)

_REFUSALS = frozenset({FaultKind.PROVIDER_REJECTED, FaultKind.PROVIDER_AUTH})
_RETRY = re.compile(r"(?:try again|retry) in ([\d.]{1,12})\s*(ms|s)\b", re.IGNORECASE)
_TAG = re.compile(rb"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def decode_fault(status: int, body: bytes) -> Fault:
    """Make the fault of an upstream's error answer, whatever its body is."""
    try:
        answer = jsons.decode(body)
    except jsons.DecodeError:
        words = b" ".join(_TAG.sub(b" ", body[:4096]).split()).decode("utf-8", "replace")
        return _fault({"message": words[:200]}, status, body)
    return _fault(find_error(answer) or {}, status, body)


def find_error(answer: Any) -> dict[str, Any] | None:
    """Return the error object in a provider's JSON, or None when it holds none.

    Met in the wild: `{error: {...}}`, `{error: "words"}`, `[{error: ...}]`, `{detail: ...}`, `{message, code}`,
    `{object: "error", ...}`. What also holds `choices` is an error only if it says `error`.
    """
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return None
    error = answer.get("error") or answer.get("errors")
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict):
        return error
    if error:
        return {"message": error if isinstance(error, str) else None} | {
            k: answer[k] for k in ("code", "type") if k in answer
        }
    if "choices" in answer:
        return None
    if answer.get("detail"):
        return {"message": _detail(answer["detail"])}
    return answer if "message" in answer else None


def _detail(detail: Any) -> str | None:
    """Return FastAPI's words: a string, or rows of what is wrong with which field."""
    if isinstance(detail, str):
        return detail
    return "; ".join(row["msg"] for row in rows(detail) if isinstance(row.get("msg"), str)) or None


def decode_error(error: dict[str, Any]) -> Fault:
    """Make the fault of an error object told in a 200 or inside a stream."""
    code = error.get("code")
    status = code if type(code) is int and 400 <= code <= 599 else 0
    try:
        raw = jsons.encode(error)
    except jsons.EncodeError:
        raw = b""
    return _fault(error, status, raw)


def _fault(error: dict[str, Any], status: int, body: bytes) -> Fault:
    said = text(error.get("message")) or text(error.get("msg"))
    metadata = obj(error.get("metadata"))
    codes = [
        word if isinstance(word, str) else str(word)
        for word in (error.get("code"), error.get("type"), error.get("status"), metadata.get("error_type"))
        if isinstance(word, str | int) and not isinstance(word, bool) and word != status
    ]
    wait = _RETRY.search(said or "")
    return Fault(
        kind=_kind(codes, said or "", status),
        message=masked(said) if said else unsaid(status),
        param=text(error.get("param")),
        provider_status=status or None,
        provider_code=codes[0][:100] if codes else None,
        retry_after_s=_seconds(wait) if wait else None,
        raw=excerpt(body),
    )


def _kind(codes: list[str], said: str, status: int) -> FaultKind:
    coded = next((_CODES[code.lower()] for code in codes if code.lower() in _CODES), None)
    kind = coded or kind_of_status(status, _STATUSES)
    if kind in _REFUSALS or (kind is FaultKind.PROVIDER_ERROR and status == 0):
        return next((found for phrase, found in _PHRASES if phrase.search(said)), kind)
    return kind


def _seconds(wait: re.Match[str]) -> float | None:
    try:
        return float(wait[1]) / (1000 if wait[2].lower() == "ms" else 1)
    except ValueError:
        return None


def encode_error(fault: Fault, provider_name: str | None = None) -> dict[str, Any]:
    """Return the error object a client gets; strict clients need an integer `code` and `metadata.error_type`.

    `provider_name` is who was answering when it broke. A fault of ours (500) says nothing of its cause.
    """
    if fault.kind is FaultKind.INTERNAL:
        return {"code": fault.status, "message": "Internal Server Error"}
    rule = fault.rule
    told = {
        "error_type": rule.error_type,
        "provider_name": (provider_name if rule.blames_provider else None) or fault.provider,
        "provider_code": fault.provider_code,
        "raw": fault.raw,
    }
    details = {key: value for key, value in fault.details.items() if key != "openrouter_metadata"}
    error: dict[str, Any] = {"code": rule.status, "message": fault.message, "type": rule.error_type}
    if fault.param is not None:
        error["param"] = fault.param
    error["metadata"] = {key: value for key, value in told.items() if value is not None} | details
    if "availability" in details:
        # The official SDK shows only `metadata`; others read it where it is documented.
        error["availability"] = details["availability"]
    return error


def encode_fault(fault: Fault, request_id: str | None) -> bytes:
    """Write the body of an error answer."""
    body: dict[str, Any] = {"error": encode_error(fault)}
    if "openrouter_metadata" in fault.details and fault.kind is not FaultKind.INTERNAL:
        body["openrouter_metadata"] = fault.details["openrouter_metadata"]
    if request_id is not None:
        body["request_id"] = request_id
    return jsons.encode(body)
