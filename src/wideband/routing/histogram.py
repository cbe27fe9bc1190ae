"""Distributions that can be added up: counts by bins whose width grows with the value, so a point is within 5 %."""

import math
from collections.abc import Iterable
from typing import Annotated

import msgspec

BINS_AN_OCTAVE = 8

# What is counted lies between two to the minus and to the plus fiftieth, so its keys do between these.
_BOUND = 50 * BINS_AN_OCTAVE
Histogram = dict[Annotated[int, msgspec.Meta(ge=-_BOUND, le=_BOUND)], Annotated[int, msgspec.Meta(gt=0, lt=2**31)]]


def count(histogram: Histogram, value: float) -> None:
    """Count a value above zero."""
    key = math.floor(math.log2(value) * BINS_AN_OCTAVE)
    if not -_BOUND <= key <= _BOUND:
        key = _BOUND if key > 0 else -_BOUND
    histogram[key] = histogram.get(key, 0) + 1


def add(histogram: Histogram, other: Histogram) -> None:
    """Add the counts of another to a histogram."""
    for key, number in other.items():
        histogram[key] = histogram.get(key, 0) + number


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """Return the sum of histograms."""
    total: Histogram = {}
    for histogram in histograms:
        add(total, histogram)
    return total


def points(histogram: Histogram, shares: Iterable[int], *, falling: bool = False) -> list[float]:
    """Return the values within which so many percent lie, counted from the least or (falling) from the greatest.

    Each is the geometric middle of its bin. The histogram must not be empty.
    """
    keys = sorted(histogram, reverse=falling)
    size = sum(histogram.values())
    return [_point(histogram, keys, math.ceil(size * share / 100)) for share in shares]


def _point(histogram: Histogram, keys: list[int], rank: int) -> float:
    """Return the middle of the bin that holds the value of this rank, counted from 1."""
    for key in keys:
        rank -= histogram[key]
        if rank <= 0:
            return float(2 ** ((key + 0.5) / BINS_AN_OCTAVE))
    raise AssertionError("a rank lies within its histogram")
