"""Where a try's outcome is known before its bytes are complete, and where ending an answer goes wrong."""

import asyncio

import pytest
from tests.unit.gateway.stage import Client, endpoint, stage
from tests.unit.gateway.test_session import (
    ASK,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    STREAM,
    USAGE,
    chunk,
    chunks,
    text_of,
    the_record,
    whole,
)

from wideband.canon.faults import Fault, FaultKind
from wideband.dialects.openai_chat.relay import Relay
from wideband.gateway import trial
from wideband.upstream.scripted import Act, Hang, Step, Wait, stream
from wideband.wire import jsons

CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="no last chunk")
TWO = {**STREAM, "n": 2}

# -- error answers ---------------------------------------------------------------------------------------------------

ECHO = jsons.encode({"error": {"message": "bad `x`", "type": "invalid_request_error"}, "input": "y" * 200_000})


@pytest.mark.parametrize("rest", [(ECHO[100_000:],), (CUT,), (Hang(),)], ids=["too long", "cut", "hanging"])
async def test_a_request_the_provider_rejects_is_a_rejection_whatever_becomes_of_the_body(rest: tuple[Step]) -> None:
    on = stage({"a": [Act(status=400, body=[ECHO[:100_000], *rest])], "b": [whole()]}, tail_s=0.05)
    client = await on.ask(ASK)
    assert client.status == 400
    [tried] = the_record(on).tries
    assert (tried.fault, tried.counted_as_down) == ("provider_rejected", False)
    assert on.exchange.health.all_well()


async def test_a_rate_limit_is_one_though_its_body_never_ends() -> None:
    act = Act(status=429, headers={"content-type": "application/json", "retry-after": "7"}, body=[Hang()])
    on = stage({"a": [act], "b": [whole()]}, tail_s=0.05)
    assert (await on.ask(ASK)).status == 200
    assert the_record(on).tries[0].fault == "provider_rate_limited"


async def test_no_more_of_an_error_body_is_read_than_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_FAULT_BYTES", 1000)
    on = stage({"a": [Act(status=500, body=[b"x" * 900] * 50)]})
    assert (await on.ask(ASK)).status == 502
    assert not on.upstream.sent[0].read_to_end
    assert on.upstream.sent[0].released


# -- after the finish ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [(USAGE, DONE), (USAGE,), ()], ids=["all said", "no [DONE]", "no usage"])
async def test_a_connection_lost_after_the_finish_loses_nothing(end: tuple[bytes, ...]) -> None:
    on = stage({"a": [stream(HELLO, FINISH, *end, CUT)]})
    client = await on.ask(STREAM)
    assert chunks(client)[-1]["choices"][0]["finish_reason"] == "stop"
    assert client.body.endswith(b"data: [DONE]\n\n")
    assert the_record(on).fault is None
    assert on.exchange.health.all_well()


@pytest.mark.parametrize("end", [CUT, Hang()], ids=["cut", "silence"])
async def test_an_answer_is_finished_when_all_its_choices_are(end: Step) -> None:
    first, second = chunk(index=0, finish_reason="stop"), chunk(index=1, delta={"content": "B"})
    on = stage({"a": [stream(HELLO, second, first, end)]}, tail_s=0.05, inter_token_s=0.1)
    client = await on.ask(TWO)
    assert chunks(client)[-1]["choices"][0]["finish_reason"] == "error"
    assert the_record(on).fault in {"provider_cut", "provider_stalled"}


async def test_a_choice_may_take_its_time_after_another_has_finished() -> None:
    first, second = chunk(index=0, finish_reason="stop"), chunk(index=1, finish_reason="stop")
    slow: list[Step] = [chunk(index=1, delta={"content": "B"}), first, Wait(0.1), second, USAGE, DONE]
    on = stage({"a": [stream(HELLO, *slow)]}, tail_s=0.02, inter_token_s=1.0)
    client = await on.ask(TWO)
    assert the_record(on).fault is None
    assert text_of(client) == "HelloB"


# -- ending ----------------------------------------------------------------------------------------------------------


async def test_a_stream_that_a_defect_keeps_from_ending_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defective(*_: object) -> bytes:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Relay, "close", defective)
    on = stage({"a": [GOOD]})
    client = await on.ask(STREAM)
    assert client.ended
    assert chunks(client)[-1]["error"]["code"] == 500
    assert b"secret" not in client.body
    assert the_record(on).fault == "internal"
    assert on.ledger.settlements[0].charge_nano > 0
    assert "gen-1" in caplog.text


async def test_a_whole_answer_that_a_defect_keeps_back_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("wideband.gateway.lanes.FastLane.reply", defective)
    on = stage({"a": [whole()]})
    client = await on.ask(ASK)
    assert client.status == 500
    [settlement] = on.ledger.settlements
    assert settlement.charge_nano == 0


async def test_a_server_that_stops_as_a_client_leaves_stops() -> None:
    on = stage({"a": [stream(Hang())], "b": [stream(Hang())]}, first_token_s=30.0)
    client = Client()
    task = asyncio.ensure_future(on.session(client).answer(jsons.encode(STREAM)))
    await asyncio.sleep(0.01)
    client.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 1)
    assert len(on.ledger.settlements) == 1
    assert on.exchange.health.is_healthy(endpoint("a").id, 10**18)


async def test_a_character_that_the_provider_cut_in_two_comes_out_whole() -> None:
    halves = [chunk(delta={"content": "x"}).replace(b'"x"', piece) for piece in (b'"Hi \\ud83d"', b'"\\ude42!"')]
    client = await stage({"a": [stream(HELLO, *halves, FINISH, USAGE, DONE)]}).ask(STREAM)
    assert text_of(client).endswith("Hi \U0001f642!")
