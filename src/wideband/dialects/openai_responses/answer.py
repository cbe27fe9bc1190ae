"""A whole answer for a client, told by the same items as a stream."""

import msgspec

from wideband.canon.reply import Reply, unfold
from wideband.canon.request import Loss
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.encoder import StreamEncoder


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer; see `dialects.base.Dialect.encode_reply`."""
    encoder = StreamEncoder(envelope)
    encoder.feed(unfold(reply))
    if closing.fault is None and reply.fault is not None:
        closing = msgspec.structs.replace(closing, fault=reply.fault)
    return encoder.whole(closing), encoder.losses
