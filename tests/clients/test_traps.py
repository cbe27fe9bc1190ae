"""What is easily lost between two dialects, and that clients notice when it is."""

import base64
import json
import zlib
from pathlib import Path

import pytest
from tests.clients.agents import AGENTS, CHAT, GEMINI, MESSAGES, RESPONSES, Agent, Done
from tests.clients.stage import CODEX_NAMES, Stage
from tests.clients.test_tasks import CONTENT, FINAL
from tests.clients.upstream.play import Asked, Call, Play, Step, Turn, calls, filled, named, says, writes

EVERY_UPSTREAM = pytest.mark.parametrize("upstream", [CHAT, MESSAGES, RESPONSES, GEMINI])


def agents(*wanted: tuple[str, str]) -> pytest.MarkDecorator:
    """Run a test with these of the chosen clients."""
    found = [agent for agent in AGENTS if (agent.name, agent.dialect) in wanted and agent.section != "OpenRouter"]
    return pytest.mark.parametrize("agent", [pytest.param(agent, id=agent.id) for agent in found])


CLAUDE, CODEX, GEMINI_CLI = ("claude-code", MESSAGES), ("codex", RESPONSES), ("gemini-cli", GEMINI)
PI = [("pi", dialect) for dialect in (CHAT, MESSAGES, RESPONSES, GEMINI)]


def play(stage: Stage, agent: Agent, model: str, *steps: Step) -> Done:
    """Have a client go through steps, and be sure that all of them were sound."""
    stage.provider.begin(Play((*steps, says(FINAL))))
    done = stage.run(agent, stage.seat(model), "Do the task.")
    stage.check(done.code == 0, "it did not end well")
    stage.check(FINAL in done.out, "it did not show the last words")
    stage.check(not any(each.flaws for each in stage.provider.task), "a strict provider would refuse this")
    stage.check(all(record["status"] == 200 for record in stage.records()), "a request failed")
    return done


def has(file: Path, content: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == content


@agents(CLAUDE, CODEX, GEMINI_CLI, *PI)
@EVERY_UPSTREAM
def test_two_calls_of_one_function_at_once(stage: Stage, agent: Agent, upstream: str) -> None:
    work = stage.seat("").work
    one, two = work / "one.txt", work / "two.txt"
    play(stage, agent, f"acme/{upstream}", writes((one, CONTENT), (two, "2")))
    stage.check(has(one, CONTENT) and has(two, "2"), "a file is missing")
    results = stage.provider.task[-1].results
    stage.check(len({result.id for result in results}) == 2 or upstream == GEMINI, "the results are of one call")


def picture() -> bytes:
    """Return a small PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (64).to_bytes(4, "big") * 2
    rows = b"".join(b"\0" + b"\xd0\x20\x20" * 64 for _ in range(64))
    parts = [(b"IHDR", size + b"\x08\x02\0\0\0"), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


@agents(CLAUDE, CODEX, GEMINI_CLI)
@EVERY_UPSTREAM
def test_a_picture_that_a_tool_gives(stage: Stage, agent: Agent, upstream: str) -> None:
    file = stage.seat("").work / "red.png"
    file.write_bytes(picture())
    place = dict.fromkeys(("file_path", "path", "absolute_path"), str(file))
    play(stage, agent, f"acme/{upstream}", calls(("Read", "view_image", "read_file"), "I look at it.", **place))
    sent = json.dumps(stage.provider.task[-1].body).count(base64.b64encode(picture()).decode())
    stage.check(sent == 1, f"the provider got {sent} pictures")


def thinks(file: Path) -> Step:
    return lambda asked: Turn("I write that.", writes((file, "x"))(asked).calls, "First the file, then the words.")


# Whose providers give seals, and which of the clients keep what they are given.
@agents(CLAUDE, CODEX)
@pytest.mark.parametrize("upstream", [MESSAGES, RESPONSES])
def test_a_sealed_thought_goes_back_to_who_sealed_it(stage: Stage, agent: Agent, upstream: str) -> None:
    play(stage, agent, f"acme/{upstream}", thinks(stage.seat("").work / "x.txt"))
    body = stage.provider.task[-1].body
    if upstream == MESSAGES:
        blocks = [
            block for message in body["messages"] if message["role"] == "assistant" for block in message["content"]
        ]
        found = [block for block in blocks if block["type"] == "thinking"]
    else:
        found = [item for item in body["input"] if item.get("type") == "reasoning" and item.get("encrypted_content")]
    stage.check(len(found) == 1, "the thought was lost")


@agents(CODEX)
@EVERY_UPSTREAM
@pytest.mark.parametrize("known", CODEX_NAMES)
def test_a_tool_that_takes_free_text(stage: Stage, agent: Agent, known: str, upstream: str) -> None:
    file = stage.seat("").work / "patched.txt"
    content = 'def f():\n\treturn "ä\\n" if x else {"a": 1}\n'
    patch = "".join(f"+{line}\n" for line in content.splitlines())
    text = f"*** Begin Patch\n*** Add File: {file.name}\n{patch}*** End Patch\n"
    script = f"text(await tools.apply_patch({json.dumps(text)}))"

    def patches(asked: Asked) -> Turn:
        tool = named(asked.tools, ("apply_patch", "functions__exec", "exec"))
        said = text if tool.name == "apply_patch" else script
        # A provider without such tools is offered a function with one string.
        return Turn("I patch that.", (Call(tool, said if tool.free else dict.fromkeys(tool.schema["required"], said)),))

    play(stage, agent, f"{known}-{upstream}", patches)
    stage.check(has(file, content), "the patch is another")


@agents(CODEX)
@EVERY_UPSTREAM
def test_a_tool_in_a_namespace(stage: Stage, agent: Agent, upstream: str) -> None:
    def waits(asked: Asked) -> Turn:
        tool = next(tool for tool in asked.tools if tool.name.endswith("wait_agent"))
        return Turn("I wait.", (Call(tool, filled(tool, {})),))

    play(stage, agent, f"acme/{upstream}", waits)
    stage.check("unsupported" not in stage.provider.task[-1].results[-1].text, "Codex did not know the call")


@agents(CLAUDE)
@EVERY_UPSTREAM
def test_tools_that_are_loaded_later(stage: Stage, agent: Agent, upstream: str) -> None:
    play(stage, agent, f"acme/{upstream}", calls(("ToolSearch",), "I look for it.", query="select:WebFetch"))
    first, last = stage.provider.task
    if upstream == MESSAGES:
        return  # The provider's own feature, and no business of ours.
    offered = {tool.name for tool in first.tools}
    stage.check("WebFetch" not in offered and "DeferredToolPlaceholder" not in offered, "it was offered too early")
    stage.check("WebFetch" in {tool.name for tool in last.tools}, "it was not offered")
    stage.check("WebFetch" in last.results[-1].text, "the search found nothing")


@agents(CLAUDE)
@EVERY_UPSTREAM
def test_counting_goes_without_a_count_of_the_providers(stage: Stage, agent: Agent, upstream: str) -> None:
    stage.provider.begin(Play((says(FINAL),)))
    done = stage.run(agent, stage.seat(f"acme/{upstream}"), "/context")
    stage.check(done.code == 0 and "tokens" in done.out.lower(), "it counted nothing")
