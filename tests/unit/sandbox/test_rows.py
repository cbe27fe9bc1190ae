"""The simulated market's rows: marked as simulated, priced like a market, broken where it hurts."""

import pytest

from wideband.catalog.rows import Endpoint
from wideband.sandbox.breaking import FAULTS
from wideband.sandbox.market import market
from wideband.sandbox.rows import MODELS, PROVIDER_BY_SLUG, Peak, SimModel

ONLY = {
    "openai_chat": "chat",
    "anthropic_messages": "messages",
    "openai_responses": "responses",
    "gemini_generate": "gemini",
}
AFTER_THE_FIRST_WORD = {"cut_late", "200_error_late", "stall"}


def model(name: str) -> SimModel:
    return next(row for row in MODELS if row.id == f"sandbox/{name}")


def endpoints_of(name: str) -> list[Endpoint]:
    return [row for row in market("http://127.0.0.1:1")[2] if row.model == f"sandbox/{name}"]


def test_everything_says_that_it_is_simulated() -> None:
    providers, models, endpoints = market("http://127.0.0.1:1/")
    assert {row.simulated for row in providers} | {row.simulated for row in models} == {True}
    assert {row.simulated for row in endpoints} == {True}
    names = [row.name for row in providers] + [row.name for row in models]
    assert all(name.endswith("(simulated)") for name in names)
    assert all(row.id.startswith("sandbox/") for row in models)
    assert {row.base_url for row in providers} == {f"http://127.0.0.1:1/{row.slug}/v1" for row in providers}


@pytest.mark.parametrize("name", ["fast", "coder", "thinker", "steady", "storm", "flaky"])
def test_a_model_has_a_market_of_several_protocols(name: str) -> None:
    served_by = [serving.provider for serving in model(name).servings]
    assert len(set(served_by)) == len(served_by) >= 5
    assert {PROVIDER_BY_SLUG[slug].dialect for slug in served_by} >= {"openai_chat", "anthropic_messages"}


@pytest.mark.parametrize("name", ["fast", "coder", "thinker"])
def test_the_models_to_try_things_with_are_served_in_every_protocol(name: str) -> None:
    assert {PROVIDER_BY_SLUG[serving.provider].dialect for serving in model(name).servings} == ONLY.keys()


@pytest.mark.parametrize(("dialect", "word"), ONLY.items())
def test_for_every_protocol_there_is_a_model_that_is_served_in_no_other(dialect: str, word: str) -> None:
    (serving,) = model(f"{word}-only").servings
    assert PROVIDER_BY_SLUG[serving.provider].dialect == dialect
    assert model(f"{word}-only").thinks
    assert model(f"{word}-only").calls_tools


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.id)
def test_failure_rates_are_shares_of_known_faults(row: SimModel) -> None:
    for serving in row.servings:
        assert set(serving.faults) <= set(FAULTS)
        assert 0 <= sum(serving.faults.values()) < 1


def test_prices_are_whole_nano_dollars_per_million_tokens() -> None:
    spoken = {row.id for row in MODELS if row.task == "generate"}
    for row in (row for row in market("http://127.0.0.1:1")[2] if row.model in spoken):
        assert 0 < row.price.base.prompt < row.price.base.completion
        assert row.price.base.cache_read == row.price.base.prompt // 10


def test_endpoint_ids_are_unique_and_stay_the_same() -> None:
    first, second = ([row.id for row in market(f"http://127.0.0.1:{port}")[2]] for port in (1, 2))
    assert first == second
    assert len(set(first)) == len(first)


def test_the_storm_breaks_the_cheapest_and_leaves_sound_ones() -> None:
    by_price = sorted(model("storm").servings, key=lambda serving: serving.permille)
    assert len(by_price) >= 6
    assert all(serving.faults for serving in by_price[:3])
    sound = [PROVIDER_BY_SLUG[serving.provider].dialect for serving in by_price if not serving.faults]
    assert set(sound) == {"openai_chat", "anthropic_messages"}
    prices = [row.price.base.prompt for row in endpoints_of("storm")]
    assert len(set(prices)) == len(prices)


def test_the_storm_knows_every_failure_that_a_gateway_can_hide() -> None:
    met = {kind for serving in model("storm").servings for kind in serving.faults}
    assert met == set(FAULTS) - AFTER_THE_FIRST_WORD


def test_the_steady_model_never_fails() -> None:
    assert all(not serving.faults for serving in model("steady").servings)


@pytest.mark.parametrize(("hour", "slowdown"), [(21, 1.0), (22, 2.0), (23, 2.0), (0, 2.0), (5, 2.0), (6, 1.0)])
def test_peak_hours_wrap_midnight(hour: int, slowdown: float) -> None:
    assert Peak(22, 6, 2.0).slowdown(hour) == slowdown
