"""Every client does its task, in every dialect it speaks, with providers of its own kind and of others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.agents import AGENTS, CHAT, GEMINI, MESSAGES, RESPONSES, Agent
from tests.clients.stage import UPSTREAMS, Stage
from tests.clients.upstream.play import Play, Step, Turn, runs, says, writes

# What escapes and encodings could damage on the way.
CONTENT = 'Grüße, "Welt" \\n 🌍 \u2028 $HOME `x`\n\ttab {"a": [1]}\n'
FINAL = "All is written; the word is heliotrope."
QUICK = {"claude-code", "codex", "pi", "goose"}
SLOW = {"cline", "kilo"}
# With whom all others are tried: slow ones with these alone, the rest with their own kind, too.
FAR = {CHAT: MESSAGES, MESSAGES: GEMINI, RESPONSES: CHAT, GEMINI: RESPONSES}


def pairs() -> Iterator[object]:
    for agent in AGENTS:
        for upstream in UPSTREAMS:
            is_tried = upstream == FAR[agent.dialect] or (upstream == agent.dialect and agent.name not in SLOW)
            if agent.name in QUICK or is_tried:
                yield pytest.param(agent, upstream, id=f"{agent.id}-at-{upstream}")


def edits(path: Path, content: str) -> Step:
    """Make a step that writes a file as aider reads it: in the text."""
    return lambda _: Turn(f"{path.name}\n```\n{content}```\n\n{FINAL}")


def task(agent: Agent, path: Path) -> Play:
    if agent.name == "aider":
        return Play((edits(path, CONTENT),))
    if agent.name == "mini-swe-agent":
        return Play((writes((path, CONTENT)), runs(f"echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo '{FINAL}'")))
    return Play((writes((path, CONTENT)), says(FINAL)))


@pytest.mark.parametrize(("agent", "upstream"), list(pairs()))
def test_a_client_writes_a_file(stage: Stage, agent: Agent, upstream: str) -> None:
    seat = stage.seat(f"acme/{upstream}")
    file = seat.work / "answer.txt"
    stage.provider.begin(task(agent, file))
    done = stage.run(agent, seat, "Write the answer into answer.txt.")
    stage.check(done.code == 0, "it did not end well")
    stage.check(FINAL in done.out, "it did not show the last words")
    stage.check(file.is_file() and file.read_text(encoding="utf-8") == CONTENT, "the file is another")
    asked = stage.provider.task
    stage.check(not any(each.flaws for each in asked), "a strict provider would refuse this")
    stage.check(len(asked) == len(stage.provider.play.steps), "a step was asked for twice")
    stage.check({each.dialect for each in asked} == {upstream}, "somebody else was asked")
    records = stage.records()
    stage.check([record["status"] for record in records] == [200] * len(stage.provider.asked), "a request failed")
    stage.check(all(record["total_cost"] > 0 for record in records), "a request cost nothing")
