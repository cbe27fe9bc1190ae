"""The dialect's words and what they mean here: tables, no behaviour beyond a look-up."""

from typing import Any, Final

import msgspec

from wideband.canon.events import FinishReason
from wideband.dialects import loose
from wideband.wire import jsons

NAME: Final = "openai_chat"

_CUSTOM_MARK: Final = b'"custom"'

# Body field -> the name under which an endpoint's `supported_parameters` lists it.
PARAMETERS: Final[dict[str, str]] = {
    "frequency_penalty": "frequency_penalty",
    "function_call": "tool_choice",
    "functions": "tools",
    "include_reasoning": "reasoning",
    "logit_bias": "logit_bias",
    "logprobs": "logprobs",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "min_p": "min_p",
    "parallel_tool_calls": "parallel_tool_calls",
    "presence_penalty": "presence_penalty",
    "reasoning": "reasoning",
    "reasoning_effort": "reasoning",
    "repetition_penalty": "repetition_penalty",
    "response_format": "response_format",
    "seed": "seed",
    "stop": "stop",
    "temperature": "temperature",
    "tool_choice": "tool_choice",
    "tools": "tools",
    "top_a": "top_a",
    "top_k": "top_k",
    "top_logprobs": "top_logprobs",
    "top_p": "top_p",
    "verbosity": "verbosity",
    "web_search_options": "web_search_options",
}

# Parameters an answer survives without: left out for an endpoint that is known not to take them. The others change
# what is answered, so routing has to find an endpoint that takes them.
DISPENSABLE: Final = frozenset(PARAMETERS) - {
    "function_call",
    "functions",
    "max_completion_tokens",
    "max_tokens",
    "response_format",
    "tool_choice",
    "tools",
    "web_search_options",
}

# Content part type -> input modality.
MODALITIES: Final[dict[str, str]] = {
    "file": "file",
    "image_url": "image",
    "input_audio": "audio",
    "input_image": "image",
    "input_video": "video",
    "video_url": "video",
}

# Why a provider stopped, in all the spellings met (lower case) -> the canonical reason.
FINISH: Final[dict[str, FinishReason]] = {
    "abort": "error",
    "cancelled": "error",
    "complete": "stop",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "error": "error",
    "function_call": "tool_calls",
    "insufficient_system_resource": "error",
    "length": "length",
    "max_length": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_length": "length",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "stop": "stop",
    "stop_sequence": "stop",
    "tool_call": "tool_calls",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
}

# Delta and message fields that are passed on whole, as opaque parts of this dialect.
OPAQUE_FIELDS: Final = ("annotations", "audio", "images")

# Top-level reply fields that are the provider's to say and are passed on.
REPLY_EXTRAS: Final = ("service_tier", "system_fingerprint")

NO_FORMAT: Final = "unknown"


def finish_reason(native: str, called_tools: bool) -> FinishReason:
    """Return the canonical reason; a `stop` after tool calls is what some providers say for `tool_calls`."""
    reason = FINISH.get(native.lower(), "stop")
    return "tool_calls" if called_tools and reason == "stop" else reason


def spoken(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out a fingerprint of null, which OpenRouter's own library for JavaScript takes in answers only."""
    return {name: value for name, value in fields.items() if name != "system_fingerprint" or value is not None}


def custom_names(asked: dict[str, msgspec.Raw]) -> frozenset[str]:
    """Return the names of the tools that take free text, from a request's top level."""
    raw = asked.get("tools")
    if raw is None or _CUSTOM_MARK not in bytes(raw):
        return frozenset()
    tools = [loose.obj(tool.get("custom")) for tool in loose.rows(jsons.decode(raw)) if tool.get("type") == "custom"]
    return frozenset(name for tool in tools if (name := loose.text(tool.get("name"))))
