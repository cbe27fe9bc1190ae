"""A second try over real connections: it answers in time, and the provider that was late is hung up on at once."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.served import Served, serving
from tests.e2e.wire import LAST, PATHS, Do, Peer, Steps, Words, chunk, wire

from wideband.routing.health import LEAST_WAITS

CONFIG = """
[sandbox]
mode = "off"

[routing]
ranker = "price"
hedge = true

[deadlines]
first_token_s = 20.0

[[provider]]
slug = "moody"
name = "Moody"
dialect = "openai_chat"
base_url = "http://127.0.0.1:{port}/v1"
key = "sk-secret-of-the-provider"

[[provider]]
slug = "sound"
name = "Sound"
dialect = "anthropic_messages"
base_url = "http://127.0.0.1:{port}/v1"
key = "sk-secret-of-the-provider"

[[endpoint]]
provider = "moody"
model = "wire/m"
upstream_model = "moody"
price = {{ prompt = "1", completion = "2" }}

[[endpoint]]
provider = "sound"
model = "wire/m"
upstream_model = "sound"
price = {{ prompt = "2", completion = "4" }}
"""
BODY = {"model": "wire/m", "messages": [{"role": "user", "content": "Say hello."}], "stream": True, "max_tokens": 1}


@dataclass
class Mood:
    """A provider that answers, until it falls silent."""

    is_silent: bool = False

    def __call__(self, words: Words, stream: bool) -> Steps:
        if self.is_silent:
            return [words.head(stream=stream), Do.HANG]
        return [0.01, words.said, 0.01, chunk(words.finish, words.done) + LAST]


@dataclass
class Scene:
    running: Served
    peer: Peer
    mood: Mood = field(default_factory=Mood)

    def ask(self) -> tuple[float, dict[str, Any]]:
        """Return how long an answer took, and its last chunk."""
        with self.running.http() as client:
            began = time.monotonic()
            answer = client.post(PATHS["openai_chat"], json=BODY, headers={"x-openrouter-metadata": "enabled"})
            took_s = time.monotonic() - began
        assert answer.status_code == 200
        assert '"Hello"' in answer.text
        *_, last = (line for line in answer.text.splitlines() if line.startswith("data: {"))
        return took_s, json.loads(last.removeprefix("data: "))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    mood = Mood()
    home: Path = tmp_path_factory.mktemp("hedging")
    with wire({"moody": mood}) as peer, serving(home, CONFIG.format(port=peer.port)) as running:
        yield Scene(running, peer, mood)


def test_a_late_provider_is_outrun_and_hung_up_on(scene: Scene) -> None:
    for _ in range(LEAST_WAITS + 5):
        _, last = scene.ask()
        assert last["provider"] == "Moody"
    # What is usual is looked up once a second.
    time.sleep(1.1)
    scene.mood.is_silent = True
    took_s, last = scene.ask()
    assert took_s < 1.0
    assert last["provider"] == "Sound"
    assert last["usage"]["cost"] == pytest.approx(10 * 2e-6 + 5 * 4e-6)
    late, won = last["openrouter_metadata"]["attempts"]
    assert (late["provider"], late["fault"], late["wasted_cost"]) == ("Moody", "cancelled", pytest.approx(2e-5))
    assert (won["provider"], won["fault"], won["hedge"]) == ("Sound", None, True)
    assert scene.peer.hung[-1][1].wait(1.0), "the connection is still open"
    with scene.running.http() as client:
        told = client.get("/metrics").text.splitlines()
    assert 'wideband_hedges_total{became="won"} 1' in told
    assert "wideband_wasted_nano_dollars_total 20000" in told
