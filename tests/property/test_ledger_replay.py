"""The ledger on a disk as a machine: replays, restarts and shipping at any point leave one record per request."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule
from tests.unit.store.money import make_hold, make_key, settle_hold

from wideband.accounts.rows import Hold
from wideband.store.hub import Hub
from wideband.store.ledger import LocalLedger

T = TypeVar("T")

KEYS = [make_key("one"), make_key("two")]


class LedgerMachine(RuleBasedStateMachine):
    """Requests, their replays, restarts and the hub at random, beside a model of what was booked first."""

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.open: set[str] = set()
        self.booked: dict[str, int] = {}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def start(self) -> None:
        self.ledger = LocalLedger(Path(self.folder.name))

    @initialize()
    def begin(self) -> None:
        self.do(self.start())
        for key in KEYS:
            self.do(self.ledger.create_key(key))

    @rule(target=holds, key=st.sampled_from(KEYS), amount=st.integers(0, 1_000))
    def hold(self, key: Any, amount: int) -> Hold:
        hold = make_hold(key, amount)
        assert self.do(self.ledger.hold(hold)) is None
        self.open.add(hold.id)
        return hold

    @rule(hold=holds, charge=st.integers(0, 2_000), times=st.integers(1, 3))
    def settle(self, hold: Hold, charge: int, times: int) -> None:
        async def at_once() -> None:
            await asyncio.gather(*(self.ledger.settle(settle_hold(hold, charge + extra)) for extra in range(times)))

        self.do(at_once())
        self.open.discard(hold.id)
        self.booked.setdefault(hold.id, charge)

    @rule()
    def ship(self) -> None:
        Hub(self.ledger).ship()

    @rule()
    def restart(self) -> None:
        self.do(self.ledger.close())
        self.do(self.start())
        self.booked |= dict.fromkeys(self.open, 0)
        self.open.clear()

    @rule()
    def add_up(self) -> None:
        figures = self.do(self.ledger.balance())
        assert figures["problems"] == []
        assert figures["requests"] == figures["records"] == len(self.booked)
        assert figures["open_holds"] == len(self.open)
        assert figures["charged_nano"] == sum(self.booked.values())
        assert self.do(self.ledger.credits("local")) == (0, sum(self.booked.values()))

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.add_up()
            self.do(self.ledger.close())
        self.runner.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestLedger = LedgerMachine.TestCase
