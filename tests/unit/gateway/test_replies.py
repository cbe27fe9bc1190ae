"""The response cache: who asked for it is given the same answer again, for nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from tests.conformance.pair_cases import REPLIES, reply
from tests.conformance.pairs import CLOSING, ENVELOPE, NAMES, PAIRS
from tests.unit.gateway.stage import KEY, Client, Stage, endpoint, stage
from tests.unit.gateway.test_session import (
    ASK,
    DONE,
    FINISH,
    GOOD,
    HELLO,
    OPENING,
    STREAM,
    chunks,
    failure,
    text_of,
    whole,
)

from wideband.accounts.rows import Key
from wideband.canon.events import Counted, Started
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Reply, fold, unfold
from wideband.canon.request import Reasoning
from wideband.catalog.presets import Preset, Shelf
from wideband.catalog.rows import Model
from wideband.clock import now_ns
from wideband.dialects.base import Called
from wideband.dialects.registry import DIALECTS
from wideband.gateway.caching import CacheWish, forbids_keeping, read_wish, settled, slot_key
from wideband.gateway.exchange import Caller
from wideband.gateway.session import Session
from wideband.store.replies import FILE, Replies
from wideband.upstream.scripted import Act, Wait, stream
from wideband.wire import jsons, sse

CACHED = CacheWish(enabled=True)
OTHER_KEY = msgspec.structs.replace(KEY, hash="1" * 64)
CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="The connection broke.")


class Clock:
    """A clock that is set by hand; the rest of the gateway goes by its own."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def __call__(self) -> int:
        return now_ns() + self.ahead_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replies(tmp_path: Path, clock: Clock) -> Iterator[Replies]:
    made = Replies(tmp_path, 4 * 1024 * 1024, clock)
    yield made
    made.close()


async def ask(
    on: Stage, body: dict[str, Any] | bytes, id_: str, cache: CacheWish | None = CACHED, key: Key = KEY, **caller: Any
) -> Client:
    client = on.client = Client()
    session = Session(on.exchange, DIALECTS[on.dialect], Caller(key=key, cache=cache, **caller), client, id_)
    await session.answer(body if isinstance(body, bytes) else jsons.encode(body))
    return client


def cached(replies: Replies, script: dict[str, list[Act]], *endpoints: Any, **more: Any) -> Stage:
    on = stage(script, *endpoints, **more)
    on.exchange.replies = replies
    return on


def status(client: Client) -> str | None:
    return client.headers.get("x-openrouter-cache-status")


# -- a hit -----------------------------------------------------------------------------------------------------------


async def test_the_same_request_again_gets_the_same_answer_for_nothing(replies: Replies) -> None:
    on = cached(replies, {"a": [whole("Hello."), whole("Something else.")]})
    first = await ask(on, ASK, "gen-1")
    second = await ask(on, ASK, "gen-2")
    assert len(on.upstream.sent) == 1
    assert (first.headers["x-openrouter-cache-status"], first.headers["x-openrouter-cache-ttl"]) == ("MISS", "300")
    assert "x-openrouter-cache-source-id" not in first.headers
    assert second.status == 200
    assert second.headers["x-generation-id"] == "gen-2"
    assert second.headers["x-openrouter-cache-status"] == "HIT"
    assert second.headers["x-openrouter-cache-source-id"] == "gen-1"
    assert second.headers["x-openrouter-cache-age"] == "0"
    assert second.headers["x-openrouter-cache-ttl"] == "300"
    told = second.json
    assert (told["id"], told["model"], told["provider"]) == ("gen-2", "acme/m1", "A")
    assert told["choices"] == first.json["choices"]
    assert told["usage"]["cost"] == 0
    assert [told["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")] == [0, 0, 0]


async def test_a_hit_holds_nothing_charges_nothing_and_has_a_record_of_its_own(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    await ask(on, ASK, "gen-1")
    await ask(on, ASK, "gen-2")
    assert [hold.id for hold in on.ledger.holds] == ["gen-1"]
    assert [one.id for one in on.ledger.settlements] == ["gen-1", "gen-2"]
    assert on.ledger.settlements[1].charge_nano == 0
    paid, record = on.ledger.records
    assert (paid.is_replayed, record.is_replayed) == (False, True)
    assert (record.model, record.provider, record.endpoint_id) == (paid.model, paid.provider, paid.endpoint_id)
    assert (record.status, record.finish_reason, record.upstream_id) == (200, "stop", "gen-1")
    assert (record.cost_nano, record.upstream_cost_nano, record.held_nano, record.tries) == (0, 0, 0, ())
    assert (record.prompt_tokens, record.completion_tokens) == (0, 0)


async def test_a_stream_is_replayed_as_a_whole_stream(replies: Replies) -> None:
    on = cached(replies, {"a": [GOOD]})
    body = {**STREAM, "stream_options": {"include_usage": True}}
    first = await ask(on, body, "gen-1")
    second = await ask(on, body, "gen-2")
    assert (status(first), status(second)) == ("MISS", "HIT")
    assert second.headers["content-type"].startswith("text/event-stream")
    assert text_of(second) == text_of(first) == "Hello"
    assert {row["id"] for row in chunks(second)} == {"gen-2"}
    assert second.body.endswith(DONE)
    last = chunks(second)[-1]
    assert (last["choices"], last["usage"]["cost"], last["usage"]["total_tokens"]) == ([], 0, 0)
    assert len(on.upstream.sent) == 1


async def test_a_hit_tells_nothing_of_routing(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    first = await ask(on, ASK, "gen-1", metadata=True)
    second = await ask(on, ASK, "gen-2", metadata=True)
    assert "openrouter_metadata" in first.json
    assert "openrouter_metadata" not in second.json


async def test_the_age_grows_and_the_lifetime_ends(replies: Replies, clock: Clock) -> None:
    on = cached(replies, {"a": [whole("old"), whole("new")]})
    await ask(on, ASK, "gen-1", CacheWish(enabled=True, ttl_s=60))
    clock.ahead_ns = 59_000_000_000
    assert status(await ask(on, ASK, "gen-2")) == "HIT"
    clock.ahead_ns = 61_000_000_000
    late = await ask(on, ASK, "gen-3")
    assert status(late) == "MISS"
    assert late.json["choices"][0]["message"]["content"] == "new"


async def test_a_cleared_answer_is_asked_for_anew_and_replaced(replies: Replies) -> None:
    on = cached(replies, {"a": [whole("one"), whole("two")]})
    await ask(on, ASK, "gen-1")
    anew = await ask(on, ASK, "gen-2", CacheWish(enabled=True, clear=True))
    after = await ask(on, ASK, "gen-3")
    assert (status(anew), anew.json["choices"][0]["message"]["content"]) == ("MISS", "two")
    assert (status(after), after.json["choices"][0]["message"]["content"]) == ("HIT", "two")
    assert after.headers["x-openrouter-cache-source-id"] == "gen-2"


async def test_who_left_before_the_replay_still_has_a_record(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    await ask(on, ASK, "gen-1")
    client = Client()
    client.gone = True
    await Session(on.exchange, DIALECTS[on.dialect], Caller(key=KEY, cache=CACHED), client, "gen-2").answer(
        jsons.encode(ASK)
    )
    assert on.ledger.records[1].is_replayed
    assert not client.started


# -- what is the same request ----------------------------------------------------------------------------------------


async def hits(on: Stage, *bodies: bytes) -> list[str | None]:
    return [status(await ask(on, body, f"gen-{at}")) for at, body in enumerate(bodies)]


async def test_white_space_outside_of_strings_is_nothing(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    tight = b'{"model":"acme/m1","messages":[{"role":"user","content":"a b"}]}'
    loose = b' {\n "model" : "acme/m1",\t"messages": [ {"role": "user", "content": "a b"} ] }\n'
    other = tight.replace(b"a b", b"a  b")
    assert await hits(on, tight, loose, other) == ["MISS", "HIT", "MISS"]


async def test_the_order_of_fields_is_something(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    one = b'{"model":"acme/m1","temperature":1,"messages":[{"role":"user","content":"a"}]}'
    two = b'{"temperature":1,"model":"acme/m1","messages":[{"role":"user","content":"a"}]}'
    assert await hits(on, one, two, one, two) == ["MISS", "MISS", "HIT", "HIT"]


async def test_another_key_has_answers_of_its_own(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    await ask(on, ASK, "gen-1")
    assert status(await ask(on, ASK, "gen-2", key=OTHER_KEY)) == "MISS"


async def test_streams_and_whole_answers_are_kept_apart(replies: Replies) -> None:
    on = cached(replies, {"a": [whole(), GOOD]})
    await ask(on, ASK, "gen-1")
    assert status(await ask(on, STREAM, "gen-2")) == "MISS"


def test_the_key_knows_everything_that_decides_the_answer() -> None:
    body = jsons.encode(ASK)
    read = DIALECTS["openai_chat"].read(body)
    base = slot_key("k", read, {}, body)
    assert slot_key("k", read, {}, body) == base
    others = [
        slot_key("l", read, {}, body),
        slot_key("k", msgspec.structs.replace(read, dialect="openai_responses"), {}, body),
        slot_key("k", msgspec.structs.replace(read, model="acme/m2"), {}, body),
        slot_key("k", msgspec.structs.replace(read, stream=True), {}, body),
        slot_key("k", msgspec.structs.replace(read, framing="json_array"), {}, body),
        slot_key("k", read, {"anthropic_messages": {"anthropic-beta": "x"}}, body),
        slot_key("k", read, {}, body.replace(b"hello", b"Hello")),
    ]
    assert len({base, *others}) == len(others) + 1


# -- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "enabled", "ttl_s", "clear"),
    [
        ({b"x-openrouter-cache": b"true"}, True, None, False),
        ({b"x-openrouter-cache": b" TRUE "}, True, None, False),
        ({b"x-openrouter-cache": b"false"}, False, None, False),
        ({b"x-openrouter-cache": b"yes"}, None, None, False),
        ({b"x-openrouter-cache-ttl": b"600"}, None, 600, False),
        ({b"x-openrouter-cache-ttl": b"60s"}, None, 60, False),
        ({b"x-openrouter-cache-ttl": b"0"}, None, 1, False),
        ({b"x-openrouter-cache-ttl": b"9" * 5000}, None, 86_400, False),
        ({b"x-openrouter-cache-ttl": b"soon"}, None, None, False),
        ({b"x-openrouter-cache-ttl": b"-5"}, None, None, False),
        ({b"x-openrouter-cache": b"true", b"x-openrouter-cache-clear": b"true"}, True, None, True),
        ({b"x-openrouter-cache": b"true", b"x-openrouter-cache-clear": b"false"}, True, None, False),
    ],
)
def test_the_headers_are_read_as_openrouter_reads_them(
    headers: dict[bytes, bytes], enabled: bool | None, ttl_s: int | None, clear: bool
) -> None:
    assert read_wish(headers) == CacheWish(enabled=enabled, ttl_s=ttl_s, clear=clear)


def test_without_headers_nothing_is_wished() -> None:
    assert read_wish({b"content-type": b"application/json"}) is None


def test_what_the_caller_says_and_what_its_preset_says_are_settled() -> None:
    on, off = CacheWish(enabled=True), CacheWish(enabled=False)
    assert settled(None) is None
    assert settled(CacheWish(ttl_s=60)) is None
    assert settled(on) == CacheWish(enabled=True, ttl_s=300)
    assert settled(off) is None
    assert settled(None, True, 900) == CacheWish(enabled=True, ttl_s=900)
    assert settled(CacheWish(ttl_s=60), True, 900) == CacheWish(enabled=True, ttl_s=60)
    assert settled(off, True) is None
    assert settled(on, False) is None
    assert settled(on, None, 900) == CacheWish(enabled=True, ttl_s=900)


async def test_who_does_not_ask_is_told_nothing_and_nothing_is_kept(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    plain = await ask(on, ASK, "gen-1", None)
    assert status(plain) is None
    assert status(await ask(on, ASK, "gen-2")) == "MISS"
    assert status(await ask(on, ASK, "gen-3", None)) is None
    assert len(on.upstream.sent) == 3


@pytest.mark.parametrize("preferences", [{"zdr": True}, {"data_collection": "deny"}])
def test_who_wants_nothing_kept_is_not_cached(preferences: dict[str, Any]) -> None:
    body = jsons.encode({**ASK, "provider": preferences})
    assert forbids_keeping(DIALECTS["openai_chat"].read(body))
    assert not forbids_keeping(DIALECTS["openai_chat"].read(jsons.encode(ASK)))


async def test_zero_retention_wins_over_the_cache_header(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    client = await ask(on, {**ASK, "provider": {"zdr": True}}, "gen-1")
    assert status(client) is None


# -- what is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [failure(400), stream(OPENING, HELLO, CUT), stream(OPENING, HELLO), stream(OPENING, FINISH, DONE)],
    ids=["refused", "broken", "cut short", "without a word"],
)
async def test_only_whole_answers_with_something_in_them_are_kept(replies: Replies, act: Act) -> None:
    on = cached(replies, {"a": [act, GOOD]})
    first, second = [await ask(on, STREAM, f"gen-{at}") for at in range(2)]
    assert (status(first), status(second)) == ("MISS", "MISS")
    assert text_of(second) == "Hello"


async def test_of_several_answers_all_must_have_come(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    assert [status(await ask(on, {**ASK, "n": 2}, f"gen-{at}")) for at in range(2)] == ["MISS", "MISS"]


async def test_an_answer_of_the_second_try_is_kept_without_what_the_first_said(replies: Replies) -> None:
    on = cached(replies, {"a": [stream(OPENING, CUT)], "b": [GOOD]})
    await ask(on, STREAM, "gen-1")
    second = await ask(on, STREAM, "gen-2")
    assert (status(second), text_of(second)) == ("HIT", "Hello")
    assert second.headers["x-openrouter-cache-source-id"] == "gen-1"
    assert on.ledger.records[1].provider == "b"


async def test_a_kept_answer_that_cannot_be_read_is_none(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    body = jsons.encode(ASK)
    key = slot_key(KEY.hash, DIALECTS["openai_chat"].read(body), {}, body)
    replies.keep(key, b'{"of another": "version"}', 300)
    assert [status(await ask(on, ASK, f"gen-{at}")) for at in range(2)] == ["MISS", "HIT"]


async def test_the_same_request_twice_at_once_is_asked_twice(replies: Replies) -> None:
    on = cached(replies, {"a": [Act(before=[Wait(0.1)], body=whole().body)]})
    sessions = [
        Session(on.exchange, DIALECTS[on.dialect], Caller(key=KEY, cache=CACHED), Client(), f"gen-{at}")
        for at in range(2)
    ]
    await asyncio.gather(*(asyncio.ensure_future(one.answer(jsons.encode(ASK))) for one in sessions))
    assert len(on.upstream.sent) == 2


# -- every protocol --------------------------------------------------------------------------------------------------

BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": ASK,
    "openai_responses": {"model": "acme/m1", "input": "Say hello."},
    "anthropic_messages": {**ASK, "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "gemini_generate": {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]},
}
# The same, asked so that thinking is shown where it is not above, and not where it is.
OTHER_BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": {**ASK, "reasoning": {"exclude": True}},
    "openai_responses": {**BODIES["openai_responses"], "reasoning": {"exclude": True}},
    "anthropic_messages": {**ASK, "max_tokens": 4000},
    "gemini_generate": {
        **BODIES["gemini_generate"],
        "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
    },
}


def asked(dialect: str, *, streamed: bool, otherwise: bool = False) -> bytes:
    fields = (OTHER_BODIES if otherwise else BODIES)[dialect]
    body = jsons.encode(fields | ({"stream": True} if streamed and dialect != "gemini_generate" else {}))
    absorb = DIALECTS[dialect].absorb
    if absorb is None:
        return body
    path = "/models/{model}:streamGenerateContent" if streamed else "/models/{model}:generateContent"
    return absorb(Called(path=path, model="acme/m1", query={"alt": "sse"} if streamed else {}), body)


def answering(dialect: str, case: str, *, streamed: bool) -> Act:
    said = reply(case, dialect)
    if not streamed:
        return Act(body=[DIALECTS[dialect].encode_reply(said, ENVELOPE, CLOSING)[0]])
    encoder = DIALECTS[dialect].stream_encoder(ENVELOPE)
    return stream(encoder.feed(unfold(said)), encoder.close(CLOSING))


# Where the scripted seals are ours, which no provider of Responses makes: they are packed once more.
SEALED_BY_US = {"signed thinking", "foreign signature"}


def unsealed(said: Reply) -> Reply:
    parts = tuple(
        msgspec.structs.replace(part, data=None) if isinstance(part, Reasoning) else part
        for part in said.choices[0].parts
    )
    return msgspec.structs.replace(said, choices=(msgspec.structs.replace(said.choices[0], parts=parts),))


def heard(dialect: str, client: Client, *, streamed: bool) -> Reply:
    """Read what a client got, without what is another for each request."""
    body = client.body.replace(b"gen-2", b"gen-1")
    if not streamed:
        got = DIALECTS[dialect].decode_reply(body)
    else:
        decoder = DIALECTS[dialect].stream_decoder()
        events = [event for frame in sse.Decoder().feed(body) for event in decoder.feed(frame)]
        got = fold([event for event in (*events, *decoder.close()) if not isinstance(event, Counted | Started)])
    return msgspec.structs.replace(got, id=None, created_s=None, usage=None, extras={})


@pytest.mark.parametrize("otherwise", [False, True], ids=["asked plainly", "asked otherwise"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", sorted(REPLIES))
@pytest.mark.parametrize(("inward", "outward"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
async def test_a_hit_says_what_the_miss_said(
    replies: Replies, inward: str, outward: str, case: str, streamed: bool, otherwise: bool
) -> None:
    act = answering(outward, case, streamed=streamed)
    on = cached(replies, {"a": [act, failure(500)]}, endpoint("a", dialect=outward), dialect=inward)
    body = asked(inward, streamed=streamed, otherwise=otherwise)
    first, second = await ask(on, body, "gen-1"), await ask(on, body, "gen-2")
    assert (status(first), status(second)) == ("MISS", "HIT")
    told, told_again = heard(inward, first, streamed=streamed), heard(inward, second, streamed=streamed)
    if (inward, outward) == ("openai_responses", "openai_responses") and case in SEALED_BY_US:
        told, told_again = unsealed(told), unsealed(told_again)
    assert told_again == told
    assert on.ledger.records[1].cost_nano == 0


def test_the_matrix_covers_every_dialect_that_generates() -> None:
    assert set(NAMES) | {"openai_completions"} == {name for name, row in DIALECTS.items() if row.task == "generate"}


async def test_legacy_completions_are_replayed(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]}, dialect="openai_completions")
    body = {"model": "acme/m1", "prompt": "Say hello."}
    first, second = await ask(on, body, "gen-1"), await ask(on, body, "gen-2")
    assert (status(second), second.json["choices"][0]["text"]) == ("HIT", first.json["choices"][0]["text"])


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_vectors_are_replayed_in_the_form_asked_for(replies: Replies, encoding: str) -> None:
    vectors = [{"object": "embedding", "index": at, "embedding": [0.5, -1.25]} for at in range(2)]
    body = {"object": "list", "data": vectors, "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    row = endpoint("a", dialect="openai_embeddings")
    on = cached(replies, {"a": [Act(body=[jsons.encode(body)])]}, row, dialect="openai_embeddings")
    on.exchange.catalogue.models["acme/m1"] = Model(id="acme/m1", name="m1", output_modalities=("embeddings",))
    wanted = {"model": "acme/m1", "input": ["x", "y"], "encoding_format": encoding}
    first, second = await ask(on, wanted, "gen-1"), await ask(on, wanted, "gen-2")
    assert status(second) == "HIT"
    assert second.json["data"] == first.json["data"]
    assert (second.json["usage"]["prompt_tokens"], second.json["usage"]["cost"]) == (0, 0)


async def test_rankings_are_replayed(replies: Replies) -> None:
    body = {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]}
    row = endpoint("a", dialect="cohere_rerank")
    on = cached(replies, {"a": [Act(body=[jsons.encode(body)])]}, row, dialect="cohere_rerank")
    on.exchange.catalogue.models["acme/m1"] = Model(id="acme/m1", name="m1", output_modalities=("rerank",))
    wanted = {"model": "acme/m1", "query": "q", "documents": ["a", "b"]}
    first, second = await ask(on, wanted, "gen-1"), await ask(on, wanted, "gen-2")
    assert (status(second), second.json["results"]) == ("HIT", first.json["results"])


# -- presets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "cache", "told"),
    [
        ({"cache_enabled": True}, None, ["MISS", "HIT"]),
        ({"cache_enabled": True}, CacheWish(enabled=False), [None, None]),
        ({"cache_enabled": False}, CACHED, [None, None]),
        ({}, CACHED, ["MISS", "HIT"]),
        ({}, None, [None, None]),
    ],
)
async def test_a_preset_switches_the_cache(
    replies: Replies, preset: dict[str, Any], cache: CacheWish | None, told: list[str | None]
) -> None:
    on = cached(replies, {"a": [whole()]})
    on.exchange.presets = Shelf({"p": Preset(slug="p", **preset)})
    body = {**ASK, "preset": "p"}
    assert [status(await ask(on, body, f"gen-{at}", cache)) for at in range(2)] == told


async def test_a_preset_says_how_long(replies: Replies) -> None:
    on = cached(replies, {"a": [whole()]})
    on.exchange.presets = Shelf({"p": Preset(slug="p", cache_enabled=True, cache_ttl_seconds=900)})
    client = await ask(on, {**ASK, "preset": "p"}, "gen-1", None)
    assert client.headers["x-openrouter-cache-ttl"] == "900"


# -- what goes wrong -------------------------------------------------------------------------------------------------


class Slow(Client):
    """A client that does not take its answer."""

    async def send(self, data: bytes) -> None:
        self.first.set()
        await asyncio.Event().wait()


async def test_a_server_that_stops_while_an_answer_is_given_again_records_it_once(replies: Replies) -> None:
    on, client = cached(replies, {"a": [whole("Hello.")]}), Slow()
    await ask(on, ASK, "gen-1")
    session = Session(on.exchange, DIALECTS[on.dialect], Caller(key=KEY, cache=CACHED), client, "gen-2")
    task = asyncio.ensure_future(session.answer(jsons.encode(ASK)))
    await client.first.wait()
    task.cancel()
    await asyncio.wait({task})
    assert [(record.id, record.fault, record.is_replayed) for record in on.ledger.records] == [
        ("gen-1", None, False),
        ("gen-2", None, True),
    ]


async def test_an_answer_that_cannot_be_given_again_is_asked_for_anew(replies: Replies, tmp_path: Path) -> None:
    on = cached(replies, {"a": [whole("one"), whole("two")]})
    await ask(on, ASK, "gen-1")
    db = apsw.Connection(str(tmp_path / FILE))
    db.execute("""UPDATE reply SET answer = CAST(json_set(answer, '$.choices', json('[]')) AS BLOB)""")
    db.close()
    anew, again = await ask(on, ASK, "gen-2"), await ask(on, ASK, "gen-3")
    assert (anew.status, status(anew), status(again)) == (200, "MISS", "HIT")
    assert "x-openrouter-cache-source-id" not in anew.headers
    assert again.json["choices"][0]["message"]["content"] == "two"
    assert [record.is_replayed for record in on.ledger.records] == [False, False, True]
