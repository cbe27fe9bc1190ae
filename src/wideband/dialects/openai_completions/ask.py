"""A caller's body, checked and measured without being decoded."""

from typing import Annotated, Any, Final

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import Effort
from wideband.dialects.base import OPENING_CHARS, Ask
from wideband.dialects.bodies import (
    Addressed,
    Heat,
    Natural,
    Penalty,
    Positive,
    Unit,
    for_gateway,
    missing,
    read_body,
    read_fields,
)
from wideband.dialects.openai_completions import words
from wideband.wire import jsons

_Count = Annotated[int, msgspec.Meta(ge=1, le=128)] | None

# What a token id is worth in characters, for estimates.
_CHARS_A_TOKEN: Final = 4


class Usage(msgspec.Struct, gc=False):
    """`stream_options` (`include_usage`) and `usage` (`include`)."""

    include_usage: bool | None = None
    include: bool | None = None


class Reasoning(msgspec.Struct, gc=False):
    """`reasoning`, OpenRouter's object."""

    effort: Effort | None = None
    max_tokens: Positive = None
    enabled: bool | None = None
    exclude: bool | None = None


class Body(Addressed, gc=False):
    """The fields of a request whose types matter here."""

    prompt: str | list[str | int | list[int]] | None = None
    stream: bool | None = None
    stream_options: Usage | None = None
    usage: Usage | None = None
    max_tokens: Positive = None
    n: _Count = None
    best_of: _Count = None
    echo: bool | None = None
    suffix: str | None = None
    stop: str | list[str] | None = None
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
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | bool | None = None
    reasoning: Reasoning | None = None
    include_reasoning: bool | None = None
    metadata: dict[str, Any] | None = None


REMEDIES: Final[dict[str, str]] = {
    "best_of": "Send a whole number from 1 to 128, not below `n`.",
    "echo": "Send true or false.",
    "logit_bias": "Send an object of token ids and numbers from -100 to 100.",
    "logprobs": "Send a whole number from 0 to 20.",
    "max_tokens": "Send a whole number above 0, or leave it out.",
    "n": "Send a whole number from 1 to 128.",
    "prompt": "Send a string, a list of strings, token ids, or a list of lists of them.",
    "stop": "Send a string or a list of strings.",
    "stream": "Send true or false.",
    "suffix": "Send what is to follow the answer as a string.",
    "temperature": "Send a number from 0 to 2.",
    "top_p": "Send a number from 0 to 1.",
}

_read = jsons.Reader(Body)


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_body(body, _read, REMEDIES)
    if told.prompt is None or told.prompt == []:
        raise missing("prompt", REMEDIES)
    if isinstance(told.prompt, list) and len({type(each) for each in told.prompt}) > 1:
        raise invalid(f"`prompt` mixes texts and token ids. {REMEDIES['prompt']}", "prompt")
    return told


def prompts_of(told: Body) -> list[str | list[int]]:
    """Return the prompts one by one: a list of numbers is one."""
    given = told.prompt
    if isinstance(given, list):
        tokens = [each for each in given if isinstance(each, int)]
        return [tokens] if tokens else [each for each in given if not isinstance(each, int)]
    return [] if given is None else [given]


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    prompts = prompts_of(told)
    options, usage = told.stream_options, told.usage
    # Drafts that are thrown away are charged too.
    answers = told.n or 1 if told.stream else max(told.n or 1, told.best_of or 1)
    asking = prompts[0][:OPENING_CHARS] if isinstance(prompts[0], str) else ""
    return Ask(
        dialect=words.NAME,
        stream=bool(told.stream),
        include_usage=bool((options and options.include_usage) or (usage and usage.include)),
        max_tokens=told.max_tokens,
        n=answers * len(prompts),
        prompt_chars=sum(len(each) if isinstance(each, str) else len(each) * _CHARS_A_TOKEN for each in prompts),
        needs=frozenset(words.PARAMETERS[name] for name in words.PARAMETERS if getattr(told, name) is not None),
        # Conversations are one at a time, and of words.
        untranslatable=len(prompts) > 1 or not isinstance(prompts[0], str),
        hides_reasoning=told.include_reasoning is False or bool(told.reasoning and told.reasoning.exclude),
        opening=f"\n{asking}",
        asking=asking,
        fields=read_fields(body),
        **for_gateway(told),
    )
