"""What the scripted provider does: a task in steps, played with whatever tools a client offers."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Tool:
    """A tool that a request offers; `free` takes text instead of JSON, `space` is the namespace it stands in."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    free: bool = False
    space: str | None = None

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.schema.get("properties") or {}
        return found


@dataclass(frozen=True)
class Result:
    """What a client says that a call gave."""

    id: str
    text: str


@dataclass(frozen=True)
class Asked:
    """A request as far as the play needs it. `flaws` is what a strict provider of this dialect would refuse."""

    dialect: str
    model: str
    stream: bool
    tools: tuple[Tool, ...]
    results: tuple[Result, ...]
    prompt: str
    flaws: tuple[str, ...]
    body: Mapping[str, Any]
    path: str = ""


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is an object, or text for a free tool. An id is given when it is played."""

    tool: Tool
    arguments: Any


@dataclass(frozen=True)
class Turn:
    """One answer: words, then calls. `thought` comes first where the dialect has a place for it."""

    text: str
    calls: tuple[Call, ...] = ()
    thought: str = ""
    number: int = 0

    def call_id(self, position: int) -> str:
        return f"call_{self.number}_{position}_Zz"


Step = Callable[[Asked], Turn]
ASIDE = "A short title"


@dataclass(frozen=True)
class Play:
    """The steps of a task, the last of them without calls. Which one is next, the request says."""

    steps: tuple[Step, ...]

    def turn(self, asked: Asked) -> Turn:
        """Return the answer to a request; one without tools is about something else, if this play has tools."""
        if len(self.steps) > 1 and not asked.tools:
            return Turn(ASIDE)
        played = len(asked.results)
        for number, step in enumerate(self.steps, 1):
            turn = step(asked)
            if played <= 0 or not turn.calls:
                return Turn(turn.text, turn.calls, turn.thought, number)
            played -= len(turn.calls)
        raise AssertionError("the last step of a play must not call tools")


def says(text: str) -> Step:
    """Make a step that only speaks."""
    return lambda _: Turn(text)


def writes(*files: tuple[Path, str], text: str = "I write that down.", free: bool = False) -> Step:
    """Make a step that writes files, in parallel when there are several."""
    return lambda asked: Turn(text, tuple(write(asked.tools, path, content, free=free) for path, content in files))


def runs(line: str, text: str = "I run that.") -> Step:
    """Make a step that has a shell run a line."""
    return lambda asked: Turn(text, (run(named(asked.tools, SHELLS), line),))


def calls(names: tuple[str, ...], text: str, **told: Any) -> Step:
    """Make a step that calls one tool, the first of these names that is offered."""
    return lambda asked: Turn(text, (Call(tool := named(asked.tools, names), filled(tool, told)),))


def named(tools: tuple[Tool, ...], names: tuple[str, ...]) -> Tool:
    """Return the first tool that bears one of these names."""
    for name in names:
        for tool in tools:
            if tool.name == name:
                return tool
    raise LookupError(f"none of {names} is offered, only {[tool.name for tool in tools]}")


WRITERS = ("Write", "write", "write_file", "write_to_file", "create_file")
SHELLS = (
    "bash",
    "Bash",
    "shell",
    "exec_command",
    "shell_command",
    "run_shell_command",
    "execute_command",
    "run_commands",
)
_PATHS = ("file_path", "filePath", "path", "absolute_path", "absolutePath")
_CONTENTS = ("content", "contents", "file_text", "text")
_COMMANDS = ("command", "cmd", "commands")


def write(tools: tuple[Tool, ...], path: Path, content: str, *, free: bool = False) -> Call:
    """Return the call that writes a file with what is offered."""
    if free:
        tool = named(tools, ("apply_patch",))
        return Call(tool, _patch(path.name, content))
    for tool in tools:
        if tool.name in WRITERS:
            return Call(tool, filled(tool, dict.fromkeys(_PATHS, str(path)) | dict.fromkeys(_CONTENTS, content)))
    tool = named(tools, SHELLS)
    return run(tool, f"printf %s {shlex.quote(content)} > {shlex.quote(str(path))}")


def run(tool: Tool, line: str) -> Call:
    """Return the call that has a shell run a line."""
    key = next(key for key in _COMMANDS if key in tool.properties)
    kind = tool.properties[key]
    is_list = kind.get("type") == "array" or any(each.get("type") == "array" for each in kind.get("anyOf", ()))
    words: Any = line
    if is_list:
        words = [line] if key == "commands" else ["bash", "-c", line]
    return Call(tool, filled(tool, {key: words}))


_BLANK: dict[str, Any] = {"string": "x", "boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}


def filled(tool: Tool, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments: what is told of what the tool takes, and something for whatever else it requires."""
    arguments = {key: value for key, value in told.items() if key in tool.properties}
    for key in tool.schema.get("required") or ():
        if key not in arguments:
            shape = tool.properties.get(key, {})
            arguments[key] = shape["enum"][0] if "enum" in shape else _BLANK[str(shape.get("type", "string")).lower()]
    return arguments


def _patch(name: str, content: str) -> str:
    lines = "".join(f"+{line}\n" for line in content.split("\n"))
    return f"*** Begin Patch\n*** Add File: {name}\n{lines}*** End Patch\n"
