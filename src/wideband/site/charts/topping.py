"""The largest series, and the rest as one."""

from collections.abc import Sequence

from wideband.site.charts.figure import Series
from wideband.site.charts.plot import OTHERS


def top(series: Sequence[Series], most: int = 9) -> tuple[Series, ...]:
    """Return the `most` series with the largest sums, largest first, and the sum of the rest as "others"."""
    ordered = sorted((each for each in series if each.name != OTHERS), key=lambda each: (-_sum(each), each.name))
    rest = [*ordered[most:], *(each for each in series if each.name == OTHERS)]
    return (*ordered[:most], *((Series(OTHERS, _added(rest)),) if rest else ()))


def _sum(each: Series) -> float:
    return sum(value or 0 for value in each.values)


def _added(rest: Sequence[Series]) -> tuple[float | None, ...]:
    columns = zip(*(each.values for each in rest), strict=True)
    return tuple(
        None if all(value is None for value in column) else sum(value or 0 for value in column) for column in columns
    )
