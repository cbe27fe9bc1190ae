"""How many tokens an effort may think with, for upstreams that are told a budget: OpenRouter's table."""

from wideband.canon.request import Effort, ReasoningAsk

# The share of the answer's length that each effort may spend on thinking.
SHARES: dict[Effort, float] = {
    "none": 0.0,
    "minimal": 0.1,
    "low": 0.2,
    "medium": 0.5,
    "high": 0.8,
    "xhigh": 0.95,
    "max": 0.95,
}
LEAST, MOST = 1024, 128_000


def within(budget: int) -> int:
    """Move a budget into the range that upstreams take."""
    return max(min(budget, MOST), LEAST)


def effort_of(ask: ReasoningAsk, max_tokens: int | None) -> Effort | None:
    """Return the effort asked for, or the one nearest to a budget; None where only the model knows."""
    if ask.effort is not None:
        return ask.effort
    if ask.enabled is False:
        return "none"
    if ask.max_tokens is not None:
        share = ask.max_tokens / max(max_tokens or 4 * ask.max_tokens, 1)
        return next((effort for effort in _STEPS if share <= SHARES[effort]), "high")
    return "medium" if ask.enabled else None


_STEPS: tuple[Effort, ...] = ("low", "medium")
