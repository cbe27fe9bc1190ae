"""Pages take turns: only so many are made at once, only so many wait, and none for a reader who has left."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from wideband.canon.faults import Faulted, FaultKind
from wideband.site.turns import Turns

SETTLE = 5


def asking(*, has_left: bool = False) -> Request:
    async def receive() -> dict[str, Any]:
        if not has_left:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


class Making:
    """Makes pages that end when they are told to, and remembers how many were made at once."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.now, self.most, self.made = turns, 0, 0, 0
        self.end = asyncio.Event()

    async def page(self, request: Request | None = None) -> None:
        async with self.turns.taken(request or asking()):
            self.now += 1
            self.most = max(self.most, self.now)
            await self.end.wait()
            self.now -= 1
            self.made += 1

    async def asked(self, *requests: Request) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.page(request)) for request in requests]
        for _ in range(SETTLE):
            await asyncio.sleep(0)
        return tasks


async def test_only_so_many_pages_are_made_at_once_and_all_get_their_turn() -> None:
    making = Making(Turns(at_once=2))
    tasks = await making.asked(*(asking() for _ in range(7)))
    assert making.now == 2
    making.end.set()
    await asyncio.gather(*tasks)
    assert (making.most, making.made) == (2, 7)


async def test_who_comes_when_too_many_wait_is_told_to_come_again() -> None:
    making = Making(Turns(at_once=1, most_waiting=2))
    tasks = await making.asked(*(asking() for _ in range(3)))
    with pytest.raises(Faulted) as refused:
        await making.page()
    assert refused.value.fault.kind is FaultKind.UNAVAILABLE
    assert refused.value.fault.retry_after_s
    making.end.set()
    await asyncio.gather(*tasks)
    await making.page()
    assert making.made == 4


async def test_no_page_is_made_for_a_reader_who_left_while_waiting() -> None:
    making = Making(Turns(at_once=1))
    first, gone, last = await making.asked(asking(), asking(has_left=True), asking())
    making.end.set()
    await asyncio.gather(first, last)
    with pytest.raises(Faulted):
        await gone
    assert making.made == 2


async def test_a_page_that_fails_or_is_given_up_hands_its_turn_on() -> None:
    making = Making(Turns(at_once=1))
    made, waits = await making.asked(asking(), asking())
    made.cancel()
    waits.cancel()
    await asyncio.gather(made, waits, return_exceptions=True)
    making.end.set()
    await making.page()
    assert making.made == 1


async def test_pages_that_wait_are_refused_when_the_server_goes_down() -> None:
    turns = Turns(at_once=1)
    making = Making(turns)
    made, *waiting = await making.asked(*(asking() for _ in range(4)))
    turns.close()
    making.end.set()
    await made
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [Faulted] * 3
    assert making.made == 1
