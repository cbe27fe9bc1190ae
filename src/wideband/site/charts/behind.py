"""What a chart says in words: the table behind it, and the text of each bar."""

from collections.abc import Iterator, Sequence

from wideband.site.charts import times
from wideband.site.charts.figure import Axis, Series, Unit
from wideband.site.figures import FORMATS

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def over_time(axis: Axis, series: Sequence[Series], unit: Unit, totals: Sequence[float] | None = None) -> Table:
    """Return head and rows, the latest first: a time, each series' value, and the bar's total where it has several."""
    write = FORMATS[unit]
    summed = totals if totals is not None and len(series) > 1 else None
    head = ("Time (UTC)", *(each.name for each in series), *(("Total",) if summed is not None else ()))
    rows = tuple(
        (
            times.name(axis.starts[index], axis.width),
            *(write(each.values[index]) for each in series),
            *((write(summed[index]),) if summed is not None else ()),
        )
        for index in reversed(range(len(axis.starts)))
    )
    return head, rows


def tooltips(
    axis: Axis, series: Sequence[Series], unit: Unit, totals: Sequence[float] | None = None, most: int | None = None
) -> Iterator[str]:
    """Return the text of each bar: when, the total, and its values, or the largest `most` of them."""
    write = FORMATS[unit]
    for index, start in enumerate(axis.starts):
        known = [(each.values[index], each.name) for each in series if each.values[index] is not None]
        if most is not None:
            known = sorted(known, key=lambda pair: -(pair[0] or 0))[:most]
        lines = [f"{name}: {write(value)}" for value, name in known if value or len(series) == 1]
        total = f", {write(totals[index])}" if totals is not None and len(series) > 1 else ""
        yield "\n".join([times.name(start, axis.width) + total, *(lines or ["nothing"] * (not total))])
