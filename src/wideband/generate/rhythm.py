"""When requests come: how many each day, and in which quarters of an hour, for people of three regions."""

import math
import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

MONTHLY_GROWTH = 0.12
NOISE = 0.05
# Monday first: what a day is to a Tuesday.
WEEK: dict[str, tuple[float, ...]] = {
    "work": (0.97, 1.0, 1.0, 0.98, 0.9, 0.5, 0.46),
    "leisure": (0.95, 0.95, 0.96, 0.98, 1.06, 1.22, 1.2),
    "machine": (1.0, 1.0, 1.0, 1.0, 1.0, 0.92, 0.9),
}
# A whole exchange's days: mostly working people, and machines.
_ALL_WEEK = (0.98, 1.0, 1.0, 0.985, 0.945, 0.72, 0.69)
# Hour of the local day -> weight.
_HOURS: dict[str, tuple[float, ...]] = {
    "work": (8, 5, 4, 3, 4, 8, 18, 38, 70, 92, 100, 96, 82, 90, 98, 97, 90, 74, 56, 48, 44, 38, 28, 16),
    "leisure": (46, 30, 20, 13, 10, 10, 14, 20, 26, 30, 34, 38, 42, 42, 42, 44, 48, 54, 64, 78, 94, 100, 92, 70),
    "machine": (80, 100, 98, 86, 80, 78, 80, 84, 88, 92, 94, 94, 92, 92, 92, 92, 90, 88, 86, 84, 82, 82, 80, 80),
}
# Share of people, and hours ahead of UTC.
REGIONS: tuple[tuple[float, int], ...] = ((0.46, -6), (0.24, 1), (0.30, 8))
QUARTERS = 96

Rhythm = Literal["work", "leisure", "machine"]


def spread_days(records: int, first: date, days: int, last_share: float, seed: int) -> list[int]:
    """Return how many records each day has: growing, weekly, a little uneven; together exactly `records`.

    `last_share` is how much of the last day is over.
    """
    draw = random.Random(f"days {seed}")
    weights = []
    for day in range(days):
        weekday = (first + timedelta(days=day)).weekday()
        growth = (1 + MONTHLY_GROWTH) ** (day / 30.4)
        weights.append(growth * _ALL_WEEK[weekday] * math.exp(draw.gauss(0, NOISE)))
    weights[-1] *= last_share
    return _rounded(weights, records)


def _rounded(weights: Sequence[float], total: int) -> list[int]:
    """Return whole numbers in proportion to weights that add up to a total: the largest remainders are rounded up."""
    whole = sum(weights)
    exact = [weight * total / whole for weight in weights]
    counts = [int(each) for each in exact]
    missing = total - sum(counts)
    for at in sorted(range(len(exact)), key=lambda at: counts[at] - exact[at])[:missing]:
        counts[at] += 1
    return counts


def quarters(rhythm: str, ahead_h: int) -> list[float]:
    """Return the weight of each quarter of the UTC day for people so many hours ahead of it."""
    hours = _HOURS[rhythm]
    found = []
    for quarter in range(QUARTERS):
        hour, part = divmod(quarter / 4 + ahead_h, 1.0)
        here, after = hours[int(hour) % 24], hours[int(hour + 1) % 24]
        found.append(here + (after - here) * part)
    return found


def day_over(cap_s: float) -> float:
    """Return which share of a day's requests has come when so many of its seconds are over."""
    weights = [
        sum(share * quarters("work", ahead)[at] for share, ahead in REGIONS) + quarters("machine", 0)[at]
        for at in range(QUARTERS)
    ]
    full = cap_s / 900
    done = sum(weights[: int(full)]) + (weights[int(full)] * (full % 1) if full < QUARTERS else 0.0)
    return done / sum(weights)
