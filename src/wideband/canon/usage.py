"""Token counts of one generation."""

from typing import Literal

import msgspec

UsageSource = Literal["provider", "estimated"]


class Usage(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Tokens as the provider counted them.

    `prompt_tokens` includes `cached_tokens` (read from the provider's prompt cache) and both kinds of cache writes;
    `cache_write_tokens` are writes at the default lifetime, `cache_write_1h_tokens` at one hour, disjoint.
    `completion_tokens` includes `reasoning_tokens`. `search_units` are what a provider bills a ranking by.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_prompt_tokens: int = 0
    audio_completion_tokens: int = 0
    image_completion_tokens: int = 0
    search_units: int = 0
    source: UsageSource = "provider"

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens
