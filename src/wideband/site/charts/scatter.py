"""Points between two figures, such as speed and price."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Unit
from wideband.site.charts.scale import Scale, scale
from wideband.site.figures import FORMATS

Point = tuple[str, float, float, str | None]


def scatter(title: str, points: Sequence[Point], x_unit: Unit, y_unit: Unit, x_name: str, y_name: str) -> Figure:
    """Return a point for each (label, x, y, href), both axes from zero."""
    if not points:
        return plot.missing(title)
    across, up = scale([x for _, x, _, _ in points], x_unit), scale([y for _, _, y, _ in points], y_unit)
    write_x, write_y = FORMATS[x_unit], FORMATS[y_unit]
    dots = Markup("").join(
        _point(point, across, up, f"{point[0]}\n{x_name}: {write_x(point[1])}\n{y_name}: {write_y(point[2])}")
        for point in points
    )
    lines = Markup("").join(
        Markup('<line class="grid" x1="{0}" x2="{0}" y2="{1}"/>').format(plot.percent(across.share(tick)), plot.HEIGHT)
        for tick in across.ticks[1:]
    )
    svg = Markup(
        '<div class="plot scatter">{}<svg class="area" role="group" aria-label="{}" width="100%" height="{}">'
        '{}{}{}</svg>{}<span class="across">{} →</span></div>'
    ).format(
        plot.values(up),
        f"{title}: {len(points)} points, {y_name} by {x_name}.",
        plot.HEIGHT,
        _grid(up),
        lines,
        dots,
        _below(across),
        x_name,
    )
    rows = tuple((label, write_x(x), write_y(y)) for label, x, y, _ in sorted(points, key=lambda each: -each[2]))
    return Figure(title, svg, (), ("Name", x_name, y_name), rows, note=f"↑ {y_name}")


def _grid(up: Scale) -> Markup:
    lines = "".join(
        f'<line class="{"grid" if tick else "base"}" x2="100%" y1="{plot.y(up, tick)}" y2="{plot.y(up, tick)}"/>'
        for tick in up.ticks
    )
    return Markup(lines)


def _point(point: Point, across: Scale, up: Scale, text: str) -> Markup:
    label, x, y, href = point
    share = across.share(x)
    dot = Markup(
        '<circle cx="{0}" cy="{1}" r="5"><title>{2}</title></circle><text x="{0}" y="{1}" dx="{3}" dy="4"{4}>{5}</text>'
    ).format(
        plot.percent(share),
        plot.y(up, y),
        text,
        -9 if share > 0.6 else 9,
        Markup(' class="last"') if share > 0.6 else "",
        label,
    )
    return Markup('<a href="{}">{}</a>').format(href, dot) if href else Markup("<g>{}</g>").format(dot)


def _below(across: Scale) -> Markup:
    texts = Markup("").join(
        Markup('<text x="{}" y="13"{}>{}</text>').format(
            plot.percent(across.share(tick)),
            Markup(' class="{}"').format("first" if index == 0 else "last")
            if index in (0, len(across.ticks) - 1)
            else "",
            text,
        )
        for index, (tick, text) in enumerate(zip(across.ticks, across.labels, strict=True))
    )
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(texts)
