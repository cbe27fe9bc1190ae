"""Token counts and money as a client of this protocol reads them; a provider's are read by `dialects.openai_usage`."""

from typing import Any

from wideband.dialects.base import Closing
from wideband.wire.jsons import dollars


def encode_usage(closing: Closing) -> dict[str, Any]:
    """Write counts and cost: zeros, not nulls, where clients expect numbers."""
    usage = closing.usage
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
        "cost": dollars(closing.cost_nano),
        "is_byok": closing.is_byok,
        "cost_details": {
            "upstream_inference_cost": closing.upstream_dollars,
            "upstream_inference_input_cost": dollars(closing.prompt_cost_nano),
            "upstream_inference_output_cost": dollars(closing.completion_cost_nano),
        },
    }
