"""The playground: what its form asks of the exchange, what it shows, and who pays."""

import re
from typing import Any, cast

import httpx
import msgspec
import pytest
from tests.unit.gateway.stage import MemoryLedger, Stage, stage
from tests.unit.gateway.test_session import GOOD, failure, whole

from wideband.accounts.rows import Key
from wideband.canon.faults import Faulted
from wideband.metering.record import Generation
from wideband.site.app import site
from wideband.site.gate import OpenGate
from wideband.site.views.playground import request_body
from wideband.site.visit import House
from wideband.upstream.scripted import Act
from wideband.wire import jsons


class Purse(MemoryLedger):
    """Keeps keys and records beside what it settles."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Key] = []
        self.kept: dict[str, Generation] = {}

    async def keys(self, account_id: str | None = None) -> list[Key]:
        return [key for key in self.made if account_id in (None, key.account_id)]

    async def create_key(self, key: Key) -> None:
        self.made.append(key)

    async def generation(self, name: str) -> bytes | None:
        return jsons.encode(self.kept[name]) if name in self.kept else None


class Ground:
    """A playground over scripted providers, and a browser in front of it."""

    def __init__(self, script: dict[str, list[Act]]) -> None:
        self.stage: Stage = stage(script)
        self.purse = Purse()
        self.stage.exchange.ledger = cast("Any", self.purse)
        gate = OpenGate("local")
        app = site(House(self.stage.exchange, {"home": "/home/me/.wideband"}), gate)
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8484")

    async def post(self, path: str, fields: list[tuple[str, str]]) -> httpx.Response:
        shown = await self.browser.get("/playground")
        found = re.search(r'name="csrf" value="([^"]*)"', shown.text)
        assert found is not None
        body = str(httpx.QueryParams([*fields, ("csrf", found[1])])).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return await self.browser.post(path, content=body, headers=headers)

    def sent(self) -> list[dict[str, Any]]:
        return [jsons.decode(call.body) for call in self.stage.upstream.sent]


async def test_it_opens_with_a_model_that_is_served() -> None:
    ground = Ground({"a": []})
    answer = await ground.browser.get("/playground")
    assert answer.status_code == 200
    assert 'value="acme/m1"' in answer.text
    chosen = await ground.browser.get("/playground?model=acme/m1&model=wideband/auto")
    assert re.findall(r'name="model" list="models" value="([^"]*)"', chosen.text) == [
        "acme/m1",
        "wideband/auto",
        "",
        "",
    ]


async def test_without_scripts_every_model_is_asked_and_the_conversation_goes_on() -> None:
    ground = Ground({"a": [whole("First."), whole("Second.")]})
    shown = await ground.post("/playground", [("model", "acme/m1"), ("history", ""), ("message", "One?")])
    assert shown.status_code == 200
    assert "First." in shown.text
    history = re.search(r'name="history" value="([^"]+)"', shown.text)
    assert history is not None
    fields = [("model", "acme/m1"), ("history", history[1].replace("&#34;", '"')), ("message", "Two?")]
    shown = await ground.post("/playground", fields)
    assert "First." in shown.text
    assert "Second." in shown.text
    assert [message["content"] for message in ground.sent()[1]["messages"]] == ["One?", "First.", "Two?"]
    assert "request" in shown.text


async def test_with_its_script_an_answer_streams_with_usage_and_is_recorded_as_the_playgrounds() -> None:
    ground = Ground({"a": [GOOD]})
    answer = await ground.post("/playground/stream", [("model", "acme/m1"), ("message", "Hi")])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-generation-id"].startswith("gen-")
    assert "content-security-policy" in answer.headers
    assert "Hello" in answer.text
    assert '"cost":' in answer.text
    assert ground.sent()[0]["stream"] is True
    [record] = ground.purse.records
    assert (record.account_id, record.app_title, record.streamed) == ("local", "Wideband playground", True)


async def test_one_key_of_the_account_pays_and_is_made_once() -> None:
    ground = Ground({"a": [whole(), whole()]})
    for _ in range(2):
        await ground.post("/playground", [("model", "acme/m1"), ("message", "Hi")])
    [key] = ground.purse.made
    assert (key.name, key.account_id, key.management) == ("playground", "local", False)
    assert {record.key_hash for record in ground.purse.records} == {key.hash}


async def test_a_key_that_was_switched_off_pays_no_more() -> None:
    ground = Ground({"a": [whole(), whole()]})
    await ground.post("/playground", [("model", "acme/m1"), ("message", "Hi")])
    ground.purse.made = [msgspec.structs.replace(key, disabled=True) for key in ground.purse.made]
    refused = await ground.post("/playground", [("model", "acme/m1"), ("message", "Hi")])
    assert refused.status_code == 403
    assert len(ground.sent()) == 1


async def test_what_a_provider_refuses_is_said_beside_its_model() -> None:
    ground = Ground({"a": [failure(400, "That is too hot.")]})
    shown = await ground.post("/playground", [("model", "acme/m1"), ("message", "Hi"), ("temperature", "1")])
    assert shown.status_code == 200
    assert "That is too hot." in shown.text
    streamed = await ground.post("/playground/stream", [("model", "nobody/knows"), ("message", "Hi")])
    assert (streamed.status_code, streamed.json()["error"]["code"]) == (400, 400)


async def test_another_site_cannot_spend_through_it() -> None:
    ground = Ground({"a": [whole()]})
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
    refused = await ground.browser.post("/playground/stream", content=b"model=acme/m1&message=Hi", headers=headers)
    assert refused.status_code == 403
    assert ground.sent() == []


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"temperature": "0.2", "max_tokens": "50"}, {"temperature": 0.2, "max_tokens": 50}),
        ({"effort": "high", "sort": "price"}, {"reasoning": {"effort": "high"}, "provider": {"sort": "price"}}),
        ({"response_format": '{"type": "json_object"}'}, {"response_format": {"type": "json_object"}}),
        ({"tools": "[]", "seed": ""}, {"tools": []}),
    ],
)
def test_parameters_are_sent_as_chat_completions_call_them(fields: dict[str, str], body: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    assert request_body(fields, "m", messages, stream=False) == {"model": "m", "messages": messages, **body}


def test_a_system_prompt_comes_first() -> None:
    body = request_body({"system": " Be brief. "}, "m", [{"role": "user", "content": "Hi"}], stream=True)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("fields", [{"temperature": "hot"}, {"max_tokens": "1.5"}, {"tools": "[{"}])
def test_a_parameter_that_cannot_be_read_is_named(fields: dict[str, str]) -> None:
    with pytest.raises(Faulted) as refused:
        request_body(fields, "m", [], stream=False)
    assert refused.value.fault.param == next(iter(fields))
