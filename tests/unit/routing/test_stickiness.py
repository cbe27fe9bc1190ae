"""Conversations stay where their prompts are cached, for as long as the cache there holds."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, catalogue, down, endpoint, tags, wish

from wideband.catalog.rows import Rates
from wideband.routing import stickiness
from wideband.routing.health import Health
from wideband.routing.plan import plan
from wideband.routing.plans import Warm
from wideband.routing.stickiness import DEFAULT_TTL_S, Sticky, conversation_key, lifetime_s, pays, place_key

KEY = place_key(conversation_key("local", "a conversation"), "acme/m1")


def test_a_conversation_is_found_where_it_last_succeeded() -> None:
    sticky = Sticky()
    assert sticky.find(KEY, NOW_NS) is None
    sticky.note(KEY, "a", 2000, NOW_NS, 300)
    assert sticky.find(KEY, NOW_NS + SECOND_NS) == Warm("a", 2000)
    sticky.note(KEY, "b", 3000, NOW_NS + 2 * SECOND_NS, 300)
    assert sticky.find(KEY, NOW_NS + 3 * SECOND_NS) == Warm("b", 3000)


def test_it_ends_when_nothing_succeeded_for_the_lifetime_of_the_cache() -> None:
    sticky = Sticky()
    sticky.note(KEY, "a", 2000, NOW_NS, 3600)
    last = NOW_NS + 3599 * SECOND_NS
    assert sticky.find(KEY, last) is not None
    assert sticky.find(KEY, last) is not None, "a look is no use of the cache"
    assert sticky.find(KEY, NOW_NS + 3600 * SECOND_NS) is None
    assert len(sticky) == 0


def test_every_success_renews_it() -> None:
    sticky = Sticky()
    for turn in range(18):
        sticky.note(KEY, "a", 2000, NOW_NS + turn * 299 * SECOND_NS, 300)
        assert sticky.find(KEY, NOW_NS + (turn + 1) * 299 * SECOND_NS) == Warm("a", 2000)


def test_the_conversations_longest_without_a_success_are_forgotten_first() -> None:
    sticky = Sticky(capacity=2)
    for at, key in enumerate((1, 2, 1, 3)):
        sticky.note(key, "a", 2000, NOW_NS + at, 300)
    assert [key for key in (1, 2, 3) if sticky.find(key, NOW_NS + 9)] == [1, 3]
    other = Sticky()
    other.merge(sticky.take_delta() or b"", NOW_NS + 9)
    assert other.find(2, NOW_NS + 9) is None, "what is forgotten is not told either"


def test_keys_tell_accounts_models_and_conversations_apart() -> None:
    keys = {
        place_key(conversation_key(account, name), model)
        for account in ("local", "other")
        for model in ("acme/m1", "acme/m2")
        for name in ("a", "b", "ab", "\udce9" * 4000, "x" * 4000, "x" * 3999 + "y")
    }
    assert len(keys) == 24
    assert all(0 <= key < 1 << 64 for key in keys)


def test_keys_are_the_same_in_every_process() -> None:
    program = (
        "from wideband.routing.stickiness import conversation_key, place_key\n"
        "print(place_key(conversation_key('local', 'a conversation'), 'acme/m1'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert int(done.stdout) == KEY


def test_a_table_learns_from_the_deltas_of_another() -> None:
    here, there = Sticky(), Sticky()
    assert here.take_delta() is None
    here.note(KEY, "a", 2000, NOW_NS, 300)
    delta = here.take_delta()
    assert delta is not None
    assert here.take_delta() is None, "nothing is told twice"
    there.merge(delta, NOW_NS)
    assert there.find(KEY, NOW_NS) == Warm("a", 2000)
    assert there.take_delta() is None, "what was heard is not told on"


def test_of_two_notes_the_newer_holds_in_whatever_order_they_come() -> None:
    one, two, heard = Sticky(), Sticky(), Sticky()
    one.note(KEY, "old", 2000, NOW_NS, 300)
    two.note(KEY, "new", 2000, NOW_NS + 1, 300)
    old, new = one.take_delta() or b"", two.take_delta() or b""
    heard.merge(new, NOW_NS + 2)
    heard.merge(old, NOW_NS + 2)
    one.merge(new, NOW_NS + 2)
    two.merge(old, NOW_NS + 2)
    assert [table.find(KEY, NOW_NS + 2) for table in (one, two, heard)] == [Warm("new", 2000)] * 3


def test_a_table_comes_back_from_its_snapshot_without_what_has_ended() -> None:
    sticky = Sticky()
    sticky.note(1, "a", 2000, NOW_NS, 300)
    sticky.note(2, "b", 3000, NOW_NS, 7200)
    later = NOW_NS + 600 * SECOND_NS
    back = Sticky()
    back.restore(sticky.snapshot(), later)
    assert len(back) == 1
    assert back.find(2, later) == Warm("b", 3000)


def test_a_snapshot_of_a_large_table_tells_what_was_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stickiness, "TOLD", 2)
    sticky, back = Sticky(), Sticky(capacity=2)
    for at, key in enumerate((1, 2, 3, 1)):
        sticky.note(key, "a", 2000, NOW_NS + at, 300)
    back.restore(sticky.snapshot(), NOW_NS + 9)
    assert [key for key in (1, 2, 3) if back.find(key, NOW_NS + 9)] == [1, 3]
    back.note(4, "a", 2000, NOW_NS + 9, 300)
    assert [key for key in (1, 3, 4) if back.find(key, NOW_NS + 9)] == [1, 4], "their order is kept"


@pytest.mark.parametrize("data", [b"", b"\xc1", b"null", msgspec.msgpack.encode([["key", "a", 1, 2, 3]])])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    assert issubclass(msgspec.DecodeError, ValueError)
    with pytest.raises(msgspec.DecodeError):
        Sticky().restore(data, NOW_NS)


def test_the_lifetime_is_the_endpoints_own_or_what_the_caller_marked() -> None:
    plain = endpoint("plain")
    provider = msgspec.structs.replace(plain.provider, cache_ttl_s=7200)
    said = msgspec.structs.replace(plain, provider=provider)
    own = msgspec.structs.replace(said, cache_ttl_s=300)
    assert [lifetime_s(one, None) for one in (plain, said, own)] == [DEFAULT_TTL_S, 7200, 300]
    assert [lifetime_s(own, asked) for asked in (60, 3600, 10**9)] == [300, 3600, 86_400]


def test_only_cheaper_reading_pays() -> None:
    assert pays(Rates(prompt=10, cache_read=1))
    assert not pays(Rates(prompt=10, cache_read=10))
    assert not pays(Rates(prompt=10))
    assert not pays(Rates())


# The plan.

ROWS = [endpoint("a", usd=1), endpoint("b", usd=2), endpoint("c", usd=3)]


def planned(
    warm: str, health: Health | None = None, preferences: dict[str, Any] | None = None, **over: Any
) -> list[str]:
    asked = wish(preferences, warm=Warm(warm, 2000) if warm else None, **over)
    return tags(plan(asked, catalogue(*ROWS), health or Health(), NOW_NS, 1))


def test_the_warm_endpoint_comes_first_and_the_others_keep_their_order() -> None:
    assert planned("") == ["a", "b", "c"]
    assert planned("m@c") == ["c", "a", "b"]
    assert planned("m@a") == ["a", "b", "c"]
    assert planned("m@gone") == ["a", "b", "c"]


def test_an_order_of_the_callers_comes_before_warmth() -> None:
    assert planned("m@c", preferences={"order": ["b"]}) == ["b", "a", "c"]


def test_what_the_caller_excludes_stays_excluded_when_it_is_warm() -> None:
    assert planned("m@c", preferences={"ignore": ["c"]}) == ["a", "b"]


def test_the_one_try_of_a_request_without_fallbacks_is_the_warm_one() -> None:
    assert planned("m@c", preferences={"allow_fallbacks": False}) == ["c"]


def test_a_resting_endpoint_is_not_asked_first_for_being_warm() -> None:
    health = Health()
    for _ in range(20):
        health.observe(down("c"))
    assert planned("m@c", health) == ["a", "b", "c"]


def test_who_sealed_the_thinking_comes_before_who_is_warm() -> None:
    assert planned("m@c", sealed_by="b") == ["b", "c", "a"]


def test_a_warm_fallback_model_stays_behind_the_model_that_is_preferred() -> None:
    rows = [*ROWS, endpoint("x", model="n", usd=1), endpoint("y", model="n", usd=2)]
    asked = wish(models=("m", "n"), warm=Warm("n@y", 2000))
    assert tags(plan(asked, catalogue(*rows), Health(), NOW_NS, 1)) == ["a", "b", "c", "y", "x"]
    together = wish({"sort": {"by": "latency", "partition": "none"}}, models=("m", "n"), warm=Warm("n@y", 2000))
    assert tags(plan(together, catalogue(*rows), Health(), NOW_NS, 1))[0] == "y"


def test_a_clock_that_is_set_back_makes_no_place_last_longer() -> None:
    one, other = Sticky(), Sticky()
    hour_ns = 3600 * SECOND_NS
    one.note(1, "old", 2000, NOW_NS + hour_ns, 600)
    assert one.find(1, NOW_NS) is None
    one.note(1, "old", 2000, NOW_NS + hour_ns, 600)
    other.note(1, "new", 2000, NOW_NS, 600)
    one.merge(other.take_delta() or b"", NOW_NS + SECOND_NS)
    warm = one.find(1, NOW_NS + SECOND_NS)
    assert warm is not None
    assert warm.endpoint_id == "new"


def test_a_place_that_lasts_longer_than_any_cache_is_none() -> None:
    table = Sticky()
    table.merge(msgspec.msgpack.encode([[1, "e", 2000, NOW_NS, NOW_NS + 86_401 * SECOND_NS]]), NOW_NS)
    table.merge(msgspec.msgpack.encode([[2, "e", 2000, NOW_NS, NOW_NS + 86_400 * SECOND_NS]]), NOW_NS)
    assert table.find(1, NOW_NS) is None
    assert table.find(2, NOW_NS) is not None
