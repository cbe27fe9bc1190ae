"""Horizontal bars, ranked: who has most of something."""

from collections.abc import Sequence

from markupsafe import Markup

from wideband.site.charts import plot
from wideband.site.charts.figure import Figure, Unit
from wideband.site.figures import FORMATS

Row = tuple[str, float | None, str | None, str | None]


def ranked(title: str, rows: Sequence[Row], unit: Unit) -> Figure:
    """Return a bar for each row (label, value, note, href), in the order given."""
    if not rows:
        return plot.missing(title)
    write = FORMATS[unit]
    most = max((value or 0 for _, value, _, _ in rows), default=0)
    items = Markup("").join(
        _row(number, row, write(row[1]), (row[1] or 0) / most if most > 0 else 0) for number, row in enumerate(rows, 1)
    )
    noted = any(note for _, _, note, _ in rows)
    head = ("Name", "Value", *(("Note",) if noted else ()))
    table = tuple((label, write(value), *((note or "",) if noted else ())) for label, value, note, _ in rows)
    return Figure(title, Markup('<ol class="ranked">{}</ol>').format(items), (), head, table)


def _row(number: int, row: Row, written: str, share: float) -> Markup:
    label, _, note, href = row
    name = Markup('<a href="{}">{}</a>').format(href, label) if href else Markup("<span>{}</span>").format(label)
    return Markup(
        '<li><span class="rank">{}</span><span class="name">{}</span><span class="value">{}</span>'
        '<span class="note">{}</span><svg class="bar" aria-hidden="true" width="100%" height="6">'
        '<rect class="track" width="100%" height="6" rx="3"/><rect width="{}" height="6" rx="3"/></svg></li>'
    ).format(number, name, written, note or "", plot.percent(max(share, 0)))
