"""Catalogue rows as the API shows them: one superset that OpenRouter's, OpenAI's, Anthropic's and Mistral's SDKs read.

Prices are decimal strings of USD per token or unit. The current price is at the top, every other in `overrides`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wideband.catalog.money import usd_from_nano, usd_per_token
from wideband.catalog.rows import Endpoint, Model, Override, Price, Provider, Rates
from wideband.pricing.windows import resolve, uncovered

# Our rate -> the public name, in the order in which they are shown. These are per token...
_PER_TOKEN = (
    ("prompt", "prompt"),
    ("completion", "completion"),
    ("cache_read", "input_cache_read"),
    ("cache_write", "input_cache_write"),
    ("cache_write_1h", "input_cache_write_1h"),
    ("reasoning", "internal_reasoning"),
    ("audio_prompt", "audio"),
    ("audio_completion", "audio_output"),
    ("image_completion", "image_output"),
)
# ... and these per unit.
_PER_UNIT = (("request", "request"), ("image", "image"))

# The public sign for a price nobody has named.
_UNPRICED = {"prompt": "-1", "completion": "-1"}
# Protocols in which nothing is cached unless the caller marks it.
_EXPLICIT_CACHING = frozenset({"anthropic_messages"})
_NO_STATS: Mapping[str, Any] = {}
_STATS = (
    "uptime_last_5m",
    "uptime_last_30m",
    "uptime_last_1d",
    "latency_last_30m",
    "throughput_last_30m",
    # What OpenRouter's row has no room for.
    "tool_call_error_rate_30m",
    "structured_output_error_rate_30m",
    "cache_hit_rate_30m",
    "rate_limited_30m",
    "effective_pricing_30m",
)
_TOOL_CHOICES = ("auto", "function", "none", "required")


def model_object(model: Model, endpoints: Sequence[Endpoint], at_ns: int) -> dict[str, Any]:
    """Show a model at an instant. `endpoints` are its own, cheapest first; the first gives price and limits."""
    top = endpoints[0] if endpoints else None
    parameters = _supported_parameters(model, endpoints)
    context_length = (top and top.context_length) or model.context_length
    max_output = (top and top.max_output) or model.max_output
    shown: dict[str, Any] = {
        "id": model.id,
        "canonical_slug": model.id,
        "object": "model",
        "type": "base",
        "name": model.name,
        "display_name": model.name,
        "owned_by": model.author,
        "description": model.description,
        "created": model.created_s,
        "created_at": datetime.fromtimestamp(model.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hugging_face_id": model.hugging_face_id,
        "knowledge_cutoff": model.knowledge_cutoff,
        "expiration_date": None,
        "context_length": context_length,
        "max_context_length": context_length,
        "max_input_tokens": context_length,
        "max_tokens": max_output,
        "architecture": architecture_object(model),
        "pricing": pricing_object(top.price, at_ns) if top else dict(_UNPRICED),
        "top_provider": {
            "context_length": context_length,
            "max_completion_tokens": max_output,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": parameters,
        "default_parameters": None,
        "supported_voices": None,
        "capabilities": _capabilities(model, parameters),
        "links": {"details": f"/api/v1/models/{model.id}/endpoints"},
    }
    if model.reasoning:
        shown["reasoning"] = {"mandatory": False}
    if model.simulated:
        shown["simulated"] = True
    return shown


def architecture_object(model: Model) -> dict[str, Any]:
    """Show what goes in and out of a model."""
    # Of a model about which nothing is known, no more is promised than what every one takes.
    taken = model.input_modalities or ("text",)
    return {
        "modality": f"{'+'.join(taken)}->{'+'.join(model.output_modalities)}",
        "input_modalities": list(taken),
        "output_modalities": list(model.output_modalities),
        "tokenizer": model.tokenizer,
        "instruct_type": None,
    }


def endpoint_object(
    endpoint: Endpoint, at_ns: int, stats: Mapping[str, Any] | None = None, model_name: str | None = None
) -> dict[str, Any]:
    """Show an endpoint at an instant.

    `stats` may hold `status`, `uptime_last_5m|30m|1d` (percent), `latency_last_30m` (milliseconds to the first token),
    `throughput_last_30m` (tokens a second), shares (0 to 1) of bad tool calls and structured answers, of cached prompt
    tokens and of rate-limited tries, and what a token was really charged; what is missing is shown as null.
    """
    stats = stats or _NO_STATS
    parameters = sorted(endpoint.supported_parameters or ())
    shown = {
        "name": f"{endpoint.provider.name} | {endpoint.model}",
        "model_id": endpoint.model,
        "model_name": model_name or endpoint.model,
        "provider_name": endpoint.provider.name,
        "tag": endpoint.tag,
        "context_length": endpoint.context_length or 0,
        "max_completion_tokens": endpoint.max_output,
        "max_prompt_tokens": None,
        "pricing": {"discount": 0, **pricing_object(endpoint.price, at_ns)},
        "quantization": endpoint.quantization,
        "supported_parameters": parameters,
        "supports_implicit_caching": _caches_by_itself(endpoint),
        "supports_voice_cloning": False,
        "supports_diarization": False,
        "supports_tool_choice": dict.fromkeys(_TOOL_CHOICES, "tool_choice" in parameters),
        "native_tools": {},
        "service_tier": None,
        "status": stats.get("status", 0),
        **{name: stats.get(name) for name in _STATS},
    }
    if endpoint.simulated:
        shown["simulated"] = True
    return shown


def provider_object(provider: Provider) -> dict[str, Any]:
    """Show a provider; its key and its address are nobody's business."""
    shown: dict[str, Any] = {
        "slug": provider.slug,
        "name": provider.name,
        "privacy_policy_url": provider.privacy_policy_url,
        "terms_of_service_url": provider.terms_of_service_url,
        "status_page_url": provider.status_page_url,
        "headquarters": provider.headquarters,
        "datacenters": list(provider.datacenters) or None,
    }
    if provider.simulated:
        shown["simulated"] = True
    return shown


def pricing_object(price: Price, at_ns: int) -> dict[str, Any]:
    """Show a price: what a short prompt costs now, and the overrides, which tile the day if any is timed."""
    shown = _rates_object(resolve(price, at_ns, 0))
    if not price.overrides:
        return shown
    return {
        **shown,
        "overrides": [
            *(_override_object(rest, _base_rates(price)) for rest in uncovered(price.overrides)),
            *(_override_object(override, override.rates) for override in price.overrides),
        ],
    }


def _rates_object(rates: Rates) -> dict[str, Any]:
    shown = _prices({ours: value for ours, _ in _PER_TOKEN if (value := getattr(rates, ours)) is not None})
    return {**shown, **_prices({ours: value for ours, _ in _PER_UNIT if (value := getattr(rates, ours))})}


def _override_object(conditions: Override, rates: Mapping[str, int]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if conditions.min_prompt_tokens is not None:
        shown["min_prompt_tokens"] = conditions.min_prompt_tokens
    if conditions.utc_start is not None and conditions.utc_end is not None:
        shown |= {"utc_start": _hhmm(conditions.utc_start), "utc_end": _hhmm(conditions.utc_end)}
    if conditions.utc_days:
        shown["utc_days"] = list(conditions.utc_days)
    return shown | _prices(rates)


def _base_rates(price: Price) -> dict[str, int]:
    """Return the base rates an override may have replaced, also those without a price of their own."""
    shown = {ours: value for ours, _ in _PER_TOKEN if (value := getattr(price.base, ours)) is not None}
    for ours in {key for override in price.overrides for key in override.rates} - shown.keys():
        own = getattr(price.base, ours)
        fallback = price.base.prompt if ours.startswith(("cache", "audio_prompt")) else price.base.completion
        shown[ours] = fallback if own is None else own
    return shown


def _prices(rates: Mapping[str, int]) -> dict[str, str]:
    shown = {public: usd_per_token(rates[ours]) for ours, public in _PER_TOKEN if ours in rates}
    return shown | {public: usd_from_nano(rates[ours]) for ours, public in _PER_UNIT if ours in rates}


def _hhmm(minute: int) -> int:
    return minute // 60 * 100 + minute % 60


def _supported_parameters(model: Model, endpoints: Sequence[Endpoint]) -> list[str]:
    known = [endpoint.supported_parameters for endpoint in endpoints if endpoint.supported_parameters is not None]
    return sorted(set(model.supported_parameters).union(*known))


def _capabilities(model: Model, parameters: Sequence[str]) -> dict[str, bool]:
    return {
        "completion_chat": True,
        "completion_fim": False,
        "fine_tuning": False,
        "function_calling": "tools" in parameters,
        "vision": "image" in (model.input_modalities or ()),
    }


def _caches_by_itself(endpoint: Endpoint) -> bool:
    return endpoint.price.base.cache_read is not None and endpoint.provider.dialect not in _EXPLICIT_CACHING
