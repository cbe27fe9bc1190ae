"""Background tasks that are neither lost nor silent."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("wideband.tasks")

_alive: set[asyncio.Task[Any]] = set()


def spawn(coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
    """Run a coroutine beside the caller; keeps a reference, and logs the failure nobody awaits."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    _alive.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: asyncio.Task[Any]) -> None:
    _alive.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task %s failed", task.get_name(), exc_info=error)
