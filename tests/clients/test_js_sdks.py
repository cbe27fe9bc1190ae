"""Programs in JavaScript: the AI SDK with its providers, and the official libraries."""

from typing import Any

import pytest
from tests.clients.agents import CHAT, GEMINI, MESSAGES, RESPONSES
from tests.clients.programs import CITIES, THOUGHT, did_the_task, needs, run, was_sound
from tests.clients.stage import Stage
from tests.clients.upstream import gemini, messages, responses
from tests.clients.upstream.provider import Trouble, saved

AI, SDKS = "vercel-ai-sdk", "javascript-sdks"
# Library, script, and how it speaks.
PROGRAMS = [
    *(
        (AI, "vercel-ai-sdk.mjs", dialect)
        for dialect in ("openai", "responses", "anthropic", "google", "mistral", "compatible", "openrouter")
    ),
    (SDKS, "openai.mjs", "chat"),
    (SDKS, "openai.mjs", "responses"),
    (SDKS, "anthropic.mjs", "messages"),
    (SDKS, "google-genai.mjs", "gemini"),
    (SDKS, "openrouter.mjs", "chat"),
]
AI_OPENAI, AI_MISTRAL = ("vercel-ai-sdk.mjs", "openai"), ("vercel-ai-sdk.mjs", "mistral")
# Who has no place for thoughts, and who has none for their seals.
THOUGHTLESS = {AI_OPENAI, AI_MISTRAL, ("openai.mjs", "chat")}
SEALLESS = {AI_OPENAI, AI_MISTRAL, ("vercel-ai-sdk.mjs", "compatible")}
# Who tells of an error within a stream by the end it came to, and in which word.
ENDS = {AI_OPENAI: "other", AI_MISTRAL: "error", ("openai.mjs", "responses"): "failed"}
SEALS = {MESSAGES: messages.SIGNATURE, RESPONSES: responses.SEAL, GEMINI: gemini.SIGNATURE}

EVERY_PROGRAM = pytest.mark.parametrize(
    ("library", "script", "dialect"),
    [pytest.param(*row, id=f"{row[1].removesuffix('.mjs')}-{row[2]}", marks=needs(row[0])) for row in PROGRAMS],
)
EVERY_UPSTREAM = pytest.mark.parametrize("upstream", [CHAT, MESSAGES, RESPONSES, GEMINI])


@EVERY_PROGRAM
@EVERY_UPSTREAM
def test_two_calls_there_and_back(stage: Stage, library: str, script: str, dialect: str, upstream: str) -> None:
    told = run(stage, library, [script, dialect, f"acme/{upstream}", "whole", "stream"])
    for way in ("whole", "stream"):
        did_the_task(stage, told[way])
        if (script, dialect) not in THOUGHTLESS:
            stage.check(told[way]["thought"] == THOUGHT, f"the thought is another: {told[way]['thought']}")
    was_sound(stage, upstream)


@EVERY_PROGRAM
@EVERY_UPSTREAM
def test_structured_output(stage: Stage, library: str, script: str, dialect: str, upstream: str) -> None:
    told = run(stage, library, [script, dialect, f"acme/{upstream}", "object"])["object"]
    stage.check(told.get("object") == {"city": CITIES[0]}, f"the object is another: {told}")
    was_sound(stage, upstream)


@EVERY_PROGRAM
@pytest.mark.parametrize("upstream", list(SEALS))
def test_a_sealed_thought_goes_back_to_who_sealed_it(
    stage: Stage, library: str, script: str, dialect: str, upstream: str
) -> None:
    for way in ("whole", "stream"):
        run(stage, library, [script, dialect, f"acme/{upstream}", way])
        first, second = (saved(each) for each in stage.provider.asked)
        stage.check(SEALS[upstream] not in first, "it was there before it was made")
        expected = (script, dialect) not in SEALLESS
        stage.check((SEALS[upstream] in second) == expected, f"{way}: the seal was lost, or is kept against all hope")


@EVERY_PROGRAM
def test_errors_are_shown(stage: Stage, library: str, script: str, dialect: str) -> None:
    model = f"acme/{CHAT}"
    for way in ("whole", "stream"):
        down = run(stage, library, [script, dialect, model, way], Trouble(status=503, message="all rooms are taken"))
        shows(stage, down[way], 503, "rooms")
    stage.key = "sk-wb-v1-" + "0" * 64
    shows(stage, run(stage, library, [script, dialect, model, "whole"])["whole"], 401, "key")


def shows(stage: Stage, told: dict[str, Any], status: int, word: str) -> None:
    error = told.get("error") or {}
    stage.check(error.get("status") == status, f"its status is another: {told}")
    # The AI SDK's Mistral provider only shows the words that Mistral itself would use, of others the status.
    known = word in error["message"].lower() or error["message"] in ("Unauthorized", "Service Unavailable")
    stage.check(known, f"it does not say why: {error}")


@EVERY_PROGRAM
def test_a_stream_that_breaks_off_is_no_answer(stage: Stage, library: str, script: str, dialect: str) -> None:
    told = run(stage, library, [script, dialect, f"acme/{CHAT}", "stream"], Trouble(cut_after=7))["stream"]
    if end := ENDS.get((script, dialect)):
        stage.check(told.get("finish") == end, f"it took half an answer for a whole one: {told}")
    else:
        stage.check("error" in told, f"it took half an answer for a whole one: {told}")


def requests(told: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what a program asked: paths and bodies."""
    return [(asked["path"], asked["body"]) for asked in told["asked"]]


@needs(AI)
@EVERY_UPSTREAM
def test_responses_of_the_ai_sdk_name_no_types(stage: Stage, upstream: str) -> None:
    told = run(stage, AI, ["vercel-ai-sdk.mjs", "responses", f"acme/{upstream}", "whole"])["whole"]
    _, (_, body) = requests(told)
    stage.check(any("type" not in item for item in body["input"]), "it names all types now")
    did_the_task(stage, told)
    was_sound(stage, upstream)


@needs(SDKS)
def test_googles_library_asks_at_v1(stage: Stage) -> None:
    told = run(stage, SDKS, ["google-genai.mjs", "gemini", f"acme/{CHAT}", "whole", "stream"])
    paths = {path for way in ("whole", "stream") for path, _ in requests(told[way])}
    assert paths == {f"/v1/models/acme/{CHAT}:generateContent", f"/v1/models/acme/{CHAT}:streamGenerateContent"}


@needs(SDKS)
def test_openrouters_library_reads_the_list_of_models(stage: Stage) -> None:
    told = run(stage, SDKS, ["openrouter.mjs", "chat", f"acme/{CHAT}", "models"])["models"]
    stage.check(f"acme/{CHAT}" in told.get("models", []), f"the list is another: {told}")
