"""Faults as clients of Responses are told them: words that steer Codex, numbers that OpenRouter's SDK can read."""

import json
import re
from typing import Any

import pytest
from openrouter.errors.badgatewayresponse_error import BadGatewayResponseErrorData

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.openai_responses.faults import STATUSES, encode_fault, failure

# How Codex finds out how long to wait.
WAIT = re.compile(r"(?i)try again in\s*(\d+(?:\.\d+)?)\s*(s|ms|seconds?)")


def error(kind: FaultKind, **fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(encode_fault(Fault(kind=kind, message="So it is.", **fields), "gen-1"))["error"]
    return told


def test_out_of_credits_stops_clients_at_once() -> None:
    assert STATUSES[FaultKind.PAYMENT_REQUIRED] == 429
    told = error(FaultKind.PAYMENT_REQUIRED)
    assert (told["code"], told["type"]) == ("insufficient_quota", "insufficient_quota")


def test_too_long_a_prompt_is_told_in_a_word() -> None:
    assert error(FaultKind.CONTEXT_LENGTH)["code"] == "context_length_exceeded"


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - {FaultKind.PAYMENT_REQUIRED, FaultKind.CONTEXT_LENGTH}))
def test_all_else_says_its_status(kind: FaultKind) -> None:
    fault = Fault(kind=kind, message="So it is.")
    assert error(kind)["code"] == fault.status


def test_an_error_answer_has_what_openais_clients_read() -> None:
    whole = json.loads(encode_fault(Fault(kind=FaultKind.INVALID_REQUEST, message="No.", param="input"), "gen-1"))
    assert whole["request_id"] == "gen-1"
    assert whole["error_type"] == "invalid_request"
    assert (whole["error"]["message"], whole["error"]["param"]) == ("No.", "input")
    assert error(FaultKind.NO_ENDPOINTS)["param"] is None


def test_openrouters_sdk_reads_an_error_answer() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="It broke.", provider="acme", raw="boom")
    found = BadGatewayResponseErrorData.model_validate_json(encode_fault(fault, None))
    assert (found.error.code, found.error.message) == (502, "It broke.")


def test_routers_metadata_stands_beside_the_error() -> None:
    fault = Fault(kind=FaultKind.NO_ENDPOINTS, message="None.", details={"openrouter_metadata": {"attempt": 0}})
    assert json.loads(encode_fault(fault, None))["openrouter_metadata"] == {"attempt": 0}


def test_a_fault_of_ours_says_nothing_of_its_cause() -> None:
    fault = Fault(kind=FaultKind.INTERNAL, message="KeyError: 'x'", details={"openrouter_metadata": {}})
    assert b"KeyError" not in encode_fault(fault, None)
    assert "KeyError" not in str(failure(fault, "Acme"))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.PROVIDER_RATE_LIMITED, "rate_limit_exceeded"),
        (FaultKind.RATE_LIMITED, "rate_limit_exceeded"),
        (FaultKind.CONTEXT_LENGTH, "context_length_exceeded"),
        (FaultKind.PAYMENT_REQUIRED, "insufficient_quota"),
        (FaultKind.PROVIDER_REJECTED, "invalid_prompt"),
        (FaultKind.CONTENT_POLICY, "invalid_prompt"),
        (FaultKind.PROVIDER_CUT, "server_error"),
        (FaultKind.INTERNAL, "server_error"),
    ],
)
def test_the_code_of_a_failed_response_is_a_word(kind: FaultKind, code: str) -> None:
    assert failure(Fault(kind=kind, message="So it is."), "Acme")["code"] == code


def test_a_failed_response_says_how_long_to_wait_where_clients_look() -> None:
    def waits(seconds: float | None, kind: FaultKind = FaultKind.PROVIDER_RATE_LIMITED) -> str | None:
        found = WAIT.search(failure(Fault(kind=kind, message="Slow down.", retry_after_s=seconds), "Acme")["message"])
        return found and found[1] + found[2]

    assert waits(1.5) == "1.5s"
    assert waits(1_000_000.0) == "1000000s"
    assert waits(None) is None
    assert waits(2, FaultKind.PROVIDER_OVERLOADED) is None
