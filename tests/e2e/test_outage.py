"""Two of five providers break under traffic: no client sees it, the traffic leaves them, and it comes back."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.served import Served, serving

ASK = {"model": "sandbox/steady", "messages": [{"role": "user", "content": "Hi [[sandbox tokens=3]]"}]}
BROKEN = {"sim-gale": "503", "sim-ember": "200_error"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "home") as running:
        yield running


def asked(http: httpx.Client) -> str:
    """Ask once; returns the id of the answer, which must be whole."""
    answer = http.post("/api/v1/chat/completions", json=ASK)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    return answer.headers["x-generation-id"]


def tries(http: httpx.Client, name: str) -> list[tuple[str, bool]]:
    """Return who was tried for a generation, and who answered."""
    record = http.get("/api/v1/generation", params={"id": name}).json()["data"]
    return [
        (one["provider_name"].partition(" ")[0].lower(), one["fault"] is None) for one in record["provider_responses"]
    ]


def test_traffic_leaves_what_is_broken_and_comes_back_when_it_is_mended(server: Served) -> None:
    with server.http() as http:
        for slug, fault in BROKEN.items():
            server.cli("outage", slug, fault)
        seen = Counter(one for _ in range(60) for one in tries(http, asked(http)))
        # Two failures each open their breakers, and a few requests find out whether they are mended.
        assert 2 <= seen["gale", False] <= 6, seen
        assert seen["gale", True] == seen["ember", True] == 0
        assert sum(count for (_, well), count in seen.items() if well) == 60
        for slug in BROKEN:
            server.cli("outage", slug, "--end")
        began_s, back = time.monotonic(), False
        while not back and time.monotonic() - began_s < 30:
            back = ("gale", True) in tries(http, asked(http))
            time.sleep(0.05)
        assert back, "the cheapest is asked again soon after it was mended"
