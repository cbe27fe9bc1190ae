"""How much thinking is asked for, in the words of whoever is asked."""

from collections.abc import Callable
from typing import Final

from wideband.canon.request import Json, ReasoningAsk
from wideband.dialects import budgets
from wideband.dialects.base import Target

Fields = dict[str, Json]


def _as_effort(ask: ReasoningAsk, max_tokens: int | None) -> Fields:
    effort = budgets.effort_of(ask, max_tokens)
    # "max" is OpenRouter's and Anthropic's word; "xhigh" is as far as OpenAI's go.
    return {} if effort is None else {"reasoning_effort": "xhigh" if effort == "max" else effort}


def reasoning_object(ask: ReasoningAsk) -> Json:
    """Return OpenRouter's `reasoning` object: the widest way to say it."""
    told: Fields = {
        "enabled": ask.enabled if ask.effort is None and ask.max_tokens is None else None,
        "effort": ask.effort if ask.max_tokens is None else None,
        "max_tokens": ask.max_tokens,
        "exclude": ask.exclude or None,
        "summary": ask.summary,
    }
    if ask.adaptive and ask.effort is None and ask.max_tokens is None:
        told["enabled"] = True
    return {name: value for name, value in told.items() if value is not None}


def _as_switch_and_budget(ask: ReasoningAsk, max_tokens: int | None) -> Fields:
    if ask.is_off:
        return {"enable_thinking": False}
    fields: Fields = {"enable_thinking": True}
    if ask.max_tokens is not None:
        fields["thinking_budget"] = ask.max_tokens
    elif ask.effort is not None and max_tokens is not None:
        budget = budgets.within(int(max_tokens * budgets.SHARES[ask.effort]))
        fields |= {"thinking_budget": budget} if budget < max_tokens else {}
    return fields


def _as_toggle(ask: ReasoningAsk, max_tokens: int | None) -> Fields:
    del max_tokens
    return {"thinking": {"type": "disabled" if ask.is_off else "enabled"}}


# Quirk -> how an upstream with it is asked to think; without any of them it is by OpenAI's `reasoning_effort`.
_SPELLINGS: Final[dict[str, Callable[[ReasoningAsk, int | None], Fields]]] = {
    "enable_thinking": _as_switch_and_budget,
    "thinking_toggle": _as_toggle,
}


def goes_without_saying(ask: ReasoningAsk, target: Target) -> bool:
    """Tell whether thinking as the model sees fit is asked of an endpoint that has no word for it."""
    open_ended = ask.adaptive and ask.effort is None and ask.max_tokens is None
    return open_ended and not target.quirks & {"openrouter", *_SPELLINGS}


def encode_reasoning_ask(ask: ReasoningAsk, target: Target, max_tokens: int | None) -> Fields:
    """Return the top-level fields that ask an endpoint to think so much.

    Not to think is what a model that cannot does anyway, and it may refuse to be told: only those that are known to
    reason are.
    """
    if ask.enabled is False and ask.effort is None and not target.quirks & _SPELLINGS.keys():
        return {"reasoning_effort": "none"} if "reasoning" in (target.supported_parameters or ()) else {}
    spell = next((_SPELLINGS[name] for name in _SPELLINGS if name in target.quirks), _as_effort)
    return spell(ask, max_tokens)
