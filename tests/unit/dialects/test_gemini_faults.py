"""Error objects for Gemini's clients."""

import json
from typing import Any

import pytest

from wideband.canon.faults import RULES, Fault, FaultKind
from wideband.dialects.google_faults import STATUSES, encode_fault

INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def told(kind: FaultKind, **more: Any) -> Any:
    return json.loads(encode_fault(Fault(kind=kind, message="Words.", **more), "gen-1"))


def detail(body: Any, name: str) -> Any:
    return next((row for row in body["error"]["details"] if row["@type"].endswith("." + name)), None)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (FaultKind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (FaultKind.AUTHENTICATION, 401, "UNAUTHENTICATED"),
        (FaultKind.PERMISSION_DENIED, 403, "PERMISSION_DENIED"),
        (FaultKind.NOT_FOUND, 404, "NOT_FOUND"),
        (FaultKind.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED"),
        (FaultKind.PAYMENT_REQUIRED, 429, "RESOURCE_EXHAUSTED"),
        (FaultKind.PROVIDER_OVERLOADED, 503, "UNAVAILABLE"),
        (FaultKind.PROVIDER_TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_status_words(kind: FaultKind, code: int, status: str) -> None:
    body = told(kind)
    assert (body["error"]["code"], body["error"]["status"], body["error"]["message"]) == (code, status, "Words.")
    assert body["request_id"] == "gen-1"


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_has_a_word_and_the_status_it_is_sent_under(kind: FaultKind) -> None:
    error = told(kind)["error"]
    assert error["status"] != "UNKNOWN"
    assert error["code"] == STATUSES.get(kind, RULES[kind].status)


def test_errors_begin_as_googles_sdk_knows_them() -> None:
    assert encode_fault(Fault(kind=FaultKind.CANCELLED, message="x"), "gen-1").startswith(b'{"error":{"code":')


def test_the_kind_and_its_details_are_strings_by_name() -> None:
    body = told(FaultKind.NO_ENDPOINTS, provider="acme", details={"availability": {"a": 1}, "n": 2})
    assert detail(body, "ErrorInfo") == {
        "@type": INFO,
        "reason": "not_found",
        "domain": "wideband",
        "metadata": {"provider_name": "acme", "availability": '{"a":1}', "n": "2"},
    }


def test_a_wait_is_told() -> None:
    assert detail(told(FaultKind.RATE_LIMITED, retry_after_s=2.5), "RetryInfo")["retryDelay"] == "2.5s"
    assert detail(told(FaultKind.RATE_LIMITED), "RetryInfo") is None


def test_out_of_credits_is_a_quota_that_no_waiting_helps() -> None:
    body = told(FaultKind.PAYMENT_REQUIRED, retry_after_s=1.0)
    (violation,) = detail(body, "QuotaFailure")["violations"]
    assert "PerDay" in violation["quotaId"]
    assert detail(body, "RetryInfo") is None


def test_a_wrong_field_is_named() -> None:
    violations = detail(told(FaultKind.INVALID_REQUEST, param="contents"), "BadRequest")["fieldViolations"]
    assert violations == [{"field": "contents", "description": "Words."}]


def test_a_fault_of_ours_says_nothing_of_its_cause() -> None:
    body = encode_fault(Fault(kind=FaultKind.INTERNAL, message="secret", details={"a": "secret"}), None)
    assert json.loads(body) == {"error": {"code": 500, "message": "Internal server error.", "status": "INTERNAL"}}


def test_the_routers_metadata_stands_apart() -> None:
    body = told(FaultKind.NO_ENDPOINTS, details={"openrouter_metadata": {"a": 1}})
    assert body["openrouter_metadata"] == {"a": 1}
    assert "metadata" not in detail(body, "ErrorInfo")
