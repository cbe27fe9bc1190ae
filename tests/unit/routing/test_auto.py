"""What stands behind router models: own spend and rules, within a cost tier, and never nothing without a reason."""

from collections.abc import Sequence
from typing import Any

import pytest

from wideband.catalog.rows import Catalogue, Endpoint, Model, Price, Provider, Rates
from wideband.routing.auto import (
    AUTO,
    FREE,
    Choice,
    Figures,
    Question,
    Restrictions,
    Shares,
    TaskRow,
    auto_models,
    by_rules,
    figures_of,
    find_router,
    free_models,
    is_able,
    shares_of,
)
from wideband.routing.tags import Features


def figures(model: str, percentile: float = 0.0, **fields: Any) -> Figures:
    return Figures(model=model, price_nano=fields.pop("price_nano", 1000), percentile=percentile, **fields)


def question(tag: str = "qa_knowledge", **fields: Any) -> Question:
    return Question(tag=tag, features=fields.pop("features", Features()), **fields)


def chosen(market: Sequence[Figures], restrictions: Restrictions | None = None, **fields: Any) -> list[str]:
    choices = auto_models(question(**fields), market, restrictions or Restrictions(), by_rules, lambda _: True)
    return [choice.model for choice in choices]


MARKET = (
    figures("a/cheap", 0),
    figures("a/small", 10),
    figures("b/middle", 30, price_nano=3000),
    figures("b/large", 55, price_nano=5000),
    figures("c/huge", 90, price_nano=9000),
)


def test_what_callers_spend_on_a_kind_of_work_decides_where_there_is_much_of_it() -> None:
    much = Shares(requests=5000, by_model={"a/small": 0.9, "c/huge": 0.1})
    assert chosen(MARKET, own=much)[0] == "a/small"
    newer = (figures("a/small", created_s=100), figures("a/newer", created_s=900))
    assert chosen(newer, own=much)[0] == "a/small"
    assert chosen(newer, own=Shares(requests=2, by_model={"a/small": 1.0}))[0] == "a/newer"


def test_scores_add_up_to_one_and_say_why() -> None:
    own = Shares(requests=100, by_model={"a/small": 0.5, "c/huge": 0.5})
    choices = list(by_rules(question(own=own), MARKET))
    assert sum(choice.score for choice in choices) == pytest.approx(1)
    assert choices[0].reason.startswith("50.0% of what was spent on qa_knowledge")


@pytest.mark.parametrize(
    "better",
    [
        {"reasoning": True},
        {"is_latest": True},
        {"providers": 5},
        {"context_length": 200_000},
        {"parameters": frozenset({"tools"})},
        {"price_nano": 2000},
    ],
)
def test_rules_prefer(better: dict[str, Any]) -> None:
    market = figures("a/plain"), figures("b/better", **better)
    assert next(by_rules(question(), market)).model == "b/better"


def test_rules_prefer_what_is_newer() -> None:
    market = figures("a/old", created_s=100), figures("b/new", created_s=900)
    assert next(by_rules(question(), market)).model == "b/new"


def test_thinking_counts_for_more_where_it_pays() -> None:
    market = figures("a/plain"), figures("b/thinks", reasoning=True)
    code, talk = (next(by_rules(question(tag), market)).score for tag in ("code:debugging", "conversation"))
    assert code > talk


@pytest.mark.parametrize(
    ("tier", "first"), [("low", "a/cheap"), ("medium", "b/middle"), ("high", "b/large"), ("max", "c/huge")]
)
def test_a_cost_tier_is_a_band_of_the_prices(tier: str, first: str) -> None:
    assert chosen(MARKET, Restrictions(tier=tier))[0] == first


def test_an_empty_tier_gives_way_to_the_nearest_cheaper_first() -> None:
    assert chosen(MARKET, Restrictions(tier="xhigh")) == ["b/large"]
    assert chosen((figures("c/huge", 90), figures("a/cheap", 30)), Restrictions(tier="high")) == ["a/cheap"]


def test_globs_allow_and_exclude() -> None:
    assert set(chosen(MARKET, Restrictions(allowed=("b/*",)))) == {"b/middle"}
    assert chosen(MARKET, Restrictions(excluded=("a/*", "b/*"))) == ["c/huge"]
    assert chosen(MARKET, Restrictions(allowed=("z/*",))) == []


@pytest.mark.parametrize(
    ("glob", "matches"),
    [
        ("acme/big-1", True),
        ("*", True),
        ("acme/*", True),
        ("*-1", True),
        ("*/big*", True),
        ("a*/*g*1", True),
        ("acme/big-1*", True),
        ("acme/big", False),
        ("acme/big-1*1", False),
        ("*g*g*", False),
        ("acme/big-?", False),
        ("acme/[b]ig-1", False),
        ("", False),
    ],
)
def test_a_glob_knows_no_sign_but_the_star(glob: str, matches: bool) -> None:
    assert Restrictions(allowed=(glob,)).permit("acme/big-1") is matches
    assert Restrictions(excluded=(glob,)).permit("acme/big-1") is not matches


def test_what_a_request_demands_has_to_be_there_as_long_as_anybody_has_it() -> None:
    deaf, able = figures("a/deaf", parameters=frozenset()), figures("b/able", parameters=frozenset({"tools"}))
    tools = Features(needs=frozenset({"tools", "temperature"}))
    assert chosen((deaf, able), features=tools) == ["b/able"]
    assert chosen((deaf,), features=tools) == ["a/deaf"]
    assert not is_able(figures("a", context_length=100), Features(prompt_tokens=100))
    assert not is_able(figures("a", modalities=frozenset({"text"})), Features(modalities=frozenset({"image"})))
    assert is_able(figures("a"), Features(modalities=frozenset({"image"}), needs=frozenset({"tools"})))


def test_models_whose_endpoints_do_not_fit_are_passed_over() -> None:
    found = auto_models(question(), MARKET, Restrictions(), by_rules, lambda model: model == "c/huge")
    assert [choice.model for choice in found] == ["c/huge"]
    assert auto_models(question(), MARKET, Restrictions(), by_rules, lambda _: False) == []


def test_there_are_no_more_fallbacks_than_are_of_use() -> None:
    assert len(chosen([figures(f"a/m{number}") for number in range(9)])) == 4


def test_another_chooser_decides_in_its_place() -> None:
    def backwards(_: Question, candidates: Sequence[Figures], /) -> list[Choice]:
        return [Choice(model=each.model, score=1.0, reason="learned") for each in reversed(candidates)]

    found = auto_models(question(), MARKET, Restrictions(), backwards, lambda _: True)
    assert [choice.model for choice in found] == ["a/small", "a/cheap"]


def test_free_models_are_drawn_by_the_seed_among_those_that_cost_nothing() -> None:
    market = [figures(f"a/f{number}", is_free=True, price_nano=0) for number in range(6)]
    market += [figures("b/paid"), figures("c/deaf", is_free=True, parameters=frozenset())]
    features = Features(needs=frozenset({"tools"}))

    def drawn(seed: int) -> list[str]:
        return [choice.model for choice in free_models(features, market, seed, lambda _: True)]

    assert drawn(7) == drawn(7)
    firsts = {drawn(seed)[0] for seed in range(200)}
    assert firsts == {f"a/f{number}" for number in range(6)}
    assert free_models(features, [figures("b/paid")], 1, lambda _: True) == []


def endpoint(model: str, prompt: int, **fields: Any) -> Endpoint:
    provider = Provider(slug="p", name="P", dialect="openai_chat", base_url="http://p")
    price = Price(base=Rates(prompt=prompt, completion=prompt))
    tag = fields.pop("tag", "p")
    return Endpoint(
        id=f"{tag}:{model}", provider=provider, model=model, upstream_model=model, tag=tag, price=price, **fields
    )


def test_figures_come_from_the_catalogue() -> None:
    models = ("a/free", "a/one", "b/two", "c/embeds")
    endpoints = {
        "a/free": (endpoint("a/free", 0, input_modalities=("text",)),),
        "a/one": (
            endpoint("a/one", 50, tag="p/flex"),
            endpoint("a/one", 100, context_length=9),
            endpoint("a/one", 300),
        ),
        "b/two": (endpoint("b/two", 900, supported_parameters=frozenset({"tools"})),),
        "c/embeds": (endpoint("c/embeds", 1),),
    }
    rows = {name: Model(id=name, name=name) for name in models} | {
        "c/embeds": Model(id="c/embeds", name="c", output_modalities=("embeddings",)),
        "d/unserved": Model(id="d/unserved", name="d"),
    }
    found = {each.model: each for each in figures_of(Catalogue(providers={}, models=rows, endpoints=endpoints))}
    assert list(found) == ["a/free", "a/one", "b/two"]
    assert [(each.price_nano, each.percentile, each.is_free) for each in found.values()] == [
        (0, 0.0, True),
        (100, 0.0, False),
        (900, 50.0, False),
    ]
    assert found["a/one"].context_length == 9
    assert (found["a/one"].parameters, found["b/two"].parameters) == (None, frozenset({"tools"}))


def test_routers_are_known_by_both_names_with_variants_unless_a_model_bears_the_name() -> None:
    nothing = Catalogue(providers={}, models={}, endpoints={}, aliases={"*": "a/one"})
    assert find_router("wideband/auto:nitro:floor", nothing) == (AUTO, ("nitro", "floor"))
    assert find_router("openrouter/free", nothing) == (FREE, ())
    assert find_router("a/one", nothing) is None
    real = Catalogue(providers={}, models={"openrouter/auto": Model(id="openrouter/auto", name="x")}, endpoints={})
    assert find_router("openrouter/auto", real) is None


def test_shares_are_of_money_and_of_tokens_where_nothing_cost_any() -> None:
    rows = [TaskRow("math", "a", 3, 300, 10), TaskRow("math", "b", 1, 100, 90), TaskRow("editing", "a", 2, 0, 30)]
    found = shares_of([*rows, TaskRow("editing", "b", 2, 0, 10)])
    assert found["math"] == Shares(4, {"a": 0.75, "b": 0.25})
    assert found["editing"] == Shares(4, {"a": 0.75, "b": 0.25})
