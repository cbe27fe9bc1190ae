"""The named oddities of providers: what a row's `quirks` do to an outgoing body, on either lane.

A quirk without fields, renames or edits is a fact that a dialect asks for by name while it writes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from wideband.canon.request import Loss
from wideband.dialects import edits
from wideband.dialects.base import Target
from wideband.wire import jsons


class Edit(msgspec.Struct, frozen=True):
    """A change to one field; `needed` tells from its bytes whether to look closer. `loss` is a row of `LOSSES`."""

    field: str
    needed: Callable[[bytes], bool]
    change: edits.Change
    loss: str | None


class Quirk(msgspec.Struct, frozen=True, kw_only=True):
    """One oddity: fields that are left out or go under another name, and fields that are changed."""

    description: str
    drop: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    edits: tuple[Edit, ...] = ()


def holding(*marks: bytes) -> Callable[[bytes], bool]:
    """Make a test for bytes that hold one of the marks. A quoted word can stand in JSON only as a key or a value."""
    return lambda raw: any(mark in raw for mark in marks)


_STRICT = holding(b'"strict"')

QUIRKS: dict[str, Quirk] = {
    "adaptive_thinking": Quirk(description="The model thinks as much as it sees fit and takes no thinking budget."),
    "always_searches": Quirk(description="Every answer is searched for on the web (Perplexity)."),
    "basic_effort": Quirk(
        description="Thinking effort is low, medium or high, nothing beside.",
        edits=(
            Edit("reasoning_effort", holding(b"minimal", b"xhigh", b"max"), edits.low_medium_high, "reasoning_effort"),
        ),
    ),
    "cache_control": Quirk(description="Explicit prompt-cache breakpoints are understood."),
    "custom_tools": Quirk(description="Tools that take free text are understood (OpenAI's `custom`)."),
    "enable_thinking": Quirk(description="Thinking is asked for by `enable_thinking` and `thinking_budget` (Qwen)."),
    "first_messages": Quirk(
        description="Of Anthropic's protocol only what it had at first: no system turns amid the others, no tools that "
        "are loaded later, no edits of the context."
    ),
    "fixed_sampling": Quirk(
        description="A thinking model that refuses every sampling knob.",
        drop=(
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "top_a",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
        ),
    ),
    "float_embeddings": Quirk(description="Embeddings come as numbers only: `encoding_format` is not sent."),
    "max_completion_tokens": Quirk(
        description="The limit is called `max_completion_tokens`.", rename={"max_tokens": "max_completion_tokens"}
    ),
    "max_tokens_only": Quirk(
        description="The limit is called `max_tokens`.", rename={"max_completion_tokens": "max_tokens"}
    ),
    "nine_character_ids": Quirk(
        description="Ids of tool calls are nine letters and digits (Mistral).",
        edits=(Edit("messages", holding(b'"tool_call'), edits.nine_character_ids, None),),
    ),
    "no_call_ids": Quirk(description="Calls and results have no ids; they are paired by name and order (Gemini)."),
    "no_count_tokens": Quirk(description="The provider has no way to count tokens beforehand."),
    "no_developer_role": Quirk(
        description="There are no developer messages.",
        edits=(Edit("messages", holding(b'"developer"'), edits.system_for_developer, None),),
    ),
    "no_extra_sampling": Quirk(
        description="Only OpenAI's own sampling knobs are taken.",
        drop=("top_k", "min_p", "top_a", "repetition_penalty"),
    ),
    "no_input_type": Quirk(description="What an embedding is for cannot be said.", drop=("input_type",)),
    "no_json_schema": Quirk(
        description="An answer can be asked to be JSON, but not to keep to a schema (DeepSeek).",
        edits=(Edit("response_format", holding(b"json_schema"), edits.json_object_for_schema, "json_schema_ignored"),),
    ),
    "no_logit_bias": Quirk(description="`logit_bias` is refused.", drop=("logit_bias",)),
    "no_logprobs": Quirk(description="Log probabilities are refused.", drop=("logprobs", "top_logprobs")),
    "no_message_name": Quirk(
        description="Messages have no `name` (Groq).",
        edits=(Edit("messages", holding(b'"name"'), edits.without("name"), "message_name_dropped"),),
    ),
    "no_metadata": Quirk(description="`metadata` is refused.", drop=("metadata",)),
    "no_parallel_tool_calls": Quirk(description="`parallel_tool_calls` is refused.", drop=("parallel_tool_calls",)),
    "no_penalties": Quirk(
        description="Repetition penalties are refused.",
        drop=("presence_penalty", "frequency_penalty", "repetition_penalty"),
    ),
    "no_seed": Quirk(description="`seed` is refused.", drop=("seed",)),
    "no_service_tier": Quirk(description="`service_tier` is refused.", drop=("service_tier",)),
    "no_stop": Quirk(description="Stop sequences are refused.", drop=("stop",)),
    "no_store": Quirk(
        description="What steers OpenAI's own storage, caching and safety is refused.",
        drop=(
            "store",
            "metadata",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
        ),
    ),
    "no_stream_options": Quirk(
        description="`stream_options` is refused; counts come without being asked for.", drop=("stream_options",)
    ),
    "no_strict": Quirk(
        description="`strict` is refused on functions and schemas.",
        edits=(
            Edit("tools", _STRICT, edits.tools_without_strict, "strict"),
            Edit("response_format", _STRICT, edits.format_without_strict, "strict"),
        ),
    ),
    "no_tool_choice": Quirk(description="`tool_choice` is refused.", drop=("tool_choice",)),
    "no_user": Quirk(description="`user` is refused.", drop=("user",)),
    "no_verbosity": Quirk(description="`verbosity` is refused.", drop=("verbosity",)),
    "openrouter": Quirk(description="Speaks OpenRouter's dialect in full: gateway fields and reasoning are kept."),
    "output_dimension": Quirk(
        description="`dimensions` is called `output_dimension` (Mistral).", rename={"dimensions": "output_dimension"}
    ),
    "plain_count_tokens": Quirk(description="Tokens are counted of a bare request, not a wrapped one (Vertex AI)."),
    "plain_schemas": Quirk(
        description="Functions' schemas may not say `$schema` or `additionalProperties` (Gemini).",
        edits=(Edit("tools", holding(b'"$schema"', b'"additionalProperties"'), edits.plain_schemas, None),),
    ),
    "prefill": Quirk(description="A last message of the assistant is continued."),
    "random_seed": Quirk(description="The seed is called `random_seed` (Mistral).", rename={"seed": "random_seed"}),
    "reasoning_content": Quirk(description="Thinking is echoed as `reasoning_content` (DeepSeek, Moonshot)."),
    "reasoning_text": Quirk(description="Thinking is echoed as `reasoning` (vLLM, Cerebras, Groq)."),
    "single_choice": Quirk(description="One answer a request.", drop=("n",)),
    "string_content": Quirk(
        description="Text content must be one string.",
        edits=(Edit("messages", holding(b'"text"'), edits.string_contents, None),),
    ),
    "system_anywhere": Quirk(description="System messages may stand amid the others, not only at the head."),
    "thinking_level": Quirk(description="Thinking is asked for by a level, not a budget (Gemini 3)."),
    "thinking_toggle": Quirk(description='Thinking is asked for by `thinking: {"type": "enabled"}` (GLM, Kimi).'),
    "voyage": Quirk(
        description="`dimensions` is called `output_dimension` and `top_n` is called `top_k` (Voyage).",
        rename={"dimensions": "output_dimension", "top_n": "top_k"},
    ),
    "web_search": Quirk(description="The web is searched when the protocol's own tool asks for it."),
}


def apply(body: dict[str, Any], quirks: frozenset[str]) -> tuple[dict[str, Any], list[Loss]]:
    """Change a body's top level as the quirks say; values are plain JSON or `Raw`, and untouched ones stay as they are.

    Key order is kept; the body given may be changed. Renaming onto a field that is there already lets that field win.
    """
    losses: list[Loss] = []
    for name in sorted(quirks & QUIRKS.keys()):
        quirk = QUIRKS[name]
        if body.keys() & quirk.rename.keys():
            body = _renamed(body, quirk.rename)
        dropped = [field for field in quirk.drop if field in body and not is_null(body.pop(field))]
        losses.extend(Loss("unsupported_field", field) for field in dropped)
        edit(body, quirk.edits, losses)
    return body, losses


def edit(body: dict[str, Any], changes: Iterable[Edit], losses: list[Loss]) -> None:
    """Change fields in place where they are there and need it."""
    seen: dict[str, bytes] = {}
    for change in changes:
        field = change.field
        value = body.get(field)
        if isinstance(value, msgspec.Raw):
            if field not in seen:
                seen[field] = bytes(value)
            if not change.needed(seen[field]):
                continue
            value = jsons.decode(value)
        if value is None:
            continue
        changed = change.change(value)
        if changed is not value:
            body[field] = changed
            if change.loss is not None:
                losses.append(Loss(change.loss, field))


def leave_out(
    body: dict[str, Any], dispensable: Collection[str], parameters: Mapping[str, str], target: Target
) -> list[Loss]:
    """Take off a body's top level what an endpoint is known not to take and an answer survives without.

    `parameters` names each field as `supported_parameters` do.
    """
    taken = target.supported_parameters
    if taken is None:
        return []
    refused = [name for name in body if name in dispensable and parameters[name] not in taken]
    return [Loss("unsupported_field", name) for name in refused if not is_null(body.pop(name))]


def is_null(value: Any) -> bool:
    """Tell whether a value, plain or raw, says nothing."""
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value) == b"null")


def _renamed(body: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if names.get(name, name) == name or names[name] not in body}
    return {names.get(name, name): value for name, value in kept.items()}
