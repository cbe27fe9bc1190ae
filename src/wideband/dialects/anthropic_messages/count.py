"""Counting a prompt's tokens without an answer: by asking Anthropic, or by an estimate when nobody counts.

The estimate knows no tokenizer. Claude's averages some 3.6 characters of English or code to a token; a character that
takes more than one byte in UTF-8 costs about a third of a token for each further byte, which puts Chinese near one
token a character. Media count by fixed rules.
"""

from typing import Final

import msgspec

from wideband.canon.faults import garbled
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.request import decode_request
from wideband.dialects.anthropic_messages.splice import readdress
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.estimates import Rules, estimate
from wideband.wire import jsons

PATH = "/messages/count_tokens"

# An upstream that only counts refuses what concerns the answer.
_ANSWER_FIELDS = frozenset(
    {
        "container", "inference_geo", "max_tokens", "metadata", "service_tier", "stop_sequences", "stream",
        "temperature", "top_k", "top_p",
    }
)  # fmt: skip


class _Counted(msgspec.Struct):
    input_tokens: int


_read = jsons.Reader(_Counted)


def encode_count(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes to an upstream that counts."""
    return readdress(ask, target, PATH, words.GATEWAY_FIELDS | _ANSWER_FIELDS)


def decode_count(body: bytes) -> int:
    """Return the upstream's count. Raises `Faulted` (provider_garbled)."""
    try:
        return _read(body).input_tokens
    except jsons.DecodeError as error:
        raise garbled(f"The provider's token count cannot be read: {error}") from None


def encode_count_reply(tokens: int) -> bytes:
    """Write the answer to `POST /messages/count_tokens`."""
    return jsons.encode({"input_tokens": tokens})


def estimate_tokens(body: bytes) -> int:
    """Estimate the prompt tokens of a Messages body, in time linear to its size. Raises `Faulted`."""
    return estimate(decode_request(body), _RULES)


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    further_bytes = 0 if text.isascii() else len(text.encode()) - len(text)
    return -(-(20 * len(text) + 25 * further_bytes) // 72)


# An image at the size to which Anthropic scales large ones; a page of a PDF with its text; and the instructions that
# Anthropic adds once when there are tools.
_RULES: Final = Rules(text=text_tokens, image=1600, page=2000, message=4, tools=346, seals=True)
