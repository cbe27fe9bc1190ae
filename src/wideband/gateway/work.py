"""What is known of one request while it is being answered; the tries and the session share it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wideband.canon.request import Loss
from wideband.catalog.presets import Preset
from wideband.catalog.rows import Catalogue
from wideband.clock import monotonic_ns
from wideband.dialects.base import Ask, Dialect, Framing
from wideband.gateway.caching import Slot
from wideband.gateway.exchange import Caller, Exchange
from wideband.gateway.sink import Sink
from wideband.gateway.watch import Watch
from wideband.metering.meter import Meter
from wideband.routing.plans import Plan, Warm

STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
CONTENT_TYPES: dict[Framing, str] = {
    "sse": "text/event-stream; charset=utf-8",
    "json_array": "application/json; charset=utf-8",
}
# What keeps an array open: white space may stand anywhere in it.
BLANK = b"\n"


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """What a router model decided: its id, how it is told of, the kind of work, and its part of the pipeline."""

    router: str
    strategy: str
    tag: str | None
    stage: dict[str, Any]


@dataclass
class Work:
    """One request under way. `created_ns` is unix time, the arrival; `first_token_s` the deadline of each try.

    `slot` is where its answer is to be kept, if the caller asked for that; `headers` are of the answer, beside those
    that every one has. `catalogue` is what the account can ask, `secrets` are the keys it brings for that, by id.
    `searching` are the models whose endpoints are to search the web.
    """

    id: str
    created_ns: int
    exchange: Exchange
    dialect: Dialect
    caller: Caller
    ask: Ask
    body: bytes = field(repr=False)
    sink: Sink
    watch: Watch
    meter: Meter
    first_token_s: float
    preset: Preset | None = None
    preset_losses: tuple[Loss, ...] = ()
    routed: Routed | None = None
    plan: Plan | None = None
    warm: Warm | None = None
    conversation: int | None = None
    may_hedge: bool = False
    held_nano: int = 0
    losses: list[Loss] = field(default_factory=list)
    catalogue: Catalogue = field(init=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    slot: Slot | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    searching: frozenset[str] = frozenset()
    content_sent: bool = False
    last_sent_ns: int = 0

    def __post_init__(self) -> None:
        self.catalogue = self.exchange.catalogue

    async def send(self, data: bytes) -> None:
        """Send a piece of the streamed answer, opening the response with the first."""
        if not self.sink.started:
            await self._start()
        self.content_sent = True
        self.last_sent_ns = monotonic_ns()
        await self.sink.send(data)

    async def keep_alive(self) -> None:
        """Tell a waiting client that the line is open; before any content this commits to status 200 and no more."""
        if self.sink.gone or self.watch.phase != "reading":
            return
        if not self.sink.started:
            await self._start()
        self.last_sent_ns = monotonic_ns()
        event = self.dialect.keepalive if self.content_sent else self.dialect.waiting
        await self.sink.send(event if self.ask.framing == "sse" else BLANK)

    async def _start(self) -> None:
        kind = CONTENT_TYPES[self.ask.framing]
        await self.sink.start(200, {"content-type": kind, **STREAM_HEADERS, "x-generation-id": self.id, **self.headers})
