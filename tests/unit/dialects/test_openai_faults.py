"""Faults of Chat Completions: what providers answer in place of an answer, and the error body that clients get."""

from typing import Any

import pytest

from wideband.canon.faults import RULES, Fault, FaultKind
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons

K = FaultKind
ANSWERS: list[tuple[int, Any, FaultKind]] = [
    (
        400,
        {"error": {"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded"}},
        K.CONTEXT_LENGTH,
    ),
    (400, {"error": {"message": "This model's maximum context length is 8192 tokens."}}, K.CONTEXT_LENGTH),
    (400, {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "x"}, K.CONTEXT_LENGTH),
    (
        400,
        {"error": {"message": "Unknown parameter: foo", "param": "foo", "code": "unknown_parameter"}},
        K.PROVIDER_REJECTED,
    ),
    (400, {"error": {"message": "API key not valid. Please pass one.", "status": "INVALID_ARGUMENT"}}, K.PROVIDER_AUTH),
    (400, {"error": {"message": "Your credit balance is too low"}}, K.PROVIDER_AUTH),
    (
        400,
        {"error": {"message": "The model `x` has been decommissioned", "code": "model_decommissioned"}},
        K.PROVIDER_MISSING,
    ),
    (400, {"error": {"message": "model x does not exist"}}, K.PROVIDER_MISSING),
    (400, {"error": {"message": "The response was filtered", "code": "content_filter"}}, K.CONTENT_POLICY),
    (401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, K.PROVIDER_AUTH),
    (402, {"error": {"message": "Insufficient Balance"}}, K.PROVIDER_AUTH),
    (403, {"error": {"message": "Country not supported"}}, K.PROVIDER_AUTH),
    (403, {"error": {"message": "Input was flagged by moderation"}}, K.CONTENT_POLICY),
    (404, {"error": {"message": "gone"}}, K.PROVIDER_MISSING),
    (404, b"404 page not found", K.PROVIDER_MISSING),
    (408, {}, K.PROVIDER_TIMEOUT),
    (413, {"error": {"message": "Request too large", "code": "rate_limit_exceeded"}}, K.PROVIDER_RATE_LIMITED),
    (422, {"detail": [{"loc": ["body", "n"], "msg": "field required"}]}, K.PROVIDER_REJECTED),
    (422, {"detail": "no"}, K.PROVIDER_REJECTED),
    (429, {"error": {"message": "Rate limit reached", "type": "requests"}}, K.PROVIDER_RATE_LIMITED),
    (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, K.PROVIDER_AUTH),
    (498, {}, K.PROVIDER_OVERLOADED),
    (500, {"error": "boom"}, K.PROVIDER_ERROR),
    (500, b"<html><head><style>p{}</style></head><body><h1>500</h1> Internal\nerror</body></html>", K.PROVIDER_ERROR),
    (502, b"", K.PROVIDER_ERROR),
    (503, {"error": {"message": "busy"}}, K.PROVIDER_OVERLOADED),
    (504, {}, K.PROVIDER_TIMEOUT),
    (524, b"", K.PROVIDER_TIMEOUT),
    (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, K.PROVIDER_OVERLOADED),
    (418, [{"error": {"code": 418, "message": "teapot", "status": "UNKNOWN"}}], K.PROVIDER_REJECTED),
    (302, b"", K.PROVIDER_ERROR),
]


@pytest.mark.parametrize(("status", "answer", "kind"), ANSWERS, ids=[f"{s} {str(a)[:50]}" for s, a, _ in ANSWERS])
def test_an_error_answer_is_known_by_its_code_words_and_status(status: int, answer: Any, kind: FaultKind) -> None:
    body = answer if isinstance(answer, bytes) else jsons.encode(answer)
    fault = DIALECT.decode_fault(status, body)
    assert (fault.kind, fault.provider_status) == (kind, status)
    assert fault.message


def test_the_providers_words_are_kept() -> None:
    body = (
        b'{"error":{"message":"Unknown parameter: foo","type":"invalid_request_error","param":"foo","code":"unknown"}}'
    )
    fault = DIALECT.decode_fault(400, body)
    assert (fault.message, fault.param, fault.provider_code) == ("Unknown parameter: foo", "foo", "unknown")
    assert fault.raw == body.decode()


def test_words_are_found_in_html() -> None:
    fault = DIALECT.decode_fault(502, b"<html><style>p {}</style><h1>502</h1>\n<p>Bad   gateway</p></html>")
    assert fault.message == "502 Bad gateway"


def test_an_excerpt_is_short_and_shows_no_key() -> None:
    for key in ("sk-proj-abcdef123456", "gsk_abcdef123456", "Bearer abc.def", "AIzaSyA1234567890"):
        fault = DIALECT.decode_fault(401, f'{{"error":{{"message":"Incorrect key {key} given {"x" * 900}"}}}}'.encode())
        assert fault.raw is not None
        assert len(fault.raw) <= 500
        assert key not in fault.message + fault.raw
        assert "[key]" in fault.message


@pytest.mark.parametrize(
    ("words", "wait_s"), [("try again in 1.5s.", 1.5), ("try again in 250ms", 0.25), ("try later", None)]
)
def test_a_wait_told_in_words_is_read(words: str, wait_s: float | None) -> None:
    assert DIALECT.decode_fault(429, jsons.encode({"error": {"message": f"Slow, {words}"}})).retry_after_s == wait_s


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_is_written_as_strict_clients_read_it(kind: FaultKind) -> None:
    body = jsons.decode(DIALECT.encode_fault(Fault(kind=kind, message="words", param="p", provider="acme"), "gen-1"))
    error = body["error"]
    assert error["code"] == RULES[kind].status
    assert body["request_id"] == "gen-1"
    if kind is FaultKind.INTERNAL:
        assert error == {"code": 500, "message": "Internal Server Error"}
    else:
        assert error["message"] == "words"
        assert error["param"] == "p"
        assert error["metadata"] == {"error_type": RULES[kind].error_type, "provider_name": "acme"}


def test_details_go_to_the_metadata_and_availability_also_beside_it() -> None:
    details = {"availability": {"code": "no_endpoints"}, "routing_funnel": [1], "openrouter_metadata": {"attempt": 0}}
    fault = Fault(kind=K.NO_ENDPOINTS, message="none", details=details)
    body = jsons.decode(DIALECT.encode_fault(fault, None))
    assert body["error"]["availability"] == {"code": "no_endpoints"}
    assert body["error"]["metadata"] == {
        "error_type": "not_found",
        "availability": {"code": "no_endpoints"},
        "routing_funnel": [1],
    }
    assert body["openrouter_metadata"] == {"attempt": 0}
    assert "request_id" not in body


def test_what_the_provider_said_is_in_the_metadata() -> None:
    fault = Fault(kind=K.PROVIDER_ERROR, message="x", provider="acme", provider_code="c", raw="r")
    assert jsons.decode(DIALECT.encode_fault(fault, None))["error"]["metadata"] == {
        "error_type": "provider_unavailable",
        "provider_name": "acme",
        "provider_code": "c",
        "raw": "r",
    }
