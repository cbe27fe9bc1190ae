"""Many runs at once, a process each; told to stop, every run ends with what it has."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from types import FrameType
from typing import Any

from wideband.simulate.run import Run, Setup
from wideband.simulate.score import Result

# Told how much of all runs is done, a share.
Progress = Callable[[float], None]
_LOOK_EVERY_S = 0.2

# Set in each process of a pool: how much of each run is done, and whether to stop.
_shared: dict[str, Any] = {}


def run_all(setups: Sequence[Setup], jobs: int, progress: Progress) -> list[Result]:
    """Run all setups, in their order; after Ctrl-C only those that had begun, each marked as interrupted."""
    context = multiprocessing.get_context("spawn")
    done = context.Array("d", len(setups), lock=False)
    stop = context.Value("b", 0, lock=False)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        stop.value = 1

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        if min(jobs, len(setups)) == 1:
            _prepare(done, stop)
            results = [_one(at, setup, lambda: progress(sum(done) / len(setups))) for at, setup in enumerate(setups)]
        else:
            with ProcessPoolExecutor(jobs, context, _in_child, (done, stop)) as pool:
                futures = [pool.submit(_one, at, setup) for at, setup in enumerate(setups)]
                results = _collected(futures, lambda: progress(sum(done) / len(setups)))
    finally:
        signal.signal(signal.SIGINT, before)
    return [result for result in results if result is not None]


def _collected(futures: Sequence[Future[Result | None]], tick: Callable[[], None]) -> list[Result | None]:
    open_ = set(futures)
    while open_:
        _, open_ = wait(open_, timeout=_LOOK_EVERY_S)
        tick()
    return [future.result() for future in futures]


def _in_child(done: Any, stop: Any) -> None:
    # A terminal's Ctrl-C reaches every process; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _prepare(done, stop)


def _end_with_parent() -> None:
    """End this process when its parent has been killed: nobody would collect its results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _prepare(done: Any, stop: Any) -> None:
    _shared["done"], _shared["stop"] = done, stop


def _one(at: int, setup: Setup, tick: Callable[[], None] | None = None) -> Result | None:
    done, stop = _shared["done"], _shared["stop"]
    if stop.value:
        return None

    def watch(share: float) -> bool:
        done[at] = share
        if tick is not None:
            tick()
        return not stop.value

    result = Run(setup).go(watch)
    done[at] = 1.0
    return result
