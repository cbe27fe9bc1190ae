"""Accounts' own provider keys: who is asked with whose key, in which order, and who pays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import KEY, RATES, Client, Stage, catalogue, endpoint, stage
from tests.unit.gateway.test_session import ASK, GOOD, STREAM, chunks, failure, whole

from wideband.accounts.ownkeys import OwnKey
from wideband.canon.faults import Fault, FaultKind
from wideband.catalog.rows import DataPolicy, Endpoint
from wideband.gateway.exchange import Caller
from wideband.gateway.session import Session
from wideband.store.ownkeys import OwnKeyChange, OwnKeyRoom, open_own_keys
from wideband.upstream.scripted import Act
from wideband.wire import jsons

SECRET = "sk-own-abcdefghijklmnopqrstuvwxyz"
SERVER_KEY = "sk-server-0123456789abcdef"
PRICE_NANO = (10 * RATES.prompt + 5 * RATES.completion) // 1_000_000
BROKE = Fault(kind=FaultKind.PAYMENT_REQUIRED, message="Nothing left.")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[OwnKeyRoom]:
    with open_own_keys(tmp_path) as made:
        yield made


def bring(room: OwnKeyRoom, provider: str, secret: str = SECRET, **fields: Any) -> OwnKey:
    row = OwnKey(id="", account_id="local", provider=provider, label="", sealed=b"", created_ns=0, **fields)
    return room.add(row, secret)


def market(room: OwnKeyRoom, script: dict[str, list[Act]], *rows: Endpoint, known: tuple[Endpoint, ...] = ()) -> Stage:
    """Set a stage on which the server has a key for every provider but those that are only `known`."""
    usable = rows or tuple(endpoint(slug, dearer=at) for at, slug in enumerate(script))
    on = stage(script, *usable)
    on.exchange.provider_keys.update({row.provider.slug: SERVER_KEY for row in usable})
    on.exchange.own_keys = room
    on.exchange.known = catalogue(*usable, *known)
    return on


def asked(on: Stage) -> list[tuple[str, str]]:
    """Return who was asked, and whether with an own key or the server's."""
    whose = {f"Bearer {SERVER_KEY}": "server"}
    return [
        (sent.call.url.split("/")[2], whose.get(sent.headers.get("authorization", ""), "own"))
        for sent in on.upstream.sent
    ]


# -- money -----------------------------------------------------------------------------------------------------------


async def test_an_own_key_is_asked_with_and_costs_the_account_nothing_here(room: OwnKeyRoom) -> None:
    bring(room, "a")
    on = market(room, {"a": [whole()]})
    client = await on.ask(ASK, metadata=True)
    assert on.upstream.sent[0].headers["authorization"] == f"Bearer {SECRET}"
    usage = client.json["usage"]
    assert (usage["cost"], usage["is_byok"]) == (0, True)
    assert usage["cost_details"]["upstream_inference_cost"] == pytest.approx(PRICE_NANO / 1e9)
    assert usage["cost_details"]["upstream_inference_prompt_cost"] == pytest.approx(10 * RATES.prompt / 1e15)
    assert client.json["openrouter_metadata"]["is_byok"] is True
    [record] = on.ledger.records
    assert (record.is_byok, record.cost_nano, record.upstream_cost_nano) == (True, 0, PRICE_NANO)
    assert (record.endpoint_id, record.tries[0].endpoint_id) == ("a:acme/m1", "a:acme/m1")
    assert record.tries[0].is_byok
    assert on.ledger.settlements[0].charge_nano == 0


async def test_the_fee_is_a_share_of_the_providers_price(room: OwnKeyRoom) -> None:
    bring(room, "a", always=True)
    on = market(room, {"a": [whole()]})
    on.exchange.terms = msgspec.structs.replace(on.exchange.terms, byok_fee_permille=50)
    client = await on.ask({**ASK, "max_tokens": 100})
    fee = PRICE_NANO * 50 // 1000
    assert client.json["usage"]["cost"] == pytest.approx(fee / 1e9)
    assert on.ledger.settlements[0].charge_nano == fee
    whole_price = 100 * RATES.completion // 1_000_000
    assert fee < on.ledger.holds[0].amount_nano < whole_price


async def test_only_the_fee_is_held_where_the_server_is_not_asked(room: OwnKeyRoom) -> None:
    bring(room, "a", always=True)
    on = market(room, {"a": [whole()]})
    await on.ask(ASK)
    assert on.ledger.holds[0].amount_nano == 0


async def test_who_cannot_pay_the_server_still_has_its_own_key(
    room: OwnKeyRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(room, "a")
    on = market(room, {"a": [failure(500)]})

    async def hold(wanted: Any) -> Fault | None:
        on.ledger.holds.append(wanted)
        return BROKE if wanted.amount_nano else None

    monkeypatch.setattr(on.ledger, "hold", hold)
    client = await on.ask(ASK)
    assert asked(on) == [("a", "own")]
    assert [hold.amount_nano > 0 for hold in on.ledger.holds] == [True, False]
    assert client.status == 502


async def test_a_stream_tells_the_same_of_money(room: OwnKeyRoom) -> None:
    bring(room, "a")
    on = market(room, {"a": [GOOD]})
    last = chunks(await on.ask({**STREAM, "stream_options": {"include_usage": True}}))[-1]
    assert (last["usage"]["cost"], last["usage"]["is_byok"]) == (0, True)


async def test_without_an_own_key_nothing_is_another(room: OwnKeyRoom) -> None:
    bring(room, "b")
    on = market(room, {"a": [whole()]})
    client = await on.ask(ASK, metadata=True)
    assert asked(on) == [("a", "server")]
    assert (client.json["usage"]["is_byok"], client.json["usage"]["cost"]) == (False, pytest.approx(PRICE_NANO / 1e9))
    assert client.json["usage"]["cost_details"]["upstream_inference_cost"] is None
    assert not on.ledger.records[0].is_byok


# -- the order of asking ---------------------------------------------------------------------------------------------


async def plan_of(on: Stage, body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the order of asking, found out by failing everywhere."""
    await on.ask(body)
    return asked(on)


def failing(*slugs: str) -> dict[str, list[Act]]:
    return {slug: [failure(500)] for slug in slugs}


async def test_own_keys_come_first_then_the_server_then_fallback_keys(room: OwnKeyRoom) -> None:
    bring(room, "a", fallback=True)
    bring(room, "b")
    on = market(room, failing("a", "b", "c"))
    assert await plan_of(on, ASK) == [("b", "own"), ("a", "server"), ("b", "server"), ("c", "server"), ("a", "own")]


async def test_the_metadata_shows_every_place_in_that_order(room: OwnKeyRoom) -> None:
    bring(room, "b")
    on = market(room, {"a": [whole()], "b": [whole()]})
    shown = (await on.ask(ASK, metadata=True)).json["openrouter_metadata"]["endpoints"]["available"]
    assert [(row["provider"], row["selected"]) for row in shown] == [("B", True), ("A", False), ("B", False)]


async def test_the_record_keeps_what_was_weighed_for_each_place(room: OwnKeyRoom) -> None:
    bring(room, "b")
    on = market(room, {"a": [whole()], "b": [whole()]})
    await on.ask(ASK)
    assert [row.endpoint_id for row in on.ledger.records[0].weighed] == ["b:acme/m1", "a:acme/m1", "b:acme/m1"]


async def test_own_keys_beat_the_callers_order(room: OwnKeyRoom) -> None:
    bring(room, "c")
    on = market(room, failing("a", "b", "c"))
    order = {"order": ["b", "a"]}
    found = await plan_of(on, {**ASK, "provider": order})
    assert found == [("c", "own"), ("b", "server"), ("a", "server"), ("c", "server")]


async def test_among_own_keys_the_callers_order_counts(room: OwnKeyRoom) -> None:
    bring(room, "a")
    bring(room, "b")
    on = market(room, failing("a", "b"))
    found = await plan_of(on, {**ASK, "provider": {"order": ["b"]}})
    assert found[:2] == [("b", "own"), ("a", "own")]


async def test_several_keys_at_one_provider_are_tried_in_their_order(room: OwnKeyRoom) -> None:
    bring(room, "a", "sk-first-abcdefghijklmnop")
    bring(room, "a", "sk-second-abcdefghijklmnop")
    on = market(room, failing("a"))
    await on.ask(ASK)
    keys = [sent.headers["authorization"] for sent in on.upstream.sent]
    assert keys == ["Bearer sk-first-abcdefghijklmnop", "Bearer sk-second-abcdefghijklmnop", f"Bearer {SERVER_KEY}"]


async def test_always_keeps_the_servers_key_out_of_that_provider_alone(room: OwnKeyRoom) -> None:
    bring(room, "a", always=True)
    on = market(room, failing("a", "b"))
    assert await plan_of(on, ASK) == [("a", "own"), ("b", "server")]


async def test_a_disabled_key_is_not_asked_with(room: OwnKeyRoom) -> None:
    key = bring(room, "a", always=True)
    room.change("local", key.id, OwnKeyChange(disabled=True))
    on = market(room, failing("a"))
    assert await plan_of(on, ASK) == [("a", "server")]


async def test_models_keep_the_callers_order(room: OwnKeyRoom) -> None:
    bring(room, "b")
    rows = (endpoint("a", "acme/m1"), endpoint("b", "acme/m2"))
    on = market(room, failing("a", "b"), *rows)
    body = {"messages": ASK["messages"], "models": ["acme/m1", "acme/m2"]}
    assert await plan_of(on, body) == [("a", "server"), ("b", "own"), ("b", "server")]


async def test_without_fallbacks_only_the_first_is_asked_and_that_is_the_own_key(room: OwnKeyRoom) -> None:
    bring(room, "b")
    on = market(room, failing("a", "b"))
    assert await plan_of(on, {**ASK, "provider": {"allow_fallbacks": False}}) == [("b", "own")]


async def test_filters_hold_for_own_keys_too(room: OwnKeyRoom) -> None:
    bring(room, "a")
    keeps, forgets = endpoint("a"), endpoint("b", dearer=1)
    private = msgspec.structs.replace(forgets.provider, data_policy=DataPolicy(trains=False, retains=False))
    forgets = msgspec.structs.replace(forgets, provider=private)
    on = market(room, failing("a", "b"), keeps, forgets)
    assert await plan_of(on, {**ASK, "provider": {"zdr": True}}) == [("b", "server")]
    on = market(room, failing("a", "b"), keeps, forgets)
    assert await plan_of(on, {**ASK, "provider": {"ignore": ["a"]}}) == [("b", "server")]


async def test_another_accounts_keys_are_nobodys_business(room: OwnKeyRoom) -> None:
    bring(room, "a")
    on = market(room, {"a": [whole()]})
    client = Client()
    caller = Caller(key=msgspec.structs.replace(KEY, account_id="another"))
    await Session(on.exchange, on.session(client).dialect, caller, client, "gen-2").answer(jsons.encode(ASK))
    assert asked(on) == [("a", "server")]


# -- providers that the server has no key for ------------------------------------------------------------------------


async def test_an_own_key_opens_a_provider_that_the_server_has_no_key_for(room: OwnKeyRoom) -> None:
    bring(room, "x")
    on = market(room, {"a": [failure(500)], "x": [whole()]}, endpoint("a"), known=(endpoint("x"),))
    assert (await on.ask(ASK)).status == 200
    assert asked(on) == [("x", "own")]
    assert on.ledger.records[0].provider == "x"


async def test_it_opens_models_that_nobody_else_serves(room: OwnKeyRoom) -> None:
    bring(room, "x")
    on = market(room, {"a": [whole()], "x": [whole()]}, endpoint("a"), known=(endpoint("x", "acme/only"),))
    client = await on.ask({**ASK, "model": "acme/only"})
    assert (client.status, client.json["model"]) == (200, "acme/only")


async def test_for_everybody_else_those_stay_unknown(room: OwnKeyRoom) -> None:
    on = market(room, {"a": [whole()], "x": [whole()]}, endpoint("a"), known=(endpoint("x", "acme/only"),))
    assert (await on.ask({**ASK, "model": "acme/only"})).status == 400
    assert "acme/only" not in on.exchange.catalogue.models


async def test_a_provider_without_a_whole_address_stays_closed(room: OwnKeyRoom) -> None:
    row = endpoint("x", "acme/only")
    row = msgspec.structs.replace(row, provider=msgspec.structs.replace(row.provider, base_url="http://{RESOURCE}/v1"))
    bring(room, "x")
    on = market(room, {"a": [whole()]}, endpoint("a"), known=(row,))
    assert (await on.ask({**ASK, "model": "acme/only"})).status == 400


# -- keys that fail --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refused_key_moves_on_and_stands_in_the_record(room: OwnKeyRoom, code: int) -> None:
    bring(room, "a")
    on = market(room, {"a": [failure(code), whole()]})
    client = await on.ask(ASK, metadata=True)
    assert client.status == 200
    assert asked(on) == [("a", "own"), ("a", "server")]
    [record] = on.ledger.records
    assert [(one.is_byok, one.status) for one in record.tries] == [(True, code), (False, 200)]
    assert (record.is_byok, record.cost_nano) == (False, PRICE_NANO)
    assert [one.get("is_byok", False) for one in client.json["openrouter_metadata"]["attempts"]] == [True, False]


async def test_a_refused_key_rests_alone(room: OwnKeyRoom) -> None:
    bring(room, "a")
    on = market(room, {"a": [failure(401), whole(), failure(401), whole(), whole(), whole()]})
    for _ in range(3):
        assert (await on.ask(ASK)).status == 200
    # Twice it was tried first; now it rests, and the server's own endpoint is as well as ever.
    assert asked(on) == [("a", "own"), ("a", "server"), ("a", "own"), ("a", "server"), ("a", "server")]
    assert on.exchange.health.is_healthy("a:acme/m1", on.ledger.records[-1].created_ns)


async def test_the_caller_is_told_whose_key_was_refused(room: OwnKeyRoom) -> None:
    bring(room, "a", always=True)
    on = market(room, {"a": [failure(401, f"Incorrect API key provided: {SECRET}")]})
    client = await on.ask(ASK)
    assert client.status == 502
    assert "A refused your own key there" in client.json["error"]["message"]
    assert client.json["error"]["metadata"]["is_byok"] is True


async def test_the_secret_is_in_no_answer_and_no_record(room: OwnKeyRoom, caplog: pytest.LogCaptureFixture) -> None:
    bring(room, "a", always=True)
    on = market(room, {"a": [failure(401, f"Incorrect API key provided: {SECRET}")]})
    client = await on.ask(ASK, metadata=True)
    assert SECRET.encode() not in client.body
    assert SECRET.encode() not in on.ledger.settlements[0].record
    assert SECRET not in caplog.text
    assert SECRET not in repr(client)
    assert SECRET not in repr(on.exchange)
    assert b"[key]" in client.body


async def test_a_key_that_goes_away_in_the_middle_of_a_request_does_no_harm(
    room: OwnKeyRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bring(room, "b")
    on = market(room, {"b": [failure(500), whole()]})

    async def hold(wanted: Any) -> Fault | None:
        room.remove("local", key.id)
        return None

    monkeypatch.setattr(on.ledger, "hold", hold)
    assert (await on.ask(ASK)).status == 200
    assert asked(on) == [("b", "own"), ("b", "server")]
