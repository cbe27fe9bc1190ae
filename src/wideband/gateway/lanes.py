"""The two ways through: the caller's own bytes to an upstream of the same dialect, or translation by way of canon."""

from typing import Protocol

from wideband.canon.events import Event
from wideband.canon.reply import Reply
from wideband.canon.request import Loss, Request
from wideband.dialects.base import Ask, Closing, Dialect, Draft, Envelope, Relay, StreamEncoder, Target
from wideband.wire.sse import Frame


class Writer(Protocol):
    """Makes the client's bytes of a stream; what finishes and counts is held back for `close`."""

    def feed(self, frame: Frame, events: list[Event]) -> bytes: ...
    def close(self, closing: Closing) -> bytes: ...


class Lane(Protocol):
    """How one request is carried to one dialect and back."""

    name: str
    losses: list[Loss]

    def draft(self, target: Target) -> Draft: ...
    def writer(self, envelope: Envelope) -> Writer: ...
    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes: ...


class FastLane:
    """Same dialect on both sides: values stay the bytes they were."""

    name = "fast"

    def __init__(self, dialect: Dialect, ask: Ask) -> None:
        self._dialect, self._ask = dialect, ask
        self.losses: list[Loss] = []

    def draft(self, target: Target) -> Draft:
        return self._dialect.splice(self._ask, target)

    def writer(self, envelope: Envelope) -> Relay:
        return self._dialect.relay(envelope)

    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes:  # noqa: ARG002  one signature for both lanes
        return self._dialect.relay_reply(body, envelope, closing)


class TranslatedLane:
    """Two dialects: the request is decoded in full, the answer goes from events to events."""

    name = "translated"

    def __init__(self, inward: Dialect, outward: Dialect, request: Request) -> None:
        self._inward, self._outward, self._request = inward, outward, request
        self.losses: list[Loss] = []

    def draft(self, target: Target) -> Draft:
        return self._outward.encode_request(self._request, target)

    def writer(self, envelope: Envelope) -> Writer:
        return EncodedWriter(self._inward.stream_encoder(envelope), self.losses)

    def reply(self, body: bytes, reply: Reply, envelope: Envelope, closing: Closing) -> bytes:  # noqa: ARG002  one signature for both lanes
        encoded, losses = self._inward.encode_reply(reply, envelope, closing)
        self.losses.extend(losses)
        return encoded


class EncodedWriter:
    """A stream encoder behind the writer's face."""

    def __init__(self, encoder: StreamEncoder, losses: list[Loss]) -> None:
        self._encoder, self._losses = encoder, losses

    def feed(self, frame: Frame, events: list[Event]) -> bytes:  # noqa: ARG002  one signature for both lanes
        return self._encoder.feed(events)

    def close(self, closing: Closing) -> bytes:
        tail = self._encoder.close(closing)
        self._losses.extend(self._encoder.losses)
        return tail
