"""The spans a limit is counted over: the UTC day, the week from Monday and the month, each named by its first day."""

from datetime import date
from functools import lru_cache

import msgspec

DAY_NS = 86_400_000_000_000

_EPOCH = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class Windows(msgspec.Struct, frozen=True, gc=False):
    """The windows an instant lies in; each value is a day number since 1970-01-01."""

    daily: int
    weekly: int
    monthly: int

    @property
    def first_day(self) -> int:
        """The earliest day that any of them covers."""
        return min(self.weekly, self.monthly)


@lru_cache(maxsize=64)
def windows_of_day(day: int) -> Windows:
    """Return the windows that a day since 1970-01-01 belongs to."""
    return Windows(
        daily=day,
        weekly=day - (day + _EPOCH_WEEKDAY) % 7,
        monthly=day + 1 - date.fromordinal(_EPOCH + day).day,
    )


def windows_at(at_ns: int) -> Windows:
    """Return the windows of an instant in unix nanoseconds."""
    return windows_of_day(at_ns // DAY_NS)
