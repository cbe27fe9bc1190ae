"""A whole answer of a Gemini upstream: read, and on the fast lane re-addressed."""

from wideband.canon.events import Event
from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Reply, fold
from wideband.dialects.gemini_generate.stream import StreamDecoder
from wideband.wire import jsons
from wideband.wire.sse import Frame


def decode_reply(body: bytes) -> Reply:
    """Read an upstream's answer: one chunk, or a list of them from one that streams in its own framing.

    Raises `Faulted` when it cannot be read, or broke before it said anything.
    """
    decoder, events = StreamDecoder(), list[Event]()
    chunks, is_whole = _chunks(body)
    for chunk in chunks:
        events += decoder.feed(Frame(chunk))
    if not is_whole:
        events += decoder.close()
    reply = fold(events)
    if reply.fault is None and not reply.choices:
        raise garbled("The provider's answer holds no `candidates`.")
    if reply.fault is not None and not any(choice.parts for choice in reply.choices):
        raise Faulted(reply.fault)
    return reply


def _chunks(body: bytes) -> tuple[list[bytes], bool]:
    """Return the chunks of a body, and whether it is one whole answer, which needs no reason to have ended."""
    if body.lstrip()[:1] != b"[":
        return [body], True
    try:
        return [bytes(chunk) for chunk in jsons.decode_as(body, list[jsons.Raw])], False
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
