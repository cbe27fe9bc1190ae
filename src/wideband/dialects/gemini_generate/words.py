"""The names and figures of Gemini's generateContent protocol as tables, and the small conversions that go with them."""

import base64
import functools
import itertools
import re
from typing import Any, Final
from urllib.parse import quote

from wideband.canon.events import FinishReason
from wideband.canon.request import Reasoning
from wideband.dialects import bodies, seals

NAME: Final = "gemini_generate"
# The `reasoning_details[].format` under which Gemini's thought signatures travel.
REASONING_FORMAT: Final = "google-gemini-v1"
GENERATE_PATH: Final = "/models/{model}:generateContent"
STREAM_PATH: Final = "/models/{model}:streamGenerateContent"
# Clients that take a name with a slash in it for a path ("tunedModels/mine") put nothing before it: Vercel's AI SDK.
BARE_GENERATE_PATH: Final = "/{model}:generateContent"
BARE_STREAM_PATH: Final = "/{model}:streamGenerateContent"
PATHS: Final = (GENERATE_PATH, STREAM_PATH, BARE_GENERATE_PATH, BARE_STREAM_PATH)
STREAMING: Final = frozenset({STREAM_PATH, BARE_STREAM_PATH})
# JSON numbers are exact up to here in every reader; no count is larger, a provider's or a caller's.
MOST_TOKENS: Final = 2**53

# What a client writes in place of a seal it does not have; Google takes it for one, and it seals nothing.
_NO_SEALS: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
NO_SEAL: Final = frozenset((*_NO_SEALS, *(base64.b64encode(word.encode()).decode() for word in _NO_SEALS)))
# Between two packs in one seal: within JSON no quote stands behind a brace without a backslash before it.
_SEAM: Final = re.compile(rb'\} {0,2}(?=wideband:\{")')

# Body fields that are words to this gateway, not to a provider; alt, model and stream are what the URL says.
GATEWAY_FIELDS: Final = bodies.GATEWAY_FIELDS | {"alt", "model", "stream", "user"}

# Why Gemini stopped -> the canonical reason. It says STOP after function calls too.
FINISH: Final[dict[str, FinishReason]] = {
    "BLOCKLIST": "content_filter",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "IMAGE_OTHER": "error",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "LANGUAGE": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MAX_TOKENS": "length",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "NO_IMAGE": "error",
    "OTHER": "stop",
    "PROHIBITED_CONTENT": "content_filter",
    "RECITATION": "content_filter",
    "SAFETY": "content_filter",
    "SPII": "content_filter",
    "STOP": "stop",
    "TOO_MANY_TOOL_CALLS": "error",
    "UNEXPECTED_TOOL_CALL": "error",
}
_FINISH_WORDS: Final[dict[str, str]] = {
    "content_filter": "SAFETY",
    "length": "MAX_TOKENS",
    "stop": "STOP",
    "tool_calls": "STOP",
}

# Parts that only this dialect understands -> the row of the losses table that says what another loses.
PART_FEATURES: Final[dict[str, str]] = {
    "codeExecutionResult": "server_tool_blocks",
    "executableCode": "server_tool_blocks",
    "toolCall": "server_tool_blocks",
    "toolResponse": "server_tool_blocks",
}


def finish_reason(native: str, *, called_tools: bool = False) -> FinishReason:
    """Return the canonical word; a reason nobody knows yet counts as a plain stop."""
    reason = FINISH.get(native.upper(), "stop")
    return "tool_calls" if called_tools and reason == "stop" else reason


def finish_word(reason: str | None, native: str | None) -> str:
    """Return this dialect's word; the provider's own is kept when it is one of ours and means the same."""
    if native is not None and FINISH.get(native) is not None:
        means = {FINISH[native], "tool_calls"} if FINISH[native] == "stop" else {FINISH[native]}
        if reason in means:
            return native
    return _FINISH_WORDS.get(reason or "stop", "OTHER")


def tier(word: str | None) -> str | None:
    """Return a class of service as other protocols call it: `SERVICE_TIER_FLEX` is flex."""
    return word.lower().removeprefix("service_tier_") if word else None


@functools.lru_cache(maxsize=512)
def in_path(model: str) -> str:
    """Return a model's name as it stands in a URL, whatever an operator calls it."""
    return quote(model.removeprefix("models/"), safe="/:@+,;=!$'()*")


@functools.lru_cache(maxsize=512)
def snake(name: str) -> str:
    """Return a field's name as proto JSON may also spell it: `inlineData` is `inline_data`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def camel(name: str) -> str:
    """Return a field's name in the spelling that Google documents: `inline_data` is `inlineData`."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def pick(holder: dict[str, Any], name: str) -> Any:
    """Return a field under either of its two spellings (given in camelCase), or None."""
    value = holder.get(name)
    return holder.get(snake(name)) if value is None else value


def standard_base64(text: str) -> str:
    """Return base64 of either alphabet, padded or not, in the standard one with padding."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=\n\r ")
    return plain + "=" * (-len(plain) % 4)


def seal(*blocks: Reasoning) -> str:
    """Write the seals of blocks of thinking as one `thoughtSignature`, which has to be base64.

    Gemini's own goes as it is while it is nobody's; marked with its maker (`seals.tag`), or another protocol's, the
    block goes packed. Gemini CLI gives back the seals on function calls and no other, so one may have to hold several.
    """
    last = blocks[-1]
    data = last.data or last.signature or ""
    if len(blocks) == 1 and last.format == REASONING_FORMAT and seals.untag(data)[1] is None:
        return data
    # Packs whose bytes come in threes can stand one behind the other and are still base64.
    return "".join(_even(seals.pack(block)) for block in blocks)


def unseal(text: str) -> tuple[Reasoning, ...]:
    """Read a `thoughtSignature`: none for one that seals nothing; a packed block comes with its mark and its words."""
    if not text or text in NO_SEAL:
        return ()
    packs = [seals.unpack(pack) for pack in _packs(text)]
    found = tuple(pack for pack in packs if pack is not None)
    return found if len(found) == len(packs) else (Reasoning(data=text, format=REASONING_FORMAT),)


def _even(pack: str) -> str:
    """Write a pack with white space at its end in place of base64's own filling."""
    filling = len(pack) - len(pack.rstrip("="))
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(pack) + b" " * filling).decode() if filling else pack


def _packs(text: str) -> list[str]:
    """Cut a seal where another pack begins."""
    try:
        raw = base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except ValueError:
        return [text]
    cuts = [0, *(found.end() for found in _SEAM.finditer(raw)), len(raw)]
    return (
        [base64.urlsafe_b64encode(raw[a:b]).decode() for a, b in itertools.pairwise(cuts)] if len(cuts) > 2 else [text]
    )
