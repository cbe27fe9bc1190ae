"""`wideband serve` as people and machines meet it: the greeting, drains, crashes, several workers, one home."""

import asyncio
import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.served import CONFIG, Served, environment, serving

from wideband.store.ledger import LocalLedger

CHAT: dict[str, Any] = {
    "model": "sandbox/steady",
    "messages": [{"role": "user", "content": "Hi [[sandbox tokens=5]]"}],
}
SLOW = {**CHAT, "stream": True, "messages": [{"role": "user", "content": "Hi [[sandbox tokens=300 tps=10]]"}]}
CHAT_PATH = "/api/v1/chat/completions"


def balance(home: Path) -> dict[str, Any]:
    """Add the ledger of a stopped server up."""

    async def add_up() -> dict[str, Any]:
        ledger = LocalLedger(home)
        try:
            return await ledger.balance()
        finally:
            await ledger.close()

    return asyncio.run(add_up())


def test_the_greeting_has_a_curl_line_that_works(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as running:
        log = (running.home / "server.log").read_text()
        [line] = [line.strip() for line in log.splitlines() if line.strip().startswith("curl ")]
        words = shlex.split(line)
        url = words[1]
        headers = dict(word.split(": ", 1) for at, word in enumerate(words) if words[at - 1] == "-H")
        answer = httpx.post(url, headers=headers, content=words[words.index("-d") + 1], timeout=30)
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"]
        assert "simulated" in log


def test_health_readiness_and_metrics(served: Served) -> None:
    with served.http() as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json() == {"status": "ready"}
        before = _counter(http.get("/metrics").text, "wideband_requests_total")
        assert http.post(CHAT_PATH, json=CHAT).status_code == 200
        text = http.get("/metrics").text
        assert _counter(text, "wideband_requests_total") == before + 1
        assert 'wideband_request_seconds_bucket{le="+Inf"}' in text


def _counter(text: str, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_a_record_is_there_right_after_its_answer(served: Served) -> None:
    with served.http() as http:
        for _ in range(20):
            name = http.post(CHAT_PATH, json=CHAT).headers["x-generation-id"]
            assert http.get("/api/v1/generation", params={"id": name}).json()["data"]["id"] == name


def test_metadata_tells_of_simulation(served: Served) -> None:
    with served.http() as http:
        answer = http.post(CHAT_PATH, json=CHAT, headers={"X-OpenRouter-Metadata": "enabled"}).json()
    assert answer["openrouter_metadata"]["simulated"] is True
    assert "simulated" in answer["provider"]


def test_stopping_drains_open_streams_and_keeps_their_records(tmp_path: Path) -> None:
    with serving(tmp_path / "home", CONFIG.replace("20.0", "1.0")) as running:
        bodies: list[bytes] = []

        def read() -> None:
            words = "[[sandbox tokens=60 tps=40]]"
            ask = {**SLOW, "messages": [{"role": "user", "content": f"Hi {words}"}]}
            with running.http() as http, http.stream("POST", CHAT_PATH, json=ask) as answer:
                bodies.append(answer.read())

        readers = [threading.Thread(target=read) for _ in range(5)]
        for reader in readers:
            reader.start()
        time.sleep(0.8)
        assert running.stop() == 0
        for reader in readers:
            reader.join()
    assert len(bodies) == 5
    assert all(body.endswith(b"data: [DONE]\n\n") and b'"error"' not in body for body in bodies)
    assert not (running.home / "run" / "server.json").exists()
    figures = balance(running.home)
    assert figures["balanced"], figures
    assert figures["records"] == 5


def test_nothing_acknowledged_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    home = tmp_path / "home"
    acknowledged: list[str] = []
    for round_number in range(3):
        with serving(home) as running:
            stop = threading.Event()
            threads = [threading.Thread(target=_hammer, args=(running, acknowledged, stop)) for _ in range(6)]
            for thread in threads:
                thread.start()
            time.sleep(0.7 + 0.2 * round_number)
            running.stop(signal.SIGKILL)
            stop.set()
            for thread in threads:
                thread.join()
    assert len(acknowledged) > 30
    with serving(home) as running, running.http() as http:
        for name in acknowledged[-20:]:
            data = http.get("/api/v1/generation", params={"id": name}).json()["data"]
            assert data["status"] == 200
            assert data["total_cost"] > 0
        running.stop()
    figures = balance(home)
    assert figures["balanced"], figures
    assert figures["open_holds"] == 0
    assert figures["records"] >= len(set(acknowledged)) == len(acknowledged)


def _hammer(running: Served, acknowledged: list[str], stop: threading.Event) -> None:
    with running.http() as http:
        while not stop.is_set():
            try:
                answer = http.post(CHAT_PATH, json={**CHAT, "stream": len(acknowledged) % 2 == 0})
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                acknowledged.append(answer.headers["x-generation-id"])


def test_a_second_server_on_the_same_home_is_refused(served: Served) -> None:
    words = ["serve", "--home", str(served.home), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "wideband", *words],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(),
        check=False,
    )
    assert done.returncode != 0
    assert str(served.home) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_plainly(served: Served, tmp_path: Path) -> None:
    port = served.url.rpartition(":")[2]
    words = ["serve", "--home", str(tmp_path / "other"), "--port", port]
    done = subprocess.run(
        [sys.executable, "-m", "wideband", *words],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(),
        check=False,
    )
    assert done.returncode != 0
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(tmp_path_factory.mktemp("crew"), CONFIG, "--workers", "2") as running:
        yield running


def test_workers_share_one_ledger(crew: Served) -> None:
    names = []
    for _ in range(12):  # a new connection each time: the kernel spreads them
        with crew.http() as http:
            names.append(http.post(CHAT_PATH, json=CHAT).headers["x-generation-id"])
    with crew.http() as http:
        for name in names:
            assert http.get("/api/v1/generation", params={"id": name}).status_code == 200
        time.sleep(1.2)
        assert _counter(http.get("/metrics").text, "wideband_requests_total") >= 12


def test_a_key_revoked_is_revoked_on_all_workers_at_once(crew: Served) -> None:
    key = crew.cli("keys", "create", "shared")
    clients = [crew.http(key) for _ in range(8)]
    try:
        assert {http.post(CHAT_PATH, json=CHAT).status_code for http in clients} == {200}
        crew.cli("keys", "revoke", "shared")
        assert {http.post(CHAT_PATH, json=CHAT).status_code for http in clients} == {401}
    finally:
        for http in clients:
            http.close()


def test_a_worker_that_dies_is_replaced(crew: Served) -> None:
    children = subprocess.run(
        ["ps", "--ppid", str(crew.process.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
    ).stdout
    workers = [int(line.split()[0]) for line in children.splitlines() if " worker " in line]
    assert len(workers) == 2
    subprocess.run(["kill", "-9", str(workers[0])], check=True)
    ends = time.monotonic() + 10
    answered = 0
    while answered < 10 and time.monotonic() < ends:
        try:
            with crew.http() as http:
                answered = answered + 1 if http.post(CHAT_PATH, json=CHAT).status_code == 200 else 0
        except httpx.HTTPError:
            answered = 0
        time.sleep(0.05)
    assert answered == 10


def test_a_private_endpoint_is_two_rows(tmp_path: Path, served: Served) -> None:
    sandbox = json.loads((served.home / "run" / "server.json").read_bytes())["sandbox_url"]
    rows = f"""
[sandbox]
mode = "off"

[[provider]]
slug = "mybox"
dialect = "openai_chat"
base_url = "{sandbox}/sim-aurora/v1"
key = "simulated"

[[endpoint]]
provider = "mybox"
model = "local/coder"
upstream_model = "sandbox/steady"
context_length = 131072
price = {{ prompt = "0.30", completion = "1.20" }}
"""
    with serving(tmp_path / "home", rows) as running, running.http() as http:
        answer = http.post(CHAT_PATH, json={**CHAT, "model": "local/coder"}).json()
        usage = answer["usage"]
        expected_nano = -(-usage["prompt_tokens"] * 300 // 1) + usage["completion_tokens"] * 1200
        assert answer["model"] == "local/coder"
        assert round(usage["cost"] * 1e9) == expected_nano
        listed = [model["id"] for model in http.get("/api/v1/models").json()["data"]]
        assert sorted(listed) == ["local/coder", "wideband/auto", "wideband/free"]
