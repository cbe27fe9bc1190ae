"""Catalogue objects hold every key that strict clients demand, with exact prices as strings."""

from datetime import UTC, datetime
from typing import Any

import pytest

from wideband.catalog.rows import Endpoint, Model, Override, Price, Provider, Rates
from wideband.pricing.shapes import endpoint_object, model_object, provider_object

PROVIDER = Provider(slug="deepseek", name="DeepSeek", dialect="openai_chat", base_url="https://x", key="sk-secret")
MODEL = Model(
    id="deepseek/deepseek-v4-pro",
    name="DeepSeek V4 Pro",
    created_s=1_780_000_000,
    context_length=1_000_000,
    input_modalities=("text", "image"),
    supported_parameters=("tools",),
    reasoning=True,
)
PEAK = {"prompt": 300_000_000, "completion": 1_200_000_000}
PRICE = Price(
    base=Rates(prompt=150_000_000, completion=600_000_000, cache_read=3_000_000, request=5_000),
    overrides=(
        Override(rates=PEAK, utc_start=60, utc_end=240),
        Override(rates={"prompt": 600_000_000}, min_prompt_tokens=200_000),
    ),
)
ENDPOINT = Endpoint(
    id="00000000-0000-5000-8000-000000000000",
    provider=PROVIDER,
    model=MODEL.id,
    upstream_model="deepseek-v4-pro",
    tag="deepseek",
    price=PRICE,
    context_length=900_000,
    max_output=64_000,
    supported_parameters=frozenset({"tools", "tool_choice", "seed"}),
)
STATS = {
    "uptime_last_30m": 99.5,
    "latency_last_30m": {"p50": 1.0, "p75": 2.0, "p90": 3.0, "p99": 4.0},
    "tool_call_error_rate_30m": 0.01,
    "effective_pricing_30m": {"per_token": "0.0000003"},
}


def at(hour: int) -> int:
    return int(datetime(2026, 11, 23, hour, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_the_price_at_the_top_is_the_one_that_holds_now() -> None:
    assert model_object(MODEL, [ENDPOINT], at(0))["pricing"]["prompt"] == "0.00000015"
    assert model_object(MODEL, [ENDPOINT], at(2))["pricing"]["prompt"] == "0.0000003"


def test_overrides_are_the_same_at_any_hour_and_name_every_price() -> None:
    pricing = model_object(MODEL, [ENDPOINT], at(2))["pricing"]
    base = {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000003"}
    assert pricing["overrides"] == [
        {"utc_start": 0, "utc_end": 100, **base},
        {"utc_start": 400, "utc_end": 0, **base},
        {"utc_start": 100, "utc_end": 400, "prompt": "0.0000003", "completion": "0.0000012"},
        {"min_prompt_tokens": 200_000, "prompt": "0.0000006"},
    ]
    assert model_object(MODEL, [ENDPOINT], at(5))["pricing"]["overrides"] == pricing["overrides"]


def test_a_price_per_request_is_shown_per_request() -> None:
    assert model_object(MODEL, [ENDPOINT], at(0))["pricing"]["request"] == "0.000005"


def test_a_model_nobody_serves_shows_no_price_rather_than_a_free_one() -> None:
    assert model_object(MODEL, [], at(0))["pricing"] == {"prompt": "-1", "completion": "-1"}


def test_limits_are_those_of_the_cheapest_endpoint() -> None:
    top = model_object(MODEL, [ENDPOINT], at(0))["top_provider"]
    assert top == {"context_length": 900_000, "max_completion_tokens": 64_000, "is_moderated": False}


def test_simulated_rows_say_so_and_real_ones_do_not() -> None:
    simulated = Model(id="sandbox/echo", name="Echo", simulated=True)
    assert model_object(simulated, [], 0)["simulated"] is True
    assert "simulated" not in model_object(MODEL, [ENDPOINT], 0)


def test_figures_that_are_not_known_are_null() -> None:
    shown = endpoint_object(ENDPOINT, at(0))
    assert (shown["uptime_last_1d"], shown["latency_last_30m"], shown["status"]) == (None, None, 0)
    assert (shown["cache_hit_rate_30m"], shown["effective_pricing_30m"]) == (None, None)


def test_nothing_shown_holds_a_key() -> None:
    shown = [model_object(MODEL, [ENDPOINT], 0), endpoint_object(ENDPOINT, 0), provider_object(PROVIDER)]
    assert "sk-secret" not in repr(shown)


@pytest.mark.parametrize("stats", [None, STATS])
def test_openrouters_sdk_reads_the_objects(stats: dict[str, Any] | None) -> None:
    components = pytest.importorskip("openrouter.components")
    model = components.Model.model_validate(model_object(MODEL, [ENDPOINT], at(2)))
    assert model.pricing.overrides[2].utc_start == 100
    endpoint = components.PublicEndpoint.model_validate(endpoint_object(ENDPOINT, at(2), stats))
    assert endpoint.supports_tool_choice.auto is True
    assert endpoint.max_completion_tokens == 64_000


def test_openais_and_anthropics_sdks_read_the_model_object() -> None:
    openai_types = pytest.importorskip("openai.types")
    anthropic_types = pytest.importorskip("anthropic.types")
    shown = model_object(MODEL, [ENDPOINT], at(2))
    assert openai_types.Model.model_validate(shown).owned_by == "deepseek"
    assert anthropic_types.ModelInfo.construct(**shown).display_name == "DeepSeek V4 Pro"
    # What Mistral's SDK demands beyond these.
    assert shown["type"] == "base"
    assert shown["capabilities"]["vision"] is True
