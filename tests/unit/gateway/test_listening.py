"""Prompts and answers are kept where the settings ask for it: as they were sent, and nobody waits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.gateway.stage import KEY, Client, stage
from tests.unit.gateway.test_session import ASK, GOOD, STREAM, whole

from wideband.canon.faults import Faulted
from wideband.gateway.listening import Listening
from wideband.gateway.sink import Sink
from wideband.gateway.transcript import input_object, transcript
from wideband.server.contents import content_object
from wideband.store.contents import Content, Contents
from wideband.upstream.scripted import Act
from wideband.wire import jsons


@pytest.fixture
def contents(tmp_path: Path) -> Iterator[Contents]:
    room = Contents(tmp_path, days=7)
    yield room
    room.close()


async def heard(contents: Contents, body: dict[str, Any], act: Act, most: int = 100_000) -> tuple[Any, Client]:
    """Answer a request while it is listened to; return the stage and the client."""
    set_up, client = stage({"one": [act]}), Client()

    async def answer(sink: Sink) -> None:
        session = set_up.session(client)
        session.sink = sink
        await session.answer(jsons.encode(body))

    await Listening(contents, None, most).overhear(client, "gen-1", jsons.encode(body), answer)
    return set_up, client


def found(contents: Contents) -> Content:
    content = contents.find("gen-1")
    assert content is not None
    return content


@pytest.mark.parametrize(("body", "act"), [(ASK, whole("Hello")), (STREAM, GOOD)], ids=["whole", "stream"])
async def test_what_is_kept_is_what_was_sent_and_what_the_client_got(
    contents: Contents, body: dict[str, Any], act: Act
) -> None:
    set_up, client = await heard(contents, body, act)
    content = found(contents)
    assert content.request == jsons.encode(body)
    assert content.answer == client.body
    assert not content.is_cut
    said = transcript(set_up.ledger.records[0], content)
    assert said.completion == "Hello"
    shown = content_object(set_up.ledger.records[0], content)
    assert shown["input"] == {"messages": body["messages"]}
    assert shown["output"] == {"completion": "Hello", "reasoning": None}


async def test_what_is_longer_than_may_be_kept_is_cut_and_says_so(contents: Contents) -> None:
    set_up, client = await heard(contents, STREAM, GOOD, most=40)
    content = found(contents)
    assert content.is_cut
    assert content.answer == client.body[:40]
    assert content.request == jsons.encode(STREAM)[:40]
    assert transcript(set_up.ledger.records[0], content).request is None
    assert input_object(set_up.ledger.records[0], content) == {"prompt": jsons.encode(STREAM)[:40].decode()}


async def test_a_request_that_was_not_understood_leaves_nothing(contents: Contents) -> None:
    with pytest.raises(Faulted):
        await heard(contents, {"messages": 3}, whole())
    assert contents.find("gen-1") is None


def test_keys_are_listened_to_by_name_or_hash(contents: Contents) -> None:
    other = msgspec.structs.replace(KEY, hash="1" * 64, name="other")
    assert Listening(contents, None, 1).wants(other)
    for named in (KEY.name, KEY.hash):
        listening = Listening(contents, frozenset({named}), 1)
        assert listening.wants(KEY)
        assert not listening.wants(other)
