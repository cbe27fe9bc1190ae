"""Percentiles from the cubes' histograms, which are read as rows: of what, bucket, count."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from wideband.routing.histogram import points

K = TypeVar("K")


def gathered(rows: Iterable[tuple[K, int | None, int | None]]) -> dict[K, dict[int, int]]:
    """Add rows of (of what, bucket, count) up: one histogram for each thing; empty buckets are left out."""
    found: dict[K, dict[int, int]] = {}
    for what, bucket, count in rows:
        histogram = found.setdefault(what, {})
        if bucket is not None and count:
            histogram[bucket] = histogram.get(bucket, 0) + count
    return found


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Add histograms up."""
    return gathered((None, *entry) for histogram in histograms for entry in histogram.items()).get(None, {})


def percentile(histogram: Mapping[int, int], percent: int) -> float | None:
    """Return the value that so many percent do not exceed, within 5 % of it; None of nothing."""
    return percentiles(histogram, (percent,))[0]


def percentiles(histogram: Mapping[int, int], percents: Iterable[int]) -> tuple[float | None, ...]:
    """Return several values at once, in the order that is asked for."""
    wanted = tuple(percents)
    return tuple(points(dict(histogram), wanted)) if histogram else (None,) * len(wanted)
