"""What the demonstration asks: arrivals that swell and burst, sessions of several turns, real lengths. Pure."""

import math
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from wideband.canon.request import Text
from wideband.demo.world import apps, models_for
from wideband.generate.kinds import KINDS
from wideband.generate.rows import App, Kind
from wideband.replay.prompts import request_for
from wideband.replay.traces import Arrival

# A swell takes so long, and makes so much of a difference.
SWELL_S, SWELL = 300.0, 0.4
# Bursts: every few seconds a new factor, log-normal.
BURST_S, BURST = 4.0, 0.35
# Waits between turns are shortened by this, and prompts are cut, so that a small machine keeps up.
HASTE = 12.0
LONGEST_PROMPT = 9_000
LONGEST_ANSWER = 700

_OPENINGS: dict[str, str] = {
    "qa_knowledge": "What is the capital of Mongolia, and who decided that?",
    "conversation": "Hello there! How was your day, and what shall we talk about?",
    "editing": "Proofread this text and improve its style without changing what it says.",
    "translation": "Translate the following into French.",
    "summarization": "Summarize the following in three sentences.",
    "math": "Solve the equation and prove that the integral converges.",
    "agent:coding": "Implement the function and run the tests.",
    "code:general_impl": "Implement a Python function for this algorithm.",
    "code:debugging": "Debug this: why does my function crash with a TypeError? Here is the traceback.",
    "code:refactoring": "Refactor this legacy module and simplify it.",
    "code:testing": "Write unit tests with pytest for this function.",
    "code:review": "Code review: look at this pull request for vulnerabilities.",
    "code:frontend": "Build a responsive landing page in React with Tailwind CSS.",
    "code:devops": "Write a Dockerfile and a Kubernetes deployment for this.",
    "code:explanation": "Explain this code: what does this function do, and what is its time complexity?",
    "agent:file_operations": "Read the files of the folder and rename them.",
    "agent:tool_use": "Use the tools to look the order up and book it.",
    "agent:web_search": "Search the web for the latest news about this.",
    "agent:multi_step_planning": "Plan the project: milestones, subtasks and a timeline.",
    "agent:computer_use": "Click the button on the screen and fill in the form.",
    "customer_support": "My order has not arrived and I want a refund.",
    "research_report": "Write a research report with a literature review of this.",
    "data:analysis": "Analyze the dataset: trends, correlation and outliers.",
    "data:classification": "Classify the sentiment: positive, negative or neutral.",
    "data:extraction": "Extract the named entities and the invoice fields as JSON.",
    "data:transformation": "Convert this CSV to JSON and normalize the columns.",
    "data:sql": "Write a SQL query with a window function over the orders table.",
    "data:visualization": "Plot a bar chart of this with matplotlib.",
    "creative_writing": "Write a short story about a lighthouse keeper and a dragon.",
}
_TOOLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search", {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}),
    ("read_file", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}),
)
_SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
    "required": ["label", "score"],
    "additionalProperties": False,
}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits to be sent: where, with which key (by its place), as which app, after how many seconds."""

    path: str
    body: dict[str, Any]
    app: App
    session: str
    streamed: bool
    gap_s: float


def waits(draw: random.Random, rate: float) -> Iterator[float]:
    """Return the seconds between the starts of sessions, without end: Poisson's, at a rate that swells and bursts."""
    at_s, burst_until_s, burst = 0.0, 0.0, 1.0
    while True:
        if at_s >= burst_until_s:
            burst_until_s = at_s + BURST_S
            burst = math.exp(draw.gauss(0, BURST) - BURST * BURST / 2)
        now = rate * burst * (1 + SWELL * math.sin(2 * math.pi * at_s / SWELL_S))
        wait_s = min(draw.expovariate(now), BURST_S)
        at_s += wait_s
        yield wait_s


def mean_turns() -> float:
    """Return how many requests a session has on average."""
    weights = _shares()
    return sum(weight * kind.turns for kind, weight in weights) / sum(weight for _, weight in weights)


class Author:
    """Writes sessions, each different, the same ones for the same seed."""

    def __init__(self, draw: random.Random, people: int) -> None:
        self._draw = draw
        self._people = people
        self._count = 0
        self._apps = apps()

    def session(self) -> list[Ask]:
        """Return the requests of a new session, in order."""
        draw = self._draw
        self._count += 1
        kinds = _shares()
        kind = draw.choices([each for each, _ in kinds], [weight for _, weight in kinds])[0]
        mine = [app for app in self._apps if app.kind == kind.name]
        app = draw.choices(mine, [each.share for each in mine])[0]
        models = models_for(kind.name)
        model = draw.choices(list(models), list(models.values()))[0]
        tag = draw.choices(list(kind.tags), list(kind.tags.values()))[0]
        turns = min(30, 1 + int(draw.expovariate(1 / max(kind.turns - 1, 0.01))))
        prompt = kind.prompt * draw.lognormvariate(0, kind.prompt_spread)
        user = f"sim-user-{min(int(draw.paretovariate(0.6)), self._people)}"
        is_messages = draw.random() < kind.dialects.get("anthropic_messages", 0.0)
        streamed = draw.random() < kind.streamed
        asks = []
        for turn in range(turns):
            length = int(min(LONGEST_PROMPT, prompt + turn * kind.grows))
            answer = int(min(LONGEST_ANSWER, max(2, kind.completion * draw.lognormvariate(0, kind.completion_spread))))
            body = self._body(kind, model, _words(tag, length, answer, self._count), answer)
            body |= {"stream": True} if streamed else {}
            path = "/api/v1/messages" if is_messages else "/api/v1/chat/completions"
            if is_messages:
                body = _as_messages(body, user)
            else:
                body["user"] = user
            gap_s = 0.0 if turn == 0 else kind.gap_s * draw.lognormvariate(0, 0.6) / HASTE
            session = f"demo-session-{self._count}"
            asks.append(Ask(path=path, body=body, app=app, session=session, streamed=streamed, gap_s=gap_s))
        return asks

    def _body(self, kind: Kind, model: str, text: str, answer: int) -> dict[str, Any]:
        draw = self._draw
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": answer + 400,
        }
        if draw.random() < kind.tools[1]:
            body["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in _TOOLS
            ]
        elif draw.random() < kind.structured:
            form = {"name": "verdict", "strict": True, "schema": _SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body


def _shares() -> list[tuple[Kind, float]]:
    return [(kind, kind.share[1]) for kind in KINDS]


def _words(tag: str, prompt: int, answer: int, number: int) -> str:
    """Write a prompt that begins as the others of its session do, and asks for an answer of a length."""
    blocks = tuple(number * 1000 + block for block in range(prompt // 512 + 1))
    arrival = Arrival(at_ns=0, prompt_tokens=prompt, completion_tokens=answer, blocks=blocks)
    part = request_for(arrival, number, "sandbox/fast").messages[0].parts[0]
    assert isinstance(part, Text)
    return f"{_OPENINGS[tag]}\n\n{part.text}"


def _as_messages(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Say the same in Anthropic's dialect, its prompt to be cached."""
    text = body["messages"][0]["content"]
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    said = {name: value for name, value in body.items() if name not in {"messages", "tools", "response_format"}}
    if "tools" in body:
        said["tools"] = [{"name": name, "input_schema": schema} for name, schema in _TOOLS]
    return {**said, "messages": [{"role": "user", "content": [block]}], "metadata": {"user_id": user}}
