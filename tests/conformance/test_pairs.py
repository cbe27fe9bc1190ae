"""Every dialect to every other: what survives, and in one table what does not.

A case is written in the source dialect, read from its bytes, written in the other and read again. What the tables do
not name as lost has to come back equal; a loss that is new or gone fails.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conformance.pair_cases import REPLIES, REQUESTS, reply

from wideband.canon.events import Event, Failed, Finished, TextDelta
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply, fold, unfold
from wideband.canon.request import Loss, Message, Opaque, Part, Reasoning, Request, ServerTool, Text, ToolResult
from wideband.canon.usage import Usage
from wideband.dialects import losses as table
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.losses import LOSSES
from wideband.dialects.registry import DIALECTS
from wideband.wire import sse

CHAT, MESSAGES = "openai_chat", "anthropic_messages"
# The widest endpoint of each dialect: what is lost here, the protocol itself cannot say.
TARGETS = {
    CHAT: Target(model="m", provider="p", quirks=frozenset({"cache_control", "openrouter", "prefill"})),
    MESSAGES: Target(model="m", provider="p", reasoning_format="anthropic-claude-v1"),
}
PAIRS = [(source, other) for source in TARGETS for other in TARGETS]
ENVELOPE = Envelope(id="gen-1", model="m", provider="P", created_s=1, include_usage=True)
USAGE = Usage(
    prompt_tokens=90, completion_tokens=12, cached_tokens=40, cache_write_tokens=10, reasoning_tokens=5
)  # fmt: skip
CLOSING = Closing(usage=USAGE, cost_nano=1000)

# What a protocol cannot say of a request, whoever asks.
UNSAID: dict[str, dict[str, set[str]]] = {
    CHAT: {
        "citations": {"citations"},
        "deferred tool": {"deferred_tool"},
        "failed result": {"tool_error"},
        "file with context": {"file_extras"},
        "image result": {"tool_result_media"},
        "many stops": {"stop"},
        "pdf url": {"file_url"},
        "unknown block": {"unknown_block"},
    },
    MESSAGES: {
        "audio": {"audio"},
        "broken arguments": {"tool_arguments"},
        "cache key": {"cache_key"},
        "cache lifetime": {"cache_ttl"},
        "foreign thinking": {"reasoning_seal"},
        "hot": {"temperature"},
        "image detail": {"image_detail"},
        "json object": {"json_object"},
        "many cache marks": {"cache_marks"},
        "name": {"message_name"},
        "named json schema": {"json_schema_name"},
        "penalties": {
            "frequency_penalty", "logit_bias", "logprobs", "min_p", "presence_penalty", "repetition_penalty", "seed",
            "top_a", "top_logprobs",
        },
        "refusal": {"refusal"},
        "several answers": {"n"},
        "system amid": {"system_position"},
        "think and choose": {"tool_choice"},
        "unsigned thinking": {"reasoning_seal"},
        "verbosity": {"verbosity"},
    },
}  # fmt: skip

# What is lost on the way from one to the other. A protocol's words for itself are not lost to itself; what the source
# cannot say never sets out.
EXPECTED_LOSSES: dict[tuple[str, str], dict[str, set[str]]] = {
    (CHAT, CHAT): UNSAID[CHAT],
    (MESSAGES, MESSAGES): UNSAID[MESSAGES],
    (CHAT, MESSAGES): UNSAID[MESSAGES]
    | {
        "file id": {"file_id"},
        # Chat demands a name for every schema.
        "json schema": {"json_schema_name"},
        "labels": {"metadata"},
        "server tool": {"server_tools"},
        "tier": {"service_tier"},
        "tool extras": {"tool_extras"},
        "unknown field": {"unknown_fields"},
    },
    (MESSAGES, CHAT): UNSAID[CHAT]
    | {"server tool": {"server_tools"}, "tool extras": {"tool_extras"}, "unknown field": {"unknown_fields"}},
}

REPLY_LOSSES: dict[tuple[str, str], dict[str, set[str]]] = {
    (CHAT, CHAT): {"server tool": {"server_tool_blocks"}, "citations": {"citations"}},
    (CHAT, MESSAGES): {"refusal": {"refusal"}, "annotations": {"annotations"}},
    (MESSAGES, CHAT): {"server tool": {"server_tool_blocks"}, "citations": {"citations"}},
    (MESSAGES, MESSAGES): {"refusal": {"refusal"}, "annotations": {"annotations"}},
}

# As what a fault is seen by a gateway that gets it from this one.
SEEN: dict[FaultKind, FaultKind] = {
    FaultKind.INVALID_REQUEST: FaultKind.PROVIDER_REJECTED,
    FaultKind.CONTEXT_LENGTH: FaultKind.CONTEXT_LENGTH,
    FaultKind.CONTENT_POLICY: FaultKind.CONTENT_POLICY,
    FaultKind.MODEL_NOT_FOUND: FaultKind.PROVIDER_REJECTED,
    FaultKind.AUTHENTICATION: FaultKind.PROVIDER_AUTH,
    FaultKind.PAYMENT_REQUIRED: FaultKind.PROVIDER_AUTH,
    FaultKind.PERMISSION_DENIED: FaultKind.PROVIDER_AUTH,
    FaultKind.NOT_FOUND: FaultKind.PROVIDER_MISSING,
    FaultKind.METHOD_NOT_ALLOWED: FaultKind.PROVIDER_REJECTED,
    FaultKind.NO_ENDPOINTS: FaultKind.PROVIDER_MISSING,
    FaultKind.REQUEST_TIMEOUT: FaultKind.PROVIDER_TIMEOUT,
    FaultKind.PAYLOAD_TOO_LARGE: FaultKind.PROVIDER_REJECTED,
    FaultKind.HEADERS_TOO_LARGE: FaultKind.PROVIDER_REJECTED,
    FaultKind.UNPROCESSABLE: FaultKind.PROVIDER_REJECTED,
    FaultKind.RATE_LIMITED: FaultKind.PROVIDER_RATE_LIMITED,
    FaultKind.CANCELLED: FaultKind.PROVIDER_REJECTED,
    FaultKind.PROVIDER_ERROR: FaultKind.PROVIDER_ERROR,
    FaultKind.PROVIDER_UNREACHABLE: FaultKind.PROVIDER_ERROR,
    FaultKind.PROVIDER_OVERLOADED: FaultKind.PROVIDER_OVERLOADED,
    FaultKind.PROVIDER_RATE_LIMITED: FaultKind.PROVIDER_RATE_LIMITED,
    FaultKind.PROVIDER_AUTH: FaultKind.PROVIDER_ERROR,
    FaultKind.PROVIDER_MISSING: FaultKind.PROVIDER_ERROR,
    FaultKind.PROVIDER_REJECTED: FaultKind.PROVIDER_REJECTED,
    FaultKind.PROVIDER_TIMEOUT: FaultKind.PROVIDER_TIMEOUT,
    FaultKind.PROVIDER_STALLED: FaultKind.PROVIDER_TIMEOUT,
    FaultKind.PROVIDER_CUT: FaultKind.PROVIDER_ERROR,
    FaultKind.PROVIDER_GARBLED: FaultKind.PROVIDER_ERROR,
    FaultKind.UNAVAILABLE: FaultKind.PROVIDER_OVERLOADED,
    FaultKind.INTERNAL: FaultKind.PROVIDER_ERROR,
}


def features(found: Iterable[Loss]) -> set[str]:
    names = {loss.feature for loss in found}
    assert names <= LOSSES.keys()
    return names


def of(dialect: str, request: Request) -> Request:
    """Take a case as one of a dialect's own: what is opaque in it is that dialect's."""

    def own(value: Any) -> Any:
        return msgspec.structs.replace(value, dialect=dialect) if isinstance(value, Opaque | ServerTool) else value

    messages = (msgspec.structs.replace(message, parts=tuple(map(own, message.parts))) for message in request.messages)
    return msgspec.structs.replace(
        request, dialect=dialect, messages=tuple(messages), tools=tuple(map(own, request.tools))
    )


def plain(request: Request) -> Request:
    """Say a request so that what dialects merely spell differently is equal."""
    messages: list[Message] = []
    for message in request.messages:
        parts = tuple(part for part in map(_plain_part, message.parts) if part != Text(text=""))
        last = messages[-1] if messages else None
        if last is not None and last.role == message.role:
            # Turns in a row are one turn, its results first.
            parts = (*last.parts, *parts)
            messages.pop()
        parts = tuple(sorted(parts, key=lambda part: not isinstance(part, ToolResult)))
        messages.append(Message(role=message.role, parts=parts, name=message.name))
    reasoning, output = request.reasoning, request.output
    if reasoning is not None and reasoning.max_tokens is not None:
        reasoning = msgspec.structs.replace(reasoning, enabled=None)
    if output is not None and output.name is None:
        output = msgspec.structs.replace(output, name="answer")
    return msgspec.structs.replace(
        request, dialect="", messages=tuple(messages), reasoning=reasoning, output=output, extras={}
    )


def _plain_part(part: Part) -> Part:
    if isinstance(part, ToolResult):
        inner = tuple(found for found in part.parts if found != Text(text=""))
        return msgspec.structs.replace(part, parts=inner)
    if isinstance(part, Reasoning) and not (part.signature or part.data):
        # Without a seal it does not matter who could read it.
        return Reasoning(text=part.text)
    return part


def words(request: Request) -> list[str]:
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    return [part.text for part in parts if isinstance(part, Text)]


def passed_on(source: str, other: str, case: str) -> tuple[Request, Request, set[str]]:
    """Return a request as it sets out and as it arrives, and what was lost between."""
    request = of(source, REQUESTS[case])
    written = DIALECTS[source].encode_request(request, TARGETS[source])
    arrived = DIALECTS[source].decode_request(written.body)
    if source == other:
        return request, arrived, features(written.losses)
    draft = DIALECTS[other].encode_request(arrived, TARGETS[other])
    return arrived, DIALECTS[other].decode_request(draft.body), features(draft.losses)


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_requests(source: str, other: str, case: str) -> None:
    before, after, lost = passed_on(source, other, case)
    assert lost == EXPECTED_LOSSES[source, other].get(case, set())
    if not lost:
        assert plain(after) == plain(before)
    said = "\n".join(words(after))
    assert [text for text in words(before) if text not in said] == []


def streamed(dialect: str, events: list[Event], closing: Closing = CLOSING) -> tuple[list[Event], set[str]]:
    encoder, decoder = DIALECTS[dialect].stream_encoder(ENVELOPE), DIALECTS[dialect].stream_decoder()
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(closing)
    found = [event for frame in sse.Decoder().feed(data) for event in decoder.feed(frame)]
    return found + decoder.close(), features(encoder.losses)


def parts_of(found: Reply) -> list[Part]:
    assert found.fault is None
    return [_plain_part(part) for choice in found.choices for part in choice.parts]


@pytest.mark.parametrize("case", REPLIES)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_whole_answers(source: str, other: str, case: str) -> None:
    written, own_losses = DIALECTS[source].encode_reply(reply(case, source), ENVELOPE, CLOSING)
    arrived = DIALECTS[source].decode_reply(written)
    body, losses = DIALECTS[other].encode_reply(arrived, ENVELOPE, CLOSING)
    back = DIALECTS[other].decode_reply(body)
    lost = features(own_losses if source == other else losses)
    expected = REPLY_LOSSES[source, other].get(case, set())
    assert lost == expected
    if not expected:
        assert parts_of(back) == parts_of(arrived)
        assert back.choices[0].finish == arrived.choices[0].finish
    assert back.usage == arrived.usage == USAGE


@pytest.mark.parametrize("case", REPLIES)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_streamed_answers(source: str, other: str, case: str) -> None:
    arrived, own_losses = streamed(source, unfold(reply(case, source)))
    back, losses = streamed(other, arrived)
    expected = REPLY_LOSSES[source, other].get(case, set())
    assert (own_losses if source == other else losses) == expected
    if not expected:
        assert parts_of(fold(back)) == parts_of(fold(arrived))
        assert fold(back).choices[0].finish == fold(arrived).choices[0].finish
    assert fold(back).usage == USAGE


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "tool_calls"])
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_every_way_to_finish(source: str, other: str, reason: Any) -> None:
    answer = Reply(choices=(Choice(parts=(Text(text="x"),), finish=reason),))
    arrived = DIALECTS[source].decode_reply(DIALECTS[source].encode_reply(answer, ENVELOPE, CLOSING)[0])
    back = DIALECTS[other].decode_reply(DIALECTS[other].encode_reply(arrived, ENVELOPE, CLOSING)[0])
    assert back.choices[0].finish == reason
    events, _ = streamed(other, streamed(source, unfold(answer))[0])
    assert [event.reason for event in events if isinstance(event, Finished)] == [reason]


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_every_fault(source: str, other: str, kind: FaultKind) -> None:
    fault = Fault(kind=kind, message="Do this.")
    first = DIALECTS[source].decode_fault(fault.status, DIALECTS[source].encode_fault(fault, "gen-1"))
    assert _seen(first.kind) == SEEN[kind]
    second = DIALECTS[other].decode_fault(first.status, DIALECTS[other].encode_fault(first, "gen-1"))
    assert _seen(second.kind) == SEEN[first.kind]
    events, _ = streamed(other, [TextDelta("Half")], Closing(usage=USAGE, fault=first))
    assert isinstance(events[-1], Failed)
    assert _seen(events[-1].fault.kind) == SEEN[first.kind]
    if kind is not FaultKind.INTERNAL:
        assert (first.message, second.message, events[-1].fault.message) == ("Do this.",) * 3


def _seen(kind: FaultKind) -> FaultKind:
    # Chat knows a body that is too large only as one that was rejected.
    return FaultKind.PROVIDER_REJECTED if kind is FaultKind.PAYLOAD_TOO_LARGE else kind


def test_every_loss_can_happen() -> None:
    folder = Path(table.__file__).parent
    source = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "losses.py")
    assert [name for name in LOSSES if f'"{name}"' not in source] == []


def test_the_tables_name_only_cases_and_rows_that_exist() -> None:
    assert EXPECTED_LOSSES.keys() == REPLY_LOSSES.keys() == set(PAIRS)
    for losses, cases in ((EXPECTED_LOSSES, REQUESTS.keys()), (REPLY_LOSSES, REPLIES.keys())):
        for rows in losses.values():
            assert rows.keys() <= cases
            assert set().union(*rows.values()) <= LOSSES.keys()
    assert SEEN.keys() == set(FaultKind)


def test_what_nobody_knows_of_a_message_is_recorded_when_it_cannot_be_said() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hello","mood":"calm","name":null}]}'
    request = DIALECTS[CHAT].decode_request(body)
    draft = DIALECTS[MESSAGES].encode_request(request, TARGETS[MESSAGES])
    assert [loss for loss in draft.losses if loss.feature == "message_extras"] == [Loss("message_extras", "mood")]
