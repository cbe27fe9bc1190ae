"""The one thread that writes a ledger: what comes while a commit runs goes into the next one.

It knows nothing of event loops: what became of a batch is told to callbacks, on this thread.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from wideband.accounts.rows import Hold
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.clock import monotonic_s
from wideband.store.posting import Batch, Poster, Posting

log = logging.getLogger("wideband.store")

T = TypeVar("T")

RETRY_S = 0.5
MAX_BATCH = 1_000
# A hold younger than this is not worth a place on the disk; should the server die, its request left nothing behind.
HOLD_REST_S = 0.25


class _Call:
    """Something to do with the connection between two batches, in a transaction of its own."""

    def __init__(self, function: Callable[[apsw.Connection], Any]) -> None:
        self.future: Future[Any] = Future()
        self._function = function

    def run(self, db: apsw.Connection) -> None:
        try:
            self.future.set_result(self._function(db))
        except Exception as error:  # noqa: BLE001  whatever it was, it belongs to the caller who waits for it
            self.future.set_exception(error)


class _Nudge:
    """Nothing to do but look at the holds."""


_NUDGE = _Nudge()
_Job = Posting | _Call | _Nudge | None


class Writer:
    """Writes holds and settlements in groups. `failure` says why nothing can be written now, None when all is well.

    `committed` is told the postings of a batch that is durable; `failed` those of one that could not be written,
    which stays with the writer and is tried again until it can be.
    """

    def __init__(
        self,
        db: apsw.Connection,
        committed: Callable[[list[Posting]], None],
        failed: Callable[[list[Posting]], None],
    ) -> None:
        self.failure: str | None = None
        self._db = db
        self._poster = Poster(db)
        self._committed = committed
        self._failed = failed
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._holds: deque[tuple[float, Hold]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, posting: Posting) -> None:
        """Queue a settlement; callable from any thread."""
        self._queue.put(posting)

    def rest(self, hold: Hold) -> None:
        """Keep a hold until it is worth writing. The writer is not woken for it: `nudge` it now and then."""
        self._holds.append((monotonic_s(), hold))

    def nudge(self) -> None:
        """Have holds looked at that nobody came to settle."""
        if self._holds:
            self._queue.put(_NUDGE)

    def call(self, function: Callable[[apsw.Connection], T]) -> "Future[T]":
        """Queue a function of the connection, which opens its own transaction. Raises `Faulted` after `close`."""
        if not self._thread.is_alive():
            raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message="The ledger is closed."))
        job = _Call(function)
        self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Write what is queued and stop."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        batch = Batch()
        while not self._stopping:
            calls = self._gather(batch)
            # Whoever calls, and whoever comes after us, finds everything written.
            batch.ripen(monotonic_s() - (0.0 if calls or self._stopping else HOLD_REST_S))
            if batch and self._commit(batch):
                batch = Batch(batch.resting)
            for call in calls:
                call.run(self._db)
        if batch:
            lost = len(batch.postings)
            log.error("the ledger closed with %d settlements that could not be written: %s", lost, self.failure)

    def _gather(self, batch: Batch) -> list[_Call]:
        """Wait for work and add all that is there to the batch."""
        calls: list[_Call] = []
        jobs: list[_Job] = []
        wait_s = RETRY_S if batch else batch.ripe_in(HOLD_REST_S, monotonic_s())
        with suppress(Empty):
            jobs.append(self._queue.get(timeout=wait_s))
        # Nobody else takes from the queue, so that many are there.
        jobs.extend(self._queue.get_nowait() for _ in range(min(self._queue.qsize(), MAX_BATCH)))
        # After the jobs were taken: a hold was put to rest before its settlement was queued, so it is here by now.
        while self._holds:
            at_s, hold = self._holds.popleft()
            batch.add_hold(hold, at_s)
        for job in jobs:
            self._take(job, batch, calls)
        return calls

    def _take(self, job: _Job, batch: Batch, calls: list[_Call]) -> None:
        match job:
            case Posting():
                batch.add_posting(job)
            case _Call():
                calls.append(job)
            case _Nudge():
                pass
            case None:
                self._stopping = True

    def _commit(self, batch: Batch) -> bool:
        try:
            self._poster.write(batch)
        except Exception as error:  # noqa: BLE001  a dead writer would hang every request; this one retries
            if self.failure is None:
                log.critical("the ledger cannot be written, new requests are refused: %r", error)
            self.failure = str(error)
            self._failed(batch.postings)
            return False
        if self.failure is not None:
            log.warning("the ledger can be written again")
            self.failure = None
        self._committed(batch.postings)
        return True
