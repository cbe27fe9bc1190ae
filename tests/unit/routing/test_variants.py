"""What the `:words` behind a model's name do, and which names only look as if they had some."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from tests.unit.routing.rows import NOW_NS, catalogue, endpoint, success, tags, wish

from wideband.canon.faults import FaultKind
from wideband.catalog.rows import Catalogue, Endpoint, Model, Override, Price, Rates
from wideband.routing.health import Health
from wideband.routing.plan import REPEATS, plan
from wideband.routing.plans import Plan, Preferences
from wideband.routing.preferences import SORTS, TIERS, decode_preferences
from wideband.routing.variants import VARIANTS, Named, find_model, listed, refined

KNOWN = Catalogue(
    providers={},
    models={id_: Model(id=id_, name=id_) for id_ in ("acme/big", "meta-llama/llama-3.2", "hub/own:free")},
    endpoints={},
    aliases={"fast:nitro": "meta-llama/llama-3.2", "quick": "acme/big", "claude-*": "acme/big"},
    native={"llama3.2:3b": "meta-llama/llama-3.2", "acme.big-v1:0": "acme/big"},
)


@pytest.mark.parametrize(
    ("name", "model", "variants"),
    [
        ("acme/big", "acme/big", ()),
        ("acme/big:nitro", "acme/big", ("nitro",)),
        ("acme/big:nitro:free", "acme/big", ("nitro", "free")),
        ("acme/big:free:nitro:floor", "acme/big", ("free", "nitro", "floor")),
        ("quick:floor", "acme/big", ("floor",)),
        ("claude-opus-9:exacto", "acme/big", ("exacto",)),
        ("acme/big:nitro[1m]", "acme/big", ("nitro",)),
        ("acme/big[1m]:nitro", "acme/big", ("nitro",)),
        ("llama3.2:3b", "meta-llama/llama-3.2", ()),
        ("llama3.2:3b:nitro", "meta-llama/llama-3.2", ("nitro",)),
        ("acme.big-v1:0", "acme/big", ()),
        ("acme.big-v1:0:floor", "acme/big", ("floor",)),
        ("fast:nitro", "meta-llama/llama-3.2", ()),
        ("hub/own:free", "hub/own:free", ()),
        ("hub/own:free:nitro", "hub/own:free", ("nitro",)),
    ],
)
def test_names_with_their_colons_come_first_and_variants_behind_them(
    name: str, model: str, variants: tuple[str, ...]
) -> None:
    assert find_model(name, KNOWN) == Named(model, variants)


@pytest.mark.parametrize(
    "name", ["acme/big:turbo", "acme/big:nitro:turbo", "acme/big:Nitro", "acme/big:", "acme/none:nitro", ":nitro", ""]
)
def test_what_is_no_variant_is_never_left_out_in_silence(name: str) -> None:
    assert find_model(name, KNOWN) is None


@given(variants=st.lists(st.sampled_from(sorted(VARIANTS)), max_size=5))
def test_any_variants_in_any_order_are_read_back(variants: list[str]) -> None:
    assert find_model("".join(["acme/big", *(f":{name}" for name in variants)]), KNOWN) == Named(
        "acme/big", tuple(variants)
    )


@given(name=st.text(alphabet="ab/:[]nitro", max_size=20))
def test_whatever_is_written_stands_for_a_model_or_for_nothing(name: str) -> None:
    named = find_model(name, KNOWN)
    assert named is None or (named.model in KNOWN.models and set(named.variants) <= set(VARIANTS))


def test_rows_name_sorts_and_tiers_that_there_are() -> None:
    assert {row.sort for row in VARIANTS.values()} <= {None, *SORTS}
    assert {row.admits for row in VARIANTS.values()} <= {None, *TIERS}


# -- what they ask for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variants", "asked", "changed"),
    [
        ((), {"sort": "latency"}, {"sort": "latency"}),
        (("nitro",), {}, {"sort": "throughput", "tiers": {"priority"}}),
        (("floor",), {"sort": "latency"}, {"sort": "price", "tiers": {"flex"}}),
        (("exacto",), {}, {"sort": "exacto"}),
        (("free",), {}, {"free": True}),
        (("nitro", "free"), {}, {"sort": "throughput", "tiers": {"priority"}, "free": True}),
        (("nitro", "floor"), {}, {"sort": "price", "tiers": {"priority", "flex"}}),
        (("floor", "exacto"), {}, {"sort": "exacto", "tiers": {"flex"}}),
        (("nitro",), {"order": ["a"]}, {"sort": "throughput", "order": ("a",)}),
    ],
)
def test_variants_add_to_the_preferences_and_the_last_sort_wins(
    variants: tuple[str, ...], asked: dict[str, Any], changed: dict[str, Any]
) -> None:
    expected = msgspec.structs.replace(Preferences(), **changed)
    assert refined(decode_preferences(asked), variants) == expected


def test_without_variants_the_preferences_are_the_very_same() -> None:
    asked = Preferences(sort="price")
    assert refined(asked, ()) is asked


def test_online_keeps_those_who_search_the_web() -> None:
    by_tool, always = endpoint("a", usd=3), endpoint("b", usd=2)
    claude = msgspec.structs.replace(by_tool.provider, dialect="anthropic_messages")
    by_tool = msgspec.structs.replace(by_tool, provider=claude, quirks=frozenset({"web_search"}))
    always = msgspec.structs.replace(always, quirks=frozenset({"always_searches"}))
    made = planned(("online",), by_tool, always, endpoint("c", usd=1))
    assert sorted(tags(made)) == ["a", "b"]
    [step] = [step for step in made.funnel if step.reason]
    assert (step.step, step.endpoint_count) == ("Filter by Web Search", 2)


# -- what comes of it ----------------------------------------------------------------------------------------------

DEAR, CHEAP, GIFT = endpoint("a", usd=2), endpoint("b", usd=1), endpoint("g", usd=0)
PRIORITY, FLEX = endpoint("a/priority", usd=4), endpoint("b/flex", usd=0.5)


def planned(variants: tuple[str, ...], *endpoints: Endpoint, health: Health | None = None, **preferences: Any) -> Plan:
    own = refined(decode_preferences(preferences), variants)
    return plan(msgspec.structs.replace(wish(), preferences=own), catalogue(*endpoints), health or Health(), NOW_NS, 1)


def test_each_variant_ranks_and_lets_in_its_tier() -> None:
    health = Health()
    for name, tokens in (("a", 100), ("a/priority", 200), ("b", 10), ("b/flex", 5)):
        health.observe(success(name, tokens=tokens))
    rows = (DEAR, CHEAP, PRIORITY, FLEX)
    assert tags(planned((), *rows, health=health)) == ["b", "a"]
    assert tags(planned(("nitro",), *rows, health=health)) == ["a/priority", "a", "b"]
    assert tags(planned(("floor",), *rows, health=health)) == ["b/flex", "b", "a"]
    assert tags(planned(("exacto",), *rows, health=health)) == ["b", "a"]
    assert planned(("nitro",), *rows, health=health).strategy == "throughput"


def test_a_tier_let_in_is_kept_and_ruled_out_with_its_provider() -> None:
    rows = (DEAR, CHEAP, PRIORITY)
    assert set(tags(planned(("nitro",), *rows, only=["a"]))) == {"a", "a/priority"}
    assert tags(planned(("nitro",), *rows, ignore=["a"])) == ["b"]
    assert tags(planned(("nitro",), *rows, order=["b"])) == ["b", "a"]


SOMETIMES = endpoint("s", price=Price(base=Rates(), overrides=(Override(rates={"prompt": 1}, utc_start=0),)))
BY_CALL = endpoint("c", price=Price(base=Rates(request=1)))


def test_free_permits_only_what_never_costs_anything() -> None:
    made = planned(("free",), DEAR, GIFT, SOMETIMES, BY_CALL, endpoint("h", price=Price(base=Rates(cache_read=0))))
    assert sorted(tags(made)) == ["g", "h"]
    [step] = [step for step in made.funnel if step.reason]
    assert (step.step, step.endpoint_count) == ("Filter by Free Variant", 2)


def test_where_nothing_is_free_the_model_itself_is_offered() -> None:
    fault = planned(("nitro", "free"), DEAR, CHEAP).fault
    assert fault is not None
    assert (fault.kind, fault.status, fault.param) == (FaultKind.NO_ENDPOINTS, 404, "model")
    availability = fault.details["availability"]
    assert (availability["code"], availability["fallback_models"]) == ("free_variant_ended", ["m"])


def several(*choices: tuple[str, tuple[str, ...]]) -> Plan:
    own = tuple(refined(Preferences(), variants) for _, variants in choices)
    asked = msgspec.structs.replace(wish(), models=tuple(model for model, _ in choices), preferences=own[0], apart=own)
    return plan(asked, catalogue(DEAR, CHEAP, GIFT, endpoint("z", model="n", usd=5)), Health(), NOW_NS, 1)


def test_a_variant_is_of_its_own_model_alone() -> None:
    assert tags(several(("m", ("free",)), ("n", ()))) == ["g", "z"]
    assert tags(several(("n", ("free",)), ("m", ()))) == ["g", "b", "a"]


def test_for_free_first_and_then_for_money() -> None:
    made = several(("m", ("free",)), ("m", ()))
    assert tags(made) == ["g", "b", "a"]
    assert (made.funnel[-1].step, made.funnel[-1].endpoint_count) == (REPEATS, 3)


choice = st.tuples(st.sampled_from(["m", "n"]), st.lists(st.sampled_from(["nitro", "floor", "exacto", "free"])))


@given(choices=st.lists(choice, min_size=1, max_size=4))
def test_no_endpoint_is_asked_twice_and_none_that_costs_where_all_are_for_free(
    choices: list[tuple[str, list[str]]],
) -> None:
    made = several(*((model, tuple(variants)) for model, variants in choices))
    assert len(set(tags(made))) == len(tags(made)) == made.funnel[-1].endpoint_count
    if all("free" in variants for _, variants in choices):
        assert set(tags(made)) <= {"g"}


def test_lists_keep_the_variant_that_narrows_and_leave_out_those_that_order() -> None:
    rows = catalogue(DEAR, GIFT)
    assert listed(Named("m", ("nitro",)), rows) == ("m", (DEAR, GIFT))
    assert listed(Named("m", ("nitro", "free")), rows) == ("m:free", [GIFT])
