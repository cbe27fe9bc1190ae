"""Price lists become rows: exact prices, windows and tiers as overrides, one model for all who serve it."""

from typing import Any

from wideband.catalog.importer import Imported, import_prices
from wideband.catalog.rows import EndpointRow, Override, Price, Rates

DAY = "2026-11-22"
PLAIN = {"input_mtok": "1", "output_mtok": "2"}
DEAR = {"input_mtok": "3", "output_mtok": "4"}


def row(id_: str, prices: Any = None, **facts: Any) -> dict[str, Any]:
    return {"id": id_, "prices": PLAIN if prices is None else prices, "context_window": 1000, **facts}


def imported(**lists: list[dict[str, Any]]) -> Imported:
    return import_prices([{"id": name.replace("_", "-"), "models": rows} for name, rows in lists.items()], DAY)


def only(result: Imported) -> EndpointRow:
    (endpoint,) = result.endpoints
    return endpoint


def price_of(prices: Any) -> Price:
    return only(imported(deepseek=[row("deepseek-v9", prices)])).price


def test_prices_per_million_become_nano_dollars() -> None:
    price = price_of({"input_mtok": "0.27", "output_mtok": "1.1", "cache_read_mtok": "0.0028", "requests_kcount": "5"})
    assert price == Price(
        base=Rates(prompt=270_000_000, completion=1_100_000_000, cache_read=2_800_000, request=5_000_000)
    )


def test_the_dust_of_float_arithmetic_is_rounded_away() -> None:
    assert price_of({"input_mtok": "0.18000000000000002", "output_mtok": "1"}).base.prompt == 180_000_000


def test_long_prompts_are_an_override_above_their_length() -> None:
    tiered = {"base": "2", "tiers": [{"start": 200_000, "price": "4"}]}
    price = price_of({"input_mtok": tiered, "output_mtok": "12"})
    assert price.base == Rates(prompt=2_000_000_000, completion=12_000_000_000)
    assert price.overrides == (Override(rates={"prompt": 4_000_000_000}, min_prompt_tokens=200_000),)


def test_hours_are_an_override_of_every_rate_the_base_has() -> None:
    price = price_of(
        [
            {"constraint": None, "prices": {**PLAIN, "cache_read_mtok": "0.5"}},
            {"constraint": {"start_time": "16:30:00+00:00", "end_time": "00:30:00+00:00"}, "prices": DEAR},
        ]
    )
    # The list's window has no price for cached tokens, so there they cost what a prompt token costs.
    peak = {"prompt": 3_000_000_000, "completion": 4_000_000_000, "cache_read": 3_000_000_000}
    assert price.overrides == (Override(rates=peak, utc_start=990, utc_end=30),)


def test_a_price_holds_from_its_day_on_and_the_next_change_is_known() -> None:
    entries = [
        {"constraint": None, "prices": PLAIN},
        {"constraint": {"start_date": "2026-11-22"}, "prices": {"input_mtok": "5", "output_mtok": "6"}},
        {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": "7", "output_mtok": "8"}},
    ]
    result = imported(deepseek=[row("deepseek-v9", entries)])
    assert only(result).price.base.prompt == 5_000_000_000
    assert result.next_change == "2026-12-01"
    assert imported(deepseek=[row("deepseek-v9")]).next_change is None


def test_hours_from_before_a_new_price_are_gone() -> None:
    price = price_of(
        [
            {"constraint": None, "prices": PLAIN},
            {"constraint": {"start_time": "01:00:00+00:00", "end_time": "04:00:00+00:00"}, "prices": DEAR},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": "5", "output_mtok": "6"}},
        ]
    )
    assert (price.base.prompt, price.overrides) == (5_000_000_000, ())


def test_a_model_at_several_providers_is_one_model_with_several_endpoints() -> None:
    result = imported(
        deepseek=[row("deepseek-v4-pro", name="DeepSeek V4 Pro")],
        fireworks=[row("deepseek-v4-pro", context_window=500)],
        baseten=[row("deepseek-ai/DeepSeek-V4-Pro")],
    )
    assert [(model.id, model.name, model.context_length) for model in result.models] == [
        ("deepseek/deepseek-v4-pro", "DeepSeek V4 Pro", 1000)
    ]
    assert [(each.provider, each.upstream_model, each.context_length) for each in result.endpoints] == [
        ("deepseek", "deepseek-v4-pro", 1000),
        ("fireworks", "accounts/fireworks/models/deepseek-v4-pro", 500),
        ("baseten", "deepseek-ai/DeepSeek-V4-Pro", 1000),
    ]


def test_a_variant_is_an_endpoint_with_its_own_tag() -> None:
    assert only(imported(fireworks=[row("kimi-k3-us")])).tag == "fireworks/us"
    hosted = only(import_prices([{"id": "huggingface_novita", "models": [row("zai-org/GLM-4.7-FP8")]}], DAY))
    assert (hosted.tag, hosted.upstream_model) == ("huggingface/novita", "zai-org/GLM-4.7-FP8:novita")
    assert (hosted.model, hosted.quantization) == ("z-ai/glm-4.7", "fp8")


def test_what_is_no_chat_model_of_todays_is_left_out() -> None:
    result = imported(
        openai=[
            row("whisper-1", {"audio_hours": "0.36"}),
            row("gpt-5-pro"),
            row("gpt-4o-realtime-preview"),
        ],
        anthropic=[row("claude-2"), row("claude-opus-5", deprecated=True)],
        unheard_of=[row("gpt-5")],
    )
    assert result.endpoints == ()


def test_embedding_models_are_sold_by_the_prompt_where_they_can_be_asked_for() -> None:
    by_the_prompt = {"input_mtok": "0.13"}
    result = imported(
        openai=[row("text-embedding-3-large", by_the_prompt)],
        cohere=[row("embed-v4.0", by_the_prompt)],
        voyageai=[row("voyage-4", by_the_prompt), row("voyage-01", by_the_prompt)],
        perplexity=[row("pplx-embed-v1-4b", by_the_prompt)],
        deepseek=[row("deepseek-v9", by_the_prompt)],
    )
    assert [(each.provider, each.model) for each in result.endpoints] == [
        ("openai", "openai/text-embedding-3-large"),
        ("cohere", "cohere/embed-v4.0"),
        ("voyage", "voyageai/voyage-4"),
    ]
    assert result.endpoints[0].price == Price(base=Rates(prompt=130_000_000))


def test_a_history_row_counts_only_while_another_list_sells_the_model() -> None:
    dead, alive = (
        row("meta-llama/Llama-2-7b-chat-hf", context_window=None),
        row("openai/gpt-oss-120b", context_window=None),
    )
    result = imported(together=[dead, alive], groq=[row("openai/gpt-oss-120b")])
    assert {(each.provider, each.model) for each in result.endpoints} == {
        ("together", "openai/gpt-oss-120b"),
        ("groq", "openai/gpt-oss-120b"),
    }


def test_a_list_of_everybodys_models_is_taken_at_its_word() -> None:
    result = imported(
        openrouter=[row("z-ai/glm-5.3"), row("z-ai/glm-5.3:batch"), row("~openai/gpt-latest"), row("x:free")]
    )
    assert [each.model for each in result.endpoints] == ["z-ai/glm-5.3"]
