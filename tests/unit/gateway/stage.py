"""A gateway on a stage: scripted providers, a ledger that remembers, a client whose end of the line can be cut."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wideband.accounts.rows import Hold, Key, Settlement
from wideband.canon.faults import Fault
from wideband.catalog.rows import Catalogue, Endpoint, Model, Price, Provider, Rates
from wideband.dialects.registry import DIALECTS
from wideband.gateway.exchange import Caller, Exchange, Terms
from wideband.gateway.session import Session
from wideband.metering.record import Generation
from wideband.routing.health import Health
from wideband.routing.policy import Policy
from wideband.server.metrics import Metrics
from wideband.upstream.scripted import Act, ScriptedUpstream
from wideband.wire import jsons

KEY = Key(hash="0" * 64, account_id="local", name="test", label="sk-wb-v1-000...000", created_ns=0)
RATES = Rates(prompt=1_000_000_000, completion=2_000_000_000)


class MemoryLedger:
    """Holds and settlements, in the order in which they came; `refusal` answers every hold."""

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self.settlements: list[Settlement] = []
        self.refusal: Fault | None = None

    async def hold(self, hold: Hold) -> Fault | None:
        self.holds.append(hold)
        return self.refusal

    async def settle(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)

    @property
    def records(self) -> list[Generation]:
        return [jsons.decode_as(one.record, Generation) for one in self.settlements]


class Client:
    """A `Sink` that keeps what it gets; `leave` hangs up."""

    def __init__(self) -> None:
        self.started = False
        self.gone = False
        self.ended = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.first = asyncio.Event()
        self._calls: list[Callable[[], None]] = []

    def on_gone(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def leave(self) -> None:
        self.gone = True
        for call in self._calls:
            call()

    async def start(self, status: int, headers: dict[str, str]) -> None:
        assert not self.started
        self.started, self.status, self.headers = True, status, headers

    async def send(self, data: bytes) -> None:
        assert self.started
        assert not self.ended
        self.pieces.append(data)
        self.first.set()

    async def end(self, data: bytes = b"") -> None:
        await self.send(data)
        self.ended = True

    async def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        await self.start(status, headers)
        await self.end(body)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return jsons.decode(self.body)


def provider(slug: str, dialect: str = "openai_chat") -> Provider:
    return Provider(slug=slug, name=slug.title(), dialect=dialect, base_url=f"http://{slug}/v1")


def endpoint(slug: str, model: str = "acme/m1", *, dialect: str = "openai_chat", dearer: int = 0) -> Endpoint:
    rates = Rates(prompt=RATES.prompt + dearer, completion=RATES.completion)
    return Endpoint(
        id=f"{slug}:{model}",
        provider=provider(slug, dialect),
        model=model,
        upstream_model=f"{slug}-{model.partition('/')[2]}",
        tag=slug,
        price=Price(base=rates),
        context_length=100_000,
    )


def catalogue(*endpoints: Endpoint) -> Catalogue:
    """Rows in which the order of the arguments is the order of prices, unless they say otherwise."""
    by_model: dict[str, list[Endpoint]] = {}
    for one in endpoints:
        by_model.setdefault(one.model, []).append(one)
    return Catalogue(
        providers={one.provider.slug: one.provider for one in endpoints},
        models={name: Model(id=name, name=name) for name in by_model},
        endpoints={name: tuple(rows) for name, rows in by_model.items()},
    )


@dataclass
class Stage:
    """Everything one test looks at afterwards."""

    exchange: Exchange
    upstream: ScriptedUpstream
    ledger: MemoryLedger
    dialect: str = "openai_chat"
    client: Client = field(default_factory=Client)

    async def ask(self, body: dict[str, Any], **caller: Any) -> Client:
        """Run one request to its end."""
        client = self.client = Client()
        await self.session(client, **caller).answer(jsons.encode(body))
        return client

    def session(self, client: Client, **caller: Any) -> Session:
        return Session(self.exchange, DIALECTS[self.dialect], Caller(key=KEY, **caller), client, "gen-1")


def stage(script: dict[str, list[Act]], *endpoints: Endpoint, dialect: str = "openai_chat", **terms: Any) -> Stage:
    """Set a stage: `script` has the acts of each provider by its slug."""
    rows = endpoints or tuple(endpoint(slug, dearer=at) for at, slug in enumerate(script))
    upstream = ScriptedUpstream({f"http://{slug}/": acts for slug, acts in script.items()})
    ledger = MemoryLedger()
    exchange = Exchange(
        catalogue=catalogue(*rows),
        provider_keys={},
        ledger=ledger,  # type: ignore[arg-type]  # only what the request path asks of a ledger
        upstream=upstream,
        health=Health(),
        observer=Metrics(),
        terms=Terms(**{"first_token_s": 0.2, "inter_token_s": 0.2, **terms}),
        # The market draws; here the first in the script is to be the first that is asked.
        policy=Policy(ranker="price"),
    )
    return Stage(exchange, upstream, ledger, dialect)
