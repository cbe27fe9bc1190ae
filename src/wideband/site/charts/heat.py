"""A grid of rows and columns, each cell as strong as its value."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Mark, Unit
from wideband.site.figures import FORMATS

LEVELS = 8
_ROW = 24


def heat(
    title: str, columns: Sequence[str], rows: Sequence[str], values: Sequence[Sequence[float | None]], unit: Unit
) -> Figure:
    """Return a cell for each row and column; `values` holds a sequence for each row, None where nothing is known."""
    known = [value for row in values for value in row if value is not None]
    if not columns or not known:
        return plot.missing(title)
    write = FORMATS[unit]
    low, high = min(known), max(known)
    cells = Markup("").join(
        Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}, {}: {}</title></rect>').format(
            level(value, low, high),
            place * 10,
            line * _ROW + 1,
            9.5,
            _ROW - 2,
            rows[line],
            columns[place],
            write(value),
        )
        for line, row in enumerate(values)
        for place, value in enumerate(row)
    )
    tall = len(rows) * _ROW
    svg = Markup(
        '<div class="plot heat">{}<svg class="area" role="img" aria-label="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none" width="100%" height="{}">{}</svg>{}</div>'
    ).format(
        _left(rows, tall),
        f"{title}: {write(low)} to {write(high)}, {len(rows)} rows by {len(columns)} columns.",
        len(columns) * 10,
        tall,
        tall,
        cells,
        _below(columns),
    )
    marks = (Mark("h1", "lowest", write(low)), Mark(f"h{LEVELS}", "highest", write(high)))
    table = tuple((name, *map(write, row)) for name, row in zip(rows, values, strict=True))
    return Figure(title, svg, marks, ("", *columns), table)


def level(value: float | None, low: float, high: float) -> str:
    """Return the class of a value: h1 for the lowest to h8 for the highest; none where nothing is known."""
    if value is None:
        return "none"
    if high <= low:
        return f"h{LEVELS}"
    return f"h{1 + min(int((value - low) / (high - low) * LEVELS), LEVELS - 1)}"


def _left(rows: Sequence[str], tall: int) -> Markup:
    width = max(map(len, rows)) * plot.LETTER + 10
    texts = Markup("").join(
        Markup('<text x="{}" y="{}">{}</text>').format(width - 8, line * _ROW + _ROW // 2 + 4, name)
        for line, name in enumerate(rows)
    )
    return Markup('<svg class="values" aria-hidden="true" width="{}" height="{}">{}</svg>').format(width, tall, texts)


def _below(columns: Sequence[str]) -> Markup:
    every = -(-len(columns) // 12)
    shown = [(place, columns[place]) for place in range(0, len(columns), every)]
    texts = Markup("").join(
        Markup('<text x="{}" y="13"{}>{}</text>').format(
            plot.percent((place + 0.5) / len(columns)), Markup(' class="minor"') if turn % 2 else "", name
        )
        for turn, (place, name) in enumerate(shown)
    )
    return Markup('<svg class="times" aria-hidden="true" width="100%" height="18">{}</svg>').format(texts)
