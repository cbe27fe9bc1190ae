"""How the market shares its traffic out: from costs and times to shares, from shares and a seed to an order."""

from collections.abc import Collection, Sequence
from math import log

from wideband.routing.policy import Weights

# Beside a dearest endpoint more than ten times dearer, the median says what is usual; but where most cost nothing it is
# zero, and what the others cost must still count.
_DEAREST = 0.1
# An endpoint that costs nothing and takes no time is a hundred medians better than the others, and not endlessly.
_LEAST = 0.01
_SMALLEST_EXPLORE = 1e-9
# Under inverse squares, what is free draws like what costs a millionth of the dearest.
_FREE = 1e-6

_MASK = 0xFFFF_FFFF
_UNIT = 2.0**-32


def usual(amounts: Sequence[float]) -> float:
    """Return what amounts are compared with: their median, or a tenth of the largest if that is more; 0 if all are."""
    ordered = sorted(amounts)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return max(median, ordered[-1] * _DEAREST)


def time_terms(totals: Sequence[float], weights: Weights) -> list[float]:
    """Return what whole times (seconds) add to the adjusted costs, in usual costs."""
    a_time = usual(totals) or 1.0
    return [total / a_time * weights.time + _LEAST for total in totals]


def adjusted_costs(costs: Sequence[float], times: Sequence[float], penalties: Sequence[float]) -> list[float]:
    """Return costs in usual costs, with the time terms, made dearer by the penalties; they are never 0.

    No unit of money or time changes them, and none falls against another's when its own cost or penalty grows.
    """
    a_cost = usual(costs)
    if not a_cost:
        return [time * penalty for time, penalty in zip(times, penalties, strict=True)]
    return [(cost / a_cost + time) * penalty for cost, time, penalty in zip(costs, times, penalties, strict=True)]


def market_shares(adjusted: Sequence[float], weights: Weights, aside: Collection[int] = ()) -> list[float]:
    """Return each endpoint's share of the traffic; they add up to 1 and none is 0.

    Those `aside` get their part of what explores and nothing more, unless all are.
    """
    count, edge = len(adjusted), weights.edge
    if aside and len(aside) < count:
        low = min([cost for at, cost in enumerate(adjusted) if at not in aside])
        pulls = [0.0 if at in aside else (low / cost) ** edge for at, cost in enumerate(adjusted)]
    else:
        low = min(adjusted)
        pulls = [(low / cost) ** edge for cost in adjusted]
    explore = max(weights.explore, _SMALLEST_EXPLORE)
    scale, least = (1.0 - explore) / sum(pulls), explore / count
    return [pull * scale + least for pull in pulls]


def inverse_square_shares(prices: Sequence[float], broken: Collection[int] = ()) -> list[float]:
    """Return shares that fall with the square of the price, as OpenRouter documented them until autumn 2026.

    Those with an outage (`broken`) get none, unless all have one; they add up to 1.
    """
    if len(broken) == len(prices):
        broken = ()
    dearest = max([price for at, price in enumerate(prices) if at not in broken]) or 1.0
    least = dearest * _FREE
    pulls = [0.0 if at in broken else (dearest / max(price, least)) ** 2 for at, price in enumerate(prices)]
    total = sum(pulls)
    return [pull / total for pull in pulls]


def drawn(shares: Sequence[float], seed: int) -> list[int]:
    """Return the places in an order drawn by share without putting back: who is next is drawn from those that remain.

    Each waits a time that is exponential in its share, and the shortest wait comes first. Shares of 0 come last.
    """
    number = ((seed ^ seed >> 32) * 0x9E3779B1 ^ seed >> 13) & _MASK
    number = (number ^ number >> 16) * 0x85EBCA6B & _MASK
    waits = [
        log(((number := number * 0x2C9277B5 + 0xAC564B05 & _MASK) + 0.5) * _UNIT) / (share or 1e-300)
        for share in shares
    ]
    return sorted(range(len(shares)), key=waits.__getitem__, reverse=True)
