"""The names and figures of OpenAI's Responses protocol: tables, no behaviour beyond a look-up."""

import hashlib
from typing import Final

from wideband.canon.events import FinishReason
from wideband.canon.faults import FaultKind
from wideband.dialects import bodies

NAME: Final = "openai_responses"
PATH: Final = "/responses"
# The `reasoning_details[].format` under which `encrypted_content` travels.
REASONING_FORMAT: Final = "openai-responses-v1"
# Names of functions and ids of calls are no longer than this.
MAX_NAME: Final = 64
# Between a namespace and the tool in it, where tools have one name.
NAMESPACE_MARK: Final = "__"
# What `include` has to name for reasoning to come with its seal.
ENCRYPTED: Final = "reasoning.encrypted_content"
# What it has to name for log probabilities.
LOGPROBS: Final = "message.output_text.logprobs"

# Top-level fields that speak to the gateway: an upstream gets them only under the quirk "openrouter".
GATEWAY_FIELDS: Final = bodies.GATEWAY_FIELDS | {"fallbacks", "stop_server_tools_when"}

# Body field -> the name under which an endpoint's `supported_parameters` lists it.
PARAMETERS: Final[dict[str, str]] = {
    "frequency_penalty": "frequency_penalty",
    "max_output_tokens": "max_tokens",
    "parallel_tool_calls": "parallel_tool_calls",
    "presence_penalty": "presence_penalty",
    "reasoning": "reasoning",
    "stop": "stop",
    "temperature": "temperature",
    "text": "response_format",
    "tool_choice": "tool_choice",
    "tools": "tools",
    "top_k": "top_k",
    "top_logprobs": "top_logprobs",
    "top_p": "top_p",
}

# Content part type -> input modality.
MODALITIES: Final[dict[str, str]] = {
    "input_audio": "audio",
    "input_file": "file",
    "input_image": "image",
    "input_video": "video",
}

# Kinds of tools that the client runs, which bear a name; all others are the provider's.
NAMED_TOOLS: Final = frozenset({"custom", "function", "namespace"})

# Items of a conversation that have a place in the vocabulary; all others stay opaque.
MESSAGE: Final = "message"
REASONING: Final = "reasoning"
FUNCTION_CALL: Final = "function_call"
FUNCTION_OUTPUT: Final = "function_call_output"
CUSTOM_CALL: Final = "custom_tool_call"
# Offers tools amid the conversation, as Codex does for OpenAI's newest models.
MORE_TOOLS: Final = "additional_tools"
CUSTOM_OUTPUT: Final = "custom_tool_call_output"
# Stands for an item stored at OpenAI: refused.
REFERENCE: Final = "item_reference"
# The row of the losses table for an item that only this dialect knows, and for a part of a message.
OPAQUE_ITEM: Final = "response_item"
OPAQUE_PART: Final = "content_part"
# That of what a text cites.
ANNOTATIONS: Final = "annotations"

# `response.status` and `incomplete_details.reason` -> the canonical reason.
INCOMPLETE: Final[dict[str, FinishReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
# The canonical reason -> `incomplete_details.reason`; all others are of a completed response.
INCOMPLETE_WORDS: Final[dict[str, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}

# `response.error.code` by the kind of fault; all others are a `server_error`, after which clients ask again.
CODES: Final[dict[FaultKind, str]] = {
    FaultKind.AUTHENTICATION: "invalid_api_key",
    FaultKind.CONTEXT_LENGTH: "context_length_exceeded",
    FaultKind.CONTENT_POLICY: "invalid_prompt",
    FaultKind.INVALID_REQUEST: "invalid_prompt",
    FaultKind.MODEL_NOT_FOUND: "model_not_found",
    FaultKind.PAYMENT_REQUIRED: "insufficient_quota",
    FaultKind.PAYLOAD_TOO_LARGE: "invalid_prompt",
    FaultKind.PERMISSION_DENIED: "permission_denied",
    FaultKind.PROVIDER_RATE_LIMITED: "rate_limit_exceeded",
    FaultKind.PROVIDER_REJECTED: "invalid_prompt",
    FaultKind.RATE_LIMITED: "rate_limit_exceeded",
    FaultKind.UNPROCESSABLE: "invalid_prompt",
}


def flat_name(namespace: str | None, name: str) -> str:
    """Return the one name of a tool in a namespace, no longer than names may be; equal tools get equal names."""
    if not namespace:
        return name
    joined = f"{namespace}{NAMESPACE_MARK}{name}"
    if len(joined) <= MAX_NAME:
        return joined
    mark = hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{joined[: MAX_NAME - len(mark) - 1]}_{mark}"
