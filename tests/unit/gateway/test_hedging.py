"""Two tries at once: who answers, what becomes of the other, and that the books are as of one."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import KEY, RATES, Client, Stage, endpoint, stage
from tests.unit.gateway.test_late import Board, board
from tests.unit.gateway.test_session import (
    ASK,
    BROKEN,
    DONE,
    FINISH,
    HELLO,
    OPENING,
    STREAM,
    USAGE,
    chunk,
    chunks,
    failure,
    text_of,
    the_record,
    whole,
)

from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import Endpoint
from wideband.dialects.registry import DIALECTS
from wideband.gateway.exchange import Caller
from wideband.gateway.session import Session
from wideband.metering.record import Generation
from wideband.routing.breaker import Standing
from wideband.routing.hedges import Budget
from wideband.routing.policy import Policy
from wideband.upstream.scripted import Act, Hang, ScriptedAnswer, ScriptedUpstream, Sent, Wait, stream
from wideband.wire import jsons

LATE_S = 0.02
A, B, C = "a:acme/m1", "b:acme/m1", "c:acme/m1"


def says(text: str, *before: Any) -> Act:
    return stream(*before, OPENING, chunk(delta={"content": text}), FINISH, USAGE, DONE)


def hedged(script: dict[str, list[Act]], *rows: Endpoint, saved: float = 5.0, **terms: Any) -> Stage:
    """Set a stage on which a try is late after `LATE_S`, and another may then begin."""
    on = stage(script, *rows, **{"first_token_s": 0.4, "slowest_tokens_per_s": 1e9, **terms})
    on.exchange.health = Board(late_s=LATE_S)
    on.exchange.policy = Policy(ranker="price", hedge=True)
    on.exchange.hedges = Budget(saved=saved)
    return on


def ends(record: Generation) -> list[tuple[str, str | None, bool]]:
    return [(one.provider, one.fault, one.hedge) for one in record.tries]


def assert_sound(on: Stage) -> None:
    """Say what holds whatever happened: one record, one charge, no try unended, no connection left open."""
    record = the_record(on)
    assert on.ledger.settlements[0].charge_nano == record.cost_nano <= record.held_nano
    assert board(on).times("began") == board(on).times("ended")
    assert sorted(one.endpoint_id for one in record.tries) == sorted(board(on).times("began"))
    assert all(is_over(one) for one in on.upstream.sent)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def is_over(sent: Sent) -> bool:
    """Say whether nothing holds the connection of a call: it gave no answer, or was given up."""
    unanswered = any(isinstance(step, Hang | Fault) for step in sent.act.before)
    return sent.released or sent.cancelled or unanswered


# -- who answers -----------------------------------------------------------------------------------------------------


async def test_the_second_answers_when_it_is_first() -> None:
    on = hedged({"a": [says("from a", Wait(0.3))], "b": [says("from b")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from b"
    record = the_record(on)
    assert ends(record) == [("a", "cancelled", False), ("b", None, True)]
    assert (record.provider, record.fault, record.status) == ("b", None, 200)
    assert on.upstream.sent[0].cancelled
    assert record.duration_ms < 200
    assert [endpoint_id for endpoint_id, _ in board(on).waits] == [B], "the board hears of one first token"
    assert {one.endpoint_id: one.wait_told for one in board(on).outcomes} == {A: False, B: True}
    assert_sound(on)


async def test_the_first_answers_when_it_is_first_after_all() -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b", Wait(0.3))]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from a"
    assert ends(the_record(on)) == [("b", "cancelled", True), ("a", None, False)]
    assert on.upstream.sent[1].cancelled
    assert_sound(on)


async def test_what_is_in_time_stays_alone() -> None:
    on = hedged({"a": [stream(HELLO, Wait(0.1), FINISH, USAGE, DONE)], "b": [says("from b")]})
    await on.ask(STREAM)
    assert ends(the_record(on)) == [("a", None, False)]
    assert len(on.upstream.sent) == 1
    assert_sound(on)


@pytest.mark.parametrize("saved", [1.0, 5.0])
async def test_both_in_the_same_instant_make_one_answer(saved: float) -> None:
    gate = asyncio.Event()
    on = hedged({slug: [says(f"from {slug}", Wait(gate=gate))] for slug in "abc"}, saved=saved)
    asyncio.get_running_loop().call_later(0.08, gate.set)
    client = await on.ask(STREAM)
    assert text_of(client) in {"from a", "from b"}
    assert text_of(client) == f"from {the_record(on).provider}"
    assert sorted(fault or "" for _, fault, _ in ends(the_record(on))) == ["", "cancelled"]
    assert_sound(on)


async def test_a_loser_that_does_not_hear_it_is_over_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk_of = ScriptedAnswer.chunk

    async def deaf(answer: ScriptedAnswer) -> bytes:
        try:
            return await chunk_of(answer)
        except asyncio.CancelledError:
            return HELLO

    monkeypatch.setattr(ScriptedAnswer, "chunk", deaf)
    on = hedged({"a": [says("from a", Wait(0.3))], "b": [says("from b")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from b"
    assert ends(the_record(on)) == [("a", "cancelled", False), ("b", None, True)]
    assert_sound(on)


async def test_what_the_loser_had_said_is_dropped() -> None:
    opening = chunk(delta={"role": "assistant", "content": ""}, loser=True)
    on = hedged({"a": [stream(opening, Hang())], "b": [says("from b")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from b"
    assert b"loser" not in client.body


@pytest.mark.parametrize("late", [Act(before=[Wait(0.3)], body=whole("from a").body), Act(body=[Wait(0.3)])])
async def test_a_whole_answer_is_hedged_too(late: Act) -> None:
    on = hedged({"a": [late], "b": [whole("from b")]})
    client = await on.ask(ASK)
    assert client.json["choices"][0]["message"]["content"] == "from b"
    assert ends(the_record(on)) == [("a", "cancelled", False), ("b", None, True)]
    assert_sound(on)


async def test_a_whole_answer_of_the_first_outruns_the_second() -> None:
    on = hedged({"a": [Act(before=[Wait(0.06)], body=whole("from a").body)], "b": [Act(before=[Hang()])]})
    client = await on.ask(ASK)
    assert client.json["provider"] == "A"
    assert ends(the_record(on)) == [("b", "cancelled", True), ("a", None, False)]
    assert_sound(on)


@pytest.mark.parametrize("translated", ["a", "b", "ab"])
async def test_either_may_be_asked_in_another_dialect(translated: str) -> None:
    words = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    other = Act(body=[jsons.encode(words)])
    rows = [
        endpoint(slug, dialect="anthropic_messages" if slug in translated else "openai_chat", dearer=at)
        for at, slug in enumerate("ab")
    ]
    on = hedged({"a": [Act(before=[Hang()])], "b": [other if "b" in translated else whole("Hello.")]}, *rows)
    client = await on.ask({**ASK, "seed": 7})
    assert client.json["choices"][0]["message"]["content"] == "Hello."
    record = the_record(on)
    assert (record.provider, record.lane) == ("b", "translated" if "b" in translated else "fast")
    # `seed` is lost on the way to the one that cannot take it, and only if that one answered.
    assert ("seed" in record.losses) is ("b" in translated)
    assert_sound(on)


async def test_a_winner_that_breaks_is_said_in_band() -> None:
    cut = Fault(kind=FaultKind.PROVIDER_CUT, message="reset")
    on = hedged({"a": [says("from a", Wait(0.3))], "b": [stream(HELLO, Wait(0.05), cut)], "c": [says("from c")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "Hello"
    assert chunks(client)[-1]["choices"][0]["finish_reason"] == "error"
    assert ends(the_record(on)) == [("a", "cancelled", False), ("b", "provider_cut", True)]
    assert_sound(on)


# -- failing ---------------------------------------------------------------------------------------------------------


async def test_when_both_fail_the_third_is_asked() -> None:
    script = {
        "a": [Act(before=[Wait(0.06)], status=503)],
        "b": [Act(before=[Wait(0.08)], status=500)],
        "c": [says("from c")],
    }
    on = hedged(script)
    client = await on.ask(STREAM)
    assert text_of(client) == "from c"
    assert [one.provider for one in the_record(on).tries] == ["a", "b", "c"]
    assert_sound(on)


async def test_the_second_goes_on_alone_when_the_first_fails() -> None:
    on = hedged({"a": [Act(before=[Wait(0.05)], status=503)], "b": [says("from b", Wait(0.1))], "c": [says("no")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from b"
    assert [(slug, hedge) for slug, _, hedge in ends(the_record(on))] == [("a", False), ("b", True)]
    assert_sound(on)


async def test_a_first_that_failed_is_not_overdue_while_the_second_goes_on() -> None:
    on = hedged({"a": [Act(before=[Wait(0.03)], status=503)], "b": [says("from b", Wait(0.1))]})
    on.exchange.health = Board(patience_s=0.05, late_s=LATE_S)
    await on.ask(STREAM)
    assert board(on).times("overdue") == {B: 1}
    assert_sound(on)


async def test_the_line_is_kept_open_after_both_have_failed() -> None:
    script = {
        "a": [Act(before=[Wait(0.04)], status=503)],
        "b": [Act(before=[Wait(0.06)], status=500)],
        "c": [says("from c", Wait(0.2))],
    }
    on = hedged(script, keepalive_s=0.1)
    client = await on.ask(STREAM)
    assert client.body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert text_of(client) == "from c"
    assert_sound(on)


@pytest.mark.parametrize("name", ["500", "429", "no connection", "an error as first event"])
async def test_another_takes_the_place_of_a_second_that_fails(name: str) -> None:
    on = hedged({"a": [stream(Hang())], "b": [BROKEN[name]], "c": [says("from c")]})
    client = await on.ask(STREAM)
    assert text_of(client) == "from c"
    assert [(slug, hedge) for slug, _, hedge in ends(the_record(on))] == [("b", True), ("a", False), ("c", True)]
    assert_sound(on)


async def test_when_all_fail_the_caller_gets_one_error_with_the_history() -> None:
    on = hedged({"a": [Act(before=[Wait(0.05)], status=503)], "b": [failure(500)], "c": [failure(500)]})
    client = await on.ask(STREAM)
    assert client.status == 503
    told = [one["provider"] for one in client.json["error"]["metadata"]["previous_errors"]]
    assert told == ["B", "C"]
    assert the_record(on).cost_nano == 0
    assert_sound(on)


async def test_hedges_count_as_tries() -> None:
    on = hedged({"a": [Act(before=[Wait(0.05)], status=503)], "b": [failure(500)], "c": [says("no")]}, max_tries=2)
    client = await on.ask(STREAM)
    assert client.status == 503
    assert len(on.upstream.sent) == 2
    assert_sound(on)


async def test_a_defect_in_the_second_is_not_the_firsts(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [Act()]})
    send = on.upstream.send

    async def defective(call: Any) -> Any:
        if call.url.startswith("http://b/"):
            raise RuntimeError("a defect")
        return await send(call)

    monkeypatch.setattr(on.upstream, "send", defective)
    client = await on.ask(STREAM)
    assert text_of(client) == "from a"
    assert "a defect" in caplog.text
    assert_sound(on)


# -- leaving, stopping, waiting --------------------------------------------------------------------------------------


async def under_way(on: Stage, calls: int, body: dict[str, Any] = STREAM) -> tuple[Client, asyncio.Task[None]]:
    """Begin a request and wait until so many calls were made."""
    client = on.client = Client()
    task = asyncio.ensure_future(on.session(client).answer(jsons.encode(body)))
    while len(on.upstream.sent) < calls:
        assert not task.done()
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.005)
    return client, task


@pytest.mark.parametrize("act", [Act(before=[Hang()]), stream(OPENING, Hang())])
async def test_who_leaves_ends_both(act: Act) -> None:
    on = hedged({"a": [act], "b": [act]}, first_token_s=30.0)
    client, task = await under_way(on, 2)
    client.leave()
    await asyncio.wait_for(task, 0.1)
    assert all(one.cancelled for one in on.upstream.sent)
    record = the_record(on)
    assert (record.cancelled, record.status, record.cost_nano) == (True, 499, 0)
    assert [outcome.cancelled for outcome in board(on).outcomes] == [True, True]
    assert_sound(on)


async def test_who_leaves_while_the_second_is_alone_ends_it() -> None:
    on = hedged({"a": [Act(before=[Wait(0.03)], status=503)], "b": [stream(Hang())]}, first_token_s=30.0)
    client, task = await under_way(on, 2)
    await asyncio.sleep(0.03)
    client.leave()
    await asyncio.wait_for(task, 0.1)
    assert the_record(on).cancelled
    assert_sound(on)


async def test_who_leaves_after_the_second_answered_pays_for_what_was_said() -> None:
    on = hedged({"a": [stream(Hang())], "b": [stream(HELLO, Hang())]}, inter_token_s=30.0)
    client, task = await under_way(on, 2)
    client.leave()
    await asyncio.wait_for(task, 0.1)
    record = the_record(on)
    assert (record.cancelled, record.provider) == (True, "b")
    assert record.cost_nano > 0
    assert_sound(on)


@pytest.mark.parametrize("second", [stream(Hang()), stream(HELLO, Hang())], ids=["silent", "answering"])
async def test_a_server_that_stops_ends_both_and_settles(second: Act) -> None:
    on = hedged({"a": [stream(Hang())], "b": [second]}, first_token_s=30.0, inter_token_s=30.0)
    _, task = await under_way(on, 2)
    task.cancel()
    await asyncio.wait({task}, timeout=0.2)
    assert task.cancelled()
    assert all(one.cancelled for one in on.upstream.sent)
    assert len(the_record(on).tries) == 2
    assert_sound(on)


async def test_a_server_that_stops_while_the_second_is_alone_settles() -> None:
    on = hedged({"a": [Act(before=[Wait(0.03)], status=503)], "b": [stream(Hang())]}, first_token_s=30.0)
    _, task = await under_way(on, 2)
    await asyncio.sleep(0.03)
    task.cancel()
    await asyncio.wait({task}, timeout=0.2)
    assert [one.provider for one in the_record(on).tries] == ["a", "b"]
    assert_sound(on)


async def test_the_longest_time_for_a_request_holds_for_both() -> None:
    on = hedged({"a": [stream(Hang())], "b": [stream(Hang())], "c": [says("no")]}, total_s=0.1, first_token_s=30.0)
    client = await on.ask(STREAM)
    assert client.status == 408
    assert len(on.upstream.sent) == 2
    assert_sound(on)


async def test_the_line_is_kept_open_while_two_run_and_while_the_second_is_alone() -> None:
    script = {"a": [Act(before=[Wait(0.1)], status=503)], "b": [says("from b", Wait(0.2))]}
    on = hedged(script, keepalive_s=0.03)
    client = await on.ask(STREAM)
    before, _, _ = client.body.partition(b"data:")
    assert before.count(b": OPENROUTER PROCESSING\n\n") >= 4
    assert text_of(client) == "from b"
    assert_sound(on)


# -- when there is no second -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("house", "said", "two"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
async def test_the_caller_has_the_last_word(house: bool, said: bool | None, two: bool) -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]})
    on.exchange.policy = Policy(ranker="price", hedge=house)
    client = await on.ask(STREAM if said is None else {**STREAM, "provider": {"hedge": said}})
    assert text_of(client) == ("from b" if two else "from a")
    assert len(on.upstream.sent) == 1 + two
    assert b"hedge" not in on.upstream.sent[0].body


async def test_without_budget_there_is_no_second() -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]}, saved=0.5)
    client = await on.ask(STREAM)
    assert text_of(client) == "from a"
    assert on.exchange.hedges.withheld == 1
    assert len(on.upstream.sent) == 1
    assert_sound(on)


async def test_of_many_late_requests_a_twentieth_is_hedged() -> None:
    on = hedged({"a": [says("from a", Wait(0.05))], "b": [says("from b")]}, saved=0.0)
    await asyncio.gather(*(on.session(Client()).answer(jsons.encode(STREAM)) for _ in range(100)))
    hedges = [one for record in on.ledger.records for one in record.tries if one.hedge]
    assert len(hedges) in {4, 5}
    assert on.exchange.hedges.withheld == 100 - len(hedges)


async def test_without_a_past_nobody_is_late() -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]})
    on.exchange.health = Board(late_s=None)
    assert text_of(await on.ask(STREAM)) == "from a"
    assert len(on.upstream.sent) == 1


async def test_nobody_is_asked_for_speed_who_is_not_well() -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]})
    board(on).resting.add(B)
    assert text_of(await on.ask(STREAM)) == "from a"
    assert len(on.upstream.sent) == 1
    assert on.exchange.hedges.saved == 5.0 + on.exchange.policy.hedge_share


async def test_no_other_model_is_asked_for_speed() -> None:
    rows = (endpoint("a"), endpoint("b", "acme/m2"))
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]}, *rows)
    assert text_of(await on.ask({**STREAM, "models": ["acme/m1", "acme/m2"]})) == "from a"
    assert len(on.upstream.sent) == 1


async def test_nobody_is_asked_for_speed_who_has_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [says("from b")]})
    monkeypatch.setattr(on.exchange.health, "is_full", lambda endpoint_id, _: endpoint_id == B)
    assert text_of(await on.ask(STREAM)) == "from a"
    assert len(on.upstream.sent) == 1


async def test_a_long_answer_that_comes_whole_is_not_late() -> None:
    late = Act(before=[Wait(0.1)], body=whole().body)
    on = hedged({"a": [late], "b": [whole()]}, slowest_tokens_per_s=1000.0)
    await on.ask({**ASK, "max_tokens": 1000})
    assert len(on.upstream.sent) == 1


# -- money -----------------------------------------------------------------------------------------------------------

WORDS_NANO = 10 * RATES.prompt + 5 * RATES.completion


async def test_the_caller_pays_for_one_and_the_record_says_what_the_other_may_have_cost() -> None:
    on = hedged({"a": [says("from a", Wait(0.3))], "b": [says("from b")]}, endpoint("a"), endpoint("b", dearer=1000))
    client = await on.ask(STREAM, metadata=True)
    lost, won = the_record(on).tries
    assert the_record(on).cost_nano == (WORDS_NANO + 10_000) // 1_000_000
    # Nobody knows whether this provider stops billing: an answer like the winner's, at the loser's prices.
    assert (lost.wasted_nano, won.wasted_nano) == (WORDS_NANO // 1_000_000, 0)
    told = chunks(client)[-1]["openrouter_metadata"]["attempts"]
    assert [(one["provider"], one.get("hedge"), one.get("wasted_cost")) for one in told] == [
        ("A", None, pytest.approx(lost.wasted_nano / 1e9)),
        ("B", True, None),
    ]


@pytest.mark.parametrize(("body", "wasted"), [(STREAM, False), (ASK, True)], ids=["stream", "whole"])
async def test_who_stops_billing_when_a_stream_is_closed_wastes_nothing(body: dict[str, Any], wasted: bool) -> None:
    answer = says("from b") if body is STREAM else whole("from b")
    first = endpoint("a")
    kind = msgspec.structs.replace(first.provider, stops_billing=True)
    rows = msgspec.structs.replace(first, provider=kind), endpoint("b", dearer=1)
    on = hedged({"a": [Act(before=[Hang()])], "b": [answer]}, *rows)
    await on.ask(body)
    lost, _ = the_record(on).tries
    assert (lost.provider, lost.wasted_nano > 0) == ("a", wasted)


async def test_a_second_that_the_client_left_may_have_cost_its_prompt() -> None:
    on = hedged({"a": [stream(Hang())], "b": [stream(Hang())]}, first_token_s=30.0)
    client, task = await under_way(on, 2)
    client.leave()
    await task
    first, second = sorted(the_record(on).tries, key=lambda one: one.hedge)
    assert first.wasted_nano == 0
    assert 0 < second.wasted_nano < WORDS_NANO // 1_000_000


async def test_what_failed_of_itself_wastes_nothing() -> None:
    on = hedged({"a": [says("from a", Wait(0.06))], "b": [failure(503)]})
    await on.ask(STREAM)
    assert [one.wasted_nano for one in the_record(on).tries] == [0, 0]


# -- what it is for --------------------------------------------------------------------------------------------------


async def slow_ones(*, hedge: bool) -> int:
    """Count the requests that wait very long, where a twentieth of the tries does."""
    acts = [says("Hello", Wait(0.5 if nth % 20 == 7 else 0.0)) for nth in range(200)]
    on = hedged({"a": acts, "b": acts}, first_token_s=30.0)
    on.exchange.policy = Policy(ranker="price", hedge=hedge)
    on.exchange.health, on.exchange.hedges = Board(late_s=0.05), Plenty()

    async def one(nth: int) -> None:
        await asyncio.sleep(nth * 0.002)
        await on.session(Client()).answer(jsons.encode(STREAM))

    await asyncio.gather(*(one(nth) for nth in range(100)))
    return sum((record.latency_ms or 1e9) > 450 for record in on.ledger.records)


async def test_hardly_anybody_waits_for_the_slowest_tries() -> None:
    assert await slow_ones(hedge=False) >= 5
    assert await slow_ones(hedge=True) <= 1


# -- storms ----------------------------------------------------------------------------------------------------------


class Weather(ScriptedUpstream):
    """Providers whose every call goes as chance has it: mostly well, sometimes late, silent, broken or cut."""

    def __init__(self, seed: int, slugs: str, calls: int) -> None:
        draw = random.Random(seed)
        super().__init__({f"http://{slug}/": [self._act(draw, slug) for _ in range(calls)] for slug in slugs})

    def _act(self, draw: random.Random, slug: str) -> Act:
        wait, text = Wait(draw.choice((0.0, 0.001, 0.01, 0.02, 0.02, 0.03, 0.05))), f"{slug}{slug}"
        cut = Fault(kind=FaultKind.PROVIDER_CUT, message="reset")
        return draw.choice(
            (
                says(text, wait),
                says(text, wait),
                says(text, OPENING, wait),
                Act(before=[wait], headers={"content-type": "text/event-stream"}, body=says(text).body),
                Act(before=[wait], status=draw.choice((429, 500, 503))),
                stream(wait, OPENING, cut),
                stream(wait, chunk(delta={"content": text}), wait, cut),
                Act(before=[Hang()]),
                stream(OPENING, Hang()),
            )
        )


class Calm(Board):
    """Finds everybody well, so that it is always worth a second try."""

    def standing(self, endpoint_id: str, now_ns: int) -> Standing:
        return "healthy"


class Plenty(Budget):
    """Pays for every second try."""

    def take(self) -> bool:
        return True


async def one_of_many(on: Stage, nth: int, draw: random.Random) -> Client:
    client = Client()
    session = Session(on.exchange, DIALECTS["openai_chat"], Caller(key=KEY), client, f"gen-{nth}")
    if draw.random() < 0.2:
        asyncio.get_running_loop().call_later(draw.uniform(0.0, 0.08), client.leave)
    await asyncio.sleep(draw.uniform(0.0, 0.05))
    await session.answer(jsons.encode(STREAM))
    return client


@pytest.mark.parametrize("seed", range(4))
async def test_in_a_storm_everything_holds(seed: int) -> None:
    count, slugs = 120, "abcd"
    on = hedged({slug: [Act()] for slug in slugs}, first_token_s=0.2, inter_token_s=0.1)
    on.exchange.policy = Policy(ranker="price", hedge=True)
    on.exchange.health, on.exchange.hedges = Calm(late_s=LATE_S), Plenty()
    on.exchange.upstream = on.upstream = Weather(seed, slugs, count)
    draw = random.Random(seed)
    clients = await asyncio.gather(*(one_of_many(on, nth, draw) for nth in range(count)))
    records = {record.id: record for record in on.ledger.records}
    assert len(on.ledger.settlements) == len(records) == count
    assert board(on).times("began") == board(on).times("ended")
    assert all(is_over(one) for one in on.upstream.sent)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    # Who left before its try began made no call.
    assert sum(len(record.tries) for record in records.values()) >= len(on.upstream.sent)
    for nth, client in enumerate(clients):
        check(records[f"gen-{nth}"], client)
    hedges = [(one.provider, record.provider) for record in records.values() for one in record.tries if one.hedge]
    assert len(hedges) > 20
    assert any(one == served for one, served in hedges)
    assert any(one != served for one, served in hedges)


def check(record: Generation, client: Client) -> None:
    """See to it that one request was answered by one try, charged once, and nobody asked twice."""
    asked = [one.endpoint_id for one in record.tries]
    assert len(set(asked)) == len(asked) <= 6
    words = set(text_of(client))
    assert len(words) <= 1
    if words:
        assert words == {record.provider}
        assert record.tries[-1].provider == record.provider
    if record.provider is None:
        assert record.cost_nano == 0
    assert all(one.fault == "cancelled" for one in record.tries if one.wasted_nano)
    if not client.gone:
        assert client.ended
