"""Ships records from the outbox to the analytics database, and keeps that in order, each on a thread of its own.

It decides nothing and loses nothing: while the analytics database cannot be used, records wait in the outbox.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from wideband.canon.faults import Faulted
from wideband.clock import now_ns
from wideband.store.ledger import LocalLedger
from wideband.store.upkeep import Upkeep

log = logging.getLogger("wideband.store")

# A batch has a price of its own, about 12 ms of CPU: shipping twice as often makes it dearer and hardly fresher.
INTERVAL_S = 2.0
MAX_INTERVAL_S = 30.0
BATCH_RECORDS = 5_000
# Hours and days end seldom; what came late to them is folded again this soon.
UPKEEP_S = 60.0
# What fails is likely to fail again, and may be much work to begin: it is tried less and less often.
MAX_UPKEEP_S = 1800.0
# After a start there may be much to fold; the start itself comes first.
FIRST_UPKEEP_S = 5.0


class Hub:
    """Ships every other second while it runs, and what is left when it closes; folds and seals every minute."""

    def __init__(self, ledger: LocalLedger, interval_s: float = INTERVAL_S, upkeep_s: float = UPKEEP_S) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._upkeep_s = upkeep_s
        self._shipping = _Told("records wait in the outbox", "records are shipped again")
        self._keeping = _Told("analytics cannot be kept in order", "analytics are kept in order again")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._keeper.start()

    async def close(self) -> None:
        """Ship what is left and stop; comes before the ledger is closed."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._keeper.join)

    def ship(self) -> int:
        """Ship what waits, in full batches and a last one; return how many records. Raises `Faulted` (unavailable).

        A batch may have been shipped before and not dropped from the outbox: the archive knows its records by id.
        """
        outbox, shipped = self._ledger.outbox, 0
        while batch := outbox.batch(BATCH_RECORDS):
            self._ledger.archive.append([payload for _, payload in batch])
            outbox.discard(batch[-1][0])
            shipped += len(batch)
            if len(batch) < BATCH_RECORDS:
                break
        return shipped

    def _run(self) -> None:
        wait_s = self._interval_s
        while not self._stop.wait(wait_s):
            wait_s = self._interval_s if self._try() else min(wait_s * 2, MAX_INTERVAL_S)
        self._try()

    def _keep(self) -> None:
        upkeep = Upkeep(self._ledger.archive, self._stop.is_set)
        wait_s = min(FIRST_UPKEEP_S, self._upkeep_s)
        while not self._stop.wait(wait_s):
            # What cannot be folded is added up as it is read.
            failure = _failure(lambda: upkeep.tidy(now_ns() // 1_000_000_000))
            wait_s = self._upkeep_s if failure is None else min(max(wait_s, self._upkeep_s) * 2, MAX_UPKEEP_S)
            self._keeping.tell(failure)

    def _try(self) -> bool:
        failure = _failure(self.ship)
        self._shipping.tell(failure)
        return failure is None


class _Told:
    """Says when something begins to fail and when it goes well again, and nothing in between."""

    def __init__(self, bad: str, good: str) -> None:
        self._bad, self._good = bad, good
        self._is_failing = False

    def tell(self, failure: Exception | None) -> None:
        if failure is not None and not self._is_failing:
            log.error("%s: %s", self._bad, failure if isinstance(failure, Faulted) else repr(failure))
        elif failure is None and self._is_failing:
            log.warning(self._good)
        self._is_failing = failure is not None


def _failure(work: Callable[[], object]) -> Exception | None:
    """Do something for analytics; return why it could not be done."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  analytics may fail in any way, serving goes on
        return error
    return None
