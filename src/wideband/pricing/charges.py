"""What a generation costs at given rates, in integers.

One rounding rule: each direction is summed exactly, then rounded half up to a nano-dollar.
"""

import msgspec

from wideband.canon.usage import Usage
from wideband.catalog.rows import Rates

_MILLION = 1_000_000
_HALF = 500_000
# A million dollars. What is said to cost more is nonsense of a provider's counts or a caller's limit, and sums of it
# would not fit the ledger's 64 bits.
MOST_NANO = 10**15
# How many documents a search unit covers (Cohere); one more begins the next unit.
DOCUMENTS_A_SEARCH = 100


class Charge(msgspec.Struct, frozen=True, gc=False):
    """Nano-dollars. `total_nano` is both directions and the fee per request; images are in the prompt's direction.

    `cache_discount_nano` is what prompt caching saved: negative when writing the cache cost more than it saved.
    """

    total_nano: int
    prompt_nano: int
    completion_nano: int
    cache_discount_nano: int = 0


def charge(rates: Rates, usage: Usage, images: int = 0) -> Charge:
    """Price a usage. Parts of the prompt or completion that add up to more than it are cut to fit.

    Neither direction costs more than `MOST_NANO`. A ranking costs what a request costs for each search unit.
    """
    prompt, discount = _prompt_nano(rates, usage)
    completion = min(_completion_nano(rates, usage), MOST_NANO)
    if images:
        prompt += rates.image * images
    if prompt > MOST_NANO:
        prompt, discount = MOST_NANO, 0
    requests = min(rates.request * max(1, usage.search_units), MOST_NANO)
    return Charge(prompt + completion + requests, prompt, completion, discount)


def fee(amount_nano: int, permille: int) -> int:
    """Return what is charged for passing on a request that the provider charges this much for, rounded half up."""
    return (amount_nano * permille + 500) // 1000


def _prompt_nano(rates: Rates, usage: Usage) -> tuple[int, int]:
    """Return the cost of the prompt and what caching saved of it."""
    rate, tokens = rates.prompt, usage.prompt_tokens
    whole = tokens * rate
    if usage.audio_prompt_tokens or usage.cached_tokens or usage.cache_write_tokens or usage.cache_write_1h_tokens:
        saved, left = 0, tokens
        for count, own in (
            (usage.cached_tokens, rates.cache_read),
            (usage.cache_write_tokens, rates.cache_write),
            (usage.cache_write_1h_tokens, rates.cache_write if rates.cache_write_1h is None else rates.cache_write_1h),
        ):
            count = min(count, left)
            left -= count
            if own is not None:
                saved += count * (rate - own)
        if rates.audio_prompt is not None:
            whole += min(usage.audio_prompt_tokens, left) * (rates.audio_prompt - rate)
        cost = (whole - saved + _HALF) // _MILLION
        return cost, (whole + _HALF) // _MILLION - cost
    return (whole + _HALF) // _MILLION, 0


def _completion_nano(rates: Rates, usage: Usage) -> int:
    rate, tokens = rates.completion, usage.completion_tokens
    cost = tokens * rate
    if usage.reasoning_tokens or usage.audio_completion_tokens or usage.image_completion_tokens:
        left = tokens
        for count, own in (
            (usage.reasoning_tokens, rates.reasoning),
            (usage.audio_completion_tokens, rates.audio_completion),
            (usage.image_completion_tokens, rates.image_completion),
        ):
            count = min(count, left)
            left -= count
            if own is not None:
                cost += count * (own - rate)
    return (cost + _HALF) // _MILLION


def hold_amount(rates: Rates, prompt_tokens: int, max_output_tokens: int, images: int = 0, documents: int = 0) -> int:
    """Return the most that texts and images within these counts can cost, in nano-dollars, rounded up.

    `documents` are to be ranked: they are paid by the search unit.
    Sound has rates of its own, which are not held for: an estimate cannot tell how many of the tokens are sound.
    """
    prompt = max(rates.prompt, rates.cache_read or 0, rates.cache_write or 0, rates.cache_write_1h or 0)
    completion = max(rates.completion, rates.reasoning or 0)
    most = -(-prompt_tokens * prompt // _MILLION) - (-max_output_tokens * completion // _MILLION)
    most += rates.image * images
    if most > 2 * MOST_NANO:
        most = 2 * MOST_NANO
    if rates.request:
        most += min(rates.request * max(1, -(-documents // DOCUMENTS_A_SEARCH)), MOST_NANO)
    return most
