"""What guards a request's waits, on the event loop that the server uses."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

from wideband.canon.faults import FaultKind
from wideband.gateway.watch import Watch

Answer = TypeVar("Answer")


def on_uvloop(steps: Coroutine[object, object, Answer]) -> Answer:
    """Run as the server does."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(steps)


def test_a_deadline_can_be_set_while_a_reminder_is_due_at_once() -> None:
    """uvloop gives no timer for what is due at once, only a handle that does not know when."""

    async def steps() -> list[str]:
        watch = Watch(60)
        said: list[str] = []
        watch.remind(0, lambda: said.append("reminded"))
        watch.arm(30, FaultKind.PROVIDER_TIMEOUT)
        watch.arm(20, FaultKind.PROVIDER_TIMEOUT)
        await asyncio.sleep(0.01)
        watch.close()
        return said

    assert on_uvloop(steps()) == ["reminded"]


def test_a_reminder_may_follow_a_deadline_that_is_due_at_once() -> None:
    """The case met when a first token is late: the timer fires, and the reminder is a fraction of a millisecond off."""

    async def steps() -> FaultKind | None:
        watch = Watch(60)
        watch.phase = "reading"
        watch.arm(0.0001, FaultKind.PROVIDER_STALLED)
        watch.remind(0.0001, lambda: None)
        watch.remind(0.00005, lambda: None)
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            fault = watch.fault()
            return fault.kind if fault else None
        finally:
            watch.close()
        return None

    assert on_uvloop(steps()) is FaultKind.PROVIDER_STALLED
