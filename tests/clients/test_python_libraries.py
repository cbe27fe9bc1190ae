"""Python libraries with needs of their own, in an environment of their own; tests/e2e has the official ones."""

from typing import Any

import pytest
from tests.clients.agents import CHAT, GEMINI, MESSAGES, RESPONSES
from tests.clients.programs import CITIES, THOUGHT, did_the_task, needs, run, was_sound
from tests.clients.stage import Stage
from tests.clients.upstream.provider import Trouble

LIBRARIES = "python-libraries"
# Not its bridge to responses, which makes a choice of its own of each item: calls behind words are lost on its users.
LITELLM = ("openai", "anthropic", "gemini", "openrouter")
TALKERS = [
    ("ask_langchain.py", "google"),
    *(("ask_litellm.py", dialect) for dialect in LITELLM),
    ("ask_agents.py", "chat"),
    ("ask_agents.py", "responses"),
]
SHAPERS = [("ask_instructor.py", dialect) for dialect in ("openai", "responses", "anthropic", "google")]
DSPY = [("ask_dspy.py", "chat"), ("ask_dspy.py", "responses")]
# With whom each is tried beside its own kind; these libraries take seconds to start.
FAR = {
    "openai": MESSAGES,
    "chat": GEMINI,
    "responses": MESSAGES,
    "anthropic": RESPONSES,
    "google": CHAT,
    "gemini": MESSAGES,
    "openrouter": GEMINI,
}
NEAR = {
    "openai": CHAT,
    "chat": CHAT,
    "responses": RESPONSES,
    "anthropic": MESSAGES,
    "google": GEMINI,
    "gemini": GEMINI,
    "openrouter": CHAT,
}
pytestmark = needs(LIBRARIES)


def programs(*rows: tuple[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("script", "dialect"), [pytest.param(*row, id=f"{row[0][4:-3]}-{row[1]}") for row in rows]
    )


NEAR_AND_FAR = pytest.mark.parametrize("place", [NEAR, FAR], ids=["near", "far"])


@programs(*TALKERS)
@NEAR_AND_FAR
def test_a_task(stage: Stage, script: str, dialect: str, place: dict[str, str]) -> None:
    upstream = place[dialect]
    told = run(stage, LIBRARIES, [script, dialect, f"acme/{upstream}", "whole", "stream", "object"])
    for way in ("whole", "stream"):
        did_the_task(stage, told[way])
        stage.check(told[way].get("thought", THOUGHT) == THOUGHT, f"the thought is another: {told[way]}")
    stage.check(told["object"].get("object") == {"city": CITIES[0]}, f"the object is another: {told['object']}")
    was_sound(stage, upstream)


@programs(*SHAPERS)
@NEAR_AND_FAR
def test_an_object(stage: Stage, script: str, dialect: str, place: dict[str, str]) -> None:
    upstream = place[dialect]
    told = run(stage, LIBRARIES, [script, dialect, f"acme/{upstream}", "object", "again", "stream"])
    for way in ("object", "again", "stream"):
        stage.check(told[way].get("object") == {"city": CITIES[0]}, f"the object is another: {told[way]}")
    stage.check(told["again"]["cities"] == [CITIES[0]] * 2, "it did not insist")
    was_sound(stage, upstream)


@programs(*DSPY)
@NEAR_AND_FAR
def test_a_task_without_streams(stage: Stage, script: str, dialect: str, place: dict[str, str]) -> None:
    upstream = place[dialect]
    told = run(stage, LIBRARIES, [script, dialect, f"acme/{upstream}", "whole", "object"])
    did_the_task(stage, told["whole"])
    stage.check(told["object"].get("object") == {"city": CITIES[0]}, f"the object is another: {told['object']}")
    was_sound(stage, upstream)


@programs(*TALKERS, *SHAPERS, *DSPY)
def test_errors_are_shown(stage: Stage, script: str, dialect: str) -> None:
    model = f"acme/{CHAT}"
    way = "object" if (script, dialect) in SHAPERS else "whole"
    full = [Trouble(status=503, message="all rooms are taken")] * 12
    shows(stage, run(stage, LIBRARIES, [script, dialect, model, way], *full)[way], "rooms")
    stage.key = "sk-wb-v1-" + "0" * 64
    shows(stage, run(stage, LIBRARIES, [script, dialect, model, way])[way], "key")


def shows(stage: Stage, told: dict[str, Any], word: str) -> None:
    stage.check(word in told.get("error", {}).get("message", "").lower(), f"it does not say why: {told}")


# LiteLLM does not look for the end of a Gemini stream, nor for an error in it.
@programs(*(row for row in TALKERS if row != ("ask_litellm.py", "gemini")))
def test_a_stream_that_breaks_off_is_no_answer(stage: Stage, script: str, dialect: str) -> None:
    told = run(stage, LIBRARIES, [script, dialect, f"acme/{CHAT}", "stream"], Trouble(cut_after=7))["stream"]
    stage.check("error" in told, f"it took half an answer for a whole one: {told}")
