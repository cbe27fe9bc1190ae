"""The programs that the pages on libraries show run as they stand, but for address, key and model."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.clients import Client
from tests.clients import pages
from tests.clients.agents import CHAT, CHOSEN
from tests.clients.programs import WEATHER, start
from tests.clients.stage import Stage

# Which libraries a page's programs need, where it is not the tests' own environment.
LIBRARIES = {
    ("vercel-ai-sdk", "js"): "vercel-ai-sdk",
    ("instructor", "python"): "python-libraries",
    ("dspy", "python"): "python-libraries",
    ("litellm", "python"): "python-libraries",
    ("langchain-Google", "python"): "python-libraries",
    ("openai-sdk-Agents", "python"): "python-libraries",
}
OWN = Client(name="own", program="python", folder=Path(sys.prefix), path=(Path(sys.prefix) / "bin",))
_PROGRAM = re.compile(r"^```(js|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def shown() -> Iterator[object]:
    """Yield the programs on all pages: their language, their text, and what they need."""
    for page in sorted(pages.FOLDER.glob("*.md")):
        parts = _SECTION.split(page.read_text(encoding="utf-8"))
        for section, text in zip(["", *parts[1::2]], parts[::2], strict=True):
            name = f"{page.stem}-{section}".rstrip("-")
            for language, program in _PROGRAM.findall(text):
                needed = LIBRARIES.get((name, language), "javascript-sdks" if language == "js" else OWN.name)
                absent = needed not in CHOSEN | {OWN.name}
                marks = pytest.mark.skipif(absent, reason=f"{needed} is not among WIDEBAND_CLIENTS")
                yield pytest.param(language, program, needed, id=f"{name}-{language}", marks=marks)


@pytest.mark.parametrize(("language", "program", "needed"), list(shown()))
def test_what_a_page_shows_runs(stage: Stage, language: str, program: str, needed: str) -> None:
    seat = stage.seat("")
    name = {"js": "program.mjs", "python": "program.py"}[language]
    settings = pages.told(pages.Settings({name: program}, {}), seat.url, seat.key, f"acme/{CHAT}")
    (seat.work / name).write_text(settings.files[name], encoding="utf-8")
    stage.provider.begin(WEATHER)
    done = start(OWN if needed == OWN.name else stage.clients[needed], seat, [name])
    (stage.folder / "run.txt").write_text(str(done), encoding="utf-8")
    stage.check(done.code == 0, "it did not end well")
    stage.check("Welt" in done.out, "it did not show the answer")
    stage.check([asked.model for asked in stage.provider.asked] == ["m"], "the provider was not asked once")
