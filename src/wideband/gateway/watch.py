"""Breaks a request's wait from outside: the client left, or a deadline passed.

One timer serves all deadlines of a request and is moved, not replaced, when bytes come; so a stream of a thousand
events costs a handful of timer calls.
"""

import asyncio
from collections.abc import Callable
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
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # uvloop's handle of a call due at once does not tell when it is due
        self._reason: Fault | None = None
        self._reminder: Callable[[], None] | None = None
        self._remind_at = 0.0
        self.gone = False
        self.phase: Phase = "idle"

    def arm(self, after_s: float, kind: FaultKind) -> None:
        """Let the next reading wait at most this long."""
        self._kind = kind
        self._deadline = self._loop.time() + after_s
        self._look_at(min(self._deadline, self._ends))

    @property
    def wait_s(self) -> float:
        """How long the reading under way may still wait."""
        return self._deadline - self._loop.time()

    @wait_s.setter
    def wait_s(self, after_s: float) -> None:
        self._deadline = self._loop.time() + after_s
        self._look_at(min(self._deadline, self._ends))

    def remind(self, after_s: float, call: Callable[[], None] | None) -> None:
        """Have `call` called once after so long; the newest reminder is the only one, None takes it back."""
        self._reminder = call
        if call is not None:
            self._remind_at = self._loop.time() + after_s
            self._look_at(self._remind_at)

    @property
    def left_s(self) -> float:
        """How long the whole request may still take."""
        return self._ends - self._loop.time()

    def client_gone(self) -> None:
        """Say that the client left; breaks the wait at once if there is one."""
        self.gone = True
        self.break_off(_fault(FaultKind.CANCELLED))

    def break_off(self, reason: Fault) -> None:
        """End the wait at once, if there is one; the first reason counts."""
        if self.phase != "idle" and self._reason is None:
            self._reason = reason
            self._task.cancel()

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
        return reason

    def close(self) -> None:
        """Stop guarding."""
        self.phase = "idle"
        self._reminder = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, when: float) -> None:
        if self._timer is None or self._timer_at > when:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._fire)
            self._timer_at = when

    def _fire(self) -> None:
        now = self._loop.time()
        self._timer = None
        if self._reminder is not None and now >= self._remind_at:
            reminder, self._reminder = self._reminder, None
            reminder()
        if self.phase != "idle" and now >= self._ends:
            self.break_off(_fault(FaultKind.REQUEST_TIMEOUT))
        elif self.phase == "reading" and now >= self._deadline:
            self.break_off(_fault(self._kind))
        else:
            # Bytes came since the timer was set, or the client is the slow one: look again when it could be due.
            when = self._deadline if self._deadline > now else now + (0.25 if now < self._ends else 1.0)
            self._look_at(min(when, max(self._ends, now + 0.25)))
            if self._reminder is not None:
                self._look_at(self._remind_at)


def _fault(kind: FaultKind) -> Fault:
    return Fault(kind=kind, message=_MESSAGES[kind])
