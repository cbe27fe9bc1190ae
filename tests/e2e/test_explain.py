"""`wideband explain` at a server that runs: what would be done now, and what was done before."""

import json

from tests.e2e.served import Served

BROKEN = "Hi [[sandbox tokens=5 fault=503@aurora]]"


def test_what_would_be_done_is_told_by_the_server_itself(served: Served) -> None:
    told = json.loads(served.cli("explain", "sandbox/steady", "--prefs", '{"ignore": ["sim-ember"]}', "--json"))["data"]
    ranked = [row for row in told["candidates"] if row["rank"] is not None]
    assert len(ranked) == 4
    assert abs(sum(row["share"] for row in ranked) - 1) < 1e-9
    (out,) = (row for row in told["candidates"] if row["rank"] is None)
    assert (out["tag"], out["removed_by"]) == ("sim-ember", "Filter by Ignored Providers")
    assert "No server runs" not in served.cli("explain", "sandbox/steady")


def test_what_was_done_is_told_from_the_record(served: Served) -> None:
    asked = {
        "model": "sandbox/steady",
        "messages": [{"role": "user", "content": BROKEN}],
        "provider": {"order": ["sim-aurora", "sim-gale"]},
    }
    with served.http() as http:
        answer = http.post("/api/v1/chat/completions", json=asked)
    assert answer.status_code == 200
    text = served.cli("explain", answer.headers["x-generation-id"])
    assert "ranked by order; 2 tries, status 200" in text
    assert "try 1 at Aurora (simulated)" in text
    assert "provider_overloaded" in text
    assert text.splitlines()[-1].startswith("try 2 at Gale (simulated)")
    assert text.splitlines()[-1].endswith("answered")
    routing = json.loads(served.cli("explain", answer.headers["x-generation-id"], "--json"))["data"]["routing"]
    assert [row["tag"] for row in routing["weighed"]][:2] == ["sim-aurora", "sim-gale"]
