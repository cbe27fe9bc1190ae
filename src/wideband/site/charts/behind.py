"""What a chart over time says in words: the table behind it, and the text of each bar."""

from collections.abc import Iterator, Sequence

import msgspec

from wideband.site.charts import times
from wideband.site.charts.figure import Axis, Series, Unit
from wideband.site.figures import FORMATS

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
# All texts of bars together stay about this long; where they would not, a bar names its largest values only.
_LETTERS = 16_000


class Words(msgspec.Struct, frozen=True):
    """A chart's figures as they are written: for each series a text a bar, and for bars of several their totals."""

    series: Sequence[Series]
    bars: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...] | None


def words(axis: Axis, series: Sequence[Series], unit: Unit, totals: Sequence[float] | None = None) -> Words:
    """Write every figure of a chart once."""
    write = FORMATS[unit]
    bars = [times.name(start, axis.width) for start in axis.starts]
    if times.running(axis):
        bars[-1] += " so far"
    values = tuple(tuple(map(write, each.values)) for each in series)
    summed = tuple(map(write, totals)) if totals is not None and len(series) > 1 else None
    return Words(series, tuple(bars), values, summed)


def table(said: Words) -> Table:
    """Return head and rows, the latest first: a time, each series' value, and the bar's total."""
    last = (said.totals,) if said.totals is not None else ()
    head = ("Time (UTC)", *(each.name for each in said.series), *("Total" for _ in last))
    return head, tuple(zip(said.bars, *said.values, *last, strict=True))[::-1]


def tooltips(said: Words) -> Iterator[str]:
    """Return the text of each bar: when, the total, and its values, or only the largest of them."""
    names = [each.name for each in said.series]
    letters = sum(map(len, names)) + 9 * len(names)
    most = max(round(len(names) * _LETTERS / (letters * len(said.bars) or 1)), 1)
    for index, bar in enumerate(said.bars):
        first = bar if said.totals is None else f"{bar}: {said.totals[index]}"
        named = _named(said.series, index, most)
        yield "\n".join([first, *(f"{names[place]}: {said.values[place][index]}" for place in named)])


def _named(series: Sequence[Series], index: int, most: int) -> list[int]:
    """Return which series a bar's text names: those with a value, the largest where there are too many."""
    if len(series) == 1:
        return [0]
    sizes = [(each.values[index] or 0, place) for place, each in enumerate(series) if each.values[index]]
    if len(sizes) > most:
        sizes = sorted(sizes, key=_largest_first)[:most]
    return [place for _, place in sizes]


def _largest_first(size: tuple[float, int]) -> float:
    return -size[0]
