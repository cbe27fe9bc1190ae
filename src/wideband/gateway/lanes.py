"""The two ways through: the caller's own bytes to an upstream of the same dialect, or translation by way of canon."""

from typing import Protocol, get_args

import msgspec

from wideband.canon.events import Event
from wideband.canon.reply import Reply
from wideband.canon.request import Loss, Request, Task, Tool
from wideband.catalog.rows import Endpoint
from wideband.dialects import seals
from wideband.dialects.base import Ask, Closing, Dialect, Draft, Envelope, Relay, StreamEncoder, Target
from wideband.dialects.registry import DIALECTS
from wideband.dialects.searching import ask_with_search, request_with_search
from wideband.routing.filters import searches
from wideband.routing.preferences import tier_of
from wideband.wire import jsons
from wideband.wire.sse import Frame

# The dialects that can stand in for each other, by what they do.
SPEAKERS: dict[Task, frozenset[str]] = {
    task: frozenset(name for name, dialect in DIALECTS.items() if dialect.task == task) for task in get_args(Task)
}


def outward_dialect(inward: Dialect, endpoint: Endpoint, *, searching: bool = False) -> Dialect:
    """Return the dialect an endpoint is asked in: the caller's own if it speaks that, else its first of the task.

    Where it is to be `searching` the web, only those count in which it does.
    """
    spoken = endpoint.provider.dialects(endpoint.model)
    if searching:
        spoken = tuple(name for name in spoken if searches(endpoint, (name,)))
    if inward.name in spoken:
        return inward
    return DIALECTS[next(name for name in spoken if name in SPEAKERS[inward.task])]


def only_allowed_tools(request: Request) -> Request:
    """Return a request that offers no tools but the allowed ones: no protocol refuses a shorter list."""
    allowed = request.tool_choice.allowed if request.tool_choice is not None else ()
    if not allowed:
        return request
    tools = tuple(tool for tool in request.tools if not isinstance(tool, Tool) or tool.name in allowed)
    return msgspec.structs.replace(request, tools=tools)


class Writer(Protocol):
    """Makes the client's bytes of a stream; what finishes and counts is held back for `close`."""

    def feed(self, frame: Frame, events: list[Event]) -> bytes: ...
    def close(self, closing: Closing) -> bytes: ...


class Lane(Protocol):
    """How one request is carried to one dialect and back."""

    name: str
    outward: Dialect
    losses: list[Loss]

    def draft(self, target: Target) -> Draft: ...
    def writer(self, envelope: Envelope) -> Writer: ...
    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes: ...


# What a class of service is called in a body, by dialect; where it is not called, it cannot be asked for.
_TIER_FIELDS: dict[str, str] = {"gemini_generate": "serviceTier"}
_TIER_WORDS: dict[str, dict[str, str]] = {"anthropic_messages": {"priority": "auto"}}


def _tier_word(dialect: Dialect, target: Target) -> str | None:
    tier = target.service_tier
    return None if tier is None else _TIER_WORDS.get(dialect.name, {tier: tier}).get(tier)


def told_tier(ask: Ask, endpoint: Endpoint) -> str | None:
    """Return the service tier that an answer says was given; None where it is no matter: nobody asked or got any."""
    return tier_of(endpoint) or (None if ask.service_tier is None else "default")


def in_tier(ask: Ask, dialect: Dialect, target: Target) -> Ask:
    """Return the request for the class of service that its endpoint is priced for, whatever the caller's body says."""
    if target.service_tier is None and ask.fields.keys().isdisjoint(("service_tier", "serviceTier")):
        return ask
    fields = {name: raw for name, raw in ask.fields.items() if name not in ("service_tier", "serviceTier")}
    word = _tier_word(dialect, target)
    if word is not None:
        fields[_TIER_FIELDS.get(dialect.name, "service_tier")] = jsons.Raw(jsons.encode(word))
    return msgspec.structs.replace(ask, fields=fields)


class FastLane:
    """Same dialect on both sides: values stay the bytes they were."""

    name = "fast"

    def __init__(self, dialect: Dialect, ask: Ask, *, searching: bool = False) -> None:
        self.outward, self._ask, self._searching = dialect, ask, searching
        self.losses: list[Loss] = []

    def draft(self, target: Target) -> Draft:
        ask = in_tier(self._ask, self.outward, target)
        return self.outward.splice(ask_with_search(ask, self.outward.name, target) if self._searching else ask, target)

    def writer(self, envelope: Envelope) -> Relay:
        return self.outward.relay(envelope)

    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes:  # noqa: ARG002  one signature for both lanes
        return self.outward.relay_reply(body, envelope, closing)


class TranslatedLane:
    """Two dialects: the request is decoded in full, the answer goes from events to events."""

    name = "translated"

    def __init__(
        self, inward: Dialect, outward: Dialect, request: Request, provider: str, *, searching: bool = False
    ) -> None:
        self._inward, self.outward, self._request, self._provider = inward, outward, request, provider
        self._searching = searching
        self.losses: list[Loss] = []

    def draft(self, target: Target) -> Draft:
        request, losses = seals.for_provider(only_allowed_tools(self._request), self._provider)
        tier = _tier_word(self.outward, target)
        if request.service_tier != tier:
            request = msgspec.structs.replace(request, service_tier=tier)
        if self._searching:
            request = request_with_search(request, self.outward.name, target)
        draft = self.outward.encode_request(request, target)
        return msgspec.structs.replace(draft, losses=(*losses, *draft.losses)) if losses else draft

    def writer(self, envelope: Envelope) -> Writer:
        return EncodedWriter(self._inward.stream_encoder(envelope), self.losses, self._provider)

    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes:  # noqa: ARG002  one signature for both lanes
        encoded, losses = self._inward.encode_reply(seals.tag_reply(reply, self._provider), envelope, closing)
        self.losses.extend(losses)
        return encoded


class EncodedWriter:
    """A stream encoder behind the writer's face."""

    def __init__(self, encoder: StreamEncoder, losses: list[Loss], provider: str) -> None:
        self._encoder, self._losses, self._provider = encoder, losses, provider

    def feed(self, frame: Frame, events: list[Event]) -> bytes:  # noqa: ARG002  one signature for both lanes
        return self._encoder.feed(seals.tag_events(events, self._provider))

    def close(self, closing: Closing) -> bytes:
        tail = self._encoder.close(closing)
        self._losses.extend(self._encoder.losses)
        return tail
