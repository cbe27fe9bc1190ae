"""How many requests a second come when: from the columns of a CSV file, or a daily cycle. Pure: it is given lines."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from wideband.canon.faults import invalid

DAY_S = 86_400.0
_HOUR_S = 3600.0
# The built-in cycle is highest in the afternoon, UTC.
_BUSIEST_HOUR = 15.0


class Rates(msgspec.Struct, frozen=True):
    """Steps: from `starts_s[i]` on (seconds, the first 0), `per_s[i]` requests a second; all anew after `length_s`."""

    starts_s: tuple[float, ...]
    per_s: tuple[float, ...]
    length_s: float

    @property
    def mean(self) -> float:
        """Requests a second on average over the whole length."""
        ends = (*self.starts_s[1:], self.length_s)
        steps = zip(self.starts_s, ends, self.per_s, strict=True)
        return sum(rate * (end - start) for start, end, rate in steps) / self.length_s

    def scaled(self, mean: float) -> "Rates":
        """Return the same ups and downs around another average."""
        factor = mean / self.mean
        return Rates(self.starts_s, tuple(rate * factor for rate in self.per_s), self.length_s)


def daily(mean: float, swing: float) -> Rates:
    """Return a day's cycle in steps of an hour that goes up and down by a share `swing` of its average."""
    hours = range(24)
    angle = 2 * math.pi / 24
    return Rates(
        tuple(hour * _HOUR_S for hour in hours),
        tuple(mean * (1 + swing * math.cos((hour + 0.5 - _BUSIEST_HOUR) * angle)) for hour in hours),
        DAY_S,
    )


def read_rates(name: str, lines: Iterable[str], column: str | None = None) -> Rates:
    """Read a CSV file: a header, then a time in seconds and rates a second. Raises `Faulted` naming `name:line`.

    `column` names the rate to take; without it there has to be just one. A step is as long as the one before it.
    """
    starts: list[float] = []
    rates: list[float] = []
    at = 0
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.lstrip("\ufeff").strip().split(",")]
        where = f"{name}:{number}"
        if not at:
            at = _column(where, cells, column)
            continue
        if cells == [""]:
            continue
        if len(cells) <= at:
            raise invalid(f"{where}: there are {len(cells)} columns, too few")
        start_s, rate = _number(where, cells[0]), _number(where, cells[at])
        if starts and start_s <= starts[-1]:
            raise invalid(f"{where}: times must grow, but {cells[0]} comes after {starts[-1]:g}")
        starts.append(start_s)
        rates.append(rate)
    if len(starts) < 2 or not any(rates):
        raise invalid(f"{name}: needs two rows at least, and a rate above 0")
    first = starts[0]
    return Rates(tuple(s - first for s in starts), tuple(rates), 2 * starts[-1] - starts[-2] - first)


def _column(where: str, cells: Sequence[str], wanted: str | None) -> int:
    """Return which column holds the rates."""
    names = cells[1:]
    if not names:
        raise invalid(f"{where}: needs a header that names a column of rates after that of the times")
    if wanted is None and len(names) == 1:
        return 1
    if wanted not in names:
        asked = f"there is no column {wanted}" if wanted else "name a column"
        raise invalid(f"{where}: {asked}; there are {', '.join(names)}")
    return names.index(wanted) + 1


def _number(where: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise invalid(f"{where}: `{text[:40]}` must be a number, 0 or more")
    return number
