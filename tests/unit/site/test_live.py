"""Telling open pages of new records: one look for all, only while somebody listens, and an end at once."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.site import pulse as pulses
from wideband.site.pulse import Pulse
from wideband.store.base import Table
from wideband.tasks import spawn


class Shelf:
    """A reader whose newest record is set by hand; counts how often it is asked."""

    def __init__(self) -> None:
        self.newest, self.looks, self.broken, self.defect = 1, 0, False, False

    async def read(self, _sql: str, _parameters: tuple[Any, ...] = ()) -> Table:
        self.looks += 1
        if self.defect:
            raise RuntimeError("a defect of ours")
        if self.broken:
            raise Faulted(Fault(kind=FaultKind.UNAVAILABLE, message="Not now."))
        return Table(("newest",), [(self.newest, self.newest)])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "LOOK_S", 0.01)
    monkeypatch.setattr(pulses, "HEARTBEAT_S", 0.05)


async def next_count(beats: AsyncGenerator[int | None, None]) -> int | None:
    async with asyncio.timeout(1):
        async for beat in beats:
            if beat is not None:
                return beat
    return None


async def test_every_listener_hears_of_new_records_from_one_look() -> None:
    pulse, shelf = Pulse(), Shelf()
    ears = [pulse.beats(shelf) for _ in range(20)]
    assert [await next_count(ear) for ear in ears] == [0] * 20
    await asyncio.sleep(0.03)
    shelf.newest, looks = 2, shelf.looks
    assert [await next_count(ear) for ear in ears] == [1] * 20
    assert shelf.looks - looks <= 3
    for ear in ears:
        await ear.aclose()


async def test_a_look_that_ended_on_a_defect_is_begun_anew_by_the_next_listener() -> None:
    pulse, shelf = Pulse(), Shelf()
    first = pulse.beats(shelf)
    await anext(first)
    shelf.defect = True
    await asyncio.sleep(0.03)
    shelf.defect = False
    second = pulse.beats(shelf)
    await anext(second)
    await asyncio.sleep(0.03)
    shelf.newest = 2
    assert [await next_count(ear) for ear in (first, second)] == [1, 1]
    for ear in (first, second):
        await ear.aclose()


async def test_nobody_looks_when_nobody_listens() -> None:
    pulse, shelf = Pulse(), Shelf()
    ear = pulse.beats(shelf)
    await anext(ear)
    await asyncio.sleep(0.03)
    await ear.aclose()
    looks = shelf.looks
    await asyncio.sleep(0.05)
    assert shelf.looks == looks > 0


async def test_silence_is_broken_now_and_then() -> None:
    ear = Pulse().beats(Shelf())
    assert await anext(ear) == 0
    async with asyncio.timeout(1):
        assert await anext(ear) is None
    await ear.aclose()


async def test_an_archive_that_cannot_be_read_for_a_while_is_no_news() -> None:
    pulse, shelf = Pulse(), Shelf()
    ear = pulse.beats(shelf)
    await anext(ear)
    await asyncio.sleep(0.03)
    shelf.broken = True
    await asyncio.sleep(0.03)
    shelf.broken = False
    await asyncio.sleep(0.03)
    assert pulse.count == 0
    shelf.newest = 2
    assert await next_count(ear) == 1
    await ear.aclose()


async def test_closing_ends_every_listening_at_once_and_admits_nobody() -> None:
    pulse = Pulse()

    async def listen() -> int:
        return len([beat async for beat in pulse.beats(Shelf()) if beat is not None])

    listeners = [spawn(listen(), name="listener") for _ in range(3)]
    await asyncio.sleep(0.02)
    pulse.close()
    async with asyncio.timeout(0.5):
        assert await asyncio.gather(*listeners) == [1, 1, 1]
    with pytest.raises(Faulted, match="going down"):
        pulse.admit()


async def test_no_more_can_listen_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "MOST_LISTENERS", 2)
    pulse, shelf = Pulse(), Shelf()
    ears = [pulse.beats(shelf), pulse.beats(shelf)]
    for ear in ears:
        pulse.admit()
        await anext(ear)
    with pytest.raises(Faulted, match="Too many"):
        pulse.admit()
    await ears[0].aclose()
    pulse.admit()
    await ears[1].aclose()
