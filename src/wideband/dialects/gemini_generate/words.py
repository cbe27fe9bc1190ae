"""The names and figures of Gemini's generateContent protocol as tables, and the small conversions that go with them."""

from typing import Any, Final

from wideband.canon.events import FinishReason
from wideband.canon.request import Loss, Reasoning
from wideband.dialects import seals

NAME: Final = "gemini_generate"
# The `reasoning_details[].format` under which Gemini's thought signatures travel.
REASONING_FORMAT: Final = "google-gemini-v1"
GENERATE_PATH: Final = "/models/{model}:generateContent"
STREAM_PATH: Final = "/models/{model}:streamGenerateContent"
PATHS: Final = (GENERATE_PATH, STREAM_PATH)
# JSON numbers are exact up to here in every reader; no count is larger, a provider's or a caller's.
MOST_TOKENS: Final = 2**53

# What a client writes in place of a seal it does not have; Google takes it for one, and it seals nothing.
NO_SEAL: Final = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})

# Body fields that are words to this gateway, not to a provider; the first three are what the URL says.
GATEWAY_FIELDS: Final = frozenset(
    {
        "alt", "model", "stream",
        "debug", "models", "plugins", "preset", "provider", "route", "session_id", "trace", "transforms", "user",
    }
)  # fmt: skip

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


def note(losses: list[Loss], feature: str, detail: str = "") -> None:
    """Record a loss, once for each feature."""
    if all(loss.feature != feature for loss in losses):
        losses.append(Loss(feature, detail))


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


def snake(name: str) -> str:
    """Return a field's name as proto JSON may also spell it: `inlineData` is `inline_data`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def pick(holder: dict[str, Any], name: str) -> Any:
    """Return a field under either of its two spellings (given in camelCase), or None."""
    value = holder.get(name)
    return holder.get(snake(name)) if value is None else value


def standard_base64(text: str) -> str:
    """Return base64 of either alphabet, padded or not, in the standard one with padding."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=\n\r ")
    return plain + "=" * (-len(plain) % 4)


def seal(reasoning: Reasoning) -> str:
    """Write the seal of a block of thinking as a `thoughtSignature`, which has to be base64.

    Gemini's own goes as it is while it is nobody's; marked with its maker (`seals.tag`), or another protocol's, the
    block goes packed.
    """
    data = reasoning.data or reasoning.signature or ""
    is_own = reasoning.format == REASONING_FORMAT and seals.untag(data)[1] is None
    return data if is_own else seals.pack(reasoning)


def unseal(text: str) -> Reasoning | None:
    """Read a `thoughtSignature`; None when it seals nothing. A packed block comes with its mark and its words."""
    if not text or text in NO_SEAL:
        return None
    return seals.unpack(text) or Reasoning(data=text, format=REASONING_FORMAT)
