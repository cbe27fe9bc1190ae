"""Points between two figures, such as speed and price."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Unit
from wideband.site.charts.scale import Scale, scale
from wideband.site.figures import FORMATS

Point = tuple[str, float, float, str | None]
_LONGEST = 28
# How wide the chart is taken to be when its names are given room, in pixels: wide ones, and narrow ones.
_WIDE, _NARROW = 520, 300
_LETTER, _LINE, _ASIDE = 6.4, 13, 9
_Box = tuple[float, float, float, float]


def scatter(title: str, points: Sequence[Point], x_unit: Unit, y_unit: Unit, x_name: str, y_name: str) -> Figure:
    """Return a point for each (label, x, y, href), both axes from zero; names stand where there is room."""
    if not points:
        return plot.missing(title)
    across, up = scale([x for _, x, _, _ in points], x_unit), scale([y for _, _, y, _ in points], y_unit)
    write_x, write_y = FORMATS[x_unit], FORMATS[y_unit]
    wide, narrow = _sides(points, across, up, _WIDE), _sides(points, across, up, _NARROW)
    dots = Markup("").join(
        _point(
            point,
            (plot.percent(across.share(point[1])), plot.y(up, point[2])),
            f"{point[0]}\n{x_name}: {write_x(point[1])}\n{y_name}: {write_y(point[2])}",
            _name(point[0], wide[index], narrow[index]),
        )
        for index, point in enumerate(points)
    )
    svg = Markup(
        '<div class="plot scatter">{}<svg class="area" role="group" aria-label="{}" width="100%" height="{}">'
        '{}<g class="s1">{}</g></svg>{}<span class="across">{} →</span></div>'
    ).format(
        plot.values(up),
        f"{title}: {len(points)} points, {y_name} by {x_name}.",
        plot.HEIGHT,
        _grid(across, up),
        dots,
        _below(across),
        x_name,
    )
    rows = tuple((label, write_x(x), write_y(y)) for label, x, y, _ in sorted(points, key=lambda each: -each[2]))
    return Figure(title, svg, (), ("Name", x_name, y_name), rows, note=f"↑ {y_name}")


def _grid(across: Scale, up: Scale) -> Markup:
    flat = "".join(
        f'<line class="{"rule" if tick else "base"}" x2="100%" y1="{plot.y(up, tick)}" y2="{plot.y(up, tick)}"/>'
        for tick in up.ticks
    )
    upright = "".join(
        f'<line class="rule" x1="{plot.percent(share)}" x2="{plot.percent(share)}" y2="{plot.HEIGHT}"/>'
        for share in map(across.share, across.ticks[1:])
    )
    return Markup(flat + upright)


def _sides(points: Sequence[Point], across: Scale, up: Scale, width: int) -> list[str | None]:
    """Return where each name has room in a chart of some width: right, left, or nowhere."""
    centres = [(across.share(x) * width, plot.HEIGHT * (1 - up.share(y))) for _, x, y, _ in points]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in centres]
    sides: list[str | None] = []
    for (label, *_), (x, y) in zip(points, centres, strict=True):
        long = len(_short(label)) * _LETTER
        top, bottom = y - _LINE / 2, y + _LINE / 2
        boxes = {
            "right": (x + _ASIDE, top, x + _ASIDE + long, bottom),
            "left": (x - _ASIDE - long, top, x - _ASIDE, bottom),
        }
        free = [side for side, box in boxes.items() if _fits(box, width, taken)]
        sides.append(free[0] if free else None)
        taken += [boxes[side] for side in free[:1]]
    return sides


def _fits(box: _Box, width: int, taken: Sequence[_Box]) -> bool:
    left, top, right, bottom = box
    if left < 0 or right > width:
        return False
    return not any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…"


def _name(label: str, wide: str | None, narrow: str | None) -> tuple[str, str, str] | None:
    """Return a name's text, side and classes. In narrow charts it stays on its side or goes."""
    if wide is None:
        return None
    classes = [*(["last"] if wide == "left" else []), *(["minor"] if narrow != wide else [])]
    return _short(label), wide, " ".join(classes)


def _point(point: Point, place: tuple[str, str], text: str, name: tuple[str, str, str] | None) -> Markup:
    x, y = place
    dot = Markup('<title>{}</title><circle cx="{}" cy="{}" r="5"/>').format(text, x, y)
    if name is not None:
        shown, side, classes = name
        aside = -_ASIDE if side == "left" else _ASIDE
        marked = Markup(' class="{}"').format(classes) if classes else ""
        dot += Markup('<text x="{}" y="{}" dx="{}" dy="4"{}>{}</text>').format(x, y, aside, marked, shown)
    if point[3] is None:
        return Markup("<g>{}</g>").format(dot)
    return Markup('<a href="{}">{}</a>').format(point[3], dot)


def _below(across: Scale) -> Markup:
    end = len(across.ticks) - 1
    texts = Markup("").join(
        Markup('<text x="{}" y="13"{}>{}</text>').format(
            plot.percent(across.share(tick)),
            Markup(' class="{}"').format("first" if index == 0 else "last") if index in (0, end) else "",
            text,
        )
        for index, (tick, text) in enumerate(zip(across.ticks, across.labels, strict=True))
    )
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(texts)
