"""Uptime as cells: one for each hour or day, coloured by the share that was served."""

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import Markup

from wideband.analytics.periods import Width
from wideband.site.charts import plot, times
from wideband.site.charts.figure import Axis, Figure, Mark
from wideband.site.figures import percent

OK, WARN = 0.995, 0.95
_NAMES = {"ok": "99.5% or more", "warn": "95% or more", "bad": "less", "none": "no requests"}
# Worse cells are also taller, for those who cannot tell the colours apart.
_TALL = {"none": 20, "ok": 22, "warn": 25, "bad": 28}


def uptime_cells(title: str, axis: Axis, shares: Sequence[float | None]) -> Figure:
    """Return a cell for each bar of the axis, with times below; None is a time without requests."""
    if not axis.starts or all(share is None for share in shares):
        return plot.missing(title)
    known = [share for share in shares if share is not None]
    low = sum(share < OK for share in known)
    label = f"{title}: {len(known)} of {len(shares)} cells with requests, {low} of them below 99.5%."
    svg = Markup('<div class="plot cells">{}{}</div>').format(
        _cells(axis, shares, label, "uptime tall"), plot.below(axis)
    )
    kinds = [state(share) for share in shares]
    marks = tuple(Mark(kind, text, str(kinds.count(kind))) for kind, text in _NAMES.items() if kind in kinds)
    pairs = reversed(list(zip(axis.starts, shares, strict=True)))
    rows = tuple((times.name(start, axis.width), percent(share)) for start, share in pairs)
    return Figure(title, svg, marks, ("Time (UTC)", "Uptime"), rows)


def cells(axis: Axis, shares: Sequence[float | None]) -> Markup:
    """Return the cells alone, small, for rows of a table."""
    known = [share for share in shares if share is not None]
    worst = f"worst {percent(min(known))}" if known else "no requests"
    return _cells(axis, shares, f"Uptime, {len(shares)} cells, {worst}.", "uptime")


def state(share: float | None) -> str:
    """Return the class of a share: ok, warn, bad, or none."""
    if share is None:
        return "none"
    return "ok" if share >= OK else "warn" if share >= WARN else "bad"


@lru_cache(maxsize=32)
def _names(starts: tuple[int, ...], width: Width) -> tuple[str, ...]:
    return tuple(times.name(start, width) for start in starts)


def _cells(axis: Axis, shares: Sequence[float | None], label: str, classes: str) -> Markup:
    parts = []
    # Neither times nor shares are written with anything that would have to be escaped.
    for index, (bar, share) in enumerate(zip(_names(axis.starts, axis.width), shares, strict=True)):
        kind = state(share)
        said = percent(share) if share is not None else "no requests"
        tall = _TALL[kind]
        parts.append(
            f'<rect class="{kind}" x="{index * 5}" y="{28 - tall}" width="4" height="{tall}">'
            f"<title>{bar}: {said}</title></rect>"
        )
    width = max(len(shares) * 5 - 1, 1)
    return Markup(
        '<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} 28" preserveAspectRatio="none">{}</svg>'
    ).format(classes, label, width, Markup("".join(parts)))
