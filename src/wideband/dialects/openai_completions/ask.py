"""A caller's body, checked and measured without being decoded."""

from typing import Annotated, Any, Final

import msgspec

from wideband.canon.request import Effort
from wideband.dialects.base import OPENING_CHARS, Ask
from wideband.dialects.bodies import (
    Heat,
    Natural,
    Penalty,
    Positive,
    Streamed,
    Unit,
    chars_of,
    for_gateway,
    need_texts,
    one_by_one,
    read_body,
    read_fields,
)
from wideband.dialects.openai_completions import words
from wideband.wire import jsons

_Count = Annotated[int, msgspec.Meta(ge=1, le=128)] | None


class Reasoning(msgspec.Struct, gc=False):
    """`reasoning`, OpenRouter's object."""

    effort: Effort | None = None
    max_tokens: Positive = None
    enabled: bool | None = None
    exclude: bool | None = None


class Body(Streamed, gc=False):
    """The fields of a request whose types matter here."""

    prompt: str | list[str | int | list[int]] | None = None
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
    "suffix": "Send what is to follow the answer as a string.",
}

_read = jsons.Reader(Body)


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_body(body, _read, REMEDIES)
    need_texts(told.prompt, "prompt", REMEDIES)
    return told


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    prompts = one_by_one(told.prompt)
    # Drafts that are thrown away are charged too.
    answers = told.n or 1 if told.stream else max(told.n or 1, told.best_of or 1)
    asking = prompts[0][:OPENING_CHARS] if isinstance(prompts[0], str) else ""
    return Ask(
        dialect=words.NAME,
        stream=bool(told.stream),
        include_usage=told.asks_for_usage,
        max_tokens=told.max_tokens,
        n=answers * len(prompts),
        prompt_chars=sum(map(chars_of, prompts)),
        needs=frozenset(words.PARAMETERS[name] for name in words.PARAMETERS if getattr(told, name) is not None),
        # Conversations are one at a time, and of words.
        untranslatable=len(prompts) > 1 or not isinstance(prompts[0], str),
        hides_reasoning=told.include_reasoning is False or bool(told.reasoning and told.reasoning.exclude),
        opening=f"\n{asking}",
        asking=asking,
        fields=read_fields(body),
        **for_gateway(told),
    )
