"""A whole answer of a Gemini upstream: read, and on the fast lane re-addressed."""

from wideband.canon.events import Event
from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Reply, fold
from wideband.dialects import seals
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate.answer import encode_reply
from wideband.dialects.gemini_generate.relay import settled
from wideband.dialects.gemini_generate.seal_marks import holds_seals, settle_chunk
from wideband.dialects.gemini_generate.stream import StreamDecoder
from wideband.dialects.google_faults import encode_fault
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


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Re-address an upstream's answer; what it says stays its own bytes. Raises `Faulted` when it is none."""
    if closing.fault is not None:
        return encode_fault(closing.fault, envelope.id)
    if _is_list(body):
        return encode_reply(seals.tag_reply(decode_reply(body), envelope.provider_slug), envelope, closing)[0]
    try:
        fields = dict(jsons.fields(body))
        if envelope.hides_reasoning or holds_seals(body):
            settle_chunk(fields, envelope.provider_slug, hides=envelope.hides_reasoning)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
    return jsons.encode(settled(fields, envelope, closing))


def _is_list(body: bytes) -> bool:
    return body.lstrip()[:1] == b"["


def _chunks(body: bytes) -> tuple[list[bytes], bool]:
    """Return the chunks of a body, and whether it is one whole answer, which needs no reason to have ended."""
    if not _is_list(body):
        return [body], True
    try:
        return [bytes(chunk) for chunk in jsons.decode_as(body, list[jsons.Raw])], False
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}") from None
