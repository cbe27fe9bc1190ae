"""Tokens of a prompt are counted by a provider that can, else estimated, and for nobody who has left."""

import asyncio
from typing import Any

import pytest
from tests.unit.gateway.stage import Client, Stage, catalogue, endpoint, stage

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.registry import DIALECTS
from wideband.gateway.counting import count_tokens
from wideband.upstream.scripted import Act, Hang
from wideband.wire import jsons

ASK = {"model": "acme/m1", "messages": [{"role": "user", "content": "word " * 400}]}
ESTIMATE = range(300, 800)
COUNTED = Act(body=[b'{"input_tokens":402}'])


def scene(*acts: Act, dialect: str = "anthropic_messages", **terms: Any) -> Stage:
    return stage({"a": list(acts)}, endpoint("a", dialect=dialect), dialect="anthropic_messages", **terms)


async def count(on: Stage, client: Client | None = None) -> int:
    body = jsons.encode(ASK)
    answer = await count_tokens(on.exchange, DIALECTS[on.dialect], body, {"anthropic-beta": "b"}, client or Client())
    tokens: int = jsons.decode(answer)["input_tokens"]
    return tokens


async def test_a_provider_that_counts_is_asked_with_the_headers_of_the_client() -> None:
    on = scene(COUNTED)
    assert await count(on) == 402
    [sent] = on.upstream.sent
    assert sent.call.url == "http://a/v1/messages/count_tokens"
    assert sent.headers["anthropic-beta"] == "b"
    assert sent.released


async def test_a_name_of_any_length_is_told_in_short() -> None:
    body = jsons.encode({**ASK, "model": "b" * 1_000_000})
    on = scene()
    with pytest.raises(Faulted, match="is not a valid model ID") as caught:
        await count_tokens(on.exchange, DIALECTS[on.dialect], body, {}, Client())
    assert len(jsons.encode([caught.value.fault.message, caught.value.fault.details])) < 1000


async def test_what_only_an_accounts_own_key_opens_is_estimated() -> None:
    on = stage({"a": []}, endpoint("a", "acme/other"), dialect="anthropic_messages")
    with pytest.raises(Faulted):
        await count(on)
    on.exchange.known = catalogue(endpoint("x", dialect="anthropic_messages"))
    assert await count(on) in ESTIMATE
    assert on.upstream.sent == []


@pytest.mark.parametrize(
    "act",
    [Act(status=404, body=[b"{}"]), Act(body=[b"<html>"]), Act(before=[Hang()]), Act(body=[Hang()])],
    ids=["cannot", "garbles", "silent", "silent after the head"],
)
async def test_a_provider_that_gives_no_count_leaves_an_estimate(act: Act) -> None:
    on = scene(act, connect_s=0.02, keepalive_s=0.02)
    assert await count(on) in ESTIMATE


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_embeddings"])
async def test_a_provider_of_another_dialect_is_not_asked(dialect: str) -> None:
    on = scene(COUNTED, dialect=dialect)
    assert await count(on) in ESTIMATE
    assert on.upstream.sent == []


@pytest.mark.parametrize("act", [Act(before=[Hang()]), Act(body=[Hang()])], ids=["silent", "after the head"])
async def test_a_client_that_leaves_takes_the_provider_along(act: Act) -> None:
    on, client = scene(act), Client()
    counting = asyncio.ensure_future(count(on, client))
    while not on.upstream.sent:
        await asyncio.sleep(0)
    client.leave()
    with pytest.raises(Faulted) as caught:
        await asyncio.wait_for(counting, 1)
    assert caught.value.fault.kind is FaultKind.CANCELLED
    assert on.upstream.sent[0].cancelled


async def test_a_server_that_stops_stops_counting() -> None:
    on = scene(Act(before=[Hang()]))
    counting = asyncio.ensure_future(count(on))
    while not on.upstream.sent:
        await asyncio.sleep(0)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
