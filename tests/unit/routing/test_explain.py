"""Every candidate is accounted for: taken out by a named filter, or ranked with the figures it was weighed by."""

from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, catalogue, down, endpoint, success, wish

from wideband.canon.faults import FaultKind
from wideband.routing.explain import NOTES, PLACES, Explanation, explain
from wideband.routing.health import Health
from wideband.routing.plan import base_rates, plan
from wideband.routing.plans import Warm, Wish
from wideband.routing.policy import Policy
from wideband.routing.variants import refined

CHEAP, MIDDLE, DEAR = endpoint("cheap", usd=1), endpoint("middle", usd=2), endpoint("dear", usd=3)
ROWS = catalogue(DEAR, CHEAP, MIDDLE)


def market(preferences: dict[str, Any] | None = None, **over: Any) -> Wish:
    return msgspec.structs.replace(wish(preferences), policy=Policy(), **over)


def explained(asked: Wish, health: Health | None = None, seed: int = 1) -> Explanation:
    return explain(asked, ROWS, health or Health(), NOW_NS, seed, base_rates)


def whys(found: Explanation) -> dict[str, str]:
    return {candidate.endpoint.tag: candidate.why for candidate in found.candidates}


def test_those_that_share_the_traffic_come_by_share_whatever_was_drawn() -> None:
    for seed in range(5):
        found = explained(market(), seed=seed)
        assert [candidate.endpoint.tag for candidate in found.candidates] == ["cheap", "middle", "dear"]
        assert [candidate.rank for candidate in found.candidates] == [1, 2, 3]
        shares = [candidate.weighed.share for candidate in found.candidates if candidate.weighed]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert found.strategy == "market"


def test_who_was_taken_out_is_named_with_the_filter_and_its_words() -> None:
    found = explained(market({"ignore": ["middle"], "max_price": {"prompt": 2.5}}))
    assert [candidate.endpoint.tag for candidate in found.candidates] == ["cheap", "middle", "dear"]
    assert whys(found)["middle"] == "out: provider.ignore lists middle"
    assert "provider.max_price" in whys(found)["dear"]
    gone = {candidate.endpoint.tag: candidate.removed_by for candidate in found.candidates}
    assert gone == {"cheap": None, "middle": "Filter by Ignored Providers", "dear": "Filter by Max Price"}
    assert [step.endpoint_count for step in found.funnel][-1] == 1


def test_an_explanation_agrees_with_the_plan() -> None:
    asked = market({"sort": "price"})
    made, found = plan(asked, ROWS, Health(), NOW_NS, 1), explained(asked)
    assert [e.tag for e in made.endpoints] == [candidate.endpoint.tag for candidate in found.candidates]
    assert found.funnel == made.funnel
    assert whys(found) == {
        "cheap": "is asked first",
        **dict.fromkeys(["middle", "dear"], "is asked if those before it fail"),
    }


def test_where_nothing_is_left_the_fault_is_the_plans() -> None:
    asked = market({"only": ["nobody"]})
    made, found = plan(asked, ROWS, Health(), NOW_NS, 1), explained(asked)
    assert found.fault == made.fault
    assert all(candidate.rank is None for candidate in found.candidates)
    assert len(found.candidates) == 3


def test_health_is_shown_and_no_probe_is_taken() -> None:
    health = Health()
    for at_s in range(2):
        health.observe(down("cheap", NOW_NS - 10 * SECOND_NS + at_s))
    health.observe(success("dear", NOW_NS - SECOND_NS, ttft_ms=250))
    found = explained(market(), health)
    cheap = next(candidate for candidate in found.candidates if candidate.endpoint.tag == "cheap")
    assert cheap.standing == "half_open"
    assert cheap.failing == 1.0
    assert cheap.outlook.errors < 0.5, "its next tries are not expected to fail because the last ones did"
    assert {c.endpoint.tag: c.failing for c in found.candidates} == {"cheap": 1.0, "dear": 0.0, "middle": None}
    assert cheap.why == NOTES["half_open"]
    assert health.claim_probe(CHEAP.id, NOW_NS)


def test_a_warm_conversation_comes_first_and_is_cheaper() -> None:
    caching = endpoint("caching", usd=2)
    price = msgspec.structs.replace(caching.price.base, cache_read=caching.price.base.prompt // 10)
    caching = msgspec.structs.replace(caching, price=msgspec.structs.replace(caching.price, base=price))
    asked = market(warm=Warm(caching.id, 900))
    found = explain(asked, catalogue(CHEAP, caching), Health(), NOW_NS, 1, base_rates)
    first = found.candidates[0]
    assert (first.endpoint.tag, first.why) == ("caching", NOTES["warm"])
    cold = explain(market(), catalogue(CHEAP, caching), Health(), NOW_NS, 1, base_rates).candidates
    assert first.weighed
    assert all(candidate.weighed and candidate.weighed.cost_nano > 0 for candidate in cold)
    assert first.weighed.cost_nano < next(
        c.weighed.cost_nano for c in cold if c.weighed and c.endpoint.tag == "caching"
    )


def test_each_model_keeps_its_own_variants() -> None:
    free = endpoint("gift", usd=0)
    rows = catalogue(CHEAP, free, endpoint("other", model="n"))
    own = (refined(market().preferences, ["free"]), market().preferences)
    asked = msgspec.structs.replace(market(models=("m", "n")), preferences=own[0], apart=own)
    found = explain(asked, rows, Health(), NOW_NS, 1, base_rates)
    kept = [(c.endpoint.model, c.endpoint.tag, c.rank) for c in found.candidates]
    assert kept == [("m", "gift", 1), ("n", "other", 2), ("m", "cheap", None)]


@pytest.mark.parametrize("preferences", [{"sort": {"by": "price", "partition": "none"}}, {"sort": "price"}])
def test_models_are_ranked_together_or_apart_as_the_plan_does_it(preferences: dict[str, Any]) -> None:
    rows = catalogue(CHEAP, DEAR, endpoint("other", model="n", usd=2))
    asked = market(preferences, models=("m", "n"))
    found = explain(asked, rows, Health(), NOW_NS, 1, base_rates)
    made = plan(asked, rows, Health(), NOW_NS, 1)
    assert [c.endpoint.id for c in found.candidates] == [e.id for e in made.endpoints]
    assert [c.rank for c in found.candidates] == [1, 2, 3]
    together = isinstance(preferences["sort"], dict)
    assert sum(c.weighed.share for c in found.candidates if c.weighed) == pytest.approx(1 if together else 2)


def test_an_endpoint_of_two_variants_is_asked_once_and_shown_once() -> None:
    own = (refined(market().preferences, ["floor"]), market().preferences)
    asked = msgspec.structs.replace(market(models=("m", "m")), preferences=own[0], apart=own)
    found = explained(asked)
    assert [c.endpoint.tag for c in found.candidates] == ["cheap", "middle", "dear"]
    assert found.funnel == plan(asked, ROWS, Health(), NOW_NS, 1).funnel


def test_a_speed_that_is_missed_is_told_as_the_plan_tells_it() -> None:
    health = Health()
    health.observe(success("cheap", NOW_NS - SECOND_NS, ttft_ms=900))
    asked = market({"preferred_max_latency": 0.5, "sort": "price"})
    found, made = explained(asked, health), plan(asked, ROWS, health, NOW_NS, 1)
    assert found.funnel == made.funnel
    assert [c.endpoint.id for c in found.candidates] == [e.id for e in made.endpoints]
    assert whys(found)["cheap"] == NOTES["slow"]


def test_every_note_has_its_words_and_its_place() -> None:
    assert set(PLACES) - {None} == set(NOTES)
    health = Health()
    health.observe(down("cheap", kind=FaultKind.PROVIDER_RATE_LIMITED, retry_after_s=5.0))
    found = explained(market(), health)
    assert found.candidates[-1].endpoint.tag == "cheap"
    assert found.candidates[-1].why == NOTES["resting"]
