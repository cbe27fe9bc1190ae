"""What the health board is told of a try: that it began, that it is overdue, and once how it ended."""

import asyncio
from typing import Any

import pytest
from tests.unit.gateway.stage import Client, Stage, endpoint, stage
from tests.unit.gateway.test_session import (
    ASK,
    BROKEN,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    LATE,
    OPENING,
    STREAM,
    USAGE,
    text_of,
    the_record,
    whole,
)

from wideband.catalog.rows import Catalogue, Model
from wideband.clock import now_ns
from wideband.routing.health import Health
from wideband.routing.plans import Outcome
from wideband.routing.policy import Policy
from wideband.upstream.scripted import Act, Hang, Wait, stream
from wideband.wire import jsons

A, B = "a:acme/m1", "b:acme/m1"
COMMENT = b": wait\n\n"


class Board(Health):
    """A health board that remembers what it was told, and whose expectations a test sets."""

    def __init__(self, patience_s: float = 30.0, late_s: float | None = None) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []
        self.outcomes: list[Outcome] = []
        self.waits: list[tuple[str, int]] = []
        self.resting: set[str] = set()
        self._patience_s, self._late_s = patience_s, late_s

    def began(self, endpoint_id: str, at_ns: int) -> None:
        super().began(endpoint_id, at_ns)
        self.told.append(("began", endpoint_id))

    def overdue(self, endpoint_id: str, at_ns: int) -> None:
        super().overdue(endpoint_id, at_ns)
        self.told.append(("overdue", endpoint_id))

    def answering(self, endpoint_id: str, ttft_ns: int, at_ns: int) -> None:
        super().answering(endpoint_id, ttft_ns, at_ns)
        self.waits.append((endpoint_id, ttft_ns))

    def observe(self, outcome: Outcome) -> None:
        super().observe(outcome)
        self.told.append(("ended", outcome.endpoint_id))
        self.outcomes.append(outcome)

    def patience_s(self, endpoint_id: str, now_ns: int) -> float:
        return self._patience_s

    def late_s(self, endpoint_id: str, now_ns: int) -> float | None:
        return self._late_s

    def is_healthy(self, endpoint_id: str, now_ns: int) -> bool:
        return endpoint_id not in self.resting and super().is_healthy(endpoint_id, now_ns)

    def times(self, what: str) -> dict[str, int]:
        """Count how often each endpoint was said to have done something."""
        told = [endpoint_id for one, endpoint_id in self.told if one == what]
        return {endpoint_id: told.count(endpoint_id) for endpoint_id in told}


def watched(
    script: dict[str, list[Act]], *, patience_s: float = 30.0, late_s: float | None = None, **terms: Any
) -> Stage:
    """Set a stage on which the first of the script is asked first, and the board is watched."""
    on = stage(script, **terms)
    on.exchange.policy = Policy(ranker="price")
    on.exchange.health = Board(patience_s, late_s)
    return on


def board(on: Stage) -> Board:
    assert isinstance(on.exchange.health, Board)
    return on.exchange.health


# -- every try ends once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [ASK, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("name", [*BROKEN, *LATE, "good"])
async def test_every_try_that_began_ends_once(name: str, body: dict[str, Any]) -> None:
    act = (BROKEN | LATE | {"good": GOOD})[name]
    # A whole answer has its whole length for its first token.
    on = watched({"a": [act], "b": [act]}, slowest_tokens_per_s=1e6)
    await on.ask(body)
    told = board(on)
    assert told.times("began")[A] == 1
    assert told.times("began") == told.times("ended")


@pytest.mark.parametrize("act", [Act(before=[Hang()]), stream(Hang()), stream(HELLO, Hang())])
@pytest.mark.parametrize("how", ["the client leaves", "the server stops"])
async def test_a_try_ends_once_though_nobody_waits_for_it(act: Act, how: str) -> None:
    on = watched({"a": [act], "b": [GOOD]}, first_token_s=30.0, inter_token_s=30.0)
    client = Client()
    task = asyncio.ensure_future(on.session(client).answer(jsons.encode(STREAM)))
    await asyncio.sleep(0.02)
    if how == "the client leaves":
        client.leave()
    else:
        task.cancel()
    await asyncio.wait({task}, timeout=0.2)
    assert board(on).told == [("began", A), ("ended", A)]
    assert board(on).outcomes[0].cancelled


async def test_a_try_ends_once_though_a_defect_of_ours_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    on = watched({"a": [GOOD]})

    async def defective(call: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(on.upstream, "send", defective)
    await on.ask(STREAM)
    assert board(on).told == [("began", A), ("ended", A)]
    assert board(on).outcomes[0].fault is None


async def test_a_try_ends_once_though_its_answer_cannot_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    on = watched({"a": [whole()]})

    def defective(*_: object) -> bytes:
        raise RuntimeError

    monkeypatch.setattr("wideband.gateway.lanes.FastLane.reply", defective)
    client = await on.ask(ASK)
    assert client.status == 500
    assert board(on).told == [("began", A), ("ended", A)]


async def test_a_request_that_cannot_be_translated_begins_no_try() -> None:
    on = stage({"a": [whole()]}, endpoint("a", dialect="anthropic_messages"))
    on.exchange.health = Board()
    client = await on.ask({**ASK, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]})
    assert client.status == 400
    assert board(on).told == []


# -- overdue ---------------------------------------------------------------------------------------------------------


async def test_a_try_that_is_late_is_said_to_be_overdue_once() -> None:
    on = watched({"a": [stream(Wait(0.1), HELLO, FINISH, USAGE, DONE)]}, patience_s=0.03)
    client = await on.ask(STREAM)
    assert text_of(client) == "Hello"
    assert board(on).told == [("began", A), ("overdue", A), ("ended", A)]


async def test_a_try_that_said_something_in_time_is_never_overdue() -> None:
    on = watched({"a": [stream(HELLO, Wait(0.1), FINISH, USAGE, DONE)]}, patience_s=0.03)
    await on.ask(STREAM)
    assert board(on).told == [("began", A), ("ended", A)]


async def test_a_try_that_failed_in_time_is_never_overdue() -> None:
    on = watched({"a": [BROKEN["500"]], "b": [stream(Wait(0.1), HELLO, FINISH, USAGE, DONE)]}, patience_s=0.03)
    await on.ask(STREAM)
    assert board(on).times("overdue") == {B: 1}


@pytest.mark.parametrize(("max_tokens", "overdue"), [(10, {A: 1}), (200, {})])
async def test_a_whole_answer_may_take_its_length(max_tokens: int, overdue: dict[str, int]) -> None:
    late = Act(before=[Wait(0.1)], body=whole().body)
    on = watched({"a": [late]}, patience_s=0.03, slowest_tokens_per_s=1000.0)
    await on.ask({**ASK, "max_tokens": max_tokens})
    assert board(on).times("overdue") == overdue


async def test_a_long_prompt_may_take_its_reading() -> None:
    on = watched({"a": [stream(Wait(0.1), HELLO, FINISH, USAGE, DONE)]}, patience_s=0.03)
    await on.ask({**STREAM, "messages": [{"role": "user", "content": "x" * 4000}]})
    assert board(on).times("overdue") == {}


# -- first tokens ----------------------------------------------------------------------------------------------------

SAID = jsons.encode({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}})
ELSEWHERE = b"event: content_block_delta\ndata: " + SAID + b"\n\n"


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
async def test_the_board_hears_of_a_first_token_while_the_answer_goes_on(dialect: str) -> None:
    said = [HELLO, HELLO] if dialect == "openai_chat" else [ELSEWHERE, ELSEWHERE]
    on = stage({"a": [stream(Wait(0.02), *said, Hang())]}, endpoint("a", dialect=dialect), inter_token_s=30.0)
    on.exchange.health = Board()
    client = Client()
    task = asyncio.ensure_future(on.session(client).answer(jsons.encode(STREAM)))
    await asyncio.sleep(0.06)
    told = board(on)
    [(endpoint_id, wait_ns)] = told.waits
    assert (endpoint_id, told.times("ended")) == (A, {})
    assert wait_ns >= 20_000_000
    assert told.total(A, 5, now_ns()).waits == 1
    client.leave()
    await asyncio.wait({task}, timeout=0.2)
    assert told.times("ended") == {A: 1}
    assert told.outcomes[0].wait_told
    assert (told.outcomes[0].ttft_ns, len(told.waits), told.total(A, 5, now_ns()).waits) == (wait_ns, 1, 1)


@pytest.mark.parametrize(("body", "act"), [(ASK, whole()), (STREAM, stream(HELLO + FINISH + USAGE + DONE))])
async def test_an_answer_in_one_piece_tells_of_no_first_token_but_of_its_whole_time(
    body: dict[str, Any], act: Act
) -> None:
    on = watched({"a": [act]})
    await on.ask(body)
    assert board(on).waits == []
    assert not board(on).outcomes[0].wait_told
    assert board(on).outcomes[0].ttft_ns


async def test_a_try_that_never_answers_tells_of_no_first_token() -> None:
    on = watched({"a": [BROKEN["500"]], "b": [GOOD]})
    await on.ask(STREAM)
    assert [endpoint_id for endpoint_id, _ in board(on).waits] == [B]
    assert [outcome.wait_told for outcome in board(on).outcomes] == [False, True]


# -- giving up early -------------------------------------------------------------------------------------------------


async def took_s(on: Stage, body: dict[str, Any] = STREAM) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await on.ask(body)
    return loop.time() - began


def hanging(*steps: Any, **more: Any) -> Stage:
    given = {"patience_s": 0.01, "late_s": 0.005, "silent_s": 0.03, "first_token_s": 0.15, **more}
    return watched({"a": [stream(*steps, Hang())], "b": [GOOD]}, **given)


async def test_a_silent_try_is_given_up_early_for_an_endpoint_that_is_well() -> None:
    on = hanging()
    assert 0.025 < await took_s(on) < 0.12
    assert text_of(on.client) == "Hello"
    first, _ = the_record(on).tries
    assert (first.fault, first.counted_as_down) == ("provider_timeout", True)
    assert on.upstream.sent[0].cancelled


async def test_what_is_slow_by_habit_is_waited_for_longer() -> None:
    on = hanging(late_s=0.025)
    assert 0.095 < await took_s(on) < 0.145


async def test_signs_of_life_are_waited_for_to_the_deadline() -> None:
    for on in (hanging(COMMENT), hanging(Wait(0.02), OPENING), hanging(OPENING)):
        assert await took_s(on) > 0.145


@pytest.mark.parametrize("body", [{**STREAM, "reasoning": {"effort": "high"}}, {**STREAM, "reasoning_effort": "low"}])
async def test_thinking_is_waited_for_to_the_deadline(body: dict[str, Any]) -> None:
    assert await took_s(hanging(), body) > 0.145


async def test_a_model_that_thinks_is_waited_for_to_the_deadline() -> None:
    on = hanging()
    rows: Catalogue = on.exchange.catalogue
    rows.models["acme/m1"] = Model(id="acme/m1", name="M", reasoning=True)
    assert await took_s(on) > 0.145


async def test_the_last_that_is_well_is_waited_for_to_the_deadline() -> None:
    on = hanging()
    board(on).resting.add(B)
    assert await took_s(on) > 0.145


async def test_a_model_that_was_asked_for_first_is_waited_for_to_the_deadline() -> None:
    on = stage(
        {"a": [stream(Hang())], "b": [GOOD]},
        *(endpoint("a"), endpoint("b", "acme/m2")),
        silent_s=0.03,
        first_token_s=0.15,
    )
    on.exchange.health = Board(patience_s=0.01, late_s=0.005)
    assert await took_s(on, {**STREAM, "models": ["acme/m1", "acme/m2"]}) > 0.145
    assert the_record(on).model == "acme/m2"


async def test_without_a_past_the_deadline_is_what_it_is() -> None:
    assert await took_s(hanging(late_s=None)) > 0.145


async def test_no_try_waits_longer_than_the_deadline() -> None:
    assert await took_s(hanging(late_s=30.0, patience_s=0.01)) < 0.2
