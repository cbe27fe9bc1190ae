"""The management API answers in its own shape, also where something of ours is broken."""

from typing import Any, cast

import httpx
import msgspec
import pytest
from tests.unit.gateway.stage import KEY, RATES, MemoryLedger, stage

from wideband.accounts.rows import Key
from wideband.server.management import Management
from wideband.server.respond import Receive, Scope, Send


class Broken(MemoryLedger):
    """Knows every key and fails at everything else."""

    def key_for(self, _hash: str) -> Key:
        return KEY

    async def failure(self) -> str:
        return "The disk is full."

    async def credits(self, _account_id: str) -> tuple[int, int]:
        raise RuntimeError("secret detail")


class Managing(Broken):
    """Takes every key for one that manages."""

    def key_for(self, _hash: str) -> Key:
        return msgspec.structs.replace(KEY, management=True)


@pytest.fixture
def http() -> httpx.AsyncClient:
    exchange = stage({}).exchange
    exchange.ledger = cast("Any", Broken())
    app = Management(exchange, str, cast("Any", None)).app()
    headers = {"authorization": "Bearer key"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here", headers=headers)


async def test_a_defect_is_told_in_the_shape_of_the_api_and_logged(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await http.get("/api/v1/credits")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 500)
    assert "secret" not in answer.text
    assert "secret detail" in caplog.text


async def test_a_route_that_is_none_is_not_found_in_the_dialect_of_who_asks(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/nothing")).json()["error"]["code"] == 404
    anthropic = await http.get("/v1/nothing", headers={"anthropic-version": "2023-06-01"})
    assert (anthropic.status_code, anthropic.json()["type"]) == (404, "error")


async def test_a_server_whose_ledger_takes_nothing_is_not_ready_and_says_why(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "reason": "The disk is full."})


async def test_a_client_that_leaves_in_the_middle_of_a_form_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None: ...

    exchange = stage({}).exchange
    exchange.ledger = cast("Any", Managing())
    headers = [(b"authorization", b"Bearer key")]
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/keys", "query_string": b"", "headers": headers}
    await Management(exchange, str, cast("Any", None)).app()(scope, cast("Receive", receive), cast("Send", send))
    assert caplog.text == ""


async def test_what_a_code_of_availability_means_can_be_asked(http: httpx.AsyncClient) -> None:
    told = (await http.get("/api/v1/availability")).json()["data"]
    assert {"capacity_exhausted", "constraint_filtered", "no_endpoints"} <= {row["code"] for row in told}
    assert all(row["meaning"] and row["remedy"] for row in told)
    one = (await http.get("/api/v1/availability/capacity_exhausted")).json()["data"]
    assert one in told
    assert one["retryable"] is True
    unknown = await http.get("/api/v1/availability/bad_weather")
    assert unknown.status_code == 404
    assert "constraint_filtered" in unknown.json()["error"]["message"]


async def test_a_decision_is_explained_without_being_made() -> None:
    exchange = stage({"a": [], "b": []}).exchange
    exchange.ledger = cast("Any", Broken())
    app = Management(exchange, str, cast("Any", None)).app()
    headers = {"authorization": "Bearer key"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here", headers=headers) as http:
        question = {"model": "acme/m1", "provider": {"ignore": ["b"]}, "prompt_tokens": 2000, "max_tokens": 100}
        told = (await http.post("/api/v1/explain", json=question)).json()["data"]
        wrong = await http.post("/api/v1/explain", json={"model": "acme/m2"})
        nothing = await http.post("/api/v1/explain", json={"provider": {"sort": "loudest"}})
        garbled = await http.post("/api/v1/explain", content=b"{")
        router = await http.post("/api/v1/explain", json={"model": "wideband/auto"})
        fewer = [
            await http.post("/api/v1/explain", json={"model": "acme/m1", **wrong})
            for wrong in ({"prompt_tokens": -1}, {"max_tokens": 0}, {"max_tokens": 2**60}, {"models": ["m"] * 64})
        ]
    assert told["expected"] == {"prompt_tokens": 2000, "output_tokens": 100}
    first, out = told["candidates"]
    assert (first["tag"], first["rank"], first["removed_by"]) == ("a", 1, None)
    rates = RATES
    assert float(first["expected_cost"]) == (rates.prompt * 2000 + rates.completion * 100) / 1e15
    assert (out["tag"], out["rank"], out["why"]) == ("b", None, "out: provider.ignore lists b")
    assert told["routing_funnel"][-1]["endpoint_count"] == 1
    assert wrong.status_code == 400
    assert wrong.json()["error"]["availability"]["code"] == "model_not_found"
    assert (nothing.status_code, garbled.status_code) == (400, 400)
    assert "have the generation explained" in router.json()["error"]["message"]
    assert [one.status_code for one in fewer] == [400] * 4
