"""What models write for programs is judged on both lanes, streamed or whole, and passed on as it is."""

import asyncio
from typing import Any

import pytest
from tests.unit.gateway.stage import Client, Stage, endpoint, stage
from tests.unit.gateway.test_session import DONE, FINISH, HELLO, OPENING, USAGE, chunk, chunks, the_record, whole

from wideband.metering import meter
from wideband.routing.plans import Outcome
from wideband.upstream.scripted import Act, Hang, Wait, stream
from wideband.wire import jsons, sse

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
HI = [{"role": "user", "content": "Will it rain?"}]
CHAT: dict[str, Any] = {
    "model": "acme/m1",
    "messages": HI,
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
}
FORM: dict[str, Any] = {
    "model": "acme/m1",
    "messages": HI,
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
}
CLAUDE: dict[str, Any] = {
    "model": "acme/m1",
    "max_tokens": 99,
    "messages": HI,
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
}
SAID = [
    ("weather", '{"city": "Rome"}', "valid"),
    ("weather", '{"city": "Rome"', "invalid_json"),
    ("forecast", '{"city": "Rome"}', "unknown_name"),
    ("weather", '{"town": "Rome"}', "schema_mismatch"),
]


def watched(on: Stage, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    told: list[Outcome] = []
    monkeypatch.setattr(on.exchange.health, "observe", told.append)
    return told


def calling(name: str, arguments: str, finish: str = "tool_calls") -> Act:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return Act(body=[jsons.encode({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})])


def calling_piecemeal(name: str, arguments: str) -> Act:
    opened = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in (arguments[:5], arguments[5:])]
    deltas = [chunk(delta={"role": "assistant", "tool_calls": [opened]})]
    deltas += [chunk(delta={"tool_calls": [piece]}) for piece in pieces]
    return stream(*deltas, chunk(finish_reason="tool_calls"), USAGE, DONE)


def claude(name: str, arguments: str) -> Act:
    """Make Claude's answer, streamed: the only way in which it can say what is no JSON."""
    rows: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": {}}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "c1", "name": name, "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": arguments},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return stream(*(sse.encode(jsons.encode(row), event=str(row["type"])) for row in rows))


def arguments_told(client: Client) -> str:
    calls = [call for one in chunks(client) for row in one["choices"] for call in row["delta"].get("tool_calls", ())]
    return "".join(call["function"].get("arguments", "") for call in calls)


@pytest.mark.parametrize(("name", "arguments", "verdict"), SAID)
async def test_a_call_is_judged_and_passed_on_as_it_is(
    name: str, arguments: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = stage({"a": [calling(name, arguments)]})
    told = watched(on, monkeypatch)
    client = await on.ask(CHAT)
    [call] = client.json["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": name, "arguments": arguments}
    record = the_record(on)
    assert (record.lane, record.tool_verdict, record.structured_verdict) == ("fast", verdict, None)
    assert [one.tool_calls for one in told] == [verdict]
    assert told[0].fault is None


@pytest.mark.parametrize(("name", "arguments", "verdict"), SAID)
async def test_a_streamed_call_is_judged_and_passed_on_as_it_is(name: str, arguments: str, verdict: str) -> None:
    on = stage({"a": [calling_piecemeal(name, arguments)]})
    client = await on.ask({**CHAT, "stream": True})
    assert arguments_told(client) == arguments
    assert the_record(on).tool_verdict == verdict


@pytest.mark.parametrize(("name", "arguments", "verdict"), SAID)
async def test_a_call_that_is_translated_is_judged_alike(name: str, arguments: str, verdict: str) -> None:
    on = stage({"a": [claude(name, arguments)]}, endpoint("a", dialect="anthropic_messages"))
    client = await on.ask({**CHAT, "stream": True})
    record = the_record(on)
    assert (record.lane, record.tool_verdict) == ("translated", verdict)
    assert arguments_told(client) == arguments


@pytest.mark.parametrize(("name", "arguments", "verdict"), SAID)
async def test_what_is_offered_is_read_in_the_callers_protocol(name: str, arguments: str, verdict: str) -> None:
    on = stage({"a": [calling(name, arguments)]}, dialect="anthropic_messages")
    await on.ask(CLAUDE)
    record = the_record(on)
    assert (record.lane, record.tool_verdict) == ("translated", verdict)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [('{"city": "Rome"}', "valid"), ("In Rome.", "invalid_json"), ('{"city": 1}', "schema_mismatch")],
)
async def test_text_under_a_schema_is_judged(said: str, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = stream(OPENING, chunk(delta={"content": said[:4]}), chunk(delta={"content": said[4:]}), FINISH, DONE)
    for act, body in ((whole(said), FORM), (streamed, {**FORM, "stream": True})):
        on = stage({"a": [act]})
        told = watched(on, monkeypatch)
        await on.ask(body)
        record = the_record(on)
        assert (record.structured_verdict, record.tool_verdict) == (verdict, None)
        assert told[0].structured == verdict


async def test_an_answer_without_calls_has_no_verdict_on_them() -> None:
    on = stage({"a": [whole("No idea.")]})
    await on.ask(CHAT)
    assert (the_record(on).tool_verdict, the_record(on).structured_verdict) == (None, None)


async def test_what_was_cut_off_by_a_limit_is_not_judged() -> None:
    half = chunk(delta={"content": '{"city"'})
    for act, body in (
        (stream(OPENING, half, chunk(finish_reason="length"), DONE), {**FORM, "stream": True}),
        (calling("weather", '{"city"', "length"), CHAT),
    ):
        on = stage({"a": [act]})
        await on.ask(body)
        record = the_record(on)
        assert record.finish_reason == "length"
        assert (record.tool_verdict, record.structured_verdict) == (None, None)


async def test_what_was_refused_or_broke_is_not_judged() -> None:
    refusal = chunk(delta={"refusal": "I will not."})
    for act in (stream(OPENING, refusal, FINISH, DONE), stream(OPENING, chunk(delta={"content": "{"}), Hang())):
        on = stage({"a": [act]})
        await on.ask({**FORM, "stream": True})
        assert the_record(on).structured_verdict is None


async def test_tools_that_cannot_be_read_leave_the_answer_unjudged() -> None:
    on = stage({"a": [calling("weather", "{}")]})
    client = await on.ask({**CHAT, "tools": [{"type": "function"}]})
    assert client.status == 200
    assert the_record(on).tool_verdict is None


class Slow(Client):
    """A client that takes its time with each piece."""

    async def send(self, data: bytes) -> None:
        await super().send(data)
        await asyncio.sleep(0.04)


async def test_waits_inside_an_answer_are_counted_and_a_slow_callers_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "STALL_NS", 20_000_000)
    act = stream(Wait(0.03), OPENING, HELLO, Wait(0.03), HELLO, Wait(0.03), HELLO, FINISH, USAGE, DONE)
    on = stage({"a": [act]})
    told = watched(on, monkeypatch)
    await on.ask({"model": "acme/m1", "messages": HI, "stream": True})
    assert (the_record(on).stalls, told[0].stalls) == (2, 2)

    on = stage({"a": [stream(OPENING, HELLO, HELLO, HELLO, FINISH, USAGE, DONE)]})
    client = Slow()
    await on.session(client).answer(jsons.encode({"model": "acme/m1", "messages": HI, "stream": True}))
    assert client.ended
    assert the_record(on).stalls == 0
