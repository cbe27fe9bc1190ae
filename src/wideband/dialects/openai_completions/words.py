"""The dialect's words and what they mean here: tables, no behaviour beyond a look-up."""

from typing import Final

from wideband.canon.events import FinishReason

NAME: Final = "openai_completions"
PATH: Final = "/completions"
DONE: Final = b"data: [DONE]\n\n"

# Knobs of the draw that are written alike in every OpenAI-shaped protocol.
SAMPLING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_a",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "logit_bias",
)

# Body field -> the name under which an endpoint's `supported_parameters` lists it.
PARAMETERS: Final[dict[str, str]] = {
    **{name: name for name in SAMPLING},
    "include_reasoning": "reasoning",
    "logprobs": "logprobs",
    "max_tokens": "max_tokens",
    "reasoning": "reasoning",
    "stop": "stop",
}
# Parameters an answer survives without: left out for an endpoint that is known not to take them.
DISPENSABLE: Final = frozenset(PARAMETERS) - {"max_tokens"}

# Why a provider stopped, in the spellings met (lower case) -> the canonical reason.
FINISH: Final[dict[str, FinishReason]] = {
    "abort": "error",
    "cancelled": "error",
    "content_filter": "content_filter",
    "eos": "stop",
    "eos_token": "stop",
    "error": "error",
    "length": "length",
    "max_tokens": "length",
    "stop": "stop",
    "stop_sequence": "stop",
}

# Of a reply: what at the top level is ours to say or not the client's, and a choice's thinking.
OURS: Final = frozenset({"id", "object", "created", "model", "provider", "choices", "usage", "error", "x_groq"})
THOUGHTS: Final = frozenset({"reasoning", "reasoning_content"})
