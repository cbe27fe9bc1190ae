"""The driver: what the client gets, what the provider got, and the one record of it."""

import asyncio
import time
from typing import Any

import pytest
from tests.unit.gateway.stage import RATES, Client, Stage, endpoint, stage

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import now_ns
from wideband.routing.plans import Outcome
from wideband.upstream.scripted import Act, Hang, Wait, stream
from wideband.wire import jsons, sse

ASK: dict[str, Any] = {"model": "acme/m1", "messages": [{"role": "user", "content": "Say hello."}]}
STREAM = {**ASK, "stream": True}


def whole(text: str = "Hello.", model: str = "a-m1") -> Act:
    reply = {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return Act(body=[jsons.encode(reply)])


def chunk(**choice: Any) -> bytes:
    row = {"index": 0, "delta": {}, "finish_reason": None, **choice}
    data = {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1, "model": "a-m1", "choices": [row]}
    return sse.encode(jsons.encode(data))


OPENING = chunk(delta={"role": "assistant", "content": ""})
HELLO = chunk(delta={"content": "Hello"})
FINISH = chunk(finish_reason="stop")
USAGE = sse.encode(
    jsons.encode(
        {
            "id": "chatcmpl-9",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "a-m1",
            "choices": [],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )
)
DONE = sse.encode(b"[DONE]")
GOOD = stream(OPENING, HELLO, FINISH, USAGE, DONE)
COST_NANO = (10 * RATES.prompt + 5 * RATES.completion) // 1_000_000


def failure(status: int, message: str = "no", **headers: str) -> Act:
    body = jsons.encode({"error": {"message": message, "type": "x"}})
    return Act(status=status, headers={"content-type": "application/json", **headers}, body=[body])


def chunks(client: Client) -> list[Any]:
    frames = sse.Decoder().feed(client.body)
    return [jsons.decode(frame.data) for frame in frames if frame.data != b"[DONE]"]


def text_of(client: Client) -> str:
    deltas = [choice["delta"] for one in chunks(client) for choice in one["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def the_record(on: Stage) -> Any:
    [record] = on.ledger.records
    return record


# -- the straight way ------------------------------------------------------------------------------------------------


async def test_a_whole_answer_is_readdressed_charged_and_recorded() -> None:
    on = stage({"a": [whole()]})
    client = await on.ask(ASK)
    assert client.status == 200
    assert client.headers["x-generation-id"] == "gen-1"
    assert client.json["id"] == "gen-1"
    assert client.json["model"] == "acme/m1"
    assert client.json["provider"] == "A"
    assert client.json["choices"][0]["message"]["content"] == "Hello."
    assert client.json["usage"]["cost"] == pytest.approx(COST_NANO / 1e9)
    record = the_record(on)
    assert (record.status, record.lane, record.provider, record.cost_nano) == (200, "fast", "a", COST_NANO)
    assert (record.prompt_tokens, record.completion_tokens, record.usage_source) == (10, 5, "provider")
    assert on.ledger.settlements[0].charge_nano == COST_NANO


async def test_the_provider_gets_its_own_name_for_the_model_and_none_of_our_fields() -> None:
    on = stage({"a": [whole()]})
    await on.ask({**ASK, "provider": {"ignore": ["b"]}, "temperature": 0.5})
    sent = jsons.decode(on.upstream.sent[0].body)
    assert sent == {"model": "a-m1", "messages": ASK["messages"], "temperature": 0.5}
    assert on.upstream.sent[0].call.url == "http://a/v1/chat/completions"


async def test_a_stream_ends_with_its_cost_and_done() -> None:
    on = stage({"a": [GOOD]})
    client = await on.ask({**STREAM, "stream_options": {"include_usage": True}})
    assert client.headers["content-type"].startswith("text/event-stream")
    assert text_of(client) == "Hello"
    last = chunks(client)[-1]
    assert last["choices"] == []
    assert last["usage"]["cost"] == pytest.approx(COST_NANO / 1e9)
    assert client.body.endswith(b"data: [DONE]\n\n")
    assert {one["id"] for one in chunks(client)} == {"gen-1"}
    assert the_record(on).ttft_ms is not None
    assert on.upstream.sent[0].read_to_end


async def test_money_is_held_before_the_call_and_the_hold_covers_the_charge() -> None:
    on = stage({"a": [whole()]})
    await on.ask({**ASK, "max_tokens": 100})
    [hold], [settlement] = on.ledger.holds, on.ledger.settlements
    assert hold.id == settlement.id == "gen-1"
    assert hold.amount_nano == the_record(on).held_nano >= 100 * RATES.completion // 1_000_000


async def test_without_credit_nothing_is_called() -> None:
    on = stage({"a": [whole()]})
    on.ledger.refusal = Fault(kind=FaultKind.PAYMENT_REQUIRED, message="You have no credit.")
    client = await on.ask(ASK)
    assert client.status == 402
    assert on.upstream.sent == []
    assert the_record(on).fault == "payment_required"


# -- failover --------------------------------------------------------------------------------------------------------

BROKEN = {
    "500": failure(500),
    "503": failure(503),
    "429": failure(429, **{"retry-after": "7"}),
    "401, our key is refused": failure(401),
    "404": failure(404),
    "a web page": Act(headers={"content-type": "text/html"}, body=[b"<html>sorry</html>"]),
    "no connection": Act(before=[Fault(kind=FaultKind.PROVIDER_UNREACHABLE, message="refused")]),
    "no headers": Act(before=[Hang()]),
    "silence after the headers": stream(Hang()),
    "silence after an empty opening": stream(OPENING, Hang()),
    "an error in a 200": Act(body=[jsons.encode({"error": {"message": "overloaded", "code": 503}})]),
    "an error as first event": stream(sse.encode(jsons.encode({"error": {"message": "x", "code": 500}}))),
    "an end before the beginning": stream(),
    "an end after the opening": stream(OPENING),
    "a cut after the opening": stream(OPENING, Fault(kind=FaultKind.PROVIDER_CUT, message="reset")),
    "garbage": stream(b"\x00\xff\x13garbage\n\n"),
    "garbage in an event": stream(b"data: {nonsense\n\n"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_failure_before_the_first_token_is_invisible_to_a_stream(name: str) -> None:
    on = stage({"a": [BROKEN[name]], "b": [GOOD]})
    client = await on.ask(STREAM)
    assert client.status == 200
    assert text_of(client) == "Hello"
    assert all("error" not in one for one in chunks(client))
    record = the_record(on)
    assert [one.provider for one in record.tries] == ["a", "b"]
    assert record.tries[0].fault is not None
    assert (record.provider, record.status, record.fault) == ("b", 200, None)


@pytest.mark.parametrize("name", ["500", "429", "a web page", "no connection", "an error in a 200"])
async def test_a_failure_is_invisible_to_a_whole_answer(name: str) -> None:
    on = stage({"a": [BROKEN[name]], "b": [whole()]})
    client = await on.ask(ASK)
    assert client.status == 200
    assert client.json["provider"] == "B"
    assert len(the_record(on).tries) == 2


async def test_a_request_the_provider_rejects_is_not_shown_to_others() -> None:
    on = stage({"a": [failure(400, "`temperature` is too hot")], "b": [whole()]})
    client = await on.ask(ASK)
    assert client.status == 400
    assert "too hot" in client.json["error"]["message"]
    assert len(on.upstream.sent) == 1


async def test_when_all_rate_limit_the_caller_learns_the_shortest_wait() -> None:
    on = stage({"a": [failure(429, **{"retry-after": "9"})], "b": [failure(429, **{"retry-after": "4"})]})
    client = await on.ask(ASK)
    assert client.status == 429
    assert client.headers["retry-after"] == "4"
    assert the_record(on).cost_nano == 0


async def test_when_all_fail_the_caller_gets_one_error_with_the_history() -> None:
    on = stage({"a": [failure(500)], "b": [failure(503, "busy")]})
    client = await on.ask(STREAM)
    assert client.status == 503
    error = client.json["error"]
    assert error["code"] == 503
    assert error["metadata"]["previous_errors"][0]["provider"] == "A"
    assert client.headers["retry-after"]


async def test_the_next_model_of_models_is_tried() -> None:
    rows = (endpoint("a", "acme/m1"), endpoint("b", "acme/m2"))
    on = stage({"a": [failure(500)], "b": [whole()]}, *rows)
    client = await on.ask({**ASK, "models": ["acme/m1", "acme/m2"]})
    assert client.json["model"] == "acme/m2"


# -- after the first token -------------------------------------------------------------------------------------------

LATE = {
    "a cut": stream(HELLO, Fault(kind=FaultKind.PROVIDER_CUT, message="reset")),
    "an end without a finish": stream(HELLO),
    "silence": stream(HELLO, Hang()),
    "an error event": stream(HELLO, sse.encode(jsons.encode({"error": {"message": "x", "code": 500}}))),
    "garbage": stream(HELLO, b"data: {nonsense\n\n"),
}


@pytest.mark.parametrize("name", LATE)
async def test_a_failure_after_the_first_token_is_said_in_band_and_the_stream_ends(name: str) -> None:
    on = stage({"a": [LATE[name]], "b": [GOOD]})
    client = await on.ask(STREAM)
    assert client.status == 200
    assert text_of(client) == "Hello"
    last = chunks(client)[-1]
    assert isinstance(last["error"]["code"], int)
    assert last["choices"][0]["finish_reason"] == "error"
    assert client.ended
    record = the_record(on)
    assert record.fault is not None
    assert (record.provider, record.status, len(record.tries)) == ("a", 200, 1)
    assert record.usage_source == "estimated"
    assert record.cost_nano > 0


async def test_a_finished_answer_is_whole_though_the_connection_stays_open() -> None:
    on = stage({"a": [stream(HELLO, FINISH, USAGE, Hang())]}, tail_s=0.05)
    client = await on.ask(STREAM)
    assert the_record(on).fault is None
    assert client.body.endswith(b"data: [DONE]\n\n")


# -- a client that leaves --------------------------------------------------------------------------------------------


async def leave(on: Stage, *, after_first: bool) -> Client:
    client = Client()
    task = asyncio.ensure_future(on.session(client).answer(jsons.encode(STREAM)))
    if after_first:
        await client.first.wait()
    while not on.upstream.sent:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    client.leave()
    await asyncio.wait_for(task, 0.1)
    return client


async def test_leaving_while_the_provider_is_silent_cancels_it_at_once() -> None:
    on = stage({"a": [stream(Hang())], "b": [GOOD]}, first_token_s=30.0)
    await leave(on, after_first=False)
    assert on.upstream.sent[0].cancelled
    assert len(on.upstream.sent) == 1
    record = the_record(on)
    assert (record.cancelled, record.status, record.cost_nano) == (True, 499, 0)
    assert on.exchange.health.is_healthy(endpoint("a").id, 10**18)


async def test_leaving_before_the_headers_cancels_too() -> None:
    on = stage({"a": [Act(before=[Hang()])]}, first_token_s=30.0)
    await leave(on, after_first=False)
    assert on.upstream.sent[0].cancelled
    assert the_record(on).cancelled


async def test_leaving_in_the_middle_is_charged_for_what_was_said() -> None:
    on = stage({"a": [stream(HELLO, HELLO, Hang())]}, inter_token_s=30.0)
    await leave(on, after_first=True)
    record = the_record(on)
    assert on.upstream.sent[0].cancelled
    assert (record.cancelled, record.usage_source) == (True, "estimated")
    assert record.completion_tokens > 0
    assert on.ledger.settlements[0].charge_nano == record.cost_nano > 0


# -- waiting ---------------------------------------------------------------------------------------------------------


async def test_a_silent_line_is_kept_open_by_comments_without_committing() -> None:
    on = stage({"a": [stream(Hang())], "b": [stream(Wait(0.1), HELLO, FINISH, USAGE, DONE)]}, keepalive_s=0.03)
    client = await on.ask(STREAM)
    assert client.body.startswith(b": OPENROUTER PROCESSING\n\n")
    assert text_of(client) == "Hello"
    assert the_record(on).provider == "b"


@pytest.mark.parametrize(("alt", "ends"), [("sse", b"\r\n\r\n"), ("json", b"]")])
async def test_a_line_to_clients_that_choke_on_comments_is_kept_open_by_blank_lines(alt: str, ends: bytes) -> None:
    on = stage({"a": [stream(Wait(0.1), HELLO, FINISH, USAGE, DONE)]}, keepalive_s=0.03, dialect="gemini_generate")
    body = {"model": "acme/m1", "stream": True, "alt": alt, "contents": [{"parts": [{"text": "Say hello."}]}]}
    client = await on.ask(body)
    assert client.body[:1].isspace()
    assert b"\n:" not in client.body
    assert not client.body.startswith(b":")
    assert b'{"text":"Hello"}' in client.body
    assert client.body.endswith(ends)


async def test_when_all_fail_after_a_comment_the_error_is_said_in_band() -> None:
    on = stage({"a": [stream(Hang())]}, keepalive_s=0.03)
    client = await on.ask(STREAM)
    assert client.status == 200
    assert chunks(client)[-1]["error"]["code"] == 504
    assert client.ended
    assert the_record(on).status == 504


# -- translation, metadata, defects ----------------------------------------------------------------------------------


async def test_a_client_of_one_dialect_is_served_by_a_provider_of_another() -> None:
    reply = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "a-m1",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    on = stage({"a": [Act(body=[jsons.encode(reply)])]}, endpoint("a", dialect="anthropic_messages"))
    client = await on.ask({**ASK, "seed": 7}, metadata=True)
    assert on.upstream.sent[0].call.url == "http://a/v1/messages"
    assert client.json["choices"][0]["message"]["content"] == "Hello."
    assert client.json["choices"][0]["finish_reason"] == "stop"
    record = the_record(on)
    assert (record.lane, record.dialect_in, record.dialect_out) == ("translated", "openai_chat", "anthropic_messages")
    assert record.cost_nano == COST_NANO
    assert record.losses
    losses = client.json["openrouter_metadata"]["losses"]
    assert {loss["feature"] for loss in losses} == set(record.losses)


async def test_metadata_comes_only_when_asked_for() -> None:
    on = stage({"a": [failure(500)], "b": [whole()]})
    client = await on.ask(ASK)
    assert "openrouter_metadata" not in client.json
    client = await on.ask(ASK, metadata=True)
    told = client.json["openrouter_metadata"]
    assert told["attempt"] == len(told["attempts"]) >= 1
    assert told["routing_funnel"][0]["endpoint_count"] == 2
    selected = [one["provider"] for one in told["endpoints"]["available"] if one["selected"]]
    assert selected == ["B"]


async def test_an_unknown_model_is_named_with_its_neighbours() -> None:
    on = stage({"a": [whole()]})
    client = await on.ask({**ASK, "model": "acme/m11"})
    assert client.status == 400
    assert "acme/m1" in client.json["error"]["message"]
    assert the_record(on).fault == "model_not_found"


@pytest.mark.parametrize(
    "named",
    [
        {"model": "acme/m1" + ":nitro" * 100_000},
        {"model": "wideband/auto" + ":nitro" * 100_000},
        {"model": "acme/m1" + "[" * 100_000},
        {"models": ["acme/m1"] + [f"acme/m1{':nitro' * at}" for at in range(64)]},
        {"models": [f"acme/{at}" for at in range(100_000)]},
    ],
    ids=["variants", "of a router", "brackets", "longer and longer", "many"],
)
async def test_names_without_measure_are_refused_before_anybody_looks_for_them(named: dict[str, Any]) -> None:
    on = stage({"a": [whole()]}, endpoint("a", "acme/m1"))
    began_s = time.thread_time()
    client = await on.ask({**named, "messages": [{"role": "user", "content": "Hi"}]})
    assert client.status == 400
    assert len(client.json["error"]["message"]) < 300
    assert time.thread_time() - began_s < 0.5


async def test_a_variant_orders_and_the_answer_names_the_model_that_served() -> None:
    on = stage({"a": [whole()], "b": [whole()]})
    on.exchange.health.observe(
        Outcome(endpoint_id="b:acme/m1", at_ns=now_ns(), ttft_ns=10**8, generation_ns=10**8, completion_tokens=50)
    )
    client = await on.ask({**ASK, "model": "acme/m1:nitro"}, metadata=True)
    assert (client.json["model"], client.json["provider"]) == ("acme/m1", "B")
    told = client.json["openrouter_metadata"]
    assert (told["requested"], told["strategy"]) == ("acme/m1:nitro", "throughput")
    assert the_record(on).requested_model == "acme/m1:nitro"


async def test_without_anything_for_free_the_next_model_of_models_is_asked() -> None:
    rows = (endpoint("a", "acme/m1"), endpoint("b", "acme/m2"))
    on = stage({"a": [], "b": [whole()]}, *rows)
    client = await on.ask({**ASK, "model": "acme/m1:free", "models": ["acme/m2"]})
    assert client.json["model"] == "acme/m2"


@pytest.mark.parametrize(
    ("name", "status", "says", "way_out"),
    [
        ("acme/m1:free", 404, "nobody serves them for free", ["acme/m1"]),
        (
            "acme/m1:turbo",
            400,
            "`acme/m1` has no variant `:turbo`. Variants are `:exacto`, `:floor`, `:free`, `:nitro`, `:online`.",
            ["acme/m1"],
        ),
        ("acme/m1:nitro:batch", 400, "has no variant `:batch`", ["acme/m1"]),
        ("acme/m1:online", 404, "where nobody searches the web", None),
    ],
)
async def test_a_variant_that_cannot_be_had_is_refused_and_never_left_out(
    name: str, status: int, says: str, way_out: list[str] | None
) -> None:
    on = stage({"a": [whole()]})
    client = await on.ask({**ASK, "model": name})
    error = client.json["error"]
    assert (client.status, on.upstream.sent) == (status, [])
    assert says in error["message"]
    assert error.get("metadata", {}).get("availability", {}).get("fallback_models") == way_out


async def test_nothing_left_to_route_to_is_explained() -> None:
    on = stage({"a": [whole()]})
    client = await on.ask({**ASK, "provider": {"only": ["nobody"]}})
    assert client.status == 404
    assert client.json["error"]["metadata"]["routing_funnel"]
    availability = client.json["error"]["availability"]
    assert availability["code"] == "constraint_filtered"
    assert availability["docs_url"] == "/api/v1/availability/constraint_filtered"
    assert the_record(on).tries == ()


async def test_a_body_that_is_not_understood_leaves_no_record() -> None:
    on = stage({"a": [whole()]})
    with pytest.raises(Faulted) as caught:
        await on.session(Client()).answer(b"{")
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    assert on.ledger.records == []


async def test_a_defect_of_ours_still_settles_and_says_no_more_than_500(caplog: pytest.LogCaptureFixture) -> None:
    on = stage({"a": [whole()]})

    async def defective(call: object) -> None:
        raise RuntimeError("secret detail")

    on.exchange.upstream.send = defective  # type: ignore[method-assign,assignment]  # the defect
    client = await on.ask(ASK)
    assert client.status == 500
    assert b"secret" not in client.body
    assert the_record(on).fault == "internal"
    assert "gen-1" in caplog.text


@pytest.mark.parametrize("name", [*BROKEN, *LATE])
async def test_every_request_settles_exactly_once_whatever_happens(name: str) -> None:
    on = stage({"a": [(BROKEN | LATE)[name]]})
    await on.ask(STREAM)
    assert len(on.ledger.settlements) == 1
    assert the_record(on).held_nano == on.ledger.holds[0].amount_nano
    assert on.exchange.open_requests == 0
