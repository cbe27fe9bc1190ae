"""Ships records from the outbox to the analytics database, on a thread of its own.

It decides nothing and loses nothing: while the analytics database cannot be used, records wait in the outbox.
"""

import asyncio
import logging
import threading

from wideband.store.ledger import LocalLedger

log = logging.getLogger("wideband.store")

# A batch has a price of its own, about 12 ms of CPU: shipping twice as often makes it dearer and hardly fresher.
INTERVAL_S = 2.0
MAX_INTERVAL_S = 30.0
BATCH_RECORDS = 5_000


class Hub:
    """Ships every other second while it runs, and what is left when it closes."""

    def __init__(self, ledger: LocalLedger, interval_s: float = INTERVAL_S) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def close(self) -> None:
        """Ship what is left and stop; comes before the ledger is closed."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

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

    def _try(self) -> bool:
        try:
            self.ship()
        except Exception as error:  # noqa: BLE001  analytics may fail in any way, serving goes on
            if not self._failing:
                log.error("records wait in the outbox: %s", error)  # noqa: TRY400  the text names file and reason
            self._failing = True
            return False
        if self._failing:
            log.warning("records are shipped again")
        self._failing = False
        return True
