"""Breaks a request's wait from outside: the client left, or a deadline passed.

One timer serves all deadlines of a request and is moved, not replaced, when bytes come; so a stream of a thousand
events costs a handful of timer calls.
"""

import asyncio
from typing import Literal

from wideband.canon.faults import Fault, Faulted, FaultKind

_MESSAGES: dict[FaultKind, str] = {
    FaultKind.CANCELLED: "The client closed the connection before the answer was complete.",
    FaultKind.PROVIDER_TIMEOUT: "The provider sent nothing within the first-token deadline.",
    FaultKind.PROVIDER_STALLED: "The provider stopped sending in the middle of the answer.",
    FaultKind.REQUEST_TIMEOUT: "The request ran past the longest time allowed for one request.",
}

Phase = Literal["idle", "reading", "writing"]


class Watch:
    """Guards the awaits of one task. Use `phase` to say what the task is waiting for."""

    def __init__(self, total_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Watch guards the task it is made in")
        self._task = task
        self._ends = self._loop.time() + total_s
        self._deadline = self._ends
        self._kind = FaultKind.REQUEST_TIMEOUT
        self._timer: asyncio.TimerHandle | None = None
        self._reason: FaultKind | None = None
        self.gone = False
        self.phase: Phase = "idle"

    def arm(self, after_s: float, kind: FaultKind) -> None:
        """Let the next reading wait at most this long."""
        self._kind = kind
        self._deadline = self._loop.time() + after_s
        when = min(self._deadline, self._ends)
        if self._timer is None or self._timer.when() > when:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._fire)

    def client_gone(self) -> None:
        """Say that the client left; breaks the wait at once if there is one."""
        self.gone = True
        if self.phase != "idle":
            self._break(FaultKind.CANCELLED)

    def check(self) -> None:
        """Raise `Faulted` (cancelled) if the client left while nothing was waited for."""
        if self.gone:
            raise Faulted(_fault(FaultKind.CANCELLED))

    def fault(self) -> Fault | None:
        """Take the reason for a `CancelledError`; None when the cancellation came from elsewhere."""
        reason, self._reason = self._reason, None
        # More than one cancellation comes as one error: if ours is not the only one, the other counts.
        if reason is None or self._task.uncancel() > 0:
            return None
        return _fault(reason)

    def close(self) -> None:
        """Stop guarding."""
        self.phase = "idle"
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        now = self._loop.time()
        self._timer = None
        if self.phase != "idle" and now >= self._ends:
            self._break(FaultKind.REQUEST_TIMEOUT)
        elif self.phase == "reading" and now >= self._deadline:
            self._break(self._kind)
        else:
            # Bytes came since the timer was set, or the client is the slow one: look again when it could be due.
            pause = max(self._deadline - now, 0.25 if now < self._ends else 1.0)
            self._timer = self._loop.call_at(min(now + pause, max(self._ends, now + 0.25)), self._fire)

    def _break(self, reason: FaultKind) -> None:
        if self._reason is None:
            self._reason = reason
            self._task.cancel()


def _fault(kind: FaultKind) -> Fault:
    return Fault(kind=kind, message=_MESSAGES[kind])
