"""A caller's body, checked and measured without being decoded: one typed pass that tells every wrong field by name."""

from typing import Annotated, Any, Final, Literal

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Effort
from wideband.dialects import openings
from wideband.dialects.base import Ask
from wideband.dialects.bodies import (
    REMEDIES,
    Heat,
    Natural,
    Penalty,
    Positive,
    Streamed,
    Unit,
    for_gateway,
    need_model,
    read_fields,
    read_typed,
)
from wideband.dialects.openai_chat import words
from wideband.wire import jsons

_Options = dict[str, Any] | None
_NOTHING: Final = msgspec.Raw()
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class PartProbe(msgspec.Struct, gc=False):
    """Of a content part, its kind and the text that counts."""

    type: str
    text: str | None = None
    cache_control: msgspec.Raw = _NOTHING


class FunctionProbe(msgspec.Struct, gc=False):
    """The function of a tool call or tool."""

    name: str
    arguments: str | dict[str, msgspec.Raw] | None = None


class CallProbe(msgspec.Struct, gc=False):
    """A tool call in an assistant message."""

    id: str | None = None
    function: FunctionProbe | None = None


class MessageProbe(msgspec.Struct, gc=False):
    """Of a message, what routing and estimates need."""

    role: Role
    content: str | list[PartProbe] | None = None
    name: str | None = None
    tool_calls: list[CallProbe] | None = None
    tool_call_id: str | None = None


class ToolFunction(msgspec.Struct, gc=False):
    """The function a tool offers."""

    name: str
    description: str | None = None
    parameters: dict[str, msgspec.Raw] | None = None
    strict: bool | None = None


class ToolProbe(msgspec.Struct, gc=False):
    """A tool: a function, or something that only the provider knows."""

    type: str
    function: ToolFunction | None = None
    cache_control: msgspec.Raw = _NOTHING


class FormatProbe(msgspec.Struct, gc=False):
    """`response_format`."""

    type: str
    json_schema: dict[str, msgspec.Raw] | None = None


class ReasoningProbe(msgspec.Struct, gc=False):
    """`reasoning`, OpenRouter's object."""

    effort: Effort | None = None
    max_tokens: Positive = None
    enabled: bool | None = None
    exclude: bool | None = None
    summary: str | None = None


class Body(Streamed, gc=False):
    """The fields of a request whose types matter here; null stands for not sent, and unknown fields are let through."""

    messages: list[MessageProbe] | None = None
    prompt: str | None = None
    max_tokens: Positive = None
    max_completion_tokens: Positive = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] | None = None
    temperature: Heat = None
    top_p: Unit = None
    top_k: Natural = None
    min_p: Unit = None
    top_a: Unit = None
    frequency_penalty: Penalty = None
    presence_penalty: Penalty = None
    repetition_penalty: Heat = None
    seed: int | None = None
    logit_bias: dict[str, Annotated[float, msgspec.Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    tools: list[ToolProbe] | None = None
    functions: list[ToolFunction] | None = None
    tool_choice: str | dict[str, Any] | None = None
    function_call: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: FormatProbe | None = None
    reasoning: ReasoningProbe | None = None
    reasoning_effort: Effort | None = None
    include_reasoning: bool | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    metadata: _Options = None
    prompt_cache_key: str | None = None
    web_search_options: _Options = None


# What to do about a field that was refused, by its top-level name.
_REMEDIES: Final[dict[str, str]] = {
    **REMEDIES,
    "function_call": 'Send "auto", "none" or {"name": ...}.',
    "logit_bias": "Send an object of token ids and numbers from -100 to 100.",
    "max_completion_tokens": "Send a whole number above 0, or leave it out.",
    "max_tokens": "Send a whole number above 0, or leave it out.",
    "messages": "Send a list of messages, each with a `role` (system, developer, user, assistant, tool) and `content`.",
    "model": 'Send the id of a model, such as "openai/gpt-5", as a string.',
    "n": "Send a whole number from 1 to 128.",
    "prompt": "Send a string, or `messages` in its place.",
    "reasoning": 'Send an object such as {"effort": "medium"} or {"max_tokens": 2000}.',
    "reasoning_effort": "Send none, minimal, low, medium, high, xhigh or max.",
    "repetition_penalty": "Send a number above 0, up to 2.",
    "response_format": 'Send an object with a `type`, such as {"type": "json_object"}.',
    "seed": "Send a whole number.",
    "stop": "Send a string or a list of at most 4 strings.",
    "tool_choice": 'Send "auto", "none", "required" or {"type": "function", "function": {"name": ...}}.',
    "tools": 'Send a list of {"type": "function", "function": {"name": ..., "parameters": ...}}.',
}

# What a field may say without asking for anything.
_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "include_reasoning": (False,),
    "logprobs": (False,),
    "reasoning_effort": ("none",),
    "tool_choice": ("auto", "none"),
    "function_call": ("auto", "none"),
}

_read_body = jsons.Reader(Body)
# Fields whose value may be shown in a fault: never those that hold a caller's words.
_SHOWN: Final = frozenset(_REMEDIES) - {"messages", "prompt", "tools", "provider"}


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    read = read_typed(body, _read_body, _REMEDIES, _SHOWN)
    if read.messages is None and read.prompt is None:
        raise invalid(f"`messages` is missing. {_REMEDIES['messages']}", "messages")
    if read.messages is not None and not read.messages:
        raise invalid("`messages` is empty. Send at least one message.", "messages")
    need_model(read, _REMEDIES)
    for at, message in enumerate(read.messages or ()):
        if message.role == "tool" and message.tool_call_id is None:
            raise invalid(
                f"`messages[{at}].tool_call_id` is missing. A tool message names the call that it answers.",
                f"messages[{at}].tool_call_id",
            )
    asked = read.reasoning.effort if read.reasoning else None
    if asked and read.reasoning_effort and asked != read.reasoning_effort:
        raise invalid(
            f"`reasoning_effort` is {read.reasoning_effort} but `reasoning.effort` is {asked}. Send one of them.",
            "reasoning_effort",
        )
    return read


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    fields = read_fields(body)
    chars, media, marked_s = _measure(told)
    opening, asking = openings.ends(told.messages or (MessageProbe(role="user", content=told.prompt),))
    for name in ("tools", "functions"):
        if name in fields:
            chars += len(bytes(fields[name]))
    return Ask(
        dialect=words.NAME,
        stream=bool(told.stream),
        include_usage=told.asks_for_usage,
        max_tokens=told.max_completion_tokens or told.max_tokens,
        n=told.n or 1,
        prompt_chars=chars,
        needs=_needs(told, fields),
        modalities=frozenset(media),
        images=media.get("image", 0),
        hides_reasoning=told.include_reasoning is False or bool(told.reasoning and told.reasoning.exclude),
        opening=opening,
        asking=asking,
        cache_key=told.prompt_cache_key,
        cache_ttl_s=openings.lasting_s(fields, marked_s),
        service_tier=told.service_tier,
        fields=fields,
        **for_gateway(told),
    )


def _measure(told: Body) -> tuple[int, dict[str, int], int]:
    """Return how many characters the model has to read, how much input of which kinds beside text there is.

    The third are the seconds for which its cache marks ask, 0 without any.
    """
    media: dict[str, int] = {}
    chars, marked_s = len(told.prompt or ""), openings.marked_s(told.tools) if told.tools else 0
    for message in told.messages or ():
        content = message.content
        if isinstance(content, str):
            chars += len(content)
        elif content is not None:
            for part in content:
                if part.cache_control:
                    marked_s = max(marked_s, openings.mark_s(part.cache_control))
                if part.text is not None:
                    chars += len(part.text)
                elif part.type in words.MODALITIES:
                    kind = words.MODALITIES[part.type]
                    media[kind] = media.get(kind, 0) + 1
        for call in message.tool_calls or ():
            if call.function is not None and isinstance(call.function.arguments, str):
                chars += len(call.function.arguments)
    return chars, media, marked_s


def _needs(told: Body, fields: dict[str, msgspec.Raw]) -> frozenset[str]:
    needs = {words.PARAMETERS[name] for name in fields if name in words.PARAMETERS and _is_asked(told, name)}
    if told.response_format is not None and told.response_format.type == "json_schema":
        needs.add("structured_outputs")
    return frozenset(needs)


def _is_asked(told: Body, name: str) -> bool:
    """Tell whether a field asks for something, rather than for what happens without it."""
    value = getattr(told, name)
    if isinstance(value, ReasoningProbe):
        return value.enabled is not False and value.effort != "none"
    return value is not None and value != [] and value not in _DEFAULTS.get(name, ())
