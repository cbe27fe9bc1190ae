"""What a Gemini upstream counted: `usageMetadata` as canonical usage."""

import msgspec

from wideband.canon.usage import Usage
from wideband.dialects.gemini_generate import words
from wideband.wire import jsons


class _Share(msgspec.Struct, gc=False, rename="camel"):
    modality: str | None = None
    token_count: int | None = None


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: list[_Share] | None = None
    candidates_tokens_details: list[_Share] | None = None


_read = jsons.Reader(_Counts)


def decode_counts(raw: msgspec.Raw) -> Usage | None:
    """Return the counts in a `usageMetadata`; None when there are none that can be read.

    Gemini counts thoughts beside the answer's tokens, and what its own tools fetched beside the prompt's.
    """
    if not len(raw) or bytes(raw) == b"null":
        return None
    try:
        found = _read(raw)
    except jsons.DecodeError:
        return None
    prompt = _count(found.prompt_token_count)
    thoughts = _count(found.thoughts_token_count)
    return Usage(
        prompt_tokens=prompt + _count(found.tool_use_prompt_token_count),
        completion_tokens=_count(found.candidates_token_count) + thoughts,
        cached_tokens=min(_count(found.cached_content_token_count), prompt),
        reasoning_tokens=thoughts,
        audio_prompt_tokens=_share(found.prompt_tokens_details, "AUDIO"),
        audio_completion_tokens=_share(found.candidates_tokens_details, "AUDIO"),
        image_completion_tokens=_share(found.candidates_tokens_details, "IMAGE"),
    )


def _count(value: int | None) -> int:
    """Return a count; no provider can make it negative or absurd."""
    return value if value is not None and 0 < value < words.MOST_TOKENS else 0


def _share(shares: list[_Share] | None, modality: str) -> int:
    # Gemini counts anew in every chunk, and mostly text.
    if not shares:
        return 0
    return sum(_count(share.token_count) for share in shares if share.modality == modality)
