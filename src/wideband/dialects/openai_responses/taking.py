"""A provider's whole answer, read, and the fast lane's re-addressing of one."""

from typing import Any

from wideband.canon.events import say_anything
from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Reply, fold
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.readdress import ended
from wideband.dialects.openai_responses.stream import StreamDecoder
from wideband.wire import jsons


def decode_reply(body: bytes) -> Reply:
    """Read a provider's answer. Raises `Faulted` for one that cannot be read or holds only an error."""
    events = StreamDecoder().whole(body)
    if not events:
        raise garbled("The provider's answer is empty.")
    reply = fold(events)
    if reply.fault is not None and not say_anything(events):
        raise Faulted(reply.fault)
    return reply


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client; what it says stays its own bytes."""
    try:
        fields: dict[str, Any] = dict(jsons.fields(body))
        return jsons.encode(ended(fields, [], envelope, closing))
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
