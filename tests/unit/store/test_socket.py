"""One ledger for several workers: the same answers through a socket, and no hang when either end is gone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.store.money import make_hold, make_key, settle_hold

from wideband.canon.faults import Faulted, FaultKind
from wideband.metering.record import Generation
from wideband.store.base import KeyChange, Ledger
from wideband.store.ledger import LocalLedger
from wideband.store.socket import LedgerServer, RemoteLedger
from wideband.wire import jsons


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ledger.sock"


@pytest.fixture
async def server(ledger: LocalLedger, path: Path) -> AsyncIterator[LedgerServer]:
    made = LedgerServer(ledger, path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def worker(server: LedgerServer, path: Path, tmp_path: Path) -> AsyncIterator[RemoteLedger]:
    made = RemoteLedger(path, tmp_path)
    await made.connect()
    yield made
    await made.close()


async def until_recorded(ledger: Ledger, generation_id: str) -> Generation:
    async with asyncio.timeout(5):
        while (record := await ledger.generation(generation_id)) is None:
            await asyncio.sleep(0.01)
    return jsons.decode_as(record, Generation)


async def test_a_worker_asks_and_is_answered_as_beside_the_ledger(worker: RemoteLedger, ledger: LocalLedger) -> None:
    key = make_key(limit_nano=1_000)
    await worker.create_key(key)
    assert worker.key_for(key.hash) == key == ledger.key_for(key.hash)
    hold = make_hold(key, 800)
    assert await worker.hold(hold) is None
    refused = await worker.hold(make_hold(key, 800))
    assert refused is not None
    assert (refused.kind, refused.details["remaining"]) == (FaultKind.PAYMENT_REQUIRED, "0.0000002")
    settlement = settle_hold(hold, 700)
    await worker.settle(settlement)
    await worker.settle(settlement)
    assert await worker.generation(hold.id) == settlement.record
    assert await worker.generation("gen-unknown") is None
    assert (await worker.spend(key_hash=key.hash)).weekly_nano == 700
    assert (await worker.spend(account_id="local")).total_nano == 700
    assert await worker.credits("local") == (0, 700)
    changed = await worker.change_key(key.hash, KeyChange(disabled=True))
    assert changed is not None
    assert changed.disabled
    assert changed.limit_nano == 1_000
    assert worker.key_for(key.hash) == changed
    assert await worker.keys() == [changed]
    assert await worker.delete_key(key.hash) is True
    assert worker.key_for(key.hash) is None
    assert (await worker.balance())["balanced"] is True
    assert await worker.failure() is None


async def test_what_the_ledger_refuses_is_refused_through_the_socket(worker: RemoteLedger) -> None:
    with pytest.raises(Faulted, match="no account `nobody`") as caught:
        await worker.create_key(make_key(account_id="nobody"))
    assert caught.value.fault.kind is FaultKind.NOT_FOUND
    with pytest.raises(Faulted):
        await worker.settle(settle_hold(make_hold(make_key("stranger")), 1))


async def test_many_requests_share_one_connection(worker: RemoteLedger) -> None:
    key = make_key()
    await worker.create_key(key)

    async def request(number: int) -> None:
        hold = make_hold(key)
        assert await worker.hold(hold) is None
        await worker.settle(settle_hold(hold, number))

    await asyncio.gather(*(request(number) for number in range(300)))
    figures = await worker.balance()
    assert (figures["balanced"], figures["requests"], figures["charged_nano"]) == (True, 300, sum(range(300)))


async def test_only_the_owner_can_reach_the_socket(server: LedgerServer, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_holds_of_a_worker_that_dies_end_as_interrupted(
    server: LedgerServer, worker: RemoteLedger, ledger: LocalLedger, path: Path
) -> None:
    dying = RemoteLedger(path, ledger.home)
    await dying.connect()
    key = make_key()
    await worker.create_key(key)
    mine, left = make_hold(key), make_hold(key)
    await worker.hold(mine)
    await dying.hold(left)
    await dying.close()
    record = await until_recorded(ledger, left.id)
    assert (record.fault, record.cost_nano) == ("interrupted", 0)
    await worker.settle(settle_hold(mine, 9))
    figures = await worker.balance()
    assert (figures["balanced"], figures["requests"], figures["charged_nano"], figures["open_holds"]) == (True, 2, 9, 0)


async def test_without_the_server_every_call_fails_at_once(server: LedgerServer, worker: RemoteLedger) -> None:
    key = make_key()
    await worker.create_key(key)
    hold = make_hold(key)
    await worker.hold(hold)
    waiting = asyncio.ensure_future(worker.balance())
    await asyncio.sleep(0)
    await server.close()
    async with asyncio.timeout(5):
        with pytest.raises(Faulted) as caught:
            await waiting
        assert caught.value.fault.kind is FaultKind.UNAVAILABLE
        refusal = await worker.hold(make_hold(key))
        assert refusal is not None
        assert refusal.kind is FaultKind.UNAVAILABLE
        with pytest.raises(Faulted):
            await worker.settle(settle_hold(hold, 1))
        assert await worker.failure() == refusal.message
    assert worker.key_for(key.hash) == key


async def test_a_worker_without_a_server_says_where_it_looked(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Faulted, match="no ledger answers at"):
        await RemoteLedger(path, tmp_path).connect()
