"""How much a Gemini model is asked to think: by a level from Gemini 3 on, by a budget of tokens before."""

import re
from typing import Any

from wideband.canon.request import Effort, Loss, ReasoningAsk, Request
from wideband.dialects import budgets
from wideband.dialects.base import Target
from wideband.dialects.gemini_generate import words
from wideband.dialects.noting import note

# A model with this quirk is told a level, whatever its name says.
LEVELS = "thinking_level"
_GENERATION = re.compile(r"gemini-(\d+)")
_FIRST_WITH_LEVELS = 3

# Every Flash has the four levels, of the others not all.
_LEVELS: dict[Effort, str] = {
    "none": "minimal",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
# The budgets that models take, by a word in their names; the least of the last is zero, which turns thinking off.
_RANGES: tuple[tuple[str, int, int], ...] = (("lite", 512, 24_576), ("pro", 128, 32_768), ("", 1, 24_576))
_AS_IT_SEES_FIT = -1
_DEFAULT_MAX_TOKENS = 65_536


def takes_levels(target: Target) -> bool:
    """Say whether the model is told a level; it is also one that wants its seals back."""
    found = _GENERATION.search(target.model)
    return LEVELS in target.quirks or (found is not None and int(found[1]) >= _FIRST_WITH_LEVELS)


def thinking_config(request: Request, target: Target, max_tokens: int | None, losses: list[Loss]) -> Any:
    """Return `thinkingConfig`, or None when nothing was asked or nothing can be."""
    ask = request.reasoning
    if ask is None:
        return None
    if target.supported_parameters is not None and "reasoning" not in target.supported_parameters:
        if not ask.is_off:
            note(losses, "reasoning", "the endpoint does not think")
        return None
    # To others, thoughts go without saying; a caller of this protocol has to ask for them.
    hides = ask.exclude or ask.display == "omitted" or (request.dialect == words.NAME and ask.display is None)
    shown = {} if hides or ask.is_off else {"includeThoughts": True}
    if takes_levels(target):
        return (shown | _level(ask, target, losses)) or None
    return (shown | _budget(ask, target, max_tokens, losses)) or None


def _level(ask: ReasoningAsk, target: Target, losses: list[Loss]) -> dict[str, Any]:
    """Ask for a level, or for a budget, which is still taken in its place; nothing turns thinking off."""
    if ask.max_tokens is not None and not ask.is_off:
        return {"thinkingBudget": ask.max_tokens}
    effort: Effort | None = "none" if ask.is_off else ask.effort
    if effort is None:
        return {}
    level = _LEVELS[effort]
    if level == "minimal" and "flash" not in target.model:
        level = "low"
    if level != effort:
        note(losses, "reasoning_effort", f"{effort} asked, {level} given")
    return {"thinkingLevel": level}


def _budget(ask: ReasoningAsk, target: Target, max_tokens: int | None, losses: list[Loss]) -> dict[str, Any]:
    word, least, most = next(row for row in _RANGES if row[0] in target.model)
    if ask.is_off:
        if word != "pro":
            return {"thinkingBudget": 0}
        note(losses, "reasoning_budget", f"the model thinks with {least} tokens at least")
        return {"thinkingBudget": least}
    if ask.max_tokens is None and ask.effort is None:
        return {"thinkingBudget": _AS_IT_SEES_FIT}
    room = max_tokens or target.max_output or _DEFAULT_MAX_TOKENS
    wanted = ask.max_tokens or budgets.within(int(room * budgets.SHARES[ask.effort or "medium"]))
    # The answer's limit counts the thoughts too: some of it has to be left.
    budget = max(min(wanted, most, room - 1), least)
    if ask.max_tokens is not None and budget != ask.max_tokens:
        note(losses, "reasoning_budget", f"{ask.max_tokens} changed to {budget}")
    return {"thinkingBudget": budget}
