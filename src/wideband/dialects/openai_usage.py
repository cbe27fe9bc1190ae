"""Token counts and money, both ways: every provider's `usage` in, OpenRouter's out."""

from typing import Any

from wideband.canon.usage import Usage
from wideband.dialects.base import Closing
from wideband.dialects.loose import obj
from wideband.wire.jsons import dollars

# JSON numbers are exact up to here in every reader.
_MOST = 2**53


def _count(value: Any) -> int:
    """Return a count; what is no number is 0, and no provider can make it negative or absurd."""
    if type(value) is int:
        return value if 0 < value < _MOST else 0
    return int(value) if type(value) is float and 0 < value < _MOST else 0


def _first(*values: Any) -> int:
    for value in values:
        if value is not None and (count := _count(value)):
            return count
    return 0


def decode_usage(raw: dict[str, Any]) -> Usage:
    """Read a provider's counts, wherever it puts them.

    Cached tokens: `prompt_tokens_details.cached_tokens` (OpenAI), `prompt_cache_hit_tokens` (DeepSeek), `cached_tokens`
    (Moonshot). Providers that leave reasoning out of `completion_tokens` (xAI) are known by their total.
    """
    prompt_details = obj(raw.get("prompt_tokens_details")) or obj(raw.get("input_tokens_details"))
    completion_details = obj(raw.get("completion_tokens_details")) or obj(raw.get("output_tokens_details"))
    prompt = _first(raw.get("prompt_tokens"), raw.get("input_tokens"))
    completion = _first(raw.get("completion_tokens"), raw.get("output_tokens"))
    reasoning = _first(completion_details.get("reasoning_tokens"), raw.get("reasoning_tokens"))
    if reasoning and _count(raw.get("total_tokens")) == prompt + completion + reasoning:
        completion += reasoning
    cached = _first(prompt_details.get("cached_tokens"), raw.get("prompt_cache_hit_tokens"), raw.get("cached_tokens"))
    written = _first(prompt_details.get("cache_write_tokens"), raw.get("cache_creation_input_tokens"))
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=min(cached, prompt),
        cache_write_tokens=min(written, prompt - min(cached, prompt)),
        reasoning_tokens=min(reasoning, completion),
        audio_prompt_tokens=_count(prompt_details.get("audio_tokens")),
        audio_completion_tokens=_count(completion_details.get("audio_tokens")),
        image_completion_tokens=_count(completion_details.get("image_tokens")),
    )


def end_fields(closing: Closing) -> dict[str, Any]:
    """Return what is said of the whole at its end."""
    return {"usage": encode_usage(closing), **closing.metadata_field}


def encode_usage(closing: Closing) -> dict[str, Any]:
    """Write counts and cost in OpenRouter's shape: zeros, not nulls, where clients expect numbers."""
    usage = closing.usage
    prompt_details = {
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        "audio_tokens": usage.audio_prompt_tokens,
    }
    completion_details = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.audio_completion_tokens,
        "image_tokens": usage.image_completion_tokens,
    }
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cost": dollars(closing.cost_nano),
        "is_byok": closing.is_byok,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
        "cost_details": closing.cost_details,
    }
