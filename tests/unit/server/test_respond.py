"""The head of an answer leaves with its first piece, and never after another one."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from wideband.server.respond import Response


class Line:
    """Takes ASGI messages; `gate` holds the first one up, as a client that does not read does."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.gate = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if not self.said:
            await self.gate.wait()
        self.said.append("head" if message["type"] == "http.response.start" else bytes(message["body"]).decode())


async def test_a_piece_that_comes_while_the_head_waits_stays_behind_it() -> None:
    line = Line()
    response = Response({}, line.send)
    await response.start(200, {})
    comment = asyncio.ensure_future(response.send(b"comment"))
    await asyncio.sleep(0)
    answer = asyncio.ensure_future(response.end(b"answer"))
    await asyncio.sleep(0)
    line.gate.set()
    await asyncio.gather(comment, answer)
    assert line.said == ["head", "comment", "answer"]


async def test_a_whole_answer_says_its_length() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await Response({}, send).reply(404, {"x-a": "b"}, b"body")
    assert (sent[0]["status"], sent[0]["headers"]) == (404, [(b"x-a", b"b"), (b"content-length", b"4")])
    assert (sent[1]["body"], sent[1].get("more_body", False)) == (b"body", False)
