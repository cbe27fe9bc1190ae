"""How many tokens an effort may think with, for upstreams that are told a budget: OpenRouter's table."""

from wideband.canon.request import Effort

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
