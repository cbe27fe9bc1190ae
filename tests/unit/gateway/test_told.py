"""What passes between client and provider beside the answer: headers and images out, refusals back."""

from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import Stage, endpoint, stage

from wideband.upstream.scripted import Act, stream
from wideband.wire import jsons, sse

ASK: dict[str, Any] = {"model": "acme/m1", "max_tokens": 9, "messages": [{"role": "user", "content": "Say hello."}]}
SECRET = "box-key-that-looks-like-no-other"


def refusal(status: int, message: str, **headers: str) -> Act:
    body = jsons.encode({"error": {"message": message, "code": "no"}})
    return Act(status=status, headers={"content-type": "application/json", **headers}, body=[body])


def with_key(on: Stage) -> Stage:
    on.exchange.provider_keys["a"] = SECRET
    return on


# -- a provider that repeats its key ---------------------------------------------------------------------------------


def first(message: str) -> Act:
    return refusal(401, message)


def late(message: str) -> Act:
    row = {"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}
    said = jsons.encode({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [row]})
    return stream(sse.encode(said), sse.encode(jsons.encode({"error": {"message": message, "code": 500}})))


@pytest.mark.parametrize("act", [first, late])
@pytest.mark.parametrize("message", [f"Incorrect API key provided: {SECRET}.", f'{{"key":"{SECRET}"}}'])
async def test_a_providers_key_is_neither_told_nor_recorded(act: Any, message: str) -> None:
    on = with_key(stage({"a": [act(message)]}))
    client = await on.ask({**ASK, "stream": True}, metadata=True)
    assert b"[key]" in client.body
    assert SECRET.encode() not in client.body
    assert SECRET.encode() not in on.ledger.settlements[0].record


@pytest.mark.parametrize("slash", ["/", "\\/"])
async def test_a_key_is_blotted_out_as_json_writes_it(slash: str) -> None:
    secret = 'box"key\\of/letters'
    echoed = b'box\\"key\\\\of' + slash.encode() + b"letters"
    act = Act(status=401, body=[b'{"error":{"message":"no","given":"' + echoed + b'"}}'])
    on = stage({"a": [act]})
    on.exchange.provider_keys["a"] = secret
    client = await on.ask(ASK)
    assert b"[key]" in client.body
    assert b"letters" not in client.body + on.ledger.settlements[0].record


async def test_half_a_key_is_blotted_out_where_the_providers_words_were_cut() -> None:
    on = with_key(stage({"a": [Act(status=401, body=[b"-" * 190 + SECRET.encode()])]}))
    client = await on.ask(ASK)
    assert b"--[key]" in client.body
    assert SECRET[:8].encode() not in client.body + on.ledger.settlements[0].record


async def test_who_is_told_amid_a_stream_learns_whether_to_try_again() -> None:
    client = await stage({"a": [late("Out of memory.")]}).ask({**ASK, "stream": True})
    assert b'"Out of memory. You can retry your request."' in client.body
    refused = await stage({"a": [refusal(400, "No such field.")]}).ask(ASK)
    assert refused.json["error"]["message"] == "No such field."


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refused_key_is_said_to_be_the_servers_and_not_the_callers(status: int) -> None:
    client = await stage({"a": [refusal(status, "Incorrect API key provided.")]}).ask(ASK)
    assert client.status == 502
    told = "A refused the key or account that this server has there: Incorrect API key provided."
    assert client.json["error"]["message"] == told


async def test_a_stand_in_for_a_key_is_no_secret() -> None:
    on = stage({"a": [refusal(400, "none of the tools exists")]})
    on.exchange.provider_keys["a"] = "none"
    assert (await on.ask(ASK)).json["error"]["message"] == "none of the tools exists"


async def test_nor_is_the_key_of_a_simulated_provider_whose_letters_stand_in_its_words() -> None:
    on = stage({"a": [refusal(400, "a simulated provider runs no tools")]})
    [row] = on.exchange.catalogue.endpoints["acme/m1"]
    simulated = {"acme/m1": (msgspec.structs.replace(row, simulated=True),)}
    on.exchange.catalogue = msgspec.structs.replace(on.exchange.catalogue, endpoints=simulated)
    on.exchange.provider_keys["a"] = "simulated"
    assert (await on.ask(ASK)).json["error"]["message"] == "a simulated provider runs no tools"


# -- whether to ask again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "told", "waits", "final"),
    [
        (400, "This model's maximum context length is 9 tokens.", 400, None, "false"),
        (400, "temperature is too high", 400, None, "false"),
        (429, "slow down", 429, "1", None),
        (500, "oops", 502, "1", None),
        (503, "busy", 503, "1", None),
    ],
)
async def test_clients_are_told_to_wait_only_for_what_passes(
    status: int, message: str, told: int, waits: str | None, final: str | None
) -> None:
    client = await stage({"a": [refusal(status, message)]}).ask(ASK)
    assert client.status == told
    assert client.headers.get("retry-after") == waits
    assert client.headers.get("x-should-retry") == final


# -- headers for the provider ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoken", ["anthropic_messages", "openai_chat"])
@pytest.mark.parametrize("asked", ["anthropic_messages", "openai_chat"])
async def test_betas_reach_providers_of_the_protocol_they_belong_to(asked: str, spoken: str) -> None:
    on = stage({"a": [refusal(500, "no")]}, endpoint("a", dialect=spoken), dialect=asked)
    await on.ask(ASK, passed={"anthropic_messages": {"anthropic-beta": "one-1,two-2"}})
    headers = on.upstream.sent[0].call.headers
    assert headers.get("anthropic-beta") == ("one-1,two-2" if spoken == "anthropic_messages" else None)


async def test_a_key_is_shown_as_the_provider_wants_it() -> None:
    row = endpoint("a", dialect="anthropic_messages")
    provider = msgspec.structs.replace(row.provider, auth="x-api-key")
    on = with_key(stage({"a": [refusal(500, "no")]}, msgspec.structs.replace(row, provider=provider)))
    await on.ask(ASK)
    headers = on.upstream.sent[0].call.headers
    assert (headers["x-api-key"], headers.get("authorization")) == (SECRET, None)


# -- images that have a price ----------------------------------------------------------------------------------------

PICTURE = "data:image/png;base64,aGk="
SHOWN: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [{"type": "image_url", "image_url": {"url": PICTURE}}] * 2,
    "anthropic_messages": [{"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}] * 2,
}


@pytest.mark.parametrize("dialect", SHOWN)
async def test_images_are_held_for_and_charged_by_the_piece(dialect: str) -> None:
    whole = {
        "id": "c",
        "model": "m",
        "created": 1,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A cat."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }
    row = endpoint("a")
    fee = msgspec.structs.replace(row.price.base, image=7_000_000)
    dear = msgspec.structs.replace(row, price=msgspec.structs.replace(row.price, base=fee))
    costs, holds = [], []
    for one in (row, dear):
        on = stage({"a": [Act(body=[jsons.encode(whole)])]}, one, dialect=dialect)
        client = await on.ask({**ASK, "messages": [{"role": "user", "content": SHOWN[dialect]}]})
        assert client.status == 200
        costs.append(on.ledger.settlements[0].charge_nano)
        holds.append(on.ledger.holds[0].amount_nano)
    assert costs[1] - costs[0] == holds[1] - holds[0] == 14_000_000
