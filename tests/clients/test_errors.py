"""What clients do when something goes wrong: stop where they should, wait where they should, and go on unharmed."""

import pytest
from tests.clients.agents import AGENTS, CHAT, GEMINI, MESSAGES, RESPONSES, Agent
from tests.clients.stage import Stage
from tests.clients.test_tasks import CONTENT, FINAL
from tests.clients.upstream.play import Play, says, writes
from tests.clients.upstream.provider import Trouble

# One of each dialect, those that most people use.
NAMES = {("claude-code", MESSAGES), ("codex", RESPONSES), ("gemini-cli", GEMINI), ("pi", CHAT)}
AT_ONCE_S = 20.0
EVERYONE = pytest.mark.parametrize(
    "agent", [pytest.param(agent, id=agent.id) for agent in AGENTS if (agent.name, agent.dialect) in NAMES]
)
pytestmark = EVERYONE


def writes_a_file(stage: Stage, agent: Agent, model: str, *troubles: Trouble) -> None:
    """Have a client write a file in spite of troubles."""
    seat = stage.seat(model)
    file = seat.work / "answer.txt"
    stage.provider.begin(Play((writes((file, CONTENT)), says(FINAL))), *troubles)
    done = stage.run(agent, seat, "Write the answer into answer.txt.")
    stage.check(done.code == 0, "it did not end well")
    stage.check(FINAL in done.out, "it did not show the last words")
    stage.check(file.is_file() and file.read_text(encoding="utf-8") == CONTENT, "the file is another")
    stage.check(stage.provider.troubles == [], "the trouble did not happen")


def stops(stage: Stage, agent: Agent, *words: str) -> None:
    """Have a client give up, at once and with words of ours."""
    stage.provider.begin(Play((says(FINAL),)))
    done = stage.run(agent, stage.seat(f"acme/{CHAT}"), "Say hello.")
    shown = (done.out + done.err).lower()
    stage.check(done.seconds < AT_ONCE_S, "it did not stop at once")
    stage.check(all(word in shown for word in words), "it did not say why")
    stage.check(stage.provider.asked == [], "a provider was asked")


def test_out_of_credits(stage: Stage, agent: Agent) -> None:
    with stage.served.http(stage.served.management_key()) as http:
        made = http.post("/api/v1/keys", json={"name": "poor", "limit": 0})
    stage.key = made.json()["key"]
    # Codex says it in its own words.
    stops(stage, agent, "quota" if agent.name == "codex" else "limit")
    stage.check(len(stage.records()) == 1, "it asked again")


def test_a_bad_key(stage: Stage, agent: Agent) -> None:
    stage.key = "sk-wb-v1-" + "0" * 64
    stops(stage, agent, "key")


def test_a_provider_that_wants_time(stage: Stage, agent: Agent) -> None:
    wait = Trouble(status=429, headers={"retry-after": "1"}, message="slow down")
    writes_a_file(stage, agent, f"acme/{CHAT}", wait)
    stage.check([record["status"] for record in stage.records()][:1] == [429], "it was not told to wait")


@pytest.mark.parametrize("events", [0, 1], ids=["before the head", "before the first word"])
def test_a_provider_that_dies_early_goes_unseen(stage: Stage, agent: Agent, events: int) -> None:
    writes_a_file(stage, agent, "acme/twice", Trouble(cut_after=events, host="main"))
    stage.check([record["status"] for record in stage.records()] == [200, 200], "it was seen")


@pytest.mark.parametrize("events", [4, 12], ids=["amid the words", "amid the call"])
def test_a_provider_that_dies_amid_its_answer(stage: Stage, agent: Agent, events: int) -> None:
    writes_a_file(stage, agent, f"acme/{CHAT}", Trouble(cut_after=events))
