"""Sign-ins that failed: how long whoever tries has to wait, the same for every process and after a restart."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from wideband.clock import now_ns
from wideband.store.database import opened, transaction

_S = 1_000_000_000
# Who fails no more for as long starts anew.
FORGOTTEN_NS = 24 * 3600 * _S


class Pace(msgspec.Struct, frozen=True):
    """How many tries are free, and how long the waits after them are: twice the last one, up to a longest."""

    free: int
    first_s: float
    longest_s: float

    def wait_ns(self, failures: int) -> int:
        """Return how long comes after so many failures."""
        if failures <= self.free:
            return 0
        return int(min(self.first_s * 2 ** min(failures - self.free - 1, 40), self.longest_s) * _S)


# A name can be held up by anybody, so its waits stay short; what is behind one address has only itself to blame.
NAME = Pace(free=5, first_s=5.0, longest_s=300.0)
ADDRESS = Pace(free=20, first_s=10.0, longest_s=3600.0)


class Attempts:
    """The failed sign-ins of a home. Its methods wait for the disk: call them from a thread."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def begin(self, subjects: Mapping[str, Pace]) -> int:
        """Return 0 when a try may begin, else in how many nanoseconds; a try counts as failed until it has succeeded.

        Counting comes first, so that many tries at once are no better than one after the other.
        """
        with opened(self._home) as db, transaction(db):
            now = now_ns()  # only here is it surely later than what others have written
            db.execute("DELETE FROM sign_in_failure WHERE last_ns < ? AND until_ns < ?", (now - FORGOTTEN_NS, now))
            known = {
                subject: db.execute(
                    "SELECT failures, until_ns FROM sign_in_failure WHERE subject = ?", (subject,)
                ).fetchone()
                for subject in subjects
            }
            left = max((row[1] - now for row in known.values() if row is not None), default=0)
            if left > 0:
                return left
            for subject, pace in subjects.items():
                failures = (known[subject] or (0, 0))[0] + 1
                wait = pace.wait_ns(failures)
                db.execute(
                    "INSERT OR REPLACE INTO sign_in_failure VALUES (?, ?, ?, ?)",
                    (subject, failures, now, now + wait if wait else 0),
                )
        return 0

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name, and of an address this one try.

        Who has a password of their own must not be able to buy tries at others' with it.
        """
        with opened(self._home) as db, transaction(db):
            db.execute("DELETE FROM sign_in_failure WHERE subject = ?", (name,))
            db.execute(
                "UPDATE sign_in_failure SET failures = max(failures - 1, 0), until_ns = 0 WHERE subject = ?", (address,)
            )
