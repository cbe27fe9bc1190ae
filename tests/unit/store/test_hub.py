"""Records on their way from the outbox to the analytics database."""

import asyncio
import logging
import time
from pathlib import Path

import duckdb
import msgspec
import pytest
from tests.unit.store.money import make_hold, make_key, settle_hold

from wideband.accounts.rows import Settlement
from wideband.canon.faults import Faulted, FaultKind
from wideband.metering.record import Generation, Try
from wideband.store.archive import FILE, Archive
from wideband.store.hub import Hub
from wideband.store.ledger import LocalLedger
from wideband.store.upkeep import Upkeep
from wideband.wire import jsons


async def settle_some(ledger: LocalLedger, count: int, *, tries: int = 0) -> list[Settlement]:
    """Settle requests with records that use every kind of column."""
    key = make_key()
    if ledger.key_for(key.hash) is None:
        await ledger.create_key(key)
    made = []
    for number in range(count):
        settlement = settle_hold(make_hold(key), number)
        record = msgspec.structs.replace(
            jsons.decode_as(settlement.record, Generation),
            rates={"prompt": 300_000_000, "image": None},
            losses=("tools", 'it\'s "quoted"\n'),
            ttft_ms=12.25,
            tries=tuple(
                Try(endpoint_id=f"e{at}", provider="acme", provider_name="Acme", model="large", status=500 + at)
                for at in range(tries)
            ),
        )
        made.append(msgspec.structs.replace(settlement, record=jsons.encode(record)))
    await asyncio.gather(*(ledger.settle(settlement) for settlement in made))
    return made


async def test_records_are_the_same_before_and_after_they_are_shipped(ledger: LocalLedger) -> None:
    made = await settle_some(ledger, 20, tries=3)
    hub = Hub(ledger)
    before = [await ledger.generation(settlement.id) for settlement in made]
    assert await asyncio.to_thread(hub.ship) == 20
    assert await asyncio.to_thread(ledger.outbox.batch, 100) == []
    after = [await ledger.generation(settlement.id) for settlement in made]
    assert before == after == [settlement.record for settlement in made]
    assert (await ledger.balance())["balanced"] is True


async def test_the_running_hub_ships_by_itself_and_what_is_left_when_it_closes(ledger: LocalLedger) -> None:
    hub = Hub(ledger, interval_s=0.01)
    hub.start()
    await settle_some(ledger, 3)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(ledger.outbox.batch, 1):
            await asyncio.sleep(0.01)
    await settle_some(ledger, 2)
    await hub.close()
    figures = await ledger.balance()
    assert (figures["shipped_records"], figures["waiting_records"], figures["balanced"]) == (5, 0, True)


async def test_a_batch_that_was_shipped_but_not_dropped_is_not_doubled(ledger: LocalLedger) -> None:
    """As after a kill between the commit in the analytics database and the one in the ledger."""
    made = await settle_some(ledger, 10, tries=2)
    await asyncio.to_thread(ledger.archive.append, [settlement.record for settlement in made[:6]])
    figures = await ledger.balance()
    assert (figures["records"], figures["balanced"]) == (10, True)
    await asyncio.to_thread(Hub(ledger).ship)
    figures = await ledger.balance()
    assert (figures["records"], figures["doubled_records"], figures["balanced"]) == (10, 0, True)
    record = jsons.decode_as(await ledger.generation(made[0].id) or b"", Generation)
    assert len(record.tries) == 2


async def test_generations_are_found_while_they_are_shipped(ledger: LocalLedger) -> None:
    made = await settle_some(ledger, 50)
    shipping = asyncio.ensure_future(asyncio.to_thread(Hub(ledger).ship))
    while not shipping.done():
        assert await ledger.generation(made[7].id) == made[7].record
    assert await ledger.generation(made[7].id) == made[7].record


async def test_a_damaged_analytics_database_stops_nothing(
    ledger: LocalLedger, caplog: pytest.LogCaptureFixture
) -> None:
    path = ledger.home / FILE
    path.write_bytes(b"this is no database" * 1000)
    hub = Hub(ledger, interval_s=0.01)
    with caplog.at_level(logging.WARNING, "wideband.store"):
        hub.start()
        made = await settle_some(ledger, 4)
        await asyncio.sleep(0.1)
        assert [await ledger.generation(settlement.id) for settlement in made] == [s.record for s in made]
        with pytest.raises(Faulted, match=FILE) as caught:
            await ledger.generation("gen-unknown")
        assert caught.value.fault.kind is FaultKind.UNAVAILABLE
        path.unlink()
        async with asyncio.timeout(10):
            while await asyncio.to_thread(ledger.outbox.batch, 1):
                await asyncio.sleep(0.01)
    await hub.close()
    assert (await ledger.balance())["shipped_records"] == 4
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2
    assert "wait in the outbox" in said[0]
    assert "shipped again" in said[1]


async def test_upkeep_that_fails_in_any_way_is_told_once_and_stops_neither_itself_nor_shipping(
    ledger: LocalLedger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    defects = [RuntimeError("a defect of ours")] * 3

    def tidy(_upkeep: Upkeep, _now_s: int) -> None:
        waits.append(time.monotonic())
        if defects:
            raise defects.pop()

    monkeypatch.setattr(Upkeep, "tidy", tidy)
    hub = Hub(ledger, interval_s=0.01, upkeep_s=0.02)
    with caplog.at_level(logging.WARNING, "wideband.store"):
        hub.start()
        async with asyncio.timeout(10):
            while len(waits) < 5:
                await asyncio.sleep(0.01)
        await settle_some(ledger, 3)
    await hub.close()
    assert (await ledger.balance())["shipped_records"] == 3
    assert waits[3] - waits[2] >= 0.16, "what fails is tried less and less often"
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "analytics cannot be kept in order: RuntimeError('a defect of ours')",
        "analytics are kept in order again",
    ]


def test_a_column_that_records_have_gained_is_added_to_an_older_file(tmp_path: Path) -> None:
    settlement = settle_hold(make_hold(make_key()), 5)
    archive = Archive(tmp_path)
    archive.append([settlement.record])
    archive.close()
    with duckdb.connect(str(tmp_path / FILE)) as older:
        older.execute("ALTER TABLE generation DROP COLUMN held_nano")
        older.execute("ALTER TABLE generation DROP COLUMN app_url")
    found = jsons.decode_as(archive.find(settlement.id) or b"", Generation)
    assert (found.held_nano, found.app_url, found.cost_nano) == (0, None, 5)
    archive.close()


def test_a_record_that_fits_no_column_holds_up_nothing(tmp_path: Path) -> None:
    odd = settle_hold(make_hold(make_key()), 5)
    record = jsons.decode_as(odd.record, Generation)
    absurd = msgspec.structs.replace(record, prompt_tokens=10**30, user="a\x00" + "b" * 20_000_000)
    archive = Archive(tmp_path)
    archive.append([odd.record.replace(odd.id.encode(), b"gen-0"), jsons.encode(absurd)])
    found = jsons.decode_as(archive.find(odd.id) or b"", Generation)
    assert (found.prompt_tokens, found.user, found.cost_nano) == (0, absurd.user, 5)
    assert archive.find("gen-0") is not None
    archive.close()
