"""How Bedrock and Vertex AI take Anthropic's and Google's protocols, and give them back."""

import base64
import json
from typing import Any, get_args

import pytest
from tests.e2e.clouds import EVENTS, chunk, exception, message

from wideband.canon.events import Event, Failed, Finished, TextDelta
from wideband.canon.faults import FaultKind
from wideband.canon.request import Loss
from wideband.catalog.rows import Carriage
from wideband.dialects.base import Draft, Target
from wideband.dialects.carriages import CARRIAGES, BedrockFrames
from wideband.dialects.registry import DIALECTS
from wideband.wire.eventstream import BrokenError
from wideband.wire.sse import Frame

ANTHROPIC = DIALECTS["anthropic_messages"]
BEDROCK = CARRIAGES["bedrock"]["anthropic_messages"]
VERTEX = CARRIAGES["vertex"]["anthropic_messages"]
BODY: dict[str, Any] = {"model": "m", "max_tokens": 5, "stream": True, "messages": [{"role": "user", "content": "é"}]}


def draft(**headers: str) -> Draft:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Draft(
        path="/messages",
        body=json.dumps(BODY, ensure_ascii=False).encode(),
        headers={"anthropic-version": "2023-06-01", **told},
        losses=(Loss("n"),),
    )


def target(model: str = "m") -> Target:
    return Target(model=model, provider="p")


def test_there_is_a_table_for_every_carriage_a_row_can_name() -> None:
    assert set(CARRIAGES) == set(get_args(Carriage))


def test_bedrock_names_the_model_in_the_path_and_the_version_in_the_body() -> None:
    packed = BEDROCK.address(draft(), target("eu.anthropic.claude-x-v1:0"), False)
    assert packed.path == "/model/eu.anthropic.claude-x-v1%3A0/invoke"
    assert json.loads(packed.body) == {
        "max_tokens": 5,
        "messages": BODY["messages"],
        "anthropic_version": "bedrock-2023-05-31",
    }
    assert packed.headers == {}
    assert packed.losses == (Loss("n"),)


def test_bedrock_takes_the_arn_of_an_inference_profile() -> None:
    arn = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc"
    packed = BEDROCK.address(draft(), target(arn), True)
    assert packed.path == (
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fabc/invoke-with-response-stream"
    )


def test_vertex_names_the_model_in_the_path_and_keeps_stream() -> None:
    packed = VERTEX.address(draft(), target("claude-x@20250929"), True)
    assert packed.path == "/publishers/anthropic/models/claude-x@20250929:streamRawPredict"
    body = json.loads(packed.body)
    assert (body["stream"], body["anthropic_version"], "model" in body) == (True, "vertex-2023-10-16", False)
    assert VERTEX.address(draft(), target(), False).path.endswith(":rawPredict")


def test_beta_features_go_where_they_belong_and_unknown_ones_are_recorded() -> None:
    asked = draft(anthropic_beta="interleaved-thinking-2025-05-14, fast-mode-2026-02-01,advanced-tool-use-2025-11-20")
    known = ["interleaved-thinking-2025-05-14", "tool-search-tool-2025-10-19"]
    lost = (Loss("n"), Loss("beta_feature", "fast-mode-2026-02-01"))
    bedrock, vertex = BEDROCK.address(asked, target(), True), VERTEX.address(asked, target(), True)
    assert json.loads(bedrock.body)["anthropic_beta"] == known
    assert "anthropic-beta" not in bedrock.headers
    assert vertex.headers == {"anthropic-beta": ",".join(known)}
    assert bedrock.losses == vertex.losses == lost


@pytest.mark.parametrize(
    ("dialect", "path", "packed"),
    [
        ("gemini_generate", "/models/g:generateContent", "/publishers/google/models/g:generateContent"),
        ("openai_chat", "/chat/completions", "/endpoints/openapi/chat/completions"),
    ],
)
def test_vertex_has_googles_and_open_models_below_paths_of_their_own(dialect: str, path: str, packed: str) -> None:
    before = Draft(path=path, body=b"{}")
    assert CARRIAGES["vertex"][dialect].address(before, target(), True) == Draft(path=packed, body=b"{}")


def test_vertex_is_asked_for_a_class_of_service_in_a_header() -> None:
    before = Draft(path="/models/g:generateContent", body=b'{"contents":[],"serviceTier":"flex"}')
    packed = CARRIAGES["vertex"]["gemini_generate"].address(
        before, Target(model="g", provider="google-vertex", service_tier="flex"), False
    )
    assert packed.headers == {"x-vertex-ai-llm-shared-request-type": "flex"}
    assert json.loads(packed.body) == {"contents": []}
    assert packed.path == "/publishers/google/models/g:generateContent"


def test_bedrocks_stream_is_anthropics() -> None:
    frames = BedrockFrames().feed(b"".join(map(chunk, EVENTS)))
    assert [frame.event for frame in frames] == [event["type"] for event in EVENTS]
    assert [json.loads(frame.data) for frame in frames] == EVENTS


def decoded(frames: list[Frame]) -> list[Event]:
    decoder = ANTHROPIC.stream_decoder()
    return [event for frame in frames for event in decoder.feed(frame)] + decoder.close()


def test_a_whole_stream_ends_well_and_a_cut_one_does_not() -> None:
    frames = BedrockFrames()
    whole = decoded(frames.feed(b"".join(map(chunk, EVENTS))) + frames.close())
    assert "".join(event.text for event in whole if isinstance(event, TextDelta)) == "The cloud says hello."
    assert isinstance(whole[-2], Finished)
    half = decoded(BedrockFrames().feed(b"".join(map(chunk, EVENTS))[:-300]))
    assert isinstance(half[-1], Failed)
    assert half[-1].fault.kind is FaultKind.PROVIDER_CUT


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("throttlingException", FaultKind.PROVIDER_RATE_LIMITED),
        ("ThrottlingException", FaultKind.PROVIDER_RATE_LIMITED),
        ("modelStreamErrorException", FaultKind.PROVIDER_ERROR),
        ("internalServerException", FaultKind.PROVIDER_ERROR),
        ("modelTimeoutException", FaultKind.PROVIDER_TIMEOUT),
        ("serviceUnavailableException", FaultKind.PROVIDER_OVERLOADED),
        ("validationException", FaultKind.PROVIDER_REJECTED),
        ("somethingNewException", FaultKind.PROVIDER_ERROR),
    ],
)
def test_an_exception_is_the_fault_that_it_means(code: str, kind: FaultKind) -> None:
    [failed] = decoded(BedrockFrames().feed(exception(code, "It went wrong.")))
    assert isinstance(failed, Failed)
    assert (failed.fault.kind, failed.fault.message) == (kind, "It went wrong.")


def test_an_error_outside_the_model_is_told_too() -> None:
    headers = {":message-type": "error", ":error-code": "internalServerException", ":error-message": "Broken."}
    [failed] = decoded(BedrockFrames().feed(message(headers, b"")))
    assert isinstance(failed, Failed)
    assert failed.fault.message == "Broken."


CHUNK = {":event-type": "chunk", ":message-type": "event"}


@pytest.mark.parametrize("payload", [b"no json", b'{"bytes": "%%%"}', b'{"bytes": 5}', b'{"bytes": "\\u00e9"}'])
def test_a_chunk_that_cannot_be_read_breaks_the_stream(payload: bytes) -> None:
    with pytest.raises(BrokenError):
        BedrockFrames().feed(message(CHUNK, payload))


def test_an_event_that_cannot_be_read_is_garbled() -> None:
    payload = json.dumps({"bytes": base64.b64encode(b"{").decode()}).encode()
    [failed] = decoded(BedrockFrames().feed(message(CHUNK, payload)))
    assert isinstance(failed, Failed)
    assert failed.fault.kind is FaultKind.PROVIDER_GARBLED


def test_a_prompt_too_long_for_bedrock_is_known_as_such() -> None:
    body = BEDROCK.refusal(b'{"message": "Input is too long for requested model."}')
    assert ANTHROPIC.decode_fault(400, body).kind is FaultKind.CONTEXT_LENGTH


def test_messages_of_other_kinds_say_nothing() -> None:
    headers = {":event-type": "initial-response", ":message-type": "event"}
    assert BedrockFrames().feed(message(headers, b"{}")) == []


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (BEDROCK.refusal(b'{"message": "Too many requests."}'), "Too many requests."),
        (BEDROCK.refusal(b'{"Message": "Slow down."}'), "Slow down."),
        (
            VERTEX.refusal(b'[{"error": {"code": 429, "message": "Exhausted."}}]'),
            "Exh",
        ),
        (VERTEX.refusal(b'{"error": {"message": "Exhausted."}}'), "Exhausted."),
        (VERTEX.refusal(b"<html>"), ""),
        (BEDROCK.refusal(b"<html>"), ""),
    ],
)
def test_a_refusal_is_read_in_the_platforms_words(refusal: bytes, says: str) -> None:
    fault = ANTHROPIC.decode_fault(429, refusal)
    assert fault.kind is FaultKind.PROVIDER_RATE_LIMITED
    assert says in fault.message
