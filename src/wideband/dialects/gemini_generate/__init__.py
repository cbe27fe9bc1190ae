"""Gemini's generateContent protocol: as Gemini CLI and Google's SDKs speak it to us, and as we speak it upstream."""

from wideband.dialects.base import Dialect
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.absorb import absorb
from wideband.dialects.gemini_generate.answer import encode_reply
from wideband.dialects.gemini_generate.ask import read
from wideband.dialects.gemini_generate.count import COUNT as COUNT
from wideband.dialects.gemini_generate.draft import encode_request
from wideband.dialects.gemini_generate.encoder import KEEPALIVE, StreamEncoder
from wideband.dialects.gemini_generate.relay import Relay
from wideband.dialects.gemini_generate.request import decode_request, offered
from wideband.dialects.gemini_generate.splice import splice
from wideband.dialects.gemini_generate.stream import StreamDecoder
from wideband.dialects.gemini_generate.taking import decode_reply, relay_reply
from wideband.dialects.google_faults import STATUSES, encode_fault
from wideband.dialects.google_upstream_faults import decode_fault

DIALECT = Dialect(
    name=words.NAME,
    api_type="generate_content",
    paths=words.PATHS,
    absorb=absorb,
    keepalive=KEEPALIVE,
    waiting=KEEPALIVE,
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
    statuses=STATUSES,
    offered=offered,
)
