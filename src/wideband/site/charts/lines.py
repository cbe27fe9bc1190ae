"""Lines over time: speeds, latencies, prices, shares."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts import behind, plot
from wideband.site.charts.figure import Axis, Figure, Mark, Series, Unit
from wideband.site.charts.scale import Scale, scale
from wideband.site.figures import FORMATS


def lines(title: str, axis: Axis, series: Sequence[Series], unit: Unit, *, fill: bool = False) -> Figure:
    """Return a line for each series, broken where nothing is known; `fill` shades what is below."""
    known = [value for each in series for value in each.values if value is not None]
    if not axis.starts or not known:
        return plot.missing(title)
    across = scale(known, unit)
    said = behind.words(axis, series, unit)
    head, rows = behind.table(said)
    write = FORMATS[unit]
    label = f"{title}: {write(min(known))} to {write(max(known))}, {rows[-1][0]} to {rows[0][0]} UTC."
    frame = plot.Frame(label, axis, across, len(axis.starts) > 1)
    legend = tuple(
        Mark(plot.style(series, index), each.name, write(_latest(each)), each.href) for index, each in enumerate(series)
    )
    marks = Markup("").join(_line(each, plot.style(series, index), across, fill) for index, each in enumerate(series))
    svg = plot.framed(frame, Markup('<g class="lines">{}</g>').format(marks), behind.tooltips(said))
    return Figure(title, svg, legend, head, rows, frame.zooms, says="last value")


def _latest(each: Series) -> float | None:
    return next((value for value in reversed(each.values) if value is not None), None)


def _line(each: Series, style: str, across: Scale, fill: bool) -> Markup:
    drawn = plot.line(each.values, across, style)
    if not fill:
        return drawn
    return Markup('<path class="{} below" d="{}"/>').format(style, _area(each.values, across)) + drawn


def _area(values: Sequence[float | None], across: Scale) -> str:
    parts = []
    for index, value in enumerate(values):
        if value is None:
            continue
        x = index * plot.SLOT + plot.SLOT // 2
        begins = index == 0 or values[index - 1] is None
        ends = index + 1 == len(values) or values[index + 1] is None
        parts.append((f"M{x} {plot.HEIGHT}" if begins else "") + f"L{x} {plot.y(across, value)}")
        parts.append(f"V{plot.HEIGHT}" if ends else "")
    return "".join(parts)
