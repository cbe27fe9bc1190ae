"""The frame of a chart over time: values at the left, times below, and between them marks that stretch.

The middle one is an SVG whose width stretches (`preserveAspectRatio="none"`) while its height is in pixels; texts stand
in SVGs of their own beside it, placed by percentages. So a chart fills any width, and its texts keep their size.
"""

from collections.abc import Iterable, Sequence

import msgspec
from markupsafe import Markup, escape

from wideband.site.charts import times
from wideband.site.charts.figure import Axis, Figure, Series
from wideband.site.charts.scale import Scale

HEIGHT = 200
# Units of the viewBox for each bar; widths are whole shares of it.
SLOT = 10
OTHERS = "others"
_PAD = 8  # above the top gridline and below the lowest one, for the texts at them
LETTER = 7  # pixels, of a figure at the axis' size


class Frame(msgspec.Struct, frozen=True):
    """What every chart over time has: what it says to those who do not see it, and its two axes."""

    label: str
    axis: Axis
    scale: Scale
    zooms: bool = True


def style(series: Sequence[Series], index: int) -> str:
    """Return the class that colours a series: its own, or s1 to s9 in order, s10 for the others."""
    own = series[index].style
    if own is not None:
        return own
    return "s10" if series[index].name == OTHERS or index > 8 else f"s{index + 1}"


def height(scale: Scale, value: float) -> int:
    """Return how many pixels high a value stands."""
    return round(scale.share(value) * HEIGHT)


def y(scale: Scale, value: float) -> str:
    """Return where a value lies in the viewBox, from the top."""
    return number(HEIGHT * (1 - scale.share(value)))


def number(value: float) -> str:
    """Write a coordinate short."""
    return f"{value:.1f}".removesuffix(".0")


def percent(value: float) -> str:
    """Write a share of the width."""
    return f"{value * 100:.2f}".rstrip("0").rstrip(".") + "%"


def line(values: Sequence[float | None], scale: Scale, classes: str) -> Markup:
    """Return a line through the middles of the bars, broken where a value is missing; lone values are dots."""
    through, dots = [], []
    for index, value in enumerate(values):
        if value is None:
            continue
        begins = index == 0 or values[index - 1] is None
        ends = index + 1 == len(values) or values[index + 1] is None
        place = f"{index * SLOT + SLOT // 2} {y(scale, value)}"
        if begins and ends:
            dots.append(f"M{place}h0")
        else:
            through.append(f"{'M' if begins else 'L'}{place}")
    drawn = Markup('<path class="{}" d="{}"/>').format(classes, "".join(through)) if through else Markup("")
    return drawn + (Markup('<path class="{} dots" d="{}"/>').format(classes, "".join(dots)) if dots else "")


def columns(texts: Iterable[str]) -> Markup:
    """Return what the pointer meets: one invisible column for each bar, which says its values."""
    size = f'width="{SLOT}" height="{HEIGHT}"'
    parts = [
        f'<rect data-i="{index}" x="{index * SLOT}" {size}><title>{escape(text)}</title></rect>'
        for index, text in enumerate(texts)
    ]
    return Markup('<g class="columns">{}</g>').format(Markup("".join(parts)))


def framed(frame: Frame, marks: Markup, texts: Iterable[str]) -> Markup:
    """Return a whole chart: axis texts, gridlines, marks, and above them the bars' texts for the pointer."""
    axis = frame.axis
    width = len(axis.starts) * SLOT
    return Markup(
        '<div class="plot">{values}'
        '<svg class="area" data-chart="" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" '
        'preserveAspectRatio="none" width="100%" height="{height}" data-starts="{starts}" data-end="{end}" '
        'data-x0="0" data-x1="{width}"{focus}>{grid}{marks}{hits}</svg>{below}</div>'
    ).format(
        values=values(frame.scale),
        label=frame.label,
        width=width,
        height=HEIGHT,
        starts=" ".join(map(str, axis.starts)),
        end=axis.end_s,
        focus=Markup(' tabindex="0"') if frame.zooms else "",
        grid=grid(frame.scale, width),
        marks=marks,
        hits=columns(texts),
        below=below(axis),
    )


def grid(scale: Scale, width: int) -> Markup:
    """Return a gridline at each value, and the baseline."""
    lines = "".join(f"M0 {y(scale, tick)}H{width}" for tick in scale.ticks[1:])
    return Markup('<path class="rule" d="{}"/><path class="base" d="M0 {}H{}"/>').format(lines, HEIGHT, width)


def values(scale: Scale) -> Markup:
    """Return the texts of a value axis, as wide as the longest needs."""
    width = max(map(len, scale.labels)) * LETTER + 10
    texts = [
        Markup('<text x="{}" y="{}">{}</text>').format(
            width - 8, number(_PAD + 4 + HEIGHT * (1 - scale.share(tick))), text
        )
        for tick, text in zip(scale.ticks, scale.labels, strict=True)
    ]
    return Markup('<svg class="values" aria-hidden="true" width="{}" height="{}">{}</svg>').format(
        width, HEIGHT + 2 * _PAD, Markup("").join(texts)
    )


def below(axis: Axis) -> Markup:
    """Return the texts of a time axis."""
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(
        Markup("").join(_time(tick, axis) for tick in times.ticks(axis))
    )


def _time(tick: times.Tick, axis: Axis) -> Markup:
    middle = 0.0 if axis.width in ("minute", "hour") else 0.5
    place = (tick.index + middle) / len(axis.starts)
    classes = [
        name for name, holds in (("minor", tick.minor), ("first", place < 0.03), ("last", place > 0.97)) if holds
    ]
    return Markup('<text x="{}" y="13"{}>{}</text>').format(
        percent(place), Markup(' class="{}"').format(" ".join(classes)) if classes else "", tick.text
    )


def missing(title: str) -> Figure:
    """Return what stands where a chart has no values."""
    return Figure(title, Markup('<p class="empty">Nothing was measured in this period.</p>'), (), (), ())
