"""Google's error answers as faults: who is to blame, whether another endpoint may do better, how long to wait."""

import json
from typing import Any

import pytest

from wideband.canon.faults import FaultKind
from wideband.dialects.google_upstream_faults import decode_fault


def body(code: int, status: str, message: str, *details: dict[str, Any]) -> bytes:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("code", "status", "message", "kind"),
    [
        (400, "INVALID_ARGUMENT", "Invalid value at 'contents[0].role'", FaultKind.PROVIDER_REJECTED),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", FaultKind.PROVIDER_AUTH),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            FaultKind.CONTEXT_LENGTH,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "Request payload size exceeds the limit: 20971520 bytes.",
            FaultKind.PAYLOAD_TOO_LARGE,
        ),
        (400, "INVALID_ARGUMENT", "The prompt was refused by a safety filter.", FaultKind.CONTENT_POLICY),
        (400, "INVALID_ARGUMENT", "Invalid value at 'safety_settings[0]'", FaultKind.PROVIDER_REJECTED),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            FaultKind.PROVIDER_AUTH,
        ),
        (401, "UNAUTHENTICATED", "Request had invalid credentials.", FaultKind.PROVIDER_AUTH),
        (403, "PERMISSION_DENIED", "Your project has been denied access.", FaultKind.PROVIDER_AUTH),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", FaultKind.PROVIDER_MISSING),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", FaultKind.PROVIDER_RATE_LIMITED),
        (499, "CANCELLED", "The operation was cancelled.", FaultKind.PROVIDER_ERROR),
        (500, "INTERNAL", "An internal error has occurred.", FaultKind.PROVIDER_ERROR),
        (503, "UNAVAILABLE", "The model is overloaded.", FaultKind.PROVIDER_OVERLOADED),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", FaultKind.PROVIDER_TIMEOUT),
    ],
)
def test_status_words_and_phrases_tell_the_kind(code: int, status: str, message: str, kind: FaultKind) -> None:
    fault = decode_fault(code, body(code, status, message))
    assert (fault.kind, fault.message, fault.provider_status, fault.provider_code) == (kind, message, code, status)


def test_a_retry_delay_is_how_long_to_wait() -> None:
    details = (
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerDay"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074s"},
    )
    fault = decode_fault(429, body(429, "RESOURCE_EXHAUSTED", "Quota", *details))
    assert (fault.kind, fault.retry_after_s) == (FaultKind.PROVIDER_RATE_LIMITED, 34.074)


@pytest.mark.parametrize("delay", ["soon", "-3s", "", 5, None])
def test_a_retry_delay_in_other_words_is_none(delay: Any) -> None:
    assert decode_fault(429, body(429, "RESOURCE_EXHAUSTED", "Quota", {"retryDelay": delay})).retry_after_s is None


def test_a_reason_says_more_than_the_status_beside_it() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    assert decode_fault(400, body(400, "INVALID_ARGUMENT", "No.", info)).kind is FaultKind.PROVIDER_AUTH


def test_a_gateway_behind_the_provider_says_what_it_means() -> None:
    info = {"reason": "context_length_exceeded", "domain": "wideband"}
    assert decode_fault(400, body(400, "INVALID_ARGUMENT", "Long.", info)).kind is FaultKind.CONTEXT_LENGTH


def test_a_refused_stream_is_a_list_of_one() -> None:
    fault = decode_fault(503, b"[" + body(503, "UNAVAILABLE", "Overloaded.") + b"\n]")
    assert (fault.kind, fault.message) == (FaultKind.PROVIDER_OVERLOADED, "Overloaded.")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "The provider answered with status 503 and no reason."),
        (b"<html>busy</html>", "The provider answered with status 503 and no reason."),
        (b'{"error": "busy"}', "busy"),
        (b'{"error": {"message": "busy", "details": "none"}}', "busy"),
        (b'{"error": {"message": ["busy"]}}', "The provider answered with status 503 and no reason."),
        (b"[]", "The provider answered with status 503 and no reason."),
    ],
)
def test_any_other_body_leaves_the_status_to_speak(raw: bytes, message: str) -> None:
    fault = decode_fault(503, raw)
    assert (fault.kind, fault.message) == (FaultKind.PROVIDER_OVERLOADED, message)


def test_keys_are_not_repeated() -> None:
    fault = decode_fault(400, body(400, "INVALID_ARGUMENT", "API key AIzaSyA1234567890abcdef is wrong"))
    assert "AIza" not in fault.message + (fault.raw or "")
