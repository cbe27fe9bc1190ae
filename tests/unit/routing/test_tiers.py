"""What a request's `service_tier` does to its plan."""

from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, catalogue, endpoint, success, tags, wish

from wideband.catalog.rows import Endpoint
from wideband.routing.health import Health
from wideband.routing.plan import plan
from wideband.routing.plans import Plan, Warm
from wideband.routing.preferences import decode_preferences, in_service_tier
from wideband.routing.variants import refined

SLOW, QUICK = endpoint("a", usd=1), endpoint("b", usd=2)
PRIORITY, DEARER = endpoint("a/priority", usd=4), endpoint("b/priority", usd=6)
FLEX, CHEAPER = endpoint("a/flex", usd=0.5), endpoint("b/flex", usd=0.4)
ALL = (SLOW, QUICK, PRIORITY, DEARER, FLEX, CHEAPER)


def planned(
    word: str | None,
    *endpoints: Endpoint,
    health: Health | None = None,
    variants: tuple[str, ...] = (),
    warm: Warm | None = None,
    **preferences: Any,
) -> Plan:
    own = refined(in_service_tier(decode_preferences(preferences), word), variants)
    asked = msgspec.structs.replace(wish(), preferences=own, warm=warm)
    return plan(asked, catalogue(*endpoints), health or Health(), NOW_NS, 1)


def paced() -> Health:
    """The quickest is a usual endpoint; of the dearer ones the dearest."""
    health = Health()
    for name, tokens in (("a", 10), ("b", 900), ("a/priority", 50), ("b/priority", 80)):
        health.observe(success(name, tokens=tokens))
    return health


@pytest.mark.parametrize("word", ["priority", "fast", "ultrafast", "PRIORITY"])
def test_priority_comes_first_by_speed_and_falls_back_to_the_usual_service(word: str) -> None:
    assert tags(planned(word, *ALL, health=paced())) == ["b/priority", "a/priority", "b", "a"]


def test_a_conversation_that_is_warm_at_the_usual_service_still_gets_priority() -> None:
    assert tags(planned("priority", *ALL, health=paced(), warm=Warm("m@a", 9)))[0] == "b/priority"
    assert tags(planned("priority", *ALL, health=paced(), warm=Warm("m@a/priority", 9)))[0] == "a/priority"


def test_flex_is_cheapest_first_and_nothing_else() -> None:
    made = planned("flex", *ALL)
    assert tags(made) == ["b/flex", "a/flex"]
    [step] = [step for step in made.funnel if step.reason]
    assert (step.step, step.endpoint_count) == ("Filter by Service Tier", 2)
    assert step.reason is not None
    assert "falls back on nothing" in step.reason


def test_flex_is_the_usual_service_where_there_is_none() -> None:
    assert tags(planned("flex", SLOW, QUICK, PRIORITY)) == ["a", "b"]


@pytest.mark.parametrize("word", [None, "auto", "default", "standard_only", "scale", "", "no such word"])
def test_other_words_ask_for_the_usual_service(word: str | None) -> None:
    assert sorted(tags(planned(word, *ALL))) == ["a", "b"]


def test_an_order_of_the_callers_is_left_alone() -> None:
    assert planned("priority", *ALL, order=["b"]).endpoints == planned(None, *ALL, order=["b"]).endpoints
    assert planned("flex", *ALL, order=["b"]).endpoints == planned(None, *ALL, order=["b"]).endpoints


def test_a_sort_of_the_callers_stands() -> None:
    assert tags(planned("priority", *ALL, sort="price")) == ["a", "b", "a/priority", "b/priority"]


def test_variants_add_to_what_the_word_asks_for() -> None:
    assert set(tags(planned("priority", *ALL, variants=("floor",)))) == {"a", "b", *("a/priority", "b/priority")} | {
        "a/flex",
        "b/flex",
    }
    assert tags(planned("flex", *ALL, variants=("nitro",), health=paced()))[0].endswith("/flex")


def test_providers_are_kept_and_ruled_out_with_their_tiers() -> None:
    assert tags(planned("flex", *ALL, only=["a"])) == ["a/flex"]
    assert tags(planned("priority", *ALL, ignore=["b"], health=paced())) == ["a/priority", "a"]


def test_without_fallbacks_there_is_one() -> None:
    assert tags(planned("priority", *ALL, health=paced(), allow_fallbacks=False)) == ["b/priority"]
