"""A silent line is kept open amid an answer in each protocol's own way: Claude Code gives up after five minutes."""

from typing import Any

import pytest
from tests.unit.gateway.stage import stage
from tests.unit.gateway.test_session import DONE, FINISH, HELLO, USAGE

from wideband.upstream.scripted import Wait, stream

TURN = [{"role": "user", "content": "Say hello."}]
ASKS: dict[str, tuple[dict[str, Any], bytes]] = {
    "anthropic_messages": ({"max_tokens": 9, "messages": TURN}, b'event: ping\ndata: {"type": "ping"}\n\n'),
    "openai_chat": ({"messages": TURN}, b": OPENROUTER PROCESSING\n\n"),
    "openai_responses": ({"input": "Say hello."}, b"\n\n: "),
}


@pytest.mark.parametrize("dialect", ASKS)
async def test_a_silent_line_is_kept_open_amid_an_answer(dialect: str) -> None:
    fields, sign = ASKS[dialect]
    on = stage({"a": [stream(HELLO, Wait(0.15), FINISH, USAGE, DONE)]}, keepalive_s=0.03, dialect=dialect)
    client = await on.ask({"model": "acme/m1", "stream": True, **fields})
    assert client.status == 200
    before, _, after = client.body.partition(b"Hello")
    assert before
    assert sign in after
