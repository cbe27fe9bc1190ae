"""Where a client runs in a test: the gateway, the provider behind it, and folders of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripts.clients import Client
from tests.clients.agents import Agent, Done, Seat, run, set_up
from tests.clients.upstream.provider import Provider, saved
from tests.e2e.served import Served

from wideband.store.database import connect_reader

# What the provider speaks, and the version in its URL.
UPSTREAMS = {"openai_chat": "v1", "anthropic_messages": "v1", "openai_responses": "v1", "gemini_generate": "v1beta"}
# Codex knows models by how their names begin: the first gets a patch tool, the second runs scripts that call tools.
CODEX_NAMES = ("gpt-5.5", "gpt-6-sol")
# By its name a model is known to insist on its seals.
UPSTREAM_NAMES = {"gemini_generate": "gemini-3-pro-preview"}
PRICE = '{ prompt = "1", completion = "2" }'


def config(url: str) -> str:
    """Return a market: a model at each dialect, and one that is at two places, the cheaper of which comes first."""
    rows = ["[limits]", "max_body_bytes = 67108864", "[sandbox]", 'mode = "off"', "[routing]", 'ranker = "price"']
    for dialect, version in UPSTREAMS.items():
        for host in ("main", "spare"):
            rows += ["[[provider]]", f'slug = "{host}-{dialect}"', f'name = "{host}"', f'dialect = "{dialect}"']
            rows += [f'base_url = "{url}/{host}/{version}"', 'key = "k"']
        rows += ["[[endpoint]]", f'provider = "main-{dialect}"', f'model = "acme/{dialect}"', f"price = {PRICE}"]
        rows += [f'upstream_model = "{UPSTREAM_NAMES.get(dialect, "m")}"']
    for host, price in (("main", "1"), ("spare", "9")):
        rows += ["[[endpoint]]", f'provider = "{host}-openai_chat"', 'model = "acme/twice"']
        rows += [f'price = {{ prompt = "{price}", completion = "{price}" }}']
    rows += [
        "[aliases]",
        *(f'"{name}-{dialect}" = "acme/{dialect}"' for name in CODEX_NAMES for dialect in UPSTREAMS),
    ]
    rows += ['"*" = "acme/openai_chat"']
    return "\n".join(rows) + "\n"


@dataclass
class Stage:
    """Everything a test needs: the gateway, the provider behind it, and how to run a client against them."""

    served: Served
    provider: Provider
    clients: dict[str, Client]
    folder: Path
    key: str = ""
    _before: set[str] = field(default_factory=set)

    def seat(self, model: str) -> Seat:
        """Return a place for a run: a home and a working directory that exist."""
        seat = Seat(self.served.url, self.key or self.served.key, model, self.folder / "home", self.folder / "work")
        seat.home.mkdir(exist_ok=True)
        seat.work.mkdir(exist_ok=True)
        return seat

    def run(self, agent: Agent, seat: Seat, prompt: str, variables: Mapping[str, str] | None = None) -> Done:
        """Run a client to its end, set up as its page says unless somebody else did; what it said is kept."""
        if variables is None:
            variables = set_up(agent, seat)
        done = run(agent, self.clients[agent.name], seat, prompt, variables)
        (self.folder / "run.txt").write_text(str(done), encoding="utf-8")
        return done

    def check(self, holds: bool, otherwise: str) -> None:
        """Fail with all that was said, kept beside the client's home, unless something holds."""
        if holds:
            return
        asked = [f"{each.path} {each.flaws}\n{saved(each)}" for each in self.provider.asked]
        (self.folder / "asked.txt").write_text("\n\n".join(asked), encoding="utf-8")
        (self.folder / "records.json").write_text(json.dumps(self.records(), indent=1), encoding="utf-8")
        said = (self.folder / "run.txt").read_text(encoding="utf-8")
        flaws = [flaw for each in self.provider.asked for flaw in each.flaws]
        faults = [(record["status"], record.get("error")) for record in self.records()]
        more = "\n".join([*self.provider.defects[:1], *flaws, str(faults), said[-3000:], f"see {self.folder}"])
        pytest.fail(f"{otherwise}\n{more}", pytrace=False)

    def begin(self) -> None:
        """Forget what the gateway recorded until now."""
        self._before = set(self._names())

    def records(self) -> list[dict[str, Any]]:
        """Return what the gateway recorded since the test began, oldest first."""
        names = [name for name in self._names() if name not in self._before]
        with self.served.http() as http:
            return [http.get("/api/v1/generation", params={"id": name}).json()["data"] for name in names]

    def _names(self) -> list[str]:
        db = connect_reader(self.served.home)
        try:
            rows = db.execute("SELECT id FROM ledger WHERE kind != 'grant' ORDER BY at_ns").fetchall()
        finally:
            db.close()
        return [str(name) for (name,) in rows]
