"""What a Responses provider answers in place of an answer."""

from pathlib import Path

import pytest

from wideband.canon.faults import FaultKind
from wideband.dialects.openai_responses.upstream_faults import decode_event, decode_failure, decode_fault
from wideband.wire import jsons, sse


def body(**error: object) -> bytes:
    return jsons.encode({"error": error})


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, body(code="context_length_exceeded", message="too long", param="input"), "CONTEXT_LENGTH"),
        (400, body(message="Your input exceeds the context window of this model."), "CONTEXT_LENGTH"),
        (
            400,
            body(code="invalid_prompt", message="Your prompt was flagged as violating our policy."),
            "CONTENT_POLICY",
        ),
        (400, body(code="invalid_prompt", message="No tool output found for call c."), "PROVIDER_REJECTED"),
        (400, body(code="image_content_policy_violation", message="no"), "CONTENT_POLICY"),
        (401, body(code="invalid_api_key", message="no"), "PROVIDER_AUTH"),
        (404, body(code="model_not_found", message="no"), "PROVIDER_MISSING"),
        (429, body(code="rate_limit_exceeded", message="Please try again in 1.5s."), "PROVIDER_RATE_LIMITED"),
        (429, body(code="insufficient_quota", message="no"), "PROVIDER_AUTH"),
        (500, body(code="server_error", message="no"), "PROVIDER_ERROR"),
        (503, b"upstream connect error", "PROVIDER_OVERLOADED"),
        (404, b'{"detail":"Not Found"}', "PROVIDER_MISSING"),
    ],
)
def test_an_error_answer_is_a_fault_of_its_kind(status: int, told: bytes, kind: str) -> None:
    fault = decode_fault(status, told)
    assert (fault.kind, fault.provider_status) == (FaultKind[kind], status)
    assert fault.message


def test_the_same_error_is_the_same_fault_in_an_answer_and_in_a_stream() -> None:
    golden = Path(__file__).parents[2] / "golden" / "openai_responses" / "error_event"
    answered = decode_fault(500, (golden / "error.json").read_bytes())
    streamed = decode_event(sse.Decoder().feed((golden / "stream.sse").read_bytes())[-1].data)
    assert (answered.kind, answered.message) == (streamed.kind, streamed.message)


def test_how_long_to_wait_stands_in_the_words() -> None:
    fault = decode_fault(429, body(code="rate_limit_exceeded", message="Please try again in 1.5s."))
    assert (fault.retry_after_s, fault.provider_code) == (1.5, "rate_limit_exceeded")


def test_keys_are_blotted_out() -> None:
    assert "sk-abcdefgh" not in repr(decode_fault(401, body(message="Incorrect API key provided: sk-abcdefgh123")))


def test_an_event_says_its_error_itself_or_holds_it() -> None:
    own = decode_event(b'{"type":"error","sequence_number":3,"code":"rate_limit_exceeded","message":"m","param":"p"}')
    held = decode_event(b'{"type":"error","error":{"code":"rate_limit_exceeded","message":"m","param":"p"}}')
    for fault in (own, held):
        assert (fault.kind, fault.message, fault.param) == (FaultKind.PROVIDER_RATE_LIMITED, "m", "p")
        assert fault.provider_code == "rate_limit_exceeded"


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b'{"type":"error","message":5}', b'{"error":7}'])
def test_an_event_that_says_nothing_is_a_fault_all_the_same(told: bytes) -> None:
    fault = decode_event(told)
    assert (fault.kind, fault.message) == (FaultKind.PROVIDER_ERROR, "The provider gave no reason.")


def test_a_failure_may_be_words_alone() -> None:
    assert decode_failure("broken").message == "broken"
