"""What `wideband connect` writes for a client is what the client needs."""

import shlex
import subprocess
import sys

import pytest
from tests.clients.agents import AGENTS, CHAT, GEMINI, MESSAGES, RESPONSES, Agent
from tests.clients.stage import Stage
from tests.clients.test_tasks import CONTENT, FINAL, task
from tests.e2e.served import environment

CONNECTED = {
    ("claude-code", MESSAGES), ("codex", RESPONSES), ("gemini-cli", GEMINI), ("opencode", CHAT), ("qwen-code", CHAT),
    ("pi", CHAT), ("goose", CHAT), ("aider", CHAT), ("mini-swe-agent", CHAT),
}  # fmt: skip
FOUND = [agent for agent in AGENTS if (agent.name, agent.dialect) in CONNECTED and agent.section != "OpenRouter"]


@pytest.mark.parametrize("agent", [pytest.param(agent, id=agent.name) for agent in FOUND])
def test_a_client_that_was_connected_does_its_task(stage: Stage, agent: Agent) -> None:
    seat = stage.seat(f"acme/{MESSAGES}")
    words = ["connect", agent.name, "--write", "--url", seat.url, "--key", seat.key, "--model", seat.model]
    done = subprocess.run(
        [sys.executable, "-m", "wideband", *words, "--home", str(stage.served.home)],
        env=environment() | {"HOME": str(seat.home), "WIDEBAND_CONFIG": str(stage.served.home / "wideband.toml")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = stage.served.home / "connect" / f"{agent.name}.env"
    lines = written.read_text().splitlines() if written.exists() else []
    variables = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    file = seat.work / "answer.txt"
    stage.provider.begin(task(agent, file))
    ran = stage.run(agent, seat, "Write the answer into answer.txt.", variables)
    stage.check(ran.code == 0 and FINAL in ran.out, "it did not end well")
    stage.check(file.is_file() and file.read_text(encoding="utf-8") == CONTENT, "the file is another")
