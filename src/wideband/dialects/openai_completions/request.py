"""A caller's request, read in full into canonical values: the prompt becomes the one message of a user."""

from typing import Any, Final

from wideband.canon.faults import invalid
from wideband.canon.request import Json, Message, ReasoningAsk, Request, Sampling, Text
from wideband.dialects.bodies import GATEWAY_FIELDS, one_by_one
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.ask import Body, check
from wideband.wire import jsons

# Top-level fields that have a place in `Request`, and those that the answer's side sees to (see `encoder`).
_KNOWN: Final = frozenset(
    {
        *words.PARAMETERS,
        "best_of",
        "echo",
        "metadata",
        "model",
        "n",
        "prompt",
        "stream",
        "stream_options",
        "suffix",
        "user",
    }
)


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: dict[str, Json] = jsons.decode(body)
    stop = told.stop or ()
    return Request(
        dialect=words.NAME,
        model=told.model or (told.models or [""])[0],
        messages=(Message(role="user", parts=(Text(text=_only_text(told)),)),),
        max_tokens=told.max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        n=told.n or 1,
        stream=bool(told.stream),
        sampling=Sampling(**_knobs(told)),
        reasoning=_reasoning(told),
        user=told.user,
        metadata=told.metadata,
        extras={
            name: value for name, value in fields.items() if name not in _KNOWN | GATEWAY_FIELDS and value is not None
        },
    )


def _only_text(told: Body) -> str:
    prompts = one_by_one(told.prompt)
    if len(prompts) > 1:
        raise invalid(
            f"`prompt` holds {len(prompts)} prompts, and this model's provider answers conversations, one at a time. "
            "Send each prompt in a request of its own.",
            "prompt",
        )
    (prompt,) = prompts
    if not isinstance(prompt, str):
        raise invalid("`prompt` holds token ids, and this model's provider takes texts only. Send a string.", "prompt")
    return prompt


def _knobs(told: Body) -> dict[str, Any]:
    knobs = {name: getattr(told, name) for name in words.SAMPLING}
    if told.logprobs is not None and told.logprobs is not False:
        knobs |= {"logprobs": True, "top_logprobs": None if told.logprobs is True else told.logprobs or None}
    return knobs


def _reasoning(told: Body) -> ReasoningAsk | None:
    asked = told.reasoning
    if asked is None:
        return None if told.include_reasoning is None else ReasoningAsk(exclude=told.include_reasoning is False)
    return ReasoningAsk(
        enabled=asked.enabled,
        effort=asked.effort,
        max_tokens=asked.max_tokens,
        exclude=bool(asked.exclude) or told.include_reasoning is False,
    )
