"""An agent's conversation over providers that cache prompts: it stays where it is cached, and moves once at most."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import KEY, Client, Stage, endpoint, stage

from wideband.catalog.rows import Endpoint, Price, Rates
from wideband.gateway import choosing
from wideband.metering.record import Generation
from wideband.sandbox.prefix_cache import PrefixCache
from wideband.sandbox.prose import CHARS_PER_TOKEN
from wideband.upstream.base import Call
from wideband.upstream.scripted import Act, Hang, ScriptedAnswer, Sent, stream
from wideband.wire import jsons

TURNS = 18
SLUGS = ("a", "b", "c")
RATES = Rates(prompt=1_000_000_000, completion=2_000_000_000, cache_read=100_000_000)
SYSTEM = "You are careful and thorough. " * 200
SHORT = {"model": "acme/m1", "messages": [{"role": "user", "content": "Say hello."}]}
WORDS = "and then the next thing that has to be done is this one, " * 40


class CachingUpstream:
    """Providers by their host, each with a prompt cache of its own; those in `broken` answer 503."""

    def __init__(self) -> None:
        self.caches = {slug: PrefixCache() for slug in SLUGS}
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def send(self, call: Call) -> ScriptedAnswer:
        slug = call.url.removeprefix("http://").partition("/")[0]
        self.asked.append(slug)
        return ScriptedAnswer(Sent(call, self._act(slug, jsons.decode(call.body))))

    def _act(self, slug: str, body: Any) -> Act:
        if slug in self.broken:
            return Act(status=503, body=[b'{"error": {"message": "down"}}'])
        text = "".join(message["content"] for message in body["messages"])
        usage = {
            "prompt_tokens": len(text) // CHARS_PER_TOKEN,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": self.caches[slug].read(text)},
        }
        message = {"role": "assistant", "content": "Done."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return Act(body=[jsons.encode({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})])

    async def close(self) -> None:
        pass


def caching(slug: str, model: str = "acme/m1", rates: Rates = RATES) -> Endpoint:
    return msgspec.structs.replace(endpoint(slug, model), price=Price(base=rates))


@pytest.fixture
def providers() -> CachingUpstream:
    return CachingUpstream()


@pytest.fixture
def set_up(providers: CachingUpstream, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Three providers at one price, so that chance decides between them: the same chance in every run."""
    draw = random.Random(7)
    monkeypatch.setattr(choosing, "seed", lambda: draw.getrandbits(32))
    made = stage({slug: [] for slug in SLUGS}, *(caching(slug) for slug in SLUGS))
    made.exchange.upstream = providers
    return made


class Conversation:
    """Grows by a turn of the model's and one of the user's with every request.

    `cacheable` is what a provider that saw all of its prompts would have read from its cache, `cached` what was.
    """

    def __init__(self, name: str = "Ada", **fields: Any) -> None:
        self.fields = {"model": "acme/m1", **fields}
        self.messages = [
            {"role": "system", "content": f"You help {name}. {SYSTEM}"},
            {"role": "user", "content": f"Begin. {WORDS}"},
        ]
        self.cacheable = self.cached = 0
        self.records: list[Generation] = []
        self._ideal = PrefixCache()

    async def turn(self, set_up: Stage, **caller: Any) -> Generation:
        """Ask, and grow by the answer and the next question."""
        self.cacheable += self._ideal.read("".join(message["content"] for message in self.messages))
        client = await set_up.ask({**self.fields, "messages": self.messages}, **caller)
        assert client.status == 200, client.body
        self.messages += [
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": f"Turn {len(self.messages)}: {WORDS}"},
        ]
        record = set_up.ledger.records[-1]
        self.records.append(record)
        self.cached += record.cached_tokens
        return record

    @property
    def share(self) -> float:
        return self.cached / self.cacheable

    @property
    def path(self) -> list[str | None]:
        """Return who answered, leaving out repeats in a row."""
        slugs = [record.provider for record in self.records]
        return [slug for at, slug in enumerate(slugs) if at == 0 or slugs[at - 1] != slug]


async def test_18_turns_keep_what_can_be_cached(set_up: Stage) -> None:
    conversation = Conversation()
    for _ in range(TURNS):
        await conversation.turn(set_up)
    assert conversation.share == 1
    assert conversation.cacheable > 20_000
    assert [record.is_warm for record in conversation.records] == [False] + [True] * (TURNS - 1)


async def test_without_a_place_chance_takes_the_conversation_from_cache_to_cache(set_up: Stage) -> None:
    conversation = Conversation(prompt_cache_key="a")
    for turn in range(TURNS):
        # Nothing is known of a conversation that bears another name each time.
        await conversation.turn(set_up, session_id=f"session {turn}")
    assert len(conversation.path) > 4
    assert conversation.share < 0.9
    assert not any(record.is_warm for record in conversation.records)


async def test_two_conversations_by_turns_each_keep_their_own_place(set_up: Stage) -> None:
    conversations = [Conversation(name) for name in ("Ada", "Ben", "Cleo", "Dan", "Eve", "Flo")]
    for _ in range(TURNS):
        for conversation in conversations:
            await conversation.turn(set_up)
    assert [conversation.share for conversation in conversations] == [1] * 6
    assert len({conversation.path[0] for conversation in conversations}) > 1, "chance still decides where each begins"


async def test_a_failure_moves_the_conversation_once_and_it_stays_where_it_moved(
    set_up: Stage, providers: CachingUpstream
) -> None:
    conversation = Conversation()
    for _ in range(TURNS // 2):
        await conversation.turn(set_up)
    providers.broken, before = {str(conversation.records[-1].provider)}, conversation.cacheable
    await conversation.turn(set_up)
    providers.broken, missed = set(), conversation.cacheable - before
    for _ in range(TURNS // 2 - 1):
        await conversation.turn(set_up)
    first, second = conversation.path
    assert first != second
    assert [record.is_warm for record in conversation.records].count(False) == 2
    assert conversation.cacheable - conversation.cached == missed, "only the new place has to read it once"
    assert conversation.share > 0.9


async def test_a_short_conversation_sticks_when_it_bears_a_name(set_up: Stage) -> None:
    for name in ("session_id", "prompt_cache_key"):
        records = [await ask_shortly(set_up, None, **{name: name}) for _ in range(8)]
        assert [record.is_warm for record in records] == [False] + [True] * 7
        assert len({record.provider for record in records}) == 1
    assert [(await ask_shortly(set_up, session_id="three")).is_warm for _ in range(2)] == [False, True]
    assert not (await ask_shortly(set_up)).is_warm
    assert not (await ask_shortly(set_up)).is_warm, "a short one without a name is cached nowhere"


async def ask_shortly(set_up: Stage, caller: dict[str, Any] | None = None, **fields: Any) -> Generation:
    client = Client()
    await set_up.session(client, **caller or {}).answer(jsons.encode({**SHORT, **fields}))
    assert client.status == 200
    return set_up.ledger.records[-1]


async def test_the_name_in_the_body_counts_before_the_one_in_the_headers(set_up: Stage) -> None:
    place = await ask_shortly(set_up, session_id="body")
    for _ in range(6):
        record = await ask_shortly(set_up, {"session_id": "headers"}, session_id="body")
        assert (record.provider, record.is_warm) == (place.provider, True)


async def test_accounts_do_not_share_places(set_up: Stage) -> None:
    await ask_shortly(set_up, session_id="one")
    session = set_up.session(Client())
    session.caller = msgspec.structs.replace(session.caller, key=msgspec.structs.replace(KEY, account_id="other"))
    await session.answer(jsons.encode({**SHORT, "session_id": "one"}))
    assert not set_up.ledger.records[-1].is_warm
    assert (await ask_shortly(set_up, session_id="one")).is_warm


async def test_each_of_several_models_has_a_place_of_its_own(providers: CachingUpstream) -> None:
    rows = [caching(slug, model) for model in ("acme/m1", "acme/m2") for slug in SLUGS]
    made = stage({slug: [] for slug in SLUGS}, *rows)
    made.exchange.upstream = providers
    places = {
        model: (await ask_shortly(made, model=model, session_id="one")).endpoint_id for model in ("acme/m1", "acme/m2")
    }
    for _ in range(6):
        for model, place in places.items():
            record = await ask_shortly(made, model=model, session_id="one")
            assert (record.endpoint_id, record.is_warm) == (place, True)


@pytest.mark.parametrize("rates", [Rates(prompt=10, completion=10), Rates(prompt=10, completion=10, cache_read=10)])
async def test_nothing_sticks_where_cached_tokens_cost_as_much(rates: Rates, providers: CachingUpstream) -> None:
    made = stage({slug: [] for slug in SLUGS}, *(caching(slug, rates=rates) for slug in SLUGS))
    made.exchange.upstream = providers
    for _ in range(4):
        assert not (await ask_shortly(made, session_id="one")).is_warm
    assert len(made.exchange.sticky) == 0


async def test_an_order_of_the_callers_is_followed_and_still_noted(set_up: Stage, providers: CachingUpstream) -> None:
    for slug in ("c", "a", "b"):
        record = await ask_shortly(set_up, session_id="one", provider={"order": [slug]})
        assert (record.provider, record.is_warm) == (slug, False)
    record = await ask_shortly(set_up, session_id="one")
    assert (record.provider, record.is_warm) == ("b", True)
    assert providers.asked == ["c", "a", "b", "b"]


async def test_who_answers_cold_is_not_called_warm(set_up: Stage, providers: CachingUpstream) -> None:
    first = await ask_shortly(set_up, session_id="one")
    providers.broken = {str(first.provider)}
    second = await ask_shortly(set_up, session_id="one")
    assert providers.asked[-2] == first.provider, "the warm one is asked first"
    assert not second.is_warm


async def test_a_failure_is_no_use_of_a_cache(set_up: Stage, providers: CachingUpstream) -> None:
    first = await ask_shortly(set_up, session_id="one")
    noted = set_up.exchange.sticky.snapshot()
    providers.broken = set(SLUGS)
    client = await set_up.ask({**SHORT, "session_id": "one"})
    assert client.status >= 500
    assert set_up.exchange.sticky.snapshot() == noted, "it neither renews the place nor ends it"
    providers.broken = {slug for slug in SLUGS if slug != first.provider}
    assert (await ask_shortly(set_up, session_id="one")).provider == first.provider


@pytest.mark.parametrize(("ending", "places"), [("leaves", 1), ("breaks", 0)])
async def test_a_caller_who_leaves_midway_has_the_prompt_cached_but_a_broken_answer_tells_nothing(
    ending: str, places: int
) -> None:
    hello = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'
    made = stage({"a": [stream(hello, Hang()) if ending == "leaves" else stream(hello)]}, caching("a"))
    client = Client()
    body = jsons.encode({**SHORT, "stream": True, "session_id": "one"})
    task = asyncio.ensure_future(made.session(client).answer(body))
    await client.first.wait()
    if ending == "leaves":
        client.leave()
    await asyncio.wait_for(task, 1)
    assert len(made.exchange.sticky) == places
