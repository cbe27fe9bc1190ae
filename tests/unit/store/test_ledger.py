"""The ledger of one process: holds, settlements, limits, records, restarts and full disks."""

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.store.money import HOUR_NS, make_hold, make_key, settle_hold

from wideband.accounts.rows import Account
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.metering.record import Generation
from wideband.store.base import KeyChange, Spend
from wideband.store.ledger import LocalLedger
from wideband.store.serverlock import HomeLockedError
from wideband.wire import jsons


def message(fault: Fault | None) -> str:
    assert fault is not None
    return fault.message


async def balanced(ledger: LocalLedger) -> dict[str, Any]:
    """Return the figures of a ledger, which have to add up."""
    figures = await ledger.balance()
    assert figures["problems"] == []
    assert figures["balanced"] is True
    return figures


async def test_a_settled_request_is_charged_recorded_and_no_longer_held(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    hold = make_hold(key, 1_000)
    assert await ledger.hold(hold) is None
    await ledger.settle(settle_hold(hold, 700))
    assert await ledger.spend(key_hash=key.hash) == Spend(
        total_nano=700, daily_nano=700, weekly_nano=700, monthly_nano=700
    )
    assert await ledger.credits("local") == (0, 700)
    figures = await balanced(ledger)
    assert (figures["requests"], figures["records"], figures["charged_nano"], figures["held_nano"]) == (1, 1, 700, 0)


async def test_a_record_can_be_read_the_moment_it_is_settled(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    settlement = settle_hold(make_hold(key), 5)
    await ledger.settle(settlement)
    assert await ledger.generation(settlement.id) == settlement.record
    assert await ledger.generation("gen-unknown") is None


async def test_a_second_settlement_changes_nothing_on_disk_or_in_memory(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    hold = make_hold(key)
    await ledger.hold(hold)
    first = settle_hold(hold, 300)
    await asyncio.gather(ledger.settle(first), ledger.settle(first), ledger.settle(settle_hold(hold, 999)))
    await ledger.settle(settle_hold(hold, 999))
    assert (await ledger.spend(key_hash=key.hash)).total_nano == 300
    assert (await balanced(ledger))["charged_nano"] == 300
    assert await ledger.generation(hold.id) == first.record


async def test_a_request_refused_before_its_hold_still_leaves_its_record(ledger: LocalLedger) -> None:
    key = make_key(limit_nano=10)
    await ledger.create_key(key)
    hold = make_hold(key, 11)
    assert await ledger.hold(hold) is not None
    await ledger.settle(settle_hold(hold, 0))
    assert (await balanced(ledger))["records"] == 1


async def test_a_cancelled_caller_does_not_undo_its_settlement(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    hold = make_hold(key)
    await ledger.hold(hold)
    task = asyncio.ensure_future(ledger.settle(settle_hold(hold, 40)))
    await asyncio.sleep(0)
    task.cancel()
    await ledger.settle(settle_hold(hold, 40))
    assert (await balanced(ledger))["charged_nano"] == 40


async def test_a_charge_that_nobody_can_pay_is_refused_as_our_fault(ledger: LocalLedger) -> None:
    stranger = make_hold(make_key("stranger"))
    with pytest.raises(Faulted) as caught:
        await ledger.settle(settle_hold(stranger, 1))
    assert caught.value.fault.kind is FaultKind.INTERNAL
    assert message(await ledger.hold(stranger)) == "The API key of this request no longer exists."


async def test_changes_of_a_key_hold_at_once(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    assert ledger.key_for(key.hash) == key
    changed = await ledger.change_key(key.hash, KeyChange(disabled=True, limit_nano=5, limit_reset="daily"))
    assert changed is not None
    assert ledger.key_for(key.hash) == changed
    assert (changed.disabled, changed.limit_nano, changed.limit_reset, changed.name) == (True, 5, "daily", "test")
    assert await ledger.change_key("0" * 64, KeyChange(disabled=True)) is None
    with pytest.raises(Faulted, match="daily, weekly, monthly"):
        await ledger.change_key(key.hash, KeyChange(limit_reset="hourly"))
    assert await ledger.keys("local") == [changed]
    assert await ledger.delete_key(key.hash)
    assert not await ledger.delete_key(key.hash)
    assert ledger.key_for(key.hash) is None
    assert await ledger.keys() == []


async def test_what_a_deleted_key_still_has_to_pay_is_booked(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    hold = make_hold(key)
    await ledger.hold(hold)
    await ledger.delete_key(key.hash)
    await ledger.settle(settle_hold(hold, 12))
    assert (await balanced(ledger))["charged_nano"] == 12


async def test_a_key_is_made_once_and_for_an_account_that_exists(ledger: LocalLedger) -> None:
    await ledger.create_key(make_key())
    with pytest.raises(Faulted, match="exists already"):
        await ledger.create_key(make_key())
    with pytest.raises(Faulted, match="no account `nobody`"):
        await ledger.create_key(make_key("other", account_id="nobody"))


async def test_a_prepaid_account_spends_what_it_was_granted(ledger: LocalLedger) -> None:
    await ledger.open_account(Account(id="acme", name="Acme", created_ns=0, prepaid=True))
    key = make_key(account_id="acme")
    await ledger.create_key(key)
    assert "`acme` has $0 left of its credits" in message(await ledger.hold(make_hold(key, 1)))
    await ledger.grant("acme", 1_000, "first payment")
    hold = make_hold(key, 1_000)
    assert await ledger.hold(hold) is None
    assert await ledger.hold(make_hold(key, 1)) is not None
    await ledger.settle(settle_hold(hold, 400))
    assert await ledger.hold(make_hold(key, 600)) is None
    assert await ledger.credits("acme") == (1_000, 400)
    assert await ledger.credits("nobody") == (0, 0)


async def test_holds_left_by_a_dead_server_end_as_interrupted(tmp_path: Path) -> None:
    key = make_key(limit_nano=10_000)
    dead = LocalLedger(tmp_path)
    await dead.create_key(key)
    left, settled = make_hold(key, 900), make_hold(key, 50)
    for hold in (left, settled):
        await dead.hold(hold)
    await dead.settle(settle_hold(settled, 45))
    await dead.close()
    ledger = LocalLedger(tmp_path)
    record = jsons.decode_as(await ledger.generation(left.id) or b"", Generation)
    assert (record.fault, record.cost_nano, record.held_nano, record.model) == ("interrupted", 0, 900, "acme/large")
    figures = await balanced(ledger)
    assert (figures["requests"], figures["records"], figures["open_holds"]) == (2, 2, 0)
    assert (await ledger.spend(key_hash=key.hash)).daily_nano == 45
    assert await ledger.hold(make_hold(key, 10_000 - 45)) is None
    await ledger.close()


async def test_a_hold_whose_time_is_over_ends_as_interrupted_while_the_server_runs(ledger: LocalLedger) -> None:
    key = make_key(limit_nano=1_000)
    await ledger.create_key(key)
    hold = make_hold(key, 1_000, lasts_ns=1)
    await ledger.hold(hold)
    async with asyncio.timeout(5):
        while await ledger.generation(hold.id) is None:
            await asyncio.sleep(0.01)
    assert await ledger.hold(make_hold(key, 1_000, lasts_ns=HOUR_NS)) is None
    await ledger.settle(settle_hold(hold, 500))
    figures = await balanced(ledger)
    assert (figures["charged_nano"], figures["records"]) == (0, 1)


async def test_a_home_takes_one_server(ledger: LocalLedger) -> None:
    with pytest.raises(HomeLockedError) as caught:
        LocalLedger(ledger.home)
    for word in (str(ledger.home), "process", "--home"):
        assert word in str(caught.value)


async def test_five_hundred_at_once_share_few_commits(ledger: LocalLedger) -> None:
    keys = [make_key(f"key {number}") for number in range(7)]
    for key in keys:
        await ledger.create_key(key)

    async def request(number: int) -> None:
        hold = make_hold(keys[number % len(keys)], 100)
        assert await ledger.hold(hold) is None
        await asyncio.sleep(0)
        await ledger.settle(settle_hold(hold, number))

    await asyncio.gather(*(request(number) for number in range(500)))
    figures = await balanced(ledger)
    assert (figures["requests"], figures["charged_nano"], figures["open_holds"]) == (500, sum(range(500)), 0)


async def test_a_hold_does_not_wait_for_the_disk(ledger: LocalLedger) -> None:
    key = make_key()
    await ledger.create_key(key)
    blocker = ledger._writer.call(lambda _: time.sleep(0.2))
    assert await ledger.hold(make_hold(key)) is None
    assert not blocker.done()


async def test_a_full_disk_refuses_new_requests_and_loses_nothing(
    ledger: LocalLedger, caplog: pytest.LogCaptureFixture
) -> None:
    key = make_key()
    await ledger.create_key(key)
    before = make_hold(key)
    await ledger.hold(before)
    await ledger.settle(settle_hold(before, 1))
    running = [make_hold(key) for _ in range(200)]
    for hold in running:
        await ledger.hold(hold)
    await ledger.balance()
    pages = ledger._writer.call(lambda db: db.pragma("page_count")).result()
    ledger._writer.call(lambda db: db.pragma("max_page_count", pages)).result()
    with caplog.at_level(logging.WARNING, "wideband.store"):
        ends = await asyncio.gather(*(ledger.settle(settle_hold(h, 10)) for h in running), return_exceptions=True)
        assert any(isinstance(end, Faulted) and end.fault.kind is FaultKind.UNAVAILABLE for end in ends)
        refusal = await ledger.hold(make_hold(key))
        assert refusal is not None
        assert (refusal.kind, refusal.status) == (FaultKind.UNAVAILABLE, 503)
        assert "cannot be written" in refusal.message
        assert await ledger.failure() == refusal.message
        ledger._writer.call(lambda db: db.pragma("max_page_count", 1_000_000)).result()
        await asyncio.gather(*(ledger.settle(settle_hold(hold, 10)) for hold in running))
    assert await ledger.hold(make_hold(key)) is None
    assert await ledger.failure() is None
    figures = await balanced(ledger)
    assert (figures["requests"], figures["charged_nano"]) == (201, 2_001)
    assert [record.levelname for record in caplog.records] == ["CRITICAL", "WARNING"]


async def test_a_closed_ledger_answers_instead_of_hanging(tmp_path: Path) -> None:
    ledger = LocalLedger(tmp_path)
    key = make_key()
    await ledger.create_key(key)
    hold = make_hold(key)
    await ledger.close()
    assert "the server is stopping" in message(await ledger.hold(hold))
    with pytest.raises(Faulted):
        await ledger.settle(settle_hold(hold, 1))
    with pytest.raises(Faulted):
        await ledger.create_key(make_key("late"))


async def test_slow_questions_to_the_archive_leave_the_threads_that_all_share_alone(
    ledger: LocalLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(ledger.archive, "read", lambda *_: answered.wait(10))
    asked = [asyncio.ensure_future(ledger.read("SELECT 1")) for _ in range(64)]
    await asyncio.sleep(0.05)
    try:
        async with asyncio.timeout(3):
            assert await ledger.generation("gen-1") is None
    finally:
        answered.set()
    await asyncio.gather(*asked)
