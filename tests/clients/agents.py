"""How each client is started without a person before it, and what keeps it from the internet."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.clients import Client, cache, chosen, read_lock
from tests.clients import pages

LIMIT_S = 120.0
# No telemetry, no looking for updates, no questions, no colours: for every client at once.
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "IS_SANDBOX": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "PI_OFFLINE": "1",
    "PI_SKIP_VERSION_CHECK": "1",
    "QWEN_SANDBOX": "false",
    "GOOSE_MODE": "auto",
    "GOOSE_DISABLE_KEYRING": "1",
    "GOOSE_TELEMETRY_ENABLED": "false",
    "AIDER_ANALYTICS_DISABLE": "1",
    "AIDER_CHECK_UPDATE": "0",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MSWEA_CONFIGURED": "true",
    "MSWEA_SILENT_STARTUP": "1",
    "DO_NOT_TRACK": "1",
    "NO_COLOR": "1",
    "TERM": "dumb",
    "CI": "1",
    "LANG": "C.UTF-8",
}


PLAIN_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True)
class Seat:
    """Where a client runs: the exchange to ask, and folders of its own."""

    url: str
    key: str
    model: str
    home: Path
    work: Path


Words = Callable[[str, Seat], list[str]]


@dataclass(frozen=True)
class Agent:
    """A client in one of the dialects it speaks; `page` and `section` say what a user is told to set."""

    name: str
    dialect: str
    words: Words
    section: str = ""
    # What is run once before, where a client is set up by a command.
    before: Callable[[Seat], list[str]] | None = None

    @property
    def id(self) -> str:
        return f"{self.name}-{self.dialect}" + (f"-{self.section}" if self.section == OPENROUTER else "")


CHAT, MESSAGES, RESPONSES, GEMINI = "openai_chat", "anthropic_messages", "openai_responses", "gemini_generate"
SECTIONS = {
    CHAT: "OpenAI's chat",
    MESSAGES: "Anthropic's messages",
    RESPONSES: "OpenAI's responses",
    GEMINI: "Google's generateContent",
}
OPENROUTER = "OpenRouter"
QWEN_TYPES = {CHAT: "openai", MESSAGES: "anthropic", RESPONSES: "openai-responses", GEMINI: "gemini"}


def claude(prompt: str, seat: Seat) -> list[str]:
    return ["claude", "-p", prompt, "--model", seat.model, "--dangerously-skip-permissions"]


def codex(prompt: str, seat: Seat) -> list[str]:
    return [
        "codex",
        "exec",
        "--json",
        "--skip-git-repo-check",
        "--sandbox",
        "danger-full-access",
        "-m",
        seat.model,
        prompt,
    ]


def gemini(prompt: str, seat: Seat) -> list[str]:
    return ["gemini", "--prompt", prompt, "--model", seat.model, "--skip-trust", "--approval-mode", "yolo"]


def opencode(prompt: str, seat: Seat) -> list[str]:
    return ["opencode", "run", "--auto", "--model", f"wideband/{seat.model}", prompt]


def qwen(dialect: str) -> Words:
    auth = QWEN_TYPES[dialect]
    return lambda prompt, seat: ["qwen", prompt, "--auth-type", auth, "--model", seat.model, "--approval-mode", "yolo"]


def pi(prompt: str, seat: Seat) -> list[str]:
    return ["pi", "--print", "--provider", "wideband", "--model", seat.model, prompt]


def goose(prompt: str, seat: Seat) -> list[str]:
    return ["goose", "run", "--with-builtin", "developer", "--text", prompt]


def kilo(prompt: str, seat: Seat) -> list[str]:
    return ["kilo", "run", "--auto", "--model", f"wideband/{seat.model}", prompt]


def cline(prompt: str, seat: Seat) -> list[str]:
    return ["cline", "--provider", "openai-compatible", "--model", seat.model, prompt]


def cline_auth(seat: Seat) -> list[str]:
    return ["cline", "auth", "-p", "openai-compatible", "-b", f"{seat.url}/v1", "-k", seat.key, "-m", seat.model]


def aider(prompt: str, seat: Seat) -> list[str]:
    return ["aider", "--yes-always", "--no-git", "--no-show-model-warnings", "--message", prompt, "answer.txt"]


def mini(prompt: str, seat: Seat) -> list[str]:
    return ["mini", "--yolo", "--exit-immediately", "--task", prompt]


LLM_TOOL = '''
def write_file(path: str, content: str) -> str:
    """Write a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return "written"
'''


def llm(prompt: str, seat: Seat) -> list[str]:
    return ["llm", "--model", "wideband", "--key", seat.key, "--functions", LLM_TOOL, prompt]


_ALL = [
    Agent("claude-code", MESSAGES, claude),
    Agent("codex", RESPONSES, codex),
    Agent("gemini-cli", GEMINI, gemini),
    *(Agent("opencode", dialect, opencode, section) for dialect, section in SECTIONS.items()),
    Agent("opencode", CHAT, opencode, OPENROUTER),
    *(Agent("qwen-code", dialect, qwen(dialect), section) for dialect, section in SECTIONS.items()),
    *(Agent("pi", dialect, pi, section) for dialect, section in SECTIONS.items()),
    Agent("goose", CHAT, goose, SECTIONS[CHAT]),
    Agent("goose", MESSAGES, goose, SECTIONS[MESSAGES]),
    Agent("goose", CHAT, goose, OPENROUTER),
    Agent("aider", CHAT, aider),
    Agent("mini-swe-agent", CHAT, mini),
    Agent("llm", CHAT, llm),
    Agent("cline", CHAT, cline, before=cline_auth),
    Agent("kilo", CHAT, kilo),
]
CHOSEN = frozenset(client.name for client in chosen(read_lock(cache(os.environ)), (), os.environ))
AGENTS = [agent for agent in _ALL if agent.name in CHOSEN]


@dataclass(frozen=True)
class Done:
    """A client's run: how it ended and what it showed."""

    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.1f} s\n--- out\n{self.out}\n--- err\n{self.err}"


def set_up(agent: Agent, seat: Seat) -> dict[str, str]:
    """Write the files that a client's page tells of, and return the variables."""
    page = pages.told(pages.read(agent.name, agent.section), seat.url, seat.key, seat.model)
    for place, text in page.files.items():
        file = seat.home / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return {name: value.replace("~", str(seat.home)) for name, value in page.variables.items()}


def run(agent: Agent, client: Client, seat: Seat, prompt: str, variables: Mapping[str, str]) -> Done:
    """Run a client that is set up in its seat."""
    temporary = seat.home / "tmp"
    temporary.mkdir(exist_ok=True)
    path = os.pathsep.join([*map(str, client.path), *PLAIN_PATH])
    env = {"PATH": path, "HOME": str(seat.home), "TMPDIR": str(temporary), **QUIET, **variables}
    if agent.before is not None:
        first = _launch(agent.before(seat), seat, env)
        if first.code:
            return first
    return _launch(agent.words(prompt, seat), seat, env)


def _launch(words: list[str], seat: Seat, env: dict[str, str]) -> Done:
    """Run a program to its end. It writes into files: what it leaves running would keep a pipe open."""
    out, err = seat.home / "out.txt", seat.home / "err.txt"
    started = time.monotonic()
    with (
        out.open("wb") as told,
        err.open("wb") as complained,
        subprocess.Popen(
            words,
            cwd=seat.work,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=complained,
            start_new_session=True,
        ) as process,
    ):
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            complained.write(b"(it was ended: it took too long)")
        _end(process)
    took = time.monotonic() - started
    return Done(process.returncode, _read(out), _read(err), took)


def _read(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what a client left behind; it has a session of its own."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
