"""Counts and money as a Gemini client reads them."""

from typing import Any

from wideband.canon.usage import Usage
from wideband.dialects.base import Closing


def usage_metadata(usage: Usage) -> dict[str, Any]:
    """Return `usageMetadata`: thoughts are counted beside the answer's tokens, and nothing is said of what is not."""
    counts: dict[str, Any] = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(usage.completion_tokens - usage.reasoning_tokens, 0),
        "totalTokenCount": usage.total_tokens,
    }
    if usage.reasoning_tokens:
        counts["thoughtsTokenCount"] = usage.reasoning_tokens
    if usage.cached_tokens:
        counts["cachedContentTokenCount"] = usage.cached_tokens
    counts |= _details("promptTokensDetails", usage.prompt_tokens, AUDIO=usage.audio_prompt_tokens)
    answer = {"AUDIO": usage.audio_completion_tokens, "IMAGE": usage.image_completion_tokens}
    return counts | _details("candidatesTokensDetails", counts["candidatesTokenCount"], **answer)


def _details(name: str, total: int, **shares: int) -> dict[str, Any]:
    """Return how many tokens were of which kind, where not all of them are text."""
    if not any(shares.values()):
        return {}
    told = {"TEXT": max(total - sum(shares.values()), 0), **shares}
    return {name: [{"modality": kind, "tokenCount": count} for kind, count in told.items() if count]}


def closing_fields(closing: Closing) -> dict[str, Any]:
    """Return what stands beside the candidates at the end: counts, money and the router's metadata if asked for.

    Money has a field of its own: Google's SDKs pass over it, and `usageMetadata` stays what Google documents.
    """
    return {
        "usageMetadata": usage_metadata(closing.usage),
        "usage": closing.cost_fields,
        **closing.metadata_field,
    }
