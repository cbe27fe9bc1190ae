"""Programs that are written with a library: how they are run, and the task that all of them do."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scripts.clients import Client
from tests.clients.agents import CHOSEN, GEMINI, LIMIT_S, QUIET, Done, Seat
from tests.clients.stage import Stage
from tests.clients.test_tasks import CONTENT, FINAL
from tests.clients.upstream.play import Asked, Call, Play, Turn
from tests.clients.upstream.provider import Trouble

SCRIPTS = Path(__file__).with_name("scripts")
CITIES = [CONTENT, "Oslo"]
THOUGHT = "First both cities, then the words."
# What the scripted provider counts: two answers.
TOKENS = 240


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test unless these libraries were chosen."""
    return pytest.mark.skipif(name not in CHOSEN, reason=f"{name} is not among WIDEBAND_CLIENTS")


@dataclass(frozen=True)
class WeatherPlay(Play):
    """Ask for the weather of both cities at once, then speak; without tools, or with one of its own, name a city."""

    def turn(self, asked: Asked) -> Turn:
        own = [tool for tool in asked.tools if tool.name == "get_weather"]
        if own:
            return super().turn(asked)
        if asked.tools:
            return Turn("", (Call(asked.tools[0], {"city": CITIES[0]}),), number=1)
        return Turn(json.dumps({"city": CITIES[0]}))


def asks(asked: Asked) -> Turn:
    return Turn("I look.", tuple(Call(asked.tools[0], {"city": city}) for city in CITIES), THOUGHT)


WEATHER = WeatherPlay((asks, lambda _: Turn(FINAL)))


def run(stage: Stage, library: str, words: list[str], *troubles: Trouble) -> dict[str, Any]:
    """Run a script with a library's packages at hand, and return what it told of each way it was tried."""
    client = stage.clients[library]
    seat = stage.seat("")
    for script in SCRIPTS.iterdir():
        if script.is_file():
            shutil.copy(script, seat.work)
    stage.provider.begin(WEATHER, *troubles)
    done = start(client, seat, words)
    (stage.folder / "run.txt").write_text(str(done), encoding="utf-8")
    stage.check(done.code == 0, "it did not end well")
    told: dict[str, Any] = json.loads(done.out.split("\n")[-2])
    return told


def start(client: Client, seat: Seat, words: list[str]) -> Done:
    """Run Node or Python with words, its packages where it looks for them."""
    packages = client.folder / "node_modules"
    if packages.is_dir() and not (seat.work / packages.name).exists():
        (seat.work / packages.name).symlink_to(packages)
    env = {
        **QUIET,
        "PATH": os.pathsep.join([*map(str, client.path), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(seat.home),
        "WIDEBAND_URL": seat.url,
        "WIDEBAND_API_KEY": seat.key,
    }
    try:
        done = subprocess.run(
            [str(client.executable), *words],
            cwd=seat.work,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Done(1, _text(late.stdout), f"{_text(late.stderr)}\n(it was ended: it took too long)", LIMIT_S)
    return Done(done.returncode, done.stdout, done.stderr, 0.0)


def _text(said: str | bytes | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def did_the_task(stage: Stage, told: dict[str, Any]) -> None:
    """Fail unless both calls were made as asked for, their results came back, and all was counted."""
    stage.check("error" not in told, f"it failed: {told.get('error')}")
    stage.check(told["cities"] == CITIES, f"the calls are others: {told['cities']}")
    stage.check(told["text"] == FINAL, f"the last words are others: {told['text']}")
    stage.check(told["tokens"] == TOKENS, f"the count is {told['tokens']}")


def was_sound(stage: Stage, upstream: str) -> None:
    """Fail if a provider would have refused something, or another one was asked."""
    asked = stage.provider.asked
    stage.check(not any(each.flaws for each in asked), "a strict provider would refuse this")
    stage.check({each.dialect for each in asked} == {upstream}, "somebody else was asked")
    stage.check([record["status"] for record in stage.records()] == [200] * len(asked), "a request failed")
    for each in asked:
        ids = [result.id for result in each.results]
        stage.check(upstream == GEMINI or len(set(ids)) == len(ids), "ids clash")
