"""A line the size of a word."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts.plot import number

_HEIGHT = 28


def spark(values: Sequence[float | None], label: str) -> Markup:
    """Return a small line through values, from zero; empty where there are none."""
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    most = max(*known, 0) or 1
    points = [
        (index, number(_HEIGHT - 2 - max(value, 0) / most * (_HEIGHT - 4)))
        for index, value in enumerate(values)
        if value is not None
    ]
    line = "M" + "L".join(f"{x} {y}" for x, y in points) + ("h0" if len(points) == 1 else "")
    area = f"M{points[0][0]} {_HEIGHT}L" + "L".join(f"{x} {y}" for x, y in points) + f"V{_HEIGHT}z"
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        '<path class="below" d="{}"/><path d="{}"/></svg>'
    ).format(label, max(len(values) - 1, 1), _HEIGHT, area, line)
