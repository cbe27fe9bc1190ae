"""Error answers of the Messages protocol, both ways."""

import json
from pathlib import Path

import pytest

from wideband.canon.faults import RULES, Fault, FaultKind
from wideband.dialects.anthropic_messages import DIALECT

GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic_messages"

TYPES = {
    FaultKind.INVALID_REQUEST: "invalid_request_error",
    FaultKind.CONTEXT_LENGTH: "invalid_request_error",
    FaultKind.CONTENT_POLICY: "invalid_request_error",
    FaultKind.MODEL_NOT_FOUND: "invalid_request_error",
    FaultKind.AUTHENTICATION: "authentication_error",
    FaultKind.PAYMENT_REQUIRED: "billing_error",
    FaultKind.PERMISSION_DENIED: "permission_error",
    FaultKind.NOT_FOUND: "not_found_error",
    FaultKind.METHOD_NOT_ALLOWED: "invalid_request_error",
    FaultKind.NO_ENDPOINTS: "not_found_error",
    FaultKind.REQUEST_TIMEOUT: "timeout_error",
    FaultKind.PAYLOAD_TOO_LARGE: "request_too_large",
    FaultKind.HEADERS_TOO_LARGE: "request_too_large",
    FaultKind.UNPROCESSABLE: "invalid_request_error",
    FaultKind.RATE_LIMITED: "rate_limit_error",
    FaultKind.CANCELLED: "invalid_request_error",
    FaultKind.PROVIDER_ERROR: "api_error",
    FaultKind.PROVIDER_UNREACHABLE: "api_error",
    FaultKind.PROVIDER_OVERLOADED: "overloaded_error",
    FaultKind.PROVIDER_RATE_LIMITED: "rate_limit_error",
    FaultKind.PROVIDER_AUTH: "api_error",
    FaultKind.PROVIDER_MISSING: "api_error",
    FaultKind.PROVIDER_REJECTED: "invalid_request_error",
    FaultKind.PROVIDER_TIMEOUT: "timeout_error",
    FaultKind.PROVIDER_STALLED: "timeout_error",
    FaultKind.PROVIDER_CUT: "api_error",
    FaultKind.PROVIDER_GARBLED: "api_error",
    FaultKind.UNAVAILABLE: "overloaded_error",
    FaultKind.INTERNAL: "api_error",
}

MESSAGES = {
    FaultKind.INTERNAL: "Internal server error.",
    FaultKind.CONTEXT_LENGTH: "prompt is too long (Do this.)",
}


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_has_a_type_here(kind: FaultKind) -> None:
    body = json.loads(DIALECT.encode_fault(Fault(kind=kind, message="Do this."), "gen-1"))
    assert body == {
        "type": "error",
        "error": {
            "type": TYPES[kind],
            "message": MESSAGES.get(kind, "Do this."),
            "error_type": RULES[kind].error_type,
        },
        "request_id": "gen-1",
    }


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ("Prompt: prompt is too long: 210000 tokens > 200000 maximum", None),
        ("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease them", None),
        (
            "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens (66000 in ...",
            "70000 tokens > 65536 maximum",
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "1200000 tokens > 1048576 maximum",
        ),
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "40000 tokens > 32768 maximum",
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
            "140000 tokens > 131072 maximum",
        ),
        (
            "the prompt is too long: about 375007 tokens, and the maximum context length is 262144 tokens",
            "375007 tokens > 262144 maximum",
        ),
        ("The request exceeds the available context size (4096 tokens), try increasing it", ""),
        ("Your input exceeds the context window of this model.", ""),
        ("Input is too long for requested model.", ""),
    ],
)
def test_a_prompt_too_long_is_told_in_the_words_claude_code_shortens_it_by(message: str, counts: str | None) -> None:
    fault = Fault(kind=FaultKind.CONTEXT_LENGTH, message=message)
    told = json.loads(DIALECT.encode_fault(fault, None))["error"]["message"]
    if counts is None:
        assert told == message
    else:
        assert told == f"prompt is too long{': ' if counts else ''}{counts} ({message})"


def test_details_go_along_and_an_id_may_be_missing() -> None:
    fault = Fault(
        kind=FaultKind.NO_ENDPOINTS,
        message="m",
        details={"availability": {"code": "x"}, "openrouter_metadata": {"attempt": 0}},
    )
    body = json.loads(DIALECT.encode_fault(fault, None))
    assert body["request_id"] is None
    assert body["error"]["metadata"] == {"availability": {"code": "x"}}
    assert body["error"]["availability"] == {"code": "x"}
    assert body["openrouter_metadata"] == {"attempt": 0}


@pytest.mark.parametrize(
    ("status", "error_type", "message", "kind"),
    [
        (400, "invalid_request_error", "messages: required", FaultKind.PROVIDER_REJECTED),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", FaultKind.CONTEXT_LENGTH),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit", FaultKind.CONTEXT_LENGTH),
        (400, "invalid_request_error", "Output blocked by content filtering policy", FaultKind.CONTENT_POLICY),
        (400, "invalid_request_error", "Your credit balance is too low", FaultKind.PROVIDER_AUTH),
        (401, "authentication_error", "invalid x-api-key", FaultKind.PROVIDER_AUTH),
        (402, "billing_error", "m", FaultKind.PROVIDER_AUTH),
        (403, "permission_error", "m", FaultKind.PROVIDER_AUTH),
        (404, "not_found_error", "model: x", FaultKind.PROVIDER_MISSING),
        (413, "request_too_large", "m", FaultKind.PAYLOAD_TOO_LARGE),
        (429, "rate_limit_error", "m", FaultKind.PROVIDER_RATE_LIMITED),
        (500, "api_error", "m", FaultKind.PROVIDER_ERROR),
        (504, "timeout_error", "m", FaultKind.PROVIDER_TIMEOUT),
        (529, "overloaded_error", "m", FaultKind.PROVIDER_OVERLOADED),
        (529, "from_the_future", "m", FaultKind.PROVIDER_OVERLOADED),
        (418, "from_the_future", "m", FaultKind.PROVIDER_REJECTED),
    ],
)
def test_an_upstreams_error_is_known_by_name_words_and_status(
    status: int, error_type: str, message: str, kind: FaultKind
) -> None:
    raw = json.dumps({"type": "error", "error": {"type": error_type, "message": message}}).encode()
    fault = DIALECT.decode_fault(status, raw)
    assert (fault.kind, fault.message, fault.provider_status, fault.provider_code) == (
        kind,
        message,
        status,
        error_type,
    )
    assert fault.raw == raw.decode()


@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b"\xff\xfe", b'{"error":3}', b'{"error":null}']
)
def test_an_error_without_words_is_known_by_its_status(body: bytes) -> None:
    fault = DIALECT.decode_fault(503, body)
    assert fault.kind is FaultKind.PROVIDER_OVERLOADED
    assert "503" in fault.message
    assert DIALECT.decode_fault(599, body).kind is FaultKind.PROVIDER_ERROR


def test_a_key_in_a_providers_words_is_not_passed_on() -> None:
    raw = b'{"error":{"type":"authentication_error","message":"bad key sk-ant-api03-abcdefgh"}}'
    fault = DIALECT.decode_fault(401, raw)
    assert "abcdefgh" not in fault.message + (fault.raw or "")


def test_the_golden_error() -> None:
    fault = DIALECT.decode_fault(529, (GOLDEN / "overloaded" / "error.json").read_bytes())
    assert (fault.kind, fault.message) == (FaultKind.PROVIDER_OVERLOADED, "Overloaded")
