"""The sandbox's rows as the catalogue wants them: everything in them is marked simulated."""

import uuid

from wideband.canon.request import Task
from wideband.catalog.rows import AuthStyle, Endpoint, Model, Override, Price, Provider, Rates, Voice
from wideband.sandbox.rows import (
    CREATED_S,
    MODELS,
    PROVIDER_BY_SLUG,
    PROVIDERS,
    SANDBOX_KEY,
    Serving,
    SimModel,
    SimProvider,
)

# What is shown to a simulated model is counted; it sees nothing.
_INPUTS = ("text", "image", "file")
_NAMESPACE = uuid.UUID("6f4d2a10-0000-4000-8000-73616e64626f")

_OPENAI_PARAMETERS = frozenset(
    {
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "frequency_penalty",
        "presence_penalty",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "structured_outputs",
        "reasoning",
        "include_reasoning",
    }
)
_ANTHROPIC_PARAMETERS = frozenset(
    {
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "structured_outputs",
        "reasoning",
        "include_reasoning",
    }
)
_RESPONSES_PARAMETERS = _ANTHROPIC_PARAMETERS - {"stop", "top_k"}
_GEMINI_PARAMETERS = _ANTHROPIC_PARAMETERS - {"parallel_tool_calls"} | {
    "frequency_penalty",
    "n",
    "presence_penalty",
    "seed",
}
_PARAMETERS = {
    "openai_chat": _OPENAI_PARAMETERS,
    "anthropic_messages": _ANTHROPIC_PARAMETERS,
    "openai_responses": _RESPONSES_PARAMETERS,
    "gemini_generate": _GEMINI_PARAMETERS,
}
_AUTHS: dict[str, AuthStyle] = {"anthropic_messages": "x-api-key", "gemini_generate": "x-goog-api-key"}
# Jetty's models are as Gemini 3 is: seals on calls are looked for, and thinking comes in levels.
_QUIRKS = {"gemini_generate": frozenset({"thinking_level"})}
_REASONING = frozenset({"reasoning", "include_reasoning"})
_OUTPUTS: dict[Task, tuple[str, ...]] = {"generate": ("text",), "embed": ("embeddings",), "rerank": ("rerank",)}


def market(base_url: str) -> tuple[tuple[Provider, ...], tuple[Model, ...], tuple[Endpoint, ...]]:
    """Return the catalogue rows of the sandbox that listens at a URL; everything in them is marked simulated."""
    providers = {row.slug: _provider(row, base_url.rstrip("/")) for row in PROVIDERS}
    models = tuple(_model(row) for row in MODELS)
    endpoints = tuple(
        _endpoint(row, serving, providers[serving.provider]) for row in MODELS for serving in row.servings
    )
    return tuple(providers.values()), models, endpoints


def _provider(row: SimProvider, base_url: str) -> Provider:
    return Provider(
        slug=row.slug,
        name=row.name,
        dialect=row.dialect,
        base_url=f"{base_url}/{row.slug}/v1",
        auth=_AUTHS.get(row.dialect, "bearer"),
        also={name: Voice() for name in row.also},
        key=SANDBOX_KEY,
        quirks=_QUIRKS.get(row.dialect, frozenset()),
        data_policy=row.data_policy,
        cache_ttl_s=row.cache_ttl_s,
        simulated=True,
    )


def _model(row: SimModel) -> Model:
    known = _OPENAI_PARAMETERS | _ANTHROPIC_PARAMETERS if row.task == "generate" else frozenset()
    return Model(
        id=row.id,
        name=row.name,
        description=row.description,
        created_s=CREATED_S,
        context_length=row.context,
        max_output=row.max_output,
        input_modalities=_INPUTS,
        output_modalities=_OUTPUTS[row.task],
        supported_parameters=tuple(sorted(known if row.thinks else known - _REASONING)),
        reasoning=row.thinks,
        simulated=True,
    )


def _endpoint(model: SimModel, serving: Serving, provider: Provider) -> Endpoint:
    known = _PARAMETERS[provider.dialect] if model.task == "generate" else frozenset()
    row = PROVIDER_BY_SLUG[serving.provider]
    return Endpoint(
        id=str(uuid.uuid5(_NAMESPACE, f"{provider.slug} {model.id}")),
        provider=provider,
        model=model.id,
        upstream_model=model.id,
        tag=provider.slug,
        price=_price(model, serving, row),
        context_length=model.context,
        max_output=model.max_output,
        quantization=row.quantization,
        input_modalities=_INPUTS,
        supported_parameters=known if model.thinks else known - _REASONING,
        simulated=True,
    )


def _price(model: SimModel, serving: Serving, row: SimProvider) -> Price:
    prompt = model.prompt * serving.permille // 1000
    completion = model.completion * serving.permille // 1000
    overrides: list[Override] = []
    if row.long_prompt is not None:
        overrides.append(Override(rates={"prompt": prompt * 2}, min_prompt_tokens=row.long_prompt))
    if row.off_peak is not None:
        start, end = row.off_peak
        rates = {"prompt": prompt // 2, "completion": completion // 2, "cache_read": prompt // 20}
        overrides.append(Override(rates=rates, utc_start=start, utc_end=end))
    base = Rates(
        prompt=prompt,
        completion=completion,
        cache_read=prompt // 10 if model.task == "generate" else None,
        cache_write=prompt * 5 // 4 if row.dialect == "anthropic_messages" else None,
        request=model.request * serving.permille // 1000,
    )
    return Price(base=base, overrides=tuple(overrides))
