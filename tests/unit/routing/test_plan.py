"""Which endpoints a plan holds, in which order, and what a caller is told when there are none."""

from typing import Any

import msgspec
import pytest
from tests.unit.routing.rows import NOW_NS, SECOND_NS, catalogue, down, endpoint, success, tags, wish

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Catalogue, DataPolicy, Endpoint, Override, Price, Rates, Voice
from wideband.routing.filters import FILTERS
from wideband.routing.health import Health
from wideband.routing.pace import PREFERRED
from wideband.routing.plan import plan
from wideband.routing.plans import Plan, Preferences, Wish
from wideband.routing.preferences import SORTS
from wideband.routing.rankers import RANKERS

A, B, C = endpoint("a", usd=2), endpoint("b", usd=1), endpoint("c", usd=3)


def planned(of: Wish, *endpoints: Endpoint, health: Health | None = None, at_ns: int = NOW_NS, seed: int = 1) -> Plan:
    return plan(of, catalogue(*endpoints), health or Health(), at_ns, seed)


# -- ranking -------------------------------------------------------------------------------------------------------


def test_the_cheapest_comes_first() -> None:
    made = planned(wish(), A, B, C)
    assert tags(made) == ["b", "a", "c"]
    assert (made.strategy, made.total, made.fault) == ("price", 3, None)
    assert [step.step for step in made.funnel] == ["Initial Endpoints", *(row.step for row in FILTERS)]
    assert {step.endpoint_count for step in made.funnel} == {3}


@pytest.mark.parametrize(
    ("prompt_tokens", "max_tokens", "first"), [(100_000, None, "in"), (10, None, "out"), (10, 1, "in")]
)
def test_cheap_means_cheap_for_this_request(prompt_tokens: int, max_tokens: int | None, first: str) -> None:
    cheap_in = endpoint("in", price=Price(base=Rates(prompt=1, completion=90)))
    cheap_out = endpoint("out", price=Price(base=Rates(prompt=30, completion=2)))
    made = planned(wish(prompt_tokens=prompt_tokens, max_tokens=max_tokens), cheap_in, cheap_out)
    assert tags(made)[0] == first


def test_a_price_per_request_counts() -> None:
    flat = endpoint("flat", price=Price(base=Rates(request=1)))
    tokens = endpoint("tokens", price=Price(base=Rates(prompt=500)))
    assert tags(planned(wish(prompt_tokens=1000), flat, tokens)) == ["tokens", "flat"]
    assert tags(planned(wish(prompt_tokens=3000), flat, tokens)) == ["flat", "tokens"]


def test_prices_of_the_hour_are_asked_for_where_there_are_any() -> None:
    peak = Override(rates={"prompt": 9}, utc_start=0, utc_end=1440)
    timed = endpoint("timed", price=Price(base=Rates(prompt=1), overrides=(peak,)))
    steady = endpoint("steady", price=Price(base=Rates(prompt=5)))
    asked: list[str] = []

    def rates_of(e: Endpoint) -> Rates:
        asked.append(e.tag)
        return Rates(prompt=9)

    made = plan(wish(), catalogue(timed, steady), Health(), NOW_NS, 1, rates_of)
    assert (tags(made), asked) == (["steady", "timed"], ["timed"])


def test_equals_share_and_the_seed_decides() -> None:
    equals = [endpoint(name) for name in "abcd"]
    firsts = [tags(planned(wish(), *equals, seed=seed))[0] for seed in range(2000)]
    assert planned(wish(), *equals, seed=7) == planned(wish(), *equals, seed=7)
    for name in "abcd":
        assert 400 < firsts.count(name) < 600


def test_order_comes_first_and_the_rest_by_price() -> None:
    made = planned(wish({"order": ["c"]}), A, B, C)
    assert (tags(made), made.strategy) == (["c", "b", "a"], "order")


def test_order_holds_against_health_but_the_rest_does_not() -> None:
    health = Health()
    for name in ("c", "b"):
        health.observe(down(name))
        health.observe(down(name))
    assert tags(planned(wish({"order": ["c"]}), A, B, C, health=health)) == ["c", "a", "b"]


@pytest.mark.parametrize(("sort", "order"), [("throughput", ["a", "c", "b"]), ("latency", ["c", "a", "b"])])
def test_measured_speed_ranks_and_the_unknown_come_last(sort: str, order: list[str]) -> None:
    health = Health()
    health.observe(success("a", ttft_ms=500, tokens=1000))
    health.observe(success("c", ttft_ms=100, tokens=10))
    made = planned(wish({"sort": sort}), A, B, C, health=health)
    assert (tags(made), made.strategy) == (order, sort)


def test_every_sort_has_a_ranker() -> None:
    assert set(RANKERS) >= SORTS


def test_the_second_model_comes_after_all_of_the_first() -> None:
    other = endpoint("z", model="n", usd=0.01)
    assert tags(planned(wish(models=("m", "n", "m")), A, B, other)) == ["b", "a", "z"]
    assert tags(planned(wish({"sort": {"by": "price", "partition": "none"}}, models=("m", "n")), A, B, other)) == [
        "z",
        "b",
        "a",
    ]


def test_without_fallbacks_there_is_one_endpoint_or_the_order() -> None:
    assert tags(planned(wish({"allow_fallbacks": False}), A, B, C)) == ["b"]
    assert tags(planned(wish({"allow_fallbacks": False, "order": ["c", "a"]}), A, B, C)) == ["c", "a"]


# -- health --------------------------------------------------------------------------------------------------------


def test_the_unhealthy_go_last() -> None:
    health = Health()
    health.observe(down("b"))
    health.observe(down("b"))
    assert tags(planned(wish(), A, B, C, health=health)) == ["a", "c", "b"]


def test_one_request_at_a_time_probes_and_its_success_brings_the_traffic_back() -> None:
    health = Health()
    health.observe(down("b"))
    health.observe(down("b"))
    later = NOW_NS + 2 * SECOND_NS
    firsts = [tags(planned(wish(), A, B, C, health=health, at_ns=later))[0] for _ in range(3)]
    assert firsts == ["b", "a", "a"]
    health.observe(success("b", later + 1))
    assert tags(planned(wish(), A, B, C, health=health, at_ns=later + 2)) == ["b", "a", "c"]


def test_nobody_probes_what_is_not_first_by_price_nor_without_cover() -> None:
    health = Health()
    for name in ("b", "c"):
        health.observe(down(name))
        health.observe(down(name))
    later = NOW_NS + 2 * SECOND_NS
    assert tags(planned(wish({"allow_fallbacks": False}), A, B, C, health=health, at_ns=later)) == ["a"]
    assert tags(planned(wish({"ignore": ["b"]}), A, B, C, health=health, at_ns=later)) == ["a", "c"]
    assert health.claim_probe(C.id, later)
    assert health.claim_probe(B.id, later)


# -- preferred speeds ----------------------------------------------------------------------------------------------


def measured(**ways: tuple[float, int]) -> Health:
    """Return a board on which endpoints took so many ms to the first token and made so many tokens in a second."""
    health = Health()
    for name, (ttft_ms, tokens) in ways.items():
        health.observe(success(name, ttft_ms=ttft_ms, tokens=tokens, took_ms=1000 - ttft_ms))
    return health


@pytest.mark.parametrize(
    ("preferences", "order", "slow"),
    [
        ({"preferred_min_throughput": 50}, ["a", "c", "b"], "p50 >= 50 tokens/s: b"),
        ({"preferred_max_latency": 0.3}, ["b", "c", "a"], "p50 <= 0.3 s to the first token: a"),
        (
            {"preferred_min_throughput": {"p90": 50}, "preferred_max_latency": {"p99": 0.3}},
            ["c", "b", "a"],
            "p90 >= 50 tokens/s, p99 <= 0.3 s to the first token: a, b",
        ),
        ({"preferred_min_throughput": 1}, ["b", "a", "c"], None),
        ({"preferred_min_throughput": 50, "sort": "latency"}, ["a", "c", "b"], "p50 >= 50 tokens/s: b"),
        ({"preferred_min_throughput": 50, "allow_fallbacks": False}, ["a"], "p50 >= 50 tokens/s: b"),
        ({"preferred_min_throughput": 50, "order": ["b"]}, ["b", "a", "c"], None),
        ({"preferred_min_throughput": 50, "order": ["c"]}, ["c", "a", "b"], "p50 >= 50 tokens/s: b"),
    ],
)
def test_who_is_known_to_miss_a_preferred_speed_is_asked_last(
    preferences: dict[str, Any], order: list[str], slow: str | None
) -> None:
    made = planned(wish(preferences), A, B, C, health=measured(a=(500, 100), b=(100, 10)))
    assert tags(made) == order
    assert (made.funnel[-1].step, made.funnel[-1].endpoint_count) == (PREFERRED, 3)
    assert made.funnel[-1].reason == (slow and f"asked last, for missing {slow}")


def test_a_preferred_speed_must_be_reached_by_so_many_of_the_tries() -> None:
    health = Health()
    for number in range(10):
        health.observe(success("b", tokens=100 if number < 8 else 10))
    for percentile, order in (("p50", ["b", "a"]), ("p75", ["b", "a"]), ("p90", ["a", "b"]), ("p99", ["a", "b"])):
        made = planned(wish({"preferred_min_throughput": {percentile: 50}}), A, B, health=health)
        assert tags(made) == order, percentile


def test_slow_is_better_than_broken() -> None:
    health = measured(b=(100, 10))
    health.observe(down("a"))
    health.observe(down("a"))
    assert tags(planned(wish({"preferred_min_throughput": 50}), A, B, C, health=health)) == ["c", "b", "a"]


def test_a_fast_endpoint_of_the_next_model_comes_before_a_slow_one_of_the_first() -> None:
    other = endpoint("z", model="n", usd=9)
    made = planned(wish({"preferred_min_throughput": 50}, models=("m", "n")), A, B, other, health=measured(b=(100, 10)))
    assert tags(made) == ["a", "z", "b"]


# -- filters -------------------------------------------------------------------------------------------------------

TRAINER = endpoint("o", policy=DataPolicy(trains=True, retains=True))
KEEPER = endpoint("k", policy=DataPolicy(trains=False, retains=True, retention_days=30))
SEALED = endpoint("x", policy=DataPolicy(trains=False, retains=False))
BLIND, SEEING = endpoint("t", input_modalities=("text",)), endpoint("v", input_modalities=("text", "image"))


@pytest.mark.parametrize(
    ("preferences", "over", "endpoints", "left"),
    [
        ({"only": ["A"]}, {}, (A, B), ["a"]),
        ({"ignore": ["a"]}, {}, (A, B), ["b"]),
        ({}, {}, (A, endpoint("a/flex", usd=0)), ["a"]),
        ({"only": ["a", "a/flex"]}, {}, (A, endpoint("a/flex", usd=0)), ["a/flex", "a"]),
        ({"order": ["a/flex"]}, {}, (A, endpoint("a/flex", usd=0)), ["a/flex", "a"]),
        ({}, {"prompt_tokens": 100}, (endpoint("s", context_length=99), endpoint("l", context_length=100)), ["l"]),
        ({}, {"modalities": frozenset({"image"})}, (A, BLIND, SEEING), ["v", "a"]),
        ({"data_collection": "deny"}, {}, (A, TRAINER, KEEPER, SEALED), ["x"]),
        ({"zdr": True}, {}, (A, KEEPER, SEALED), ["x"]),
        ({"quantizations": ["fp8"]}, {}, (A, endpoint("q", quantization="fp8")), ["q"]),
        ({"quantizations": ["unknown"]}, {}, (A, endpoint("q", quantization="fp8")), ["a"]),
        ({"max_price": {"prompt": 1}}, {}, (A, B), ["b"]),
        ({"max_price": {"completion": 1.5, "image": 0, "audio": 1}}, {}, (A, B), ["b"]),
        ({"order": ["a"], "allow_fallbacks": False}, {}, (A, B), ["a"]),
    ],
)  # fmt: skip
def test_filters(
    preferences: dict[str, Any], over: dict[str, Any], endpoints: tuple[Endpoint, ...], left: list[str]
) -> None:
    assert tags(planned(wish(preferences, **over), *endpoints)) == left


TOOLS = endpoint("t", usd=9, supported_parameters=frozenset({"tools", "seed"}))
PLAIN = endpoint("p", usd=1, supported_parameters=frozenset({"seed"}))
UNKNOWN = endpoint("u", usd=5)


@pytest.mark.parametrize(
    ("needs", "required", "endpoints", "left"),
    [
        ({"tools"}, False, (TOOLS, PLAIN), ["t"]),
        ({"tools"}, False, (TOOLS, PLAIN, UNKNOWN), ["u", "t"]),
        ({"tools"}, False, (PLAIN,), ["p"]),
        ({"temperature"}, False, (TOOLS, PLAIN), ["p", "t"]),
        ({"seed"}, True, (TOOLS, PLAIN), ["p", "t"]),
        ({"seed", "tools"}, True, (TOOLS, PLAIN), ["t"]),
        ({"temperature"}, True, (TOOLS, PLAIN), []),
    ],
)
def test_parameters_are_a_preference_unless_required(
    needs: set[str], required: bool, endpoints: tuple[Endpoint, ...], left: list[str]
) -> None:
    made = planned(wish({"require_parameters": required}, needs=frozenset(needs)), *endpoints)
    assert tags(made) == left


def test_a_cap_below_max_tokens_is_skipped_while_another_endpoint_has_more() -> None:
    small, large = endpoint("s", usd=1, max_output=100), endpoint("l", usd=2, max_output=1000)
    assert tags(planned(wish(max_tokens=500), small, large)) == ["l"]
    assert tags(planned(wish(max_tokens=5000), small, large)) == ["s", "l"]


# -- nothing left --------------------------------------------------------------------------------------------------

NOTHING: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "Filter by Allowed Providers": ({"only": ["z"]}, {}, "allowed_providers"),
    "Filter by Ignored Providers": ({"ignore": ["a", "b"]}, {}, "allowed_providers"),
    "Filter by Context Length": ({}, {"prompt_tokens": 10**9}, "context_length"),
    "Filter by Modalities": ({}, {"modalities": frozenset({"audio"})}, "modalities"),
    "Filter by Parameters": ({"require_parameters": True}, {"needs": frozenset({"tools"})}, "require_parameters"),
    "Filter by Data Policy": ({"data_collection": "deny"}, {}, "data_policy"),
    "Filter by Quantization": ({"quantizations": ["fp4"]}, {}, "quantization"),
    "Filter by Max Price": ({"max_price": {"prompt": "0.001"}}, {}, "max_price"),
    "Filter by Order": ({"order": ["z"], "allow_fallbacks": False}, {}, "allowed_providers"),
}


@pytest.mark.parametrize("step", NOTHING)
def test_a_caller_left_with_nothing_is_told_which_step_took_the_last(step: str) -> None:
    preferences, over, excluded_by = NOTHING[step]
    facts: dict[str, Any] = {
        "context_length": 1000,
        "input_modalities": ("text",),
        "supported_parameters": frozenset({"seed"}),
    }
    over.setdefault("prompt_tokens", 10)
    made = planned(wish(preferences, **over), endpoint("a", **facts), endpoint("b", **facts))
    fault = made.fault
    assert fault is not None
    assert made.endpoints == ()
    assert fault.kind is (FaultKind.CONTEXT_LENGTH if step == "Filter by Context Length" else FaultKind.NO_ENDPOINTS)
    assert fault.message.startswith("No endpoints found for m: ")
    funnel = fault.details["routing_funnel"]
    assert funnel[0] == {"step": "Initial Endpoints", "endpoint_count": 2}
    assert (funnel[-1]["step"], funnel[-1]["endpoint_count"]) == (step, 0)
    assert funnel[-1]["reason"]
    assert fault.details["failed_routing_step"] == step
    availability = fault.details["availability"]
    assert availability["excluded_by"] == [excluded_by]
    assert availability["requested_models"] == ["m"]
    assert availability["affected_providers"] == ["a", "b"]
    assert availability["retryable"] is False
    assert availability["code"] == ("privacy_restricted" if excluded_by == "data_policy" else "constraint_filtered")


def test_a_model_nobody_serves() -> None:
    made = plan(wish(), Catalogue(providers={}, models={}, endpoints={}), Health(), NOW_NS, 1)
    assert made.fault is not None
    assert made.fault.details["availability"]["code"] == "no_endpoints"
    assert made.fault.details["failed_routing_step"] == "Initial Endpoints"


def test_a_prompt_too_long_says_how_long_it_may_be() -> None:
    made = planned(wish(prompt_tokens=2000), endpoint("a", context_length=1000), endpoint("b", context_length=500))
    assert made.fault is not None
    assert "about 2000 tokens" in made.fault.message
    assert "1000 tokens" in made.fault.message


def test_the_length_of_many_inputs_together_rules_nobody_out() -> None:
    made = planned(wish(prompt_tokens=2000, task="embed"), endpoint("a", context_length=1000))
    assert tags(made) == ["a"]


def test_what_only_one_protocol_can_say_is_for_those_who_speak_it() -> None:
    refused = planned(wish(dialects=frozenset({"openai_completions"})), endpoint("a"))
    assert refused.fault is not None
    assert "to generate in openai_completions" in refused.fault.message


def test_only_tiers_need_a_name() -> None:
    made = planned(Wish(models=("m",), prompt_tokens=1, preferences=Preferences()), endpoint("a/flex"))
    assert made.fault is not None
    assert made.fault.details["failed_routing_step"] == "Filter by Service Tier"


# -- what a request needs of a provider ------------------------------------------------------------------------------


def speaking(name: str, *also: str) -> Endpoint:
    made = endpoint(name)
    provider = msgspec.structs.replace(made.provider, also={dialect: Voice() for dialect in also})
    return msgspec.structs.replace(made, provider=provider)


def test_only_who_speaks_a_dialect_of_the_task_is_asked() -> None:
    embeds = msgspec.structs.replace(wish(), task="embed", dialects=frozenset({"openai_embeddings"}))
    made = planned(embeds, speaking("a"), speaking("b", "openai_embeddings"))
    assert tags(made) == ["b"]
    nobody = planned(embeds, speaking("a"))
    assert nobody.fault is not None
    assert nobody.fault.details["availability"]["code"] == "wrong_endpoint"


def test_who_sealed_the_thinking_goes_on_with_it() -> None:
    sealed = msgspec.structs.replace(wish(), sealed_by="c")
    assert tags(planned(sealed, A, B, C)) == ["c", "b", "a"]
    assert tags(planned(msgspec.structs.replace(wish({"order": ["a"]}), sealed_by="c"), A, B, C))[0] == "a"
    assert tags(planned(msgspec.structs.replace(wish(), sealed_by="gone"), A, B, C)) == ["b", "a", "c"]


def test_but_not_while_it_rests() -> None:
    health = Health()
    for second in range(10):
        health.observe(down("c", NOW_NS + second * SECOND_NS))
    sealed = msgspec.structs.replace(wish(), sealed_by="c")
    assert tags(planned(sealed, A, B, C, health=health, at_ns=NOW_NS + 10 * SECOND_NS)) == ["b", "a", "c"]


def test_an_endpoint_that_would_never_come_first_is_probed_by_somebody_all_the_same() -> None:
    health = Health()
    for _ in range(2):
        health.observe(down("dear", NOW_NS))
    rows = (endpoint("cheap", usd=1), endpoint("dear", usd=9))

    def first(after_s: float) -> str:
        return tags(planned(wish({"sort": "price"}), *rows, health=health, at_ns=NOW_NS + int(after_s * SECOND_NS)))[0]

    assert first(2.5) == "cheap", "its rest is over, and it would not be asked anyway"
    assert first(11.9) == "cheap"
    assert first(12) == "dear"
    assert first(12.1) == "cheap", "one request finds out"
    health.observe(success("dear", NOW_NS + 13 * SECOND_NS))
    assert first(30) == "cheap"


def test_nobody_probes_where_no_other_could_answer() -> None:
    health = Health()
    for name in ("a", "b"):
        health.observe(down(name, NOW_NS))
        health.observe(down(name, NOW_NS))
    made = planned(
        wish({"sort": "price"}), endpoint("a"), endpoint("b", usd=2), health=health, at_ns=NOW_NS + 20 * SECOND_NS
    )
    assert tags(made) == ["a", "b"]
    assert health.claim_probe("m@b", NOW_NS + 20 * SECOND_NS)
