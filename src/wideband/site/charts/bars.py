"""Stacked bars over time, as amounts or as shares of each bar."""

from collections.abc import Iterator, Sequence

import msgspec
from markupsafe import Markup

from wideband.site.charts import behind, plot, times
from wideband.site.charts.figure import Axis, Figure, Mark, Series, Unit
from wideband.site.charts.scale import Scale, scale
from wideband.site.figures import FORMATS

_PERCENT: Unit = "percent"
Stroke = tuple[int, int, int]


def stacked_bars(
    title: str, axis: Axis, series: Sequence[Series], unit: Unit, *, share: bool = False, line: Series | None = None
) -> Figure:
    """Return bars of `series`, the first lowest; `line` is drawn above them, in their unit (a share, with `share`)."""
    if not axis.starts or not any(value is not None for each in series for value in each.values):
        return plot.missing(title)
    totals = [sum(each.values[index] or 0 for each in series) for index in range(len(axis.starts))]
    shown, shown_unit = (_shares(series, totals), _PERCENT) if share else (series, unit)
    across = scale([*([1.0] if share else totals), *(line.values if line else ())], shown_unit)
    said = behind.words(axis, (*shown, *([line] if line else [])), shown_unit, None if share else totals)
    head, rows = behind.table(said)
    label = f"{title}: {FORMATS[unit](sum(totals))} in all, {rows[-1][0]} to {rows[0][0]} UTC."
    frame = plot.Frame(label, axis, across, len(axis.starts) > 1)
    marks = _stack(axis, shown, across)
    if line:
        marks += plot.line(line.values, across, "over")
    svg = plot.framed(frame, marks, behind.tooltips(said))
    return Figure(title, svg, _legend(series, unit, line), head, rows, frame.zooms)


def _legend(series: Sequence[Series], unit: Unit, line: Series | None) -> tuple[Mark, ...]:
    sums = [sum(value or 0 for value in each.values) for each in series]
    marks = [
        Mark(plot.style(series, index), each.name, FORMATS[unit](sums[index]), each.href)
        for index, each in enumerate(series)
    ]
    return (*marks, *([Mark("over", line.name, "", line.href)] if line else ()))


def _shares(series: Sequence[Series], totals: Sequence[float]) -> tuple[Series, ...]:
    return tuple(
        msgspec.structs.replace(
            each,
            values=tuple(
                (value or 0) / total if total > 0 else None for value, total in zip(each.values, totals, strict=True)
            ),
        )
        for each in series
    )


def _stack(axis: Axis, series: Sequence[Series], across: Scale) -> Markup:
    """Draw each series as one path of upright strokes, and the running bar apart, lighter."""
    count = len(axis.starts)
    wide = plot.number(min(0.8, 0.12 * count) * plot.SLOT)
    # Where the running bar begins, if there is one.
    now = (count - 1 if times.running(axis) else count) * plot.SLOT
    reached = [0.0] * count
    parts = []
    for index, each in enumerate(series):
        strokes = list(_strokes(each, reached, plot.HEIGHT / across.top))
        style = plot.style(series, index)
        for classes, drawn in (
            (style, [stroke for stroke in strokes if stroke[0] < now]),
            (f"{style} running", [stroke for stroke in strokes if stroke[0] > now]),
        ):
            parts += [f'<path class="{classes}" d="{_path(drawn)}"/>'] if drawn else []
    return Markup('<g class="bars" stroke-width="{}">{}</g>').format(wide, Markup("".join(parts)))


def _strokes(each: Series, reached: list[float], pixels: float) -> Iterator[Stroke]:
    """Return where each stroke starts and how tall it is; adds to what the bars have `reached`."""
    for place, value in enumerate(each.values):
        if not value or value < 0:
            continue
        low = round(reached[place] * pixels)
        reached[place] += value
        tall = round(reached[place] * pixels) - low
        if tall == 0 and low == 0:
            # What is there is seen, however little.
            tall = 1
        gap = 1 if low and tall > 2 else 0
        if tall:
            yield place * plot.SLOT + plot.SLOT // 2, plot.HEIGHT - low - gap, tall - gap


def _path(strokes: Sequence[Stroke]) -> str:
    """Write strokes one after the other, each from where the last one ended: that is shortest."""
    parts = []
    was_x = was_y = 0
    for x, y, tall in strokes:
        parts.append(f"m{x - was_x} {y - was_y}v-{tall}")
        was_x, was_y = x, y - tall
    return "".join(parts)
