"""What a server learns of providers: kept through a conversation, shared by its workers, and there after a restart."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.served import CONFIG, Served, environment, serving
from tests.e2e.speakers import SPEAKERS, Fields, Wish, events_of

TURNS = 18
BLOCK_TOKENS = 512
# So many tries in a minute tell whether an endpoint is up.
ENOUGH = 25
# So many failures it takes one process to find out by itself.
LEAST_FAILURES = 5
CACHING = ["sim-aurora", "sim-ember", "sim-harbor"]
GALE = "Gale (simulated)"
CHAT_PATH = "/api/v1/chat/completions"
CHAT: Fields = {
    "model": "sandbox/steady",
    "messages": [{"role": "user", "content": "Hi [[sandbox tokens=5 tps=5000]]"}],
}
WORDS = "and then the next thing that has to be done is this one, " * 40


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("crew"), CONFIG, "--workers", "2") as running:
        yield running


@contextlib.contextmanager
def one_more_worker(crew: Served, number: int) -> Iterator[httpx.Client]:
    """Start a worker like the others on a port of its own, so that it is known who answers there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["worker", "--number", str(number), "--home", str(crew.home), "--host", "127.0.0.1", "--port", str(port)]
    words += ["--config", str(crew.home / "wideband.toml"), "--sandbox-url", crew.facts["sandbox_url"]]
    process = subprocess.Popen(
        [sys.executable, "-m", "wideband", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {crew.key}"}, timeout=30.0
        ) as http:
            yield http
    finally:
        process.communicate()
        assert process.wait(20) == 0


def record_of(http: httpx.Client, answer: httpx.Response) -> Any:
    """Return the record of an answered request."""
    assert answer.status_code == 200, answer.text
    return http.get("/api/v1/generation", params={"id": answer.headers["x-generation-id"]}).json()["data"]


def ask(http: httpx.Client, **fields: Any) -> Any:
    """Ask something short and return the record of it."""
    return record_of(http, http.post(CHAT_PATH, json={**CHAT, **fields}))


# Conversations.


@pytest.mark.parametrize("client", SPEAKERS)
def test_18_turns_stay_where_they_are_cached(served: Served, client: str) -> None:
    """The first turn is sent to the dearest of three providers; nothing but its cache is for staying there."""
    speaker = SPEAKERS[client]()
    turns: list[Fields] = []
    cacheable = cached = before = 0
    providers = []
    with served.http() as http:
        for turn in range(TURNS):
            wish = Wish(stream=turn % 2 == 1)
            words = WORDS if turn else WORDS * 4
            turns.append(speaker.user(f"{client} {turn}: {words} [[sandbox tokens=20 ttft_ms=20 tps=5000]]"))
            body = speaker.body("sandbox/steady", turns, wish)
            body["provider"] = {"only": CACHING, **({"order": ["sim-ember"]} if turn == 0 else {})}
            answer = http.post(speaker.path("sandbox/steady", stream=wish.stream), json=body)
            record = record_of(http, answer)
            heard = speaker.stream(events_of(answer.text)) if wish.stream else speaker.whole(answer.json())
            turns += heard.turns
            providers.append(record["provider_name"])
            cacheable += before // BLOCK_TOKENS * BLOCK_TOKENS
            cached += record["native_tokens_cached"]
            before = record["native_tokens_prompt"]
    assert set(providers) == {"Ember (simulated)"}
    assert cacheable > 20_000
    assert cached >= 0.95 * cacheable


# Workers.


def test_what_one_worker_sees_break_the_others_leave_within_a_second(crew: Served) -> None:
    outage = f"{crew.facts['sandbox_url']}/outages/sim-gale"
    with one_more_worker(crew, 7) as seer, crew.http() as others:
        httpx.put(outage, json={"fault": "500"}).raise_for_status()
        try:
            for _ in range(ENOUGH):
                assert GALE in _tried(ask(seer, provider={"order": ["sim-gale"]}))
            time.sleep(1.0)
            tried = 0
            for _ in range(40):
                with crew.http() as fresh:  # a connection of its own, to whichever worker takes it
                    tried += GALE in _tried(ask(fresh))
            assert tried < LEAST_FAILURES, "one may look now and then whether it is back"
            time.sleep(1.0)
            seen, heard = [_health(http, "sim-gale") for http in (seer, others)]
            assert seen.pop("status") < 0
            assert heard.pop("status") < 0
            assert seen == heard
            assert seen["uptime_last_30m"] == 0
        finally:
            httpx.delete(outage).raise_for_status()


def test_a_conversation_goes_on_where_it_is_cached_whichever_worker_takes_it(crew: Served) -> None:
    name = f"talk {time.time_ns()}"
    with one_more_worker(crew, 8) as first:
        record = ask(first, session_id=name, provider={"order": ["sim-ember"]})
        assert record["provider_name"] == "Ember (simulated)"
        time.sleep(1.0)
        for _ in range(10):
            with crew.http() as fresh:
                assert ask(fresh, session_id=name)["provider_name"] == "Ember (simulated)"
    with one_more_worker(crew, 8) as late:
        time.sleep(0.5)
        assert ask(late, session_id=name)["provider_name"] == "Ember (simulated)", "a worker that joins is told"


# Restarts.


@pytest.mark.parametrize("extra", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_what_was_learned_is_there_after_a_restart(tmp_path: Path, extra: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    with serving(home, CONFIG, *extra) as running, running.http() as http:
        for _ in range(ENOUGH):
            ask(http, session_id="talk", provider={"order": ["sim-ember"]})
        time.sleep(1.0)
        before = _health(http, "sim-ember")
        assert before["uptime_last_30m"] == 100
        assert before["latency_last_30m"]["p50"] > 0
        assert running.stop() == 0
    with serving(home, CONFIG, *extra) as running, running.http() as http:
        assert _health(http, "sim-ember") == before
        assert ask(http, session_id="talk")["provider_name"] == "Ember (simulated)"
    log = (home / "server.log").read_text()
    assert "board" not in log


def test_a_broken_file_stops_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "board.bin").write_bytes(b"\xc1 torn")
    with serving(home) as running, running.http() as http:
        name = ask(http)["provider_name"]
        assert running.stop() == 0
    assert (home / "server.log").read_text().count("board.bin") == 1
    with serving(home) as running, running.http() as http:
        assert _health(http, _tag(name))["latency_last_30m"]["p50"] > 0


def _tag(provider_name: str) -> str:
    return f"sim-{provider_name.partition(' ')[0].lower()}"


def _tried(record: Any) -> list[str]:
    return [one["provider_name"] for one in record["provider_responses"]]


def _health(http: httpx.Client, tag: str) -> Any:
    """Return what is publicly known of an endpoint's health."""
    rows = http.get("/api/v1/models/sandbox/steady/endpoints").json()["data"]["endpoints"]
    [row] = [row for row in rows if row["tag"] == tag]
    names = ("status", "uptime_last_5m", "uptime_last_30m", "uptime_last_1d", "latency_last_30m", "throughput_last_30m")
    return {name: row[name] for name in names}


def test_how_the_archive_stands_is_told_while_workers_serve(crew: Served) -> None:
    told = 0
    with crew.http() as http:
        assert http.post(CHAT_PATH, json=CHAT).status_code == 200
        ends = time.monotonic() + 20
        while not told and time.monotonic() < ends:
            time.sleep(0.2)
            told = json.loads(crew.cli("analytics", "status", "--json"))["hot_records"]
    assert told > 0
    assert f"{crew.home}/analytics.duckdb" in crew.cli("analytics", "status")
