"""Sends the demonstration's sessions to a server, each turn after the answer before it, and counts what came back."""

import asyncio
import random
from collections.abc import Sequence

import aiohttp
import msgspec

from wideband.demo.traffic import Ask, Author, mean_turns, waits
from wideband.tasks import spawn
from wideband.wire import jsons

# More sessions are not begun while so many are open: the machine does not keep up.
MOST_OPEN = 150
_TIMEOUT = aiohttp.ClientTimeout(total=120.0, sock_connect=10.0)
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class Count(msgspec.Struct):
    """What became of requests so far; `statuses` counts refusals by what they were."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    sessions: int = 0
    statuses: dict[str, int] = {}


async def send(url: str, secrets: Sequence[str], rate: float, draw: random.Random, count: Count) -> None:
    """Keep sending about `rate` requests a second until cancelled; open sessions are then given up."""
    author, open_ = Author(draw, people=1500), set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=_TIMEOUT) as session:
        try:
            for wait_s in waits(draw, rate / mean_turns()):
                await asyncio.sleep(wait_s)
                if len(open_) >= MOST_OPEN:
                    continue
                task = spawn(_converse(session, author.session(), secrets, count), name="demo-session")
                open_.add(task)
                task.add_done_callback(open_.discard)
        finally:
            for task in open_:
                task.cancel()
            if open_:
                await asyncio.wait(tuple(open_))


async def _converse(session: aiohttp.ClientSession, asks: Sequence[Ask], secrets: Sequence[str], count: Count) -> None:
    count.sessions += 1
    for ask in asks:
        await asyncio.sleep(ask.gap_s)
        count.sent += 1
        outcome = await _sent(session, ask, secrets[ask.app.key])
        if outcome is None:
            count.answered += 1
        else:
            count.failed += 1
            count.statuses[outcome] = count.statuses.get(outcome, 0) + 1


async def _sent(session: aiohttp.ClientSession, ask: Ask, secret: str) -> str | None:
    """Send one request and read its answer; return what went wrong, None when nothing did."""
    headers = {
        "authorization": f"Bearer {secret}",
        "content-type": "application/json",
        "http-referer": ask.app.url or "",
        "x-title": ask.app.title or "",
        "user-agent": ask.app.user_agent,
        "x-session-id": ask.session,
    }
    try:
        async with session.post(ask.path, data=jsons.encode(ask.body), headers=headers) as response:
            if response.status != 200:
                await response.read()
                return str(response.status)
            async for _ in response.content.iter_any():
                pass
    except _BROKEN as error:
        return type(error).__name__
    return None
