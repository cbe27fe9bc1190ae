"""How many second tries there may be, and what it costs to give one up; pure."""

import msgspec

# Quiet hours save up this many hedges and no more, so that a slow minute cannot double a provider's load.
MOST_SAVED = 10.0


class Budget(msgspec.Struct, gc=False):
    """A token bucket: each request that may be hedged pays in its share, each hedge takes one out.

    So of any number of such requests in a row at most `share` of them are hedged, and `MOST_SAVED` more. `withheld`
    counts the hedges for which nothing was left.
    """

    saved: float = 1.0
    withheld: int = 0

    def pay_in(self, share: float) -> None:
        """Count a request that may be hedged."""
        self.saved = min(self.saved + share, MOST_SAVED)

    def take(self) -> bool:
        """Take out a hedge; False when there is none left."""
        if self.saved < 1.0:
            self.withheld += 1
            return False
        self.saved -= 1.0
        return True
