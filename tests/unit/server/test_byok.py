"""The routes of accounts' own provider keys, over a home of their own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from openrouter.components import BYOKKey, ListBYOKKeysResponse
from tests.unit.gateway.stage import KEY, MemoryLedger, catalogue, endpoint, stage

from wideband.accounts.rows import Key
from wideband.server.management import Management
from wideband.store.ownkeys import OwnKeyRoom, open_own_keys

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
MANAGEMENT = msgspec.structs.replace(KEY, management=True)


class Known(MemoryLedger):
    """Knows every key; who asks is in `key`."""

    def __init__(self) -> None:
        super().__init__()
        self.key: Key = MANAGEMENT

    def key_for(self, _hash: str) -> Key:
        return self.key


@pytest.fixture
def ledger() -> Known:
    return Known()


@pytest.fixture
def room(tmp_path: Path) -> Any:
    with open_own_keys(tmp_path) as made:
        yield made


@pytest.fixture
async def http(room: OwnKeyRoom, ledger: Known) -> AsyncIterator[httpx.AsyncClient]:
    row = endpoint("azure")
    row = msgspec.structs.replace(row, provider=msgspec.structs.replace(row.provider, base_url="https://{NAME}.net"))
    exchange = stage({"openai": []}).exchange
    exchange.ledger, exchange.own_keys = cast("Any", ledger), room
    exchange.known = catalogue(endpoint("openai"), endpoint("anthropic"), row)
    app = Management(exchange, str, cast("Any", None)).app()
    headers = {"authorization": "Bearer key"}
    base = "http://here/api/v1"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base, headers=headers) as client:
        yield client


async def test_a_key_is_taken_in_shown_without_its_secret_and_removed(
    http: httpx.AsyncClient, room: OwnKeyRoom
) -> None:
    answer = await http.post("/byok", json={"provider": "openai", "key": SECRET, "name": "mine"})
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert (made["provider"], made["label"], made["name"]) == ("openai", "sk-proj-abc...789", "mine")
    assert (made["disabled"], made["is_fallback"], made["is_byok_only"], made["sort_order"]) == (False, False, False, 0)
    assert room.secret(made["id"]) == SECRET
    one, listed = await http.get(f"/byok/{made['id']}"), await http.get("/byok")
    assert one.json()["data"] == made
    assert listed.json() == {"data": [made], "total_count": 1}
    assert (await http.delete(f"/byok/{made['id']}")).json() == {"deleted": True}
    assert (await http.get("/byok")).json() == {"data": [], "total_count": 0}
    assert room.secret(made["id"]) is None
    assert SECRET not in answer.text + one.text + listed.text


async def test_openrouters_own_client_reads_what_is_shown(http: httpx.AsyncClient) -> None:
    made = (await http.post("/byok", json={"provider": "openai", "key": SECRET})).json()["data"]
    assert BYOKKey.model_validate(made).sort_order == 0
    await http.post("/byok", json={"provider": "openai", "key": SECRET, "is_fallback": True})
    listed = ListBYOKKeysResponse.model_validate((await http.get("/byok")).json())
    assert [(row.sort_order, row.is_fallback) for row in listed.data] == [(0, False), (1, True)]


async def test_a_key_is_changed_and_replaced(http: httpx.AsyncClient, room: OwnKeyRoom) -> None:
    made = (await http.post("/byok", json={"provider": "openai", "key": SECRET})).json()["data"]
    path = f"/byok/{made['id']}"
    changed = (await http.patch(path, json={"is_required": True, "name": "x"})).json()["data"]
    assert (changed["is_byok_only"], changed["is_required"], changed["name"]) == (True, True, "x")
    replaced = (await http.patch(path, json={"key": "sk-other-abcdefghijklmnopqrstuvw"})).json()["data"]
    assert (replaced["label"], replaced["name"]) == ("sk-other-abc...uvw", "x")
    assert room.secret(made["id"]) == "sk-other-abcdefghijklmnopqrstuvw"
    assert (await http.patch(path, json={"disabled": True})).json()["data"]["disabled"] is True
    assert room.of("local") == ()


async def test_keys_are_listed_by_provider(http: httpx.AsyncClient) -> None:
    for provider in ("openai", "anthropic"):
        await http.post("/byok", json={"provider": provider, "key": SECRET})
    listed = (await http.get("/byok", params={"provider": "anthropic"})).json()
    assert ([row["provider"] for row in listed["data"]], listed["total_count"]) == (["anthropic"], 1)


@pytest.mark.parametrize(
    ("form", "param", "says"),
    [
        ({"key": SECRET}, "provider", "needs a `provider`"),
        ({"provider": "openai"}, "key", "needs a `key`"),
        ({"provider": "openia", "key": SECRET}, "provider", "Did you mean `openai`?"),
        ({"provider": "azure", "key": SECRET}, "provider", "{NAME}"),
        ({"provider": "openai", "key": "short"}, "key", "one line"),
        ({"provider": "openai", "key": SECRET, "is_fallback": True, "is_byok_only": True}, "is_fallback", "fallback"),
        ({"provider": "openai", "key": SECRET, "allowed_models": ["x/y"]}, "allowed_models", "not known here"),
    ],
)
async def test_what_cannot_be_is_refused_and_says_why(
    http: httpx.AsyncClient, form: dict[str, Any], param: str, says: str
) -> None:
    answer = await http.post("/byok", json=form)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    assert SECRET not in answer.text
    assert (await http.get("/byok")).json()["total_count"] == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_key_is_not_found(http: httpx.AsyncClient, method: str) -> None:
    body = {"name": "x"} if method == "PATCH" else None
    assert (await http.request(method, "/byok/nothing", json=body)).status_code == 404


async def test_it_takes_a_management_key_and_shows_its_account_alone(http: httpx.AsyncClient, ledger: Known) -> None:
    made = (await http.post("/byok", json={"provider": "openai", "key": SECRET})).json()["data"]
    ledger.key = KEY
    assert (await http.get("/byok")).status_code == 403
    ledger.key = msgspec.structs.replace(MANAGEMENT, account_id="another")
    assert (await http.get("/byok")).json()["data"] == []
    assert (await http.delete(f"/byok/{made['id']}")).status_code == 404
