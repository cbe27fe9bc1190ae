"""Who is broken when, and what the traffic did about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from wideband.replay.outages import Outage, Reaction, Sent, break_in_turn, reactions, turns

SECOND_NS = 1_000_000_000


def sent(provider: str, at_s: float, fault: str | None = None) -> Sent:
    return Sent(provider, int(at_s * SECOND_NS), fault)


def outage(provider: str, from_s: float, to_s: float) -> Outage:
    return Outage(provider, "503", int(from_s * SECOND_NS), int(to_s * SECOND_NS))


def test_each_round_breaks_two_neighbours_in_a_way_of_its_own() -> None:
    assert turns(["a", "b", "c"], ["500", "hang", "cut", "429"]) == [
        (("a", "b"), "500"),
        (("b", "c"), "hang"),
        (("c", "a"), "cut"),
        (("a", "b"), "429"),
    ]


@asynccontextmanager
async def sandbox(status: int, asked: list[str]) -> AsyncIterator[str]:
    async def play(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.match_info['slug']} {await request.text()}".strip())
        return web.Response(status=status)

    app = web.Application()
    app.router.add_route("*", "/outages/{slug}", play)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_who_is_broken_when_the_trace_ends_is_mended_and_told_of() -> None:
    asked: list[str] = []
    seen: list[Outage] = []
    async with sandbox(200, asked) as url:
        breaking = asyncio.create_task(break_in_turn(url, [(("a", "b"), "hang")], seen, calm_s=0.0))
        while len(asked) < 2:
            await asyncio.sleep(0.001)
        breaking.cancel()
        with suppress(asyncio.CancelledError):
            await breaking
    assert asked == ['PUT a {"fault":"hang"}', 'PUT b {"fault":"hang"}', "DELETE a", "DELETE b"]
    assert [(each.provider, each.fault, each.from_ns < each.to_ns) for each in seen] == [
        ("a", "hang", True),
        ("b", "hang", True),
    ]


async def test_a_sandbox_that_breaks_nothing_is_no_outage() -> None:
    seen: list[Outage] = []
    async with sandbox(404, []) as url:
        with pytest.raises(aiohttp.ClientResponseError):
            await break_in_turn(url, [(("a",), "hang")], seen, calm_s=0.0)
    assert seen == []


def test_tries_at_a_broken_provider_are_counted_within_two_seconds_of_the_first_and_after() -> None:
    tries = [
        sent("a", 9.9),
        sent("b", 10.0),
        sent("a", 11.0, "provider_overloaded"),
        sent("a", 12.9, "provider_overloaded"),
        sent("b", 13.0),
        sent("a", 17.9, "provider_overloaded"),
        sent("a", 21.5),
    ]
    assert reactions([outage("a", 10, 18)], tries) == [
        Reaction(provider="a", fault="503", broken_s=8.0, tries_at_first=2, tries_later=1, all_later=2, returned_s=3.5)
    ]


def test_a_return_that_came_only_after_the_next_outage_was_not_seen() -> None:
    first, second = reactions([outage("a", 10, 18), outage("a", 30, 38)], [sent("b", 20), sent("a", 40.25)])
    assert first.returned_s is None
    assert second.returned_s == 2.25
    assert reactions([outage("a", 1, 2)], [])[0].returned_s is None
