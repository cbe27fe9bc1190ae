"""Stacked bars over time, as amounts or as shares of each bar."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from wideband.site.charts import behind, plot, times
from wideband.site.charts.figure import Axis, Figure, Mark, Series, Unit
from wideband.site.charts.scale import Scale, scale
from wideband.site.figures import FORMATS

# With more values than this, a bar's tooltip names its largest only; the table has all.
_NAMED_IN_FULL = 400
_LARGEST = 3


def stacked_bars(
    title: str, axis: Axis, series: Sequence[Series], unit: Unit, *, share: bool = False, line: Series | None = None
) -> Figure:
    """Return bars of `series`, the first lowest; `line` is drawn above them, in their unit (a share, with `share`)."""
    if not axis.starts or not any(value is not None for each in series for value in each.values):
        return plot.missing(title)
    totals = [sum(each.values[index] or 0 for each in series) for index in range(len(axis.starts))]
    shown, shown_unit = (_shares(series, totals), _PERCENT) if share else (tuple(series), unit)
    across = scale([*([1.0] if share else totals), *(line.values if line else ())], shown_unit)
    head, rows = behind.over_time(axis, (*shown, *([line] if line else [])), shown_unit, None if share else totals)
    texts = behind.tooltips(axis, shown, shown_unit, None if share else totals, _LARGEST)
    if len(axis.starts) * len(series) <= _NAMED_IN_FULL:
        texts = behind.tooltips(axis, shown, shown_unit, None if share else totals)
    label = f"{title}: {FORMATS[unit](sum(totals))} in all, {rows[-1][0]} to {rows[0][0]} UTC."
    frame = plot.Frame(label, axis, across, len(axis.starts) > 1)
    marks = _stack(axis, shown, across)
    if line:
        marks += Markup('<path class="over" d="{}"/>').format(plot.path(line.values, across))
    return Figure(title, plot.framed(frame, marks, texts), _legend(series, unit, line), head, rows, frame.zooms)


_PERCENT: Unit = "percent"


def _legend(series: Sequence[Series], unit: Unit, line: Series | None) -> tuple[Mark, ...]:
    sums = [sum(value or 0 for value in each.values) for each in series]
    marks = [
        Mark(plot.style(series, index), each.name, FORMATS[unit](sums[index]), each.href)
        for index, each in enumerate(series)
    ]
    return (*marks, *([Mark("over", line.name, "", line.href)] if line else ()))


def _shares(series: Sequence[Series], totals: Sequence[float]) -> tuple[Series, ...]:
    return tuple(
        Series(
            each.name,
            tuple(
                (value or 0) / total if total > 0 else None for value, total in zip(each.values, totals, strict=True)
            ),
            each.href,
        )
        for each in series
    )


def _stack(axis: Axis, series: Sequence[Series], across: Scale) -> Markup:
    """Draw each series as one path of upright strokes, and the running bar apart, lighter."""
    count = len(axis.starts)
    wide = plot.number(min(0.8, 0.12 * count) * plot.SLOT)
    reached = [0.0] * count
    parts = []
    for index, each in enumerate(series):
        strokes = list(_strokes(each, reached, across))
        lasting = "".join(stroke for place, stroke in strokes if place < count - 1 or not times.running(axis))
        last = "".join(stroke for place, stroke in strokes if place == count - 1 and times.running(axis))
        style = plot.style(series, index)
        parts += [f'<path class="{style}" d="{lasting}"/>'] if lasting else []
        parts += [f'<path class="{style} running" d="{last}"/>'] if last else []
    return Markup('<g class="bars" stroke-width="{}">{}</g>').format(wide, Markup("".join(parts)))


def _strokes(each: Series, reached: list[float], across: Scale) -> Iterator[tuple[int, str]]:
    for place, value in enumerate(each.values):
        if not value or value < 0:
            continue
        low = plot.height(across, reached[place])
        reached[place] += value
        tall = plot.height(across, reached[place]) - low
        if tall == 0 and low == 0:
            # What is there is seen, however little.
            tall = 1
        gap = 1 if low and tall > 2 else 0
        if tall:
            yield place, f"M{place * plot.SLOT + plot.SLOT // 2} {plot.HEIGHT - low - gap}v{gap - tall}"
