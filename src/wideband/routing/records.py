"""What a health board holds of one endpoint; all times are unix nanoseconds given from outside."""

from wideband.routing.breaker import Breaker
from wideband.routing.load import Load
from wideband.routing.minutes import MINUTE_NS, Minute, Minutes, Speeds
from wideband.routing.recent import Recent

# Outcomes are first added up for so long.
SLICE_NS = 1_000_000_000


class Record:
    """One endpoint. `slice` is what was seen from `since_ns` until `until_ns` and not yet folded in."""

    __slots__ = (
        "begun", "breaker", "load", "minutes", "news", "recent",
        "since_ns", "slice", "speeds", "speeds_until_ns", "under_way", "until_ns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.minutes = Minutes()
        self.recent = Recent()
        self.load = Load()
        self.begun = self.under_way = 0
        self.slice = Minute(0)
        self.since_ns = self.until_ns = 0
        self.news = False  # whether the breaker changed since others were told
        self.speeds = Speeds()
        self.speeds_until_ns = 0

    def begin_slice(self, at_ns: int) -> None:
        self.settle()
        number = at_ns // MINUTE_NS
        self.slice = Minute(number)
        self.since_ns = max(at_ns - SLICE_NS, number * MINUTE_NS)
        self.until_ns = min(at_ns + SLICE_NS, (number + 1) * MINUTE_NS)

    def settle(self) -> None:
        """Fold the slice in."""
        if self.until_ns:
            self.recent.add(self.slice)
            self.minutes.add(self.slice, told=False)
            self.since_ns = self.until_ns = 0

    def set_back(self, now_ns: int) -> None:
        """Keep what was seen until an instant that is past, and nothing that was to last from then on."""
        self.settle()
        self.breaker, self.load = Breaker(), Load()
        self.minutes = self.minutes.as_of(now_ns)
        self.recent.at_ns = min(self.recent.at_ns, now_ns)
        self.speeds_until_ns = 0

    def forgive(self) -> None:
        """Forget the errors of an outage that is over, also for those who have not heard of them yet."""
        self.settle()
        self.recent.forgive()
        for minute in self.minutes.untold():
            minute.belated = minute.downs
