"""Anthropic's Messages protocol: as Claude Code and the Anthropic SDKs speak it to us, and as we speak it upstream."""

from wideband.canon.faults import FaultKind
from wideband.dialects.anthropic_messages import words
from wideband.dialects.anthropic_messages.ask import read, read_count
from wideband.dialects.anthropic_messages.count import (
    PATH as COUNT_PATH,
    decode_count,
    encode_count,
    encode_count_reply,
    estimate_tokens,
)
from wideband.dialects.anthropic_messages.draft import encode_request
from wideband.dialects.anthropic_messages.encoder import PING, StreamEncoder
from wideband.dialects.anthropic_messages.faults import decode_fault, encode_fault
from wideband.dialects.anthropic_messages.relay import Relay
from wideband.dialects.anthropic_messages.reply import decode_reply, encode_reply, relay_reply
from wideband.dialects.anthropic_messages.request import decode_request, offered
from wideband.dialects.anthropic_messages.splice import splice
from wideband.dialects.anthropic_messages.stream import StreamDecoder
from wideband.dialects.base import Counter, Dialect

DIALECT = Dialect(
    name=words.NAME,
    api_type="messages",
    paths=(words.PATH,),
    keepalive=PING,
    reasoning_format=words.REASONING_FORMAT,
    read=read,
    decode_request=decode_request,
    encode_request=encode_request,
    splice=splice,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    relay_reply=relay_reply,
    stream_decoder=StreamDecoder,
    stream_encoder=StreamEncoder,
    relay=Relay,
    decode_fault=decode_fault,
    encode_fault=encode_fault,
    # Claude Code prints a billing error's message under this status and stops (clients.md 4).
    statuses={FaultKind.PAYMENT_REQUIRED: 429},
    offered=offered,
)

COUNT = Counter(
    paths=(COUNT_PATH,),
    read=read_count,
    encode=encode_count,
    decode=decode_count,
    estimate=estimate_tokens,
    encode_reply=encode_count_reply,
)
