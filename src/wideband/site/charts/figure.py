"""What every chart takes and gives."""

from typing import Literal

import msgspec
from markupsafe import Markup

from wideband.analytics.periods import Width

# A key of `site.figures.FORMATS`.
Unit = Literal["tokens", "usd", "ms", "percent", "speed", "whole"]


class Series(msgspec.Struct, frozen=True):
    """A named row of values, one for each bar of the axis; None where nothing is known.

    `style` is the class that colours it where the colour says something (ok, warn, bad, muted).
    """

    name: str
    values: tuple[float | None, ...]
    href: str | None = None
    style: str | None = None


class Axis(msgspec.Struct, frozen=True):
    """Time, left to right: where each bar starts (unix seconds, UTC), how wide it is, and where the last one ends."""

    starts: tuple[int, ...]
    width: Width
    end_s: int


class Mark(msgspec.Struct, frozen=True):
    """A line of a legend: the class that colours it, its name, its figure as written, and where it leads."""

    style: str
    name: str
    value: str
    href: str | None = None


class Figure(msgspec.Struct, frozen=True):
    """A chart and the table that says the same. `parts.html` writes it (`figure(...)`).

    `zooms` says that a span of its time axis can be picked: the SVG then has `data-starts` and `data-end`.
    """

    title: str
    svg: Markup
    marks: tuple[Mark, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    zooms: bool = False
    note: str | None = None
    # What the legend's figures are, where it is not the sum.
    says: str | None = None
