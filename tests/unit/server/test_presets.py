"""The routes of presets, over a home of their own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.unit.gateway.stage import KEY, MemoryLedger, stage

from wideband.accounts.rows import Key
from wideband.catalog.presets import Preset, Shelf
from wideband.server.management import Management
from wideband.store.presets import open_presets


class Known(MemoryLedger):
    """Knows every key."""

    def key_for(self, _hash: str) -> Key:
        return KEY


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with open_presets(tmp_path, Shelf({"house": Preset(slug="house", model="acme/house")})) as presets:
        exchange = stage({}).exchange
        exchange.ledger, exchange.presets = cast("Any", Known()), presets
        app = Management(exchange, str, presets).app()
        headers = {"authorization": "Bearer key"}
        base = "http://here/api/v1"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers) as client:
            yield client


async def test_an_inference_body_makes_versions_that_are_shown(http: httpx.AsyncClient) -> None:
    body = {"model": "acme/m1", "temperature": 0.2, "messages": [{"role": "system", "content": "Be kind."}]}
    made = (await http.post("/presets/support/chat/completions", json=body)).json()["data"]
    again = await http.post("/presets/support/messages", json={"model": "acme/m2", "system": "Be brief."})
    assert (made["slug"], made["status"], made["designated_version"]["version"]) == ("support", "active", 1)
    assert made["designated_version"]["config"] == {"model": "acme/m1", "temperature": 0.2}
    assert again.json()["data"]["designated_version"]["system_prompt"] == "Be brief."
    listed = (await http.get("/presets")).json()
    assert [(row["slug"], row["source"]) for row in listed["data"]] == [("support", "account"), ("house", "file")]
    assert listed["total_count"] == 2
    one = (await http.get("/presets/support")).json()["data"]
    assert one["designated_version_id"] == one["designated_version"]["id"] != made["designated_version_id"]
    versions = (await http.get("/presets/support/versions")).json()
    assert [row["version"] for row in versions["data"]] == [2, 1]
    first = (await http.get("/presets/support/versions/1")).json()["data"]
    assert (first["system_prompt"], first["creator_id"]) == ("Be kind.", KEY.hash)


async def test_what_is_not_there_is_told_with_the_nearest_name(http: httpx.AsyncClient) -> None:
    await http.post("/presets/support/responses", json={"model": "acme/m1", "input": "Hi"})
    missing = await http.get("/presets/supports")
    assert (missing.status_code, "`support`" in missing.json()["error"]["message"]) == (404, True)
    assert (await http.get("/presets/support/versions/7")).status_code == 404
    assert (await http.post("/presets/My Preset/responses", json={"model": "acme/m1"})).status_code == 400


async def test_a_preset_is_deleted_but_not_the_files(http: httpx.AsyncClient) -> None:
    await http.post("/presets/support/responses", json={"model": "acme/m1", "input": "Hi"})
    assert (await http.delete("/presets/support")).json() == {"deleted": True}
    assert (await http.delete("/presets/support")).status_code == 404
    refused = await http.delete("/presets/house")
    assert (refused.status_code, "wideband.toml" in refused.json()["error"]["message"]) == (400, True)
