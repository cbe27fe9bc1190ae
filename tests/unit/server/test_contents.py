"""`GET /generation/content` tells what was asked and answered, in OpenRouter's shape, to whose it is."""

from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from tests.unit.analytics.filled import records
from tests.unit.gateway.stage import KEY, MemoryLedger, stage

from wideband.accounts.rows import Key
from wideband.config import Settings, load_settings
from wideband.metering.record import Generation, Try
from wideband.server.build import listening
from wideband.server.contents import content_object
from wideband.server.management import Management
from wideband.store.contents import Content, Contents
from wideband.wire import jsons, sse

RECORD = msgspec.structs.replace(
    records(1)[0], id="gen-1", account_id="local", dialect_in="openai_chat", streamed=False, fault=None, tries=()
)
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}


class Known(MemoryLedger):
    """Knows one record and takes every key."""

    def key_for(self, _hash: str) -> Key:
        return KEY

    async def generation(self, name: str) -> bytes | None:
        return jsons.encode(RECORD) if name == "gen-1" else None


def said(request: Any, answer: bytes) -> Content:
    return Content(id="gen-1", at_ns=1, request=jsons.encode(request), answer=answer)


def whole(message: dict[str, Any]) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    return jsons.encode({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]})


async def test_content_is_told_where_it_is_kept_and_else_how_to_keep_it(tmp_path: Path) -> None:
    exchange = stage({}).exchange
    exchange.ledger = cast("Any", Known())
    app = Management(exchange, str, cast("Any", None)).app()
    headers = {"authorization": "Bearer key"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here", headers=headers) as client:
        path = "/api/v1/generation/content"
        missing = await client.get(path, params={"id": "gen-1"})
        assert missing.status_code == 404
        assert '[content] keep = "all"' in missing.json()["error"]["message"]
        exchange.contents = contents = Contents(tmp_path, days=7)
        contents.put(msgspec.structs.replace(said({"messages": [1]}, whole({"content": "Hi"})), at_ns=2**62))
        found = await client.get(path, params={"id": "gen-1"})
        assert found.json()["data"]["output"]["completion"] == "Hi"
        assert (await client.get(path)).status_code == 400
        assert (await client.get(path, params={"id": "gen-2"})).status_code == 404
        contents.close()


def test_messages_are_told_as_they_were_sent_with_the_answer_its_thinking_and_its_calls() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "odd": 1}
    told = content_object(RECORD, said(request, whole({"content": None, "reasoning": "Hm.", "tool_calls": [CALL]})))
    assert told == {
        "input": {"messages": request["messages"]},
        "output": {"completion": None, "reasoning": "Hm.", "tool_calls": [CALL]},
        "is_cut": False,
    }


def test_other_protocols_are_told_as_messages_of_chat() -> None:
    record = msgspec.structs.replace(RECORD, dialect_in="openai_responses", streamed=True)
    body = {"model": "m", "input": "Hello", "instructions": "Be brief."}
    told = content_object(record, said(body, b""))
    assert [(one["role"], one["content"]) for one in told["input"]["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hello"),
    ]
    gemini = msgspec.structs.replace(RECORD, dialect_in="gemini_generate", streamed=True, requested_model="google/g")
    pieces = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}
        for text in ("Hi", " you")
    ]
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    for answer in (jsons.encode(pieces), b"".join(sse.encode(jsons.encode(one)) for one in pieces)):
        told = content_object(gemini, said(asked, answer))
        assert told["input"]["messages"][0]["content"] == "Hello"
        assert told["output"]["completion"] == "Hi you"


def test_a_prompt_stays_a_prompt_and_what_cannot_be_read_is_told_as_text() -> None:
    assert content_object(RECORD, said({"model": "m", "prompt": "Once"}, b""))["input"] == {"prompt": "Once"}
    cut = Content(id="gen-1", at_ns=1, request=b'{"messages": [{"role', answer=b"", is_cut=True)
    told = content_object(RECORD, cut)
    assert told["input"] == {"prompt": '{"messages": [{"role'}
    assert told["is_cut"] is True


def test_a_fault_comes_with_the_tries_before_it() -> None:
    def failed(number: int) -> Try:
        return Try(
            endpoint_id=f"e{number}",
            provider=f"p{number}",
            provider_name=f"P{number}",
            model="m",
            status=500 + number,
            fault="provider_error",
            message=f"no {number}",
        )

    record: Generation = msgspec.structs.replace(
        RECORD, fault="provider_error", fault_message="All failed.", status=502, tries=(failed(1), failed(2))
    )
    assert content_object(record, said({"messages": []}, b"{}"))["error"] == {
        "status": 502,
        "message": "All failed.",
        "provider_name": "P2",
        "raw": None,
        "previous_errors": [{"code": 501, "message": "no 1", "provider_name": "P1", "raw": None}],
    }


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("", None),
        ('[content]\nkeep = "all"', True),
        ('[content]\nkeep = "keys"\nkeys = ["test"]', True),
        ('[content]\nkeep = "keys"\nkeys = ["other"]', False),
    ],
)
def test_the_settings_say_whose_contents_are_kept(tmp_path: Path, text: str, wants: bool | None) -> None:
    file = tmp_path / "wideband.toml"
    file.write_text(text)
    settings: Settings = load_settings(home=tmp_path, config_file=file, environ={})
    contents = Contents(tmp_path, days=settings.content.days)
    made = listening(settings, contents)
    assert (None if made is None else made.wants(KEY)) == wants
