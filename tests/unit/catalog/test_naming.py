"""One model has one name, whatever a provider calls it."""

import pytest

from wideband.catalog.naming import ModelName, model_name


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ("claude-opus-4-5", "anthropic/claude-opus-4.5"),
        ("claude-sonnet-4-0", "anthropic/claude-sonnet-4"),
        ("claude-opus-5", "anthropic/claude-opus-5"),
        ("gpt-5-mini", "openai/gpt-5-mini"),
        ("o3-mini", "openai/o3-mini"),
        ("gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("deepseek-v4-pro", "deepseek/deepseek-v4-pro"),
        ("deepseek-flash", "deepseek/deepseek-v4.1-flash"),
        ("deepseek-ai/DeepSeek-V4.1-Flash", "deepseek/deepseek-v4.1-flash"),
        ("deepseek-v4p1-flash", "deepseek/deepseek-v4.1-flash"),
        ("deepseek-v4-1-flash-1017", "deepseek/deepseek-v4.1-flash-1017"),
        ("deepseek/deepseek_v3", "deepseek/deepseek-chat"),
        ("zai-org/GLM-5.3-Flash", "z-ai/glm-5.3-flash"),
        ("zai-glm-5-3", "z-ai/glm-5.3"),
        ("glm-4p7", "z-ai/glm-4.7"),
        ("GLM-4-32B-0414-128K", "z-ai/glm-4-32b-0414-128k"),
        ("Qwen/Qwen3-32B", "qwen/qwen3-32b"),
        ("qwen-3-32b", "qwen/qwen3-32b"),
        ("llama-3.3-70b-versatile", "meta-llama/llama-3.3-70b-instruct"),
        ("Meta-Llama-3_3-70B-Instruct", "meta-llama/llama-3.3-70b-instruct"),
        ("llama-v3p1-8b-instruct", "meta-llama/llama-3.1-8b-instruct"),
        ("llama3.1-8b", "meta-llama/llama-3.1-8b-instruct"),
        ("meta-llama/llama-4-scout-17b-16e-instruct", "meta-llama/llama-4-scout"),
        ("MiniMaxAI/MiniMax-M3", "minimax/minimax-m3"),
        ("XiaomiMiMo/MiMo-V2.5", "xiaomi/mimo-v2.5"),
        ("grok-4-0709", "x-ai/grok-4"),
        ("grok-4-1-fast-reasoning", "x-ai/grok-4.1-fast"),
        ("nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B", "nvidia/nemotron-3-ultra-550b-a55b"),
        ("aisingapore/Gemma-SEA-LION-v4-27B-IT", "aisingapore/gemma-sea-lion-v4-27b-it"),
    ],
)
def test_providers_names_lead_to_one_name(upstream: str, expected: str) -> None:
    assert model_name(upstream) == ModelName(expected)


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ("kimi-k3-us", ModelName("moonshotai/kimi-k3", variant="us")),
        ("kimi-k2.7-code-highspeed", ModelName("moonshotai/kimi-k2.7-code", variant="highspeed")),
        ("nvidia/GLM-5.3-Flash-NVFP4", ModelName("z-ai/glm-5.3-flash", quantization="nvfp4")),
        ("zai-org/GLM-4.7-FP8", ModelName("z-ai/glm-4.7", quantization="fp8")),
    ],
)
def test_variants_and_precisions_are_told_apart_from_the_model(upstream: str, expected: ModelName) -> None:
    assert model_name(upstream) == expected


def test_fast_is_a_model_of_its_own_except_where_it_is_sold_as_a_variant() -> None:
    assert model_name("grok-4-fast") == ModelName("x-ai/grok-4-fast")
    assert model_name("glm-5p3-fast", fast_is_a_variant=True) == ModelName("z-ai/glm-5.3", variant="fast")


def test_a_name_that_tells_no_author_is_not_guessed() -> None:
    assert model_name("ember-1") is None
