"""A caller's body, checked and measured without being decoded: one typed pass that tells every wrong field by name."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Effort
from wideband.dialects import openings
from wideband.dialects.base import Ask
from wideband.dialects.bodies import (
    REMEDIES,
    Addressed,
    Heat,
    Natural,
    Penalty,
    Positive,
    Unit,
    for_gateway,
    need_model,
    read_fields,
    read_typed,
)
from wideband.dialects.openai_responses import words
from wideband.wire import jsons

_Options = dict[str, Any] | None
_NOTHING = msgspec.Raw(b"")


class PartProbe(msgspec.Struct, gc=False):
    """Of a content part, its kind and the text that counts."""

    type: str | None = None
    text: str | None = None
    cache_control: msgspec.Raw = _NOTHING


class ItemProbe(msgspec.Struct, gc=False):
    """Of an input item, what routing and estimates need. A message may leave out its `type`."""

    type: str | None = None
    role: str | None = None
    content: str | list[PartProbe] | None = None
    summary: list[PartProbe] | None = None
    name: str | None = None
    call_id: str | None = None
    arguments: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING
    output: msgspec.Raw = _NOTHING
    tools: msgspec.Raw = _NOTHING


class ToolProbe(msgspec.Struct, gc=False):
    """A tool: a function, free text, a namespace of both, or something that only the provider knows."""

    type: str
    name: str | None = None
    cache_control: msgspec.Raw = _NOTHING


class FormatProbe(msgspec.Struct, gc=False):
    """`text.format`."""

    type: str
    name: str | None = None
    schema: dict[str, msgspec.Raw] | None = None
    strict: bool | None = None
    description: str | None = None


class TextProbe(msgspec.Struct, gc=False):
    """`text`: the answer's form and how wordy it is."""

    format: FormatProbe | None = None
    verbosity: str | None = None


class ReasoningProbe(msgspec.Struct, gc=False):
    """`reasoning`, OpenAI's object with what OpenRouter adds."""

    effort: Effort | None = None
    summary: str | None = None
    max_tokens: Positive = None
    enabled: bool | None = None
    exclude: bool | None = None


class Body(Addressed, gc=False):
    """The fields of a request whose types matter here; null stands for not sent, and unknown fields are let through."""

    input: str | list[ItemProbe] | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Positive = None
    temperature: Heat = None
    top_p: Unit = None
    top_k: Natural = None
    stop: str | list[str] | None = None
    frequency_penalty: Penalty = None
    presence_penalty: Penalty = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    tools: list[ToolProbe] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextProbe | None = None
    reasoning: ReasoningProbe | None = None
    include: list[str] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    metadata: _Options = None
    prompt_cache_key: str | None = None
    store: bool | None = None
    background: bool | None = None
    conversation: Any = None
    previous_response_id: Any = None
    prompt: Any = None


# What to do about a field that was refused, by its top-level name.
_REMEDIES: Final[dict[str, str]] = {
    **REMEDIES,
    "background": "Send false, or leave it out.",
    "include": "Send a list of strings.",
    "input": "Send a string, or a list of items such as messages with a `role` and `content`.",
    "instructions": "Send a string.",
    "max_output_tokens": "Send a whole number above 0, or leave it out.",
    "model": 'Send the id of a model, such as "openai/gpt-5", as a string.',
    "reasoning": 'Send an object such as {"effort": "medium"}; efforts go from none, minimal, low to high, xhigh, max.',
    "stop": "Send a string or a list of strings.",
    "store": "Send false, or leave it out.",
    "text": 'Send an object such as {"format": {"type": "json_object"}}.',
    "tool_choice": 'Send "auto", "none", "required" or {"type": "function", "name": ...}.',
    "tools": 'Send a list of {"type": "function", "name": ..., "parameters": ...}.',
}

# What asks for an answer, or for a part of the question, that would have to be stored here.
_STORED: Final[dict[str, str]] = {
    "background": "Nothing is answered in the background: this server keeps no answers. Send `stream: true` instead.",
    "conversation": "No conversations are stored here. Send the whole conversation as `input`.",
    "previous_response_id": "No answers are stored here. Send the whole conversation, answers included, as `input`.",
    "prompt": "No prompts are stored here. Send the prompt's text as `instructions` and `input`.",
}
_REFERENCE: Final = (
    "`input[{}]` refers to an item by its id, but nothing is stored here. Send the item itself; clients that refer"
    " to items by default send them whole with `store: false`."
)
_ROLES: Final = frozenset({"assistant", "developer", "system", "user"})
_CALLS: Final = frozenset({words.FUNCTION_CALL, words.CUSTOM_CALL})
_PAIRED: Final = _CALLS | {words.FUNCTION_OUTPUT, words.CUSTOM_OUTPUT}

# What a field may say without asking for anything.
_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "parallel_tool_calls": (True,),
    "tool_choice": ("auto", "none"),
    "top_logprobs": (0,),
}

_read_body = jsons.Reader(Body)
_read_parts = jsons.Reader(list[PartProbe])
# Fields whose value may be shown in a fault: never those that hold a caller's words.
_SHOWN: Final = frozenset(_REMEDIES) - {"input", "instructions", "tools", "provider"}


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_typed(body, _read_body, _REMEDIES, _SHOWN)
    for name, remedy in _STORED.items():
        if getattr(told, name):
            raise invalid(f"`{name}` cannot be served. {remedy}", name)
    if told.input is None or told.input == []:
        raise invalid(f"`input` is missing or empty. {_REMEDIES['input']}", "input")
    need_model(told, _REMEDIES)
    for at, item in enumerate(told.input if isinstance(told.input, list) else ()):
        _check_item(item, at)
    for at, tool in enumerate(told.tools or ()):
        if tool.type in words.NAMED_TOOLS and not tool.name:
            path = f"tools[{at}].name"
            raise invalid(f"`{path}` is missing. Here a tool's name stands beside its `type`.", path)
    return told


def _check_item(item: ItemProbe, at: int) -> None:
    kind = item.type or (words.MESSAGE if item.role is not None else None)
    if kind is None:
        raise invalid(f"`input[{at}]` has neither a `type` nor a `role`. Send one of them.", f"input[{at}]")
    if kind == words.REFERENCE:
        raise invalid(_REFERENCE.format(at), f"input[{at}]")
    if kind == words.MESSAGE and item.role not in _ROLES:
        path = f"input[{at}].role"
        raise invalid(f"`{path}` is none of user, assistant, system and developer.", path)
    if kind in _CALLS and not item.name:
        raise invalid(f"`input[{at}].name` is missing. Name the tool that was called.", f"input[{at}].name")
    if kind in _PAIRED and not item.call_id:
        path = f"input[{at}].call_id"
        raise invalid(f"`{path}` is missing. A call and its output share a `call_id`.", path)


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    fields = read_fields(body)
    chars, media, marked_s = _measure(told)
    turns = told.input if isinstance(told.input, list) else (ItemProbe(role="user", content=told.input),)
    opening, asking = openings.ends(turns, told.instructions)
    return Ask(
        dialect=words.NAME,
        stream=bool(told.stream),
        include_usage=True,
        max_tokens=told.max_output_tokens,
        prompt_chars=chars + len(fields.get("tools", _NOTHING)),
        needs=_needs(told),
        modalities=frozenset(media),
        images=media["image"],
        hides_reasoning=bool(told.reasoning and told.reasoning.exclude),
        opening=opening,
        asking=asking,
        cache_key=told.prompt_cache_key,
        cache_ttl_s=openings.lasting_s(fields, marked_s),
        service_tier=told.service_tier,
        fields=fields,
        **for_gateway(told) | {"user": told.user or told.safety_identifier},
    )


def _measure(told: Body) -> tuple[int, Counter[str], int]:
    """Return how many characters the model has to read, how much input of which kinds beside text there is.

    The third are the seconds for which its cache marks ask, 0 without any.
    """
    chars, media = len(told.instructions or ""), Counter[str]()
    marked_s = openings.marked_s(told.tools) if told.tools else 0
    if isinstance(told.input, str):
        return chars + len(told.input), media, marked_s
    for item in told.input or ():
        chars += len(item.arguments) + len(item.input) + len(item.tools)
        for part in _parts(item):
            if part.cache_control:
                marked_s = max(marked_s, openings.mark_s(part.cache_control))
            if part.text is not None:
                chars += len(part.text)
            elif part.type in words.MODALITIES:
                media[words.MODALITIES[part.type]] += 1
    return chars, media, marked_s


def _parts(item: ItemProbe) -> Iterator[PartProbe]:
    """Give all the parts of an item: content, summary and output; a plain string is a part of text."""
    if isinstance(item.content, str):
        yield PartProbe(text=item.content)
    else:
        yield from item.content or ()
    yield from item.summary or ()
    output = bytes(item.output)
    if output.startswith(b"["):
        try:
            yield from _read_parts(output)
        except jsons.DecodeError:
            # The output of a tool that only this protocol knows.
            yield PartProbe(text=" " * len(output))
    elif output:
        yield PartProbe(text=output.decode("utf-8", "replace"))


def _needs(told: Body) -> frozenset[str]:
    needs = {parameter for name, parameter in words.PARAMETERS.items() if _is_asked(told, name)}
    if told.text is not None and told.text.format is not None and told.text.format.type == "json_schema":
        needs.add("structured_outputs")
    if told.text is not None and told.text.verbosity is not None:
        needs.add("verbosity")
    if any(item.type == words.MORE_TOOLS for item in (told.input if isinstance(told.input, list) else ())):
        needs.add("tools")
    if words.LOGPROBS in (told.include or ()):
        needs.add("logprobs")
    return frozenset(needs)


def _is_asked(told: Body, name: str) -> bool:
    """Tell whether a field asks for something, rather than for what happens without it."""
    value = getattr(told, name)
    if isinstance(value, ReasoningProbe):
        return value.enabled is not False and value.effort != "none"
    if isinstance(value, TextProbe):
        return value.format is not None and value.format.type != "text"
    if name == "tools":
        # What a provider runs itself is left out for others: it takes no endpoint that knows tools.
        return any(tool.type in words.NAMED_TOOLS for tool in value or ())
    return value is not None and value != [] and value not in _DEFAULTS.get(name, ())
