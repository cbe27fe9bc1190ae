"""Value axes: where the gridlines stand, and what is written at them."""

import math
from collections.abc import Iterable

import msgspec

from wideband.site.charts.figure import Unit
from wideband.site.figures import FORMATS

_STEPS = (1.0, 2.0, 5.0, 10.0)
# Counts have no gridline between two whole numbers.
_COUNTED: frozenset[Unit] = frozenset({"tokens", "whole"})


class Scale(msgspec.Struct, frozen=True):
    """A value axis from zero: its top, its gridlines from zero upwards, and what is written at each."""

    top: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, value: float) -> float:
        """Return how far up a value lies, from 0 to 1."""
        return min(max(value / self.top, 0.0), 1.0)


def scale(values: Iterable[float | None], unit: Unit, lines: int = 4) -> Scale:
    """Return an axis that holds every value, in steps of 1, 2 or 5."""
    most = max((value for value in values if value is not None and math.isfinite(value)), default=0.0)
    if unit == "percent" and 0.5 < most <= 1:
        return _scale(1.0, 0.25, unit)
    if most <= 0:
        most = _one(unit)
    step = _step(most / lines, 1.0 if unit in _COUNTED else 0.0)
    return _scale(math.ceil(most / step - 1e-9) * step, step, unit)


def _one(unit: Unit) -> float:
    return {"usd": 1e9, "ms": 100.0, "percent": 1.0}.get(unit, 1.0)


def _step(rough: float, least: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return max(next(step * size for step in _STEPS if step * size >= rough * 0.999), least)


def _scale(top: float, step: float, unit: Unit) -> Scale:
    ticks = tuple(step * number for number in range(round(top / step) + 1))
    # Counts in full would take half of a narrow chart.
    write = FORMATS["tokens" if unit == "whole" and top >= 10_000 else unit]
    return Scale(top, ticks, tuple(write(tick).replace(".0%", "%") for tick in ticks))
