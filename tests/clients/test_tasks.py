"""Every client does its task, in every dialect it speaks, with providers of its own kind and of others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.agents import AGENTS, CHAT, GEMINI, MESSAGES, RESPONSES, Agent
from tests.clients.stage import UPSTREAMS, Stage
from tests.clients.upstream.play import Play, Step, Turn, says, writes

# What escapes and encodings could damage on the way.
CONTENT = 'Grüße, "Welt" \\n 🌍 \u2028 $HOME `x`\n\ttab {"a": [1]}\n'
FINAL = "All is written; the word is heliotrope."
QUICK = {"claude-code", "codex", "pi", "goose"}
# With whom a slow client is tried beside its own kind.
FAR = {CHAT: MESSAGES, MESSAGES: GEMINI, RESPONSES: CHAT, GEMINI: RESPONSES}


def pairs() -> Iterator[object]:
    for agent in AGENTS:
        for upstream in (CHAT, MESSAGES, RESPONSES, GEMINI):
            if agent.name in QUICK or upstream in (agent.dialect, FAR[agent.dialect]):
                yield pytest.param(agent, upstream, id=f"{agent.id}-at-{upstream}")


def edit_block(path: Path, content: str) -> Step:
    """Make a step that edits as aider reads it: in the text."""
    block = f"{path.name}\n```\n<<<<<<< SEARCH\n=======\n{content}>>>>>>> REPLACE\n```\n"
    return lambda _: Turn(f"{block}\n{FINAL}")


def task(agent: Agent, path: Path) -> Play:
    if agent.edits_by_text:
        return Play((edit_block(path, CONTENT),))
    return Play((writes((path, CONTENT)), says(FINAL)))


@pytest.mark.parametrize(("agent", "upstream"), list(pairs()))
def test_a_client_writes_a_file(stage: Stage, agent: Agent, upstream: str) -> None:
    assert upstream in UPSTREAMS
    seat = stage.seat(f"acme/{upstream}")
    file = seat.work / "answer.txt"
    stage.provider.begin(task(agent, file))
    done = stage.run(agent, seat, "Write the answer into answer.txt.")
    said = f"{done}\n--- {stage.provider.defects}"
    assert done.code == 0, said
    assert FINAL in done.out, said
    assert file.read_text(encoding="utf-8") == CONTENT, said
    asked = stage.provider.task
    assert [flaw for each in asked for flaw in each.flaws] == []
    assert len(asked) == len(stage.provider.play.steps), "a step was asked for twice"
    assert {each.dialect for each in asked} == {upstream}
    records = stage.records()
    assert [record["status"] for record in records] == [200] * len(stage.provider.asked)
    assert all(record["total_cost"] > 0 for record in records)
