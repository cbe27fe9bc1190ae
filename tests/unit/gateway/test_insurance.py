"""Zero-completion insurance: who got nothing pays nothing, who got anything pays for it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.gateway.stage import RATES, Client, endpoint, stage
from tests.unit.gateway.test_session import ASK, DONE, FINISH, HELLO, OPENING, STREAM, chunk, the_record, whole

from wideband.canon.faults import Fault, FaultKind
from wideband.upstream.scripted import Act, Hang, stream
from wideband.wire import jsons, sse

PROMPT_NANO = 10 * RATES.prompt // 1_000_000
CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="The connection broke.")


def counted(completion: int) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": completion, "total_tokens": 10 + completion}
    row = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "a-m1", "choices": [], "usage": usage}
    return sse.encode(jsons.encode(row))


def empty(finish: str | None, completion: int) -> Act:
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": completion, "total_tokens": 10 + completion}
    return Act(body=[jsons.encode({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})])


@pytest.mark.parametrize("finish", [None, "stop"])
async def test_an_empty_answer_without_a_token_is_told_and_not_charged(finish: str | None) -> None:
    on = stage({"a": [empty(finish, 0)]})
    client = await on.ask(ASK)
    record = the_record(on)
    assert client.status == 200
    assert client.json["usage"]["cost"] == 0
    assert client.json["usage"]["prompt_tokens"] == 10
    assert (record.is_insured, record.cost_nano, record.prompt_cost_nano) == (True, 0, 0)
    assert record.upstream_cost_nano == PROMPT_NANO
    assert on.ledger.settlements[0].charge_nano == 0


async def test_the_rates_of_an_insured_answer_stay_on_the_record() -> None:
    on = stage({"a": [empty(None, 0)]})
    await on.ask(ASK)
    assert the_record(on).rates["prompt"] == RATES.prompt


@pytest.mark.parametrize(
    ("finish", "completion"),
    [("stop", 1), ("length", 1), ("length", 0), ("content_filter", 0)],
    ids=["a token nobody saw", "thinking up to the limit", "no room for a token", "filtered"],
)
async def test_an_empty_answer_that_has_its_reason_is_charged(finish: str, completion: int) -> None:
    on = stage({"a": [empty(finish, completion)]})
    await on.ask(ASK)
    record = the_record(on)
    assert not record.is_insured
    assert record.cost_nano == record.upstream_cost_nano == PROMPT_NANO + completion * RATES.completion // 1_000_000


async def test_an_answer_that_began_with_nothing_and_ended_as_an_error_is_not_charged() -> None:
    on = stage({"a": [stream(chunk(index=1, finish_reason="stop"), counted(7), chunk(finish_reason="error"), DONE)]})
    await on.ask({**STREAM, "n": 2})
    record = the_record(on)
    assert (record.provider, record.completion_tokens) == ("a", 7)
    assert (record.is_insured, record.cost_nano) == (True, 0)
    assert record.upstream_cost_nano > 0


async def test_a_whole_answer_that_is_an_error_is_none() -> None:
    on = stage({"a": [empty("error", 7)]})
    client = await on.ask(ASK)
    assert (client.status, the_record(on).cost_nano, the_record(on).provider) == (502, 0, None)


async def test_a_stream_that_finished_with_nothing_is_not_charged() -> None:
    on = stage({"a": [stream(OPENING, FINISH, counted(0), DONE)]})
    await on.ask(STREAM)
    assert (the_record(on).is_insured, the_record(on).cost_nano) == (True, 0)


async def test_a_stream_that_broke_before_its_first_word_costs_nothing_and_is_no_answer_at_all() -> None:
    on = stage({"a": [stream(OPENING, CUT)]})
    await on.ask(STREAM)
    assert (the_record(on).cost_nano, the_record(on).provider) == (0, None)


async def test_a_stream_that_broke_after_a_word_is_charged_for_it() -> None:
    on = stage({"a": [stream(OPENING, HELLO, CUT)]})
    await on.ask(STREAM)
    assert not the_record(on).is_insured
    assert the_record(on).cost_nano > 0


async def test_who_leaves_in_the_middle_pays_for_what_was_said() -> None:
    on = stage({"a": [stream(OPENING, HELLO, Hang())]})
    client = on.client = Client()
    asking = asyncio.ensure_future(on.session(client).answer(jsons.encode(STREAM)))
    await client.first.wait()
    client.leave()
    await asking
    assert (the_record(on).cancelled, the_record(on).is_insured) == (True, False)
    assert the_record(on).cost_nano > 0


async def test_an_empty_answer_in_another_dialect_is_insured_too() -> None:
    reply = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 0},
    }
    on = stage({"a": [Act(body=[jsons.encode(reply)])]}, endpoint("a", dialect="anthropic_messages"))
    client = await on.ask(ASK)
    assert client.json["usage"]["cost"] == 0
    assert (the_record(on).lane, the_record(on).is_insured) == ("translated", True)


async def test_vectors_are_charged_though_nobody_completes_anything() -> None:
    body = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
    act = Act(body=[jsons.encode(body | {"usage": {"prompt_tokens": 10, "total_tokens": 10}})])
    on = stage({"a": [act]}, endpoint("a", dialect="openai_embeddings"), dialect="openai_embeddings")
    on.exchange.catalogue.models["acme/m1"] = type(on.exchange.catalogue.models["acme/m1"])(
        id="acme/m1", name="m1", output_modalities=("embeddings",)
    )
    await on.ask({"model": "acme/m1", "input": "x"})
    assert (the_record(on).is_insured, the_record(on).cost_nano) == (False, PROMPT_NANO)


async def test_an_ordinary_answer_costs_the_account_what_the_provider_charges() -> None:
    on = stage({"a": [whole()]})
    await on.ask(ASK)
    assert the_record(on).cost_nano == the_record(on).upstream_cost_nano > 0


SAYINGS: dict[str, Any] = {
    "text": {"content": "word"},
    "thinking": {"reasoning": "hm"},
    "tool": {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    "refusal": {"refusal": "no"},
    "blank": {"content": ""},
    "role": {"role": "assistant"},
}


@settings(max_examples=150, deadline=None)
@given(
    said=st.lists(st.sampled_from(sorted(SAYINGS)), max_size=4),
    finish=st.sampled_from([None, "stop", "length", "error", "tool_calls", "content_filter"]),
    completion=st.sampled_from([None, 0, 3]),
    breaks=st.booleans(),
)
def test_insured_means_free_and_never_that_something_was_delivered(
    said: list[str], finish: str | None, completion: int | None, breaks: bool
) -> None:
    steps: list[bytes | Fault] = [chunk(delta=SAYINGS[one]) for one in said]
    if finish is not None:
        steps.append(chunk(finish_reason=finish))
    if completion is not None:
        steps.append(counted(completion))
    on = stage({"a": [stream(*steps, *([CUT] if breaks else [DONE]))]})
    asyncio.run(on.ask(STREAM))
    record = the_record(on)
    delivered = {"text", "thinking", "tool", "refusal"} & set(said)
    if record.is_insured:
        assert not delivered
        assert record.cost_nano == 0
    if delivered and record.provider is not None:
        assert not record.is_insured
        assert record.cost_nano > 0
    assert record.cost_nano == (0 if record.is_insured else record.upstream_cost_nano)
