"""Every dialect to every other: what survives, and in one table what does not.

A case is written in the source dialect, read from its bytes, written in the other and read again. What losses.toml does
not name as lost has to come back equal; a loss that is new or gone fails. `python -m scripts.losses` writes the file.
"""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conformance.pair_cases import REPLIES, REQUESTS
from tests.conformance.pairs import (
    CLOSING,
    ENVELOPE,
    FOLDER,
    NAMES,
    PAIRS,
    TARGETS,
    USAGE,
    answered,
    expected,
    passed_on,
    retold,
    streamed,
)

from wideband.canon.events import Failed, Finished, TextDelta
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply, fold, unfold
from wideband.canon.request import (
    File,
    Image,
    Loss,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningAsk,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.canon.usage import Usage
from wideband.dialects import losses as table
from wideband.dialects.base import Closing
from wideband.dialects.budgets import SHARES
from wideband.dialects.custom_tools import as_function, as_function_call
from wideband.dialects.losses import LOSSES
from wideband.dialects.registry import DIALECTS
from wideband.dialects.seals import unpack
from wideband.gateway.metadata import status

LOST = expected()

# Counts that a protocol has no word for.
UNCOUNTED = {"gemini_generate": ("cache_write_tokens",)}

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
    return msgspec.structs.replace(
        request,
        dialect="",
        messages=tuple(messages),
        tools=tuple(map(_plain_tool, request.tools)),
        tool_choice=_plain_choice(request.tool_choice),
        reasoning=_plain_reasoning(request.reasoning, request.max_tokens or 0),
        output=_plain_output(request.output),
        extras={},
    )


def _plain_choice(choice: ToolChoice | None) -> ToolChoice | None:
    return choice and msgspec.structs.replace(choice, allowed=())


def _plain_reasoning(ask: ReasoningAsk | None, max_tokens: int) -> ReasoningAsk | None:
    """Say an effort as the budget it stands for; what is shown of the thinking is each protocol's own affair."""
    if ask is None:
        return None
    if ask.enabled is False or ask.effort == "none":
        # Which goes without saying to an endpoint that is not known to think.
        return None
    budget = ask.max_tokens or (int(max_tokens * SHARES[ask.effort]) if ask.effort else None)
    return ReasoningAsk(max_tokens=budget, enabled=None if budget else ask.enabled, exclude=ask.exclude)


def _plain_output(output: OutputFormat | None) -> OutputFormat | None:
    if output is None or output.type == "text":
        return None
    return msgspec.structs.replace(output, name=output.name or "answer", strict=output.strict or None)


def _plain_tool(tool: Tool | ServerTool) -> Tool | ServerTool:
    if isinstance(tool, ServerTool):
        return tool
    tool = as_function(tool, [])
    return msgspec.structs.replace(tool, strict=tool.strict or None, extras={})


def _plain_part(part: Part) -> Part:
    if isinstance(part, ToolResult):
        inner = tuple(found for found in map(_plain_part, part.parts) if found != Text(text=""))
        return msgspec.structs.replace(part, parts=inner, name=None)
    if isinstance(part, Reasoning):
        return _plain_reasoning_part(part)
    if isinstance(part, ToolCall):
        return as_function_call(part)
    if isinstance(part, Image | File) and part.url is not None:
        part = msgspec.structs.replace(part, media_type=None)
    if isinstance(part, Image) and part.detail == "auto":
        return msgspec.structs.replace(part, detail=None)
    if isinstance(part, File) and part.filename == "file.pdf":
        return msgspec.structs.replace(part, filename=None)
    return part


def _plain_reasoning_part(part: Reasoning) -> Reasoning:
    if (inner := unpack(part.data or "")) is not None:
        return _plain_reasoning_part(inner)
    # Without a seal it does not matter who could read it; with one, in which field it travels.
    seal = part.signature or part.data
    # Gemini's seals seal no text.
    text = "" if seal and part.format == "google-gemini-v1" else part.text
    return Reasoning(text=text, data=seal, format=part.format if seal else None)


def words(request: Request) -> list[str]:
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ToolResult) for inner in part.parts]
    return [part.text for part in parts if isinstance(part, Text)]


# Some protocols have fewer words for it once the answer has begun.
SEEN_IN_STREAMS = {"openai_responses": {FaultKind.CONTENT_POLICY: FaultKind.PROVIDER_REJECTED}}


def lost_of(way: str, source: str, other: str, case: str) -> set[str]:
    return set(LOST[way][source][other].get(case, ()))


def counted(dialect: str) -> Usage:
    """Return the counts as a protocol can tell them."""
    return msgspec.structs.replace(USAGE, **dict.fromkeys(UNCOUNTED.get(dialect, ()), 0))


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_requests(source: str, other: str, case: str) -> None:
    before, after, lost = passed_on(source, other, case)
    assert lost == lost_of("requests", source, other, case)
    if not lost:
        assert plain(after) == plain(before)
    said = "\n".join(words(after))
    assert [text for text in words(before) if text not in said] == []


def parts_of(found: Reply) -> list[Part]:
    assert found.fault is None
    parts = [_plain_part(part) for choice in found.choices for part in choice.parts]
    # Where in its turn a seal stands, and whether it comes with its text, is each protocol's own affair.
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    sealed = {part.text for part in thoughts if part.data} | ({"Hm."} if any(part.data for part in thoughts) else set())
    kept = [part for part in thoughts if part.data or part.text not in sealed]
    return [*kept, *(part for part in parts if not isinstance(part, Reasoning))]


@pytest.mark.parametrize("case", REPLIES)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_whole_answers(source: str, other: str, case: str) -> None:
    given, back, lost = answered(source, other, case)
    assert lost == lost_of("replies", source, other, case)
    if not lost:
        assert parts_of(back) == parts_of(given)
        assert back.choices[0].finish == given.choices[0].finish
    assert given.usage == counted(source)
    assert back.usage == counted(other)


@pytest.mark.parametrize("case", REPLIES)
@pytest.mark.parametrize(("source", "other"), PAIRS)
def test_streamed_answers(source: str, other: str, case: str) -> None:
    given, back, lost = retold(source, other, case)
    assert lost == lost_of("streams", source, other, case)
    if not lost:
        assert parts_of(fold(back)) == parts_of(fold(given))
        assert fold(back).choices[0].finish == fold(given).choices[0].finish
    assert fold(back).usage == counted(other)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
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
    first = _told(source, fault)
    assert _seen(first.kind) == SEEN[kind]
    second = _told(other, first)
    assert _seen(second.kind) == SEEN[first.kind]
    events, _ = streamed(other, [TextDelta("Half")], Closing(usage=USAGE, fault=first))
    assert isinstance(events[-1], Failed)
    in_stream = SEEN | SEEN_IN_STREAMS.get(other, {})
    assert _seen(events[-1].fault.kind) == in_stream[first.kind]
    if kind is not FaultKind.INTERNAL:
        # Of a prompt that is too long Anthropic's clients are told in Anthropic's words first.
        told = (first.message, second.message, events[-1].fault.message)
        assert all("Do this." in message for message in told)
        assert set(told) == {"Do this."} or kind is FaultKind.CONTEXT_LENGTH


def _told(dialect: str, fault: Fault) -> Fault:
    """Return a fault as a gateway sees it that gets it from this one."""
    found = DIALECTS[dialect]
    return found.decode_fault(status(fault, found), found.encode_fault(fault, "gen-1"))


def _seen(kind: FaultKind) -> FaultKind:
    # Chat knows a body that is too large only as one that was rejected.
    return FaultKind.PROVIDER_REJECTED if kind is FaultKind.PAYLOAD_TOO_LARGE else kind


def test_every_loss_can_happen() -> None:
    folder = Path(table.__file__).parent
    source = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "losses.py")
    assert [name for name in LOSSES if f'"{name}"' not in source] == []


def test_the_tables_name_only_cases_and_rows_that_exist() -> None:
    assert LOST.keys() == {"requests", "replies", "streams"}
    for way, cases in (("requests", REQUESTS), ("replies", REPLIES), ("streams", REPLIES)):
        assert {(source, other) for source in LOST[way] for other in LOST[way][source]} == set(PAIRS)
        for rows in (LOST[way][source][other] for source, other in PAIRS):
            assert rows.keys() <= cases.keys()
            assert {name for names in rows.values() for name in names} <= LOSSES.keys()
    assert SEEN.keys() == set(FaultKind)
    told = tomllib.loads((FOLDER / "features.toml").read_text())
    for row in told.values():
        assert set(row["requests"]) <= REQUESTS.keys()
        assert set(row["replies"]) <= REPLIES.keys()


def test_every_dialect_that_answers_has_a_column() -> None:
    generating = {name for name, dialect in DIALECTS.items() if dialect.task == "generate"}
    assert generating - {"openai_completions"} == set(NAMES)


def test_what_nobody_knows_of_a_message_is_recorded_when_it_cannot_be_said() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hello","mood":"calm","name":null}]}'
    request = DIALECTS["openai_chat"].decode_request(body)
    draft = DIALECTS["anthropic_messages"].encode_request(request, TARGETS["anthropic_messages"])
    assert [loss for loss in draft.losses if loss.feature == "message_extras"] == [Loss("message_extras", "mood")]
