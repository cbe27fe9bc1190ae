"""Gemini's embedContent and batchEmbedContents: contents in, vectors out."""

from typing import Final

from wideband.dialects.base import Dialect
from wideband.dialects.gemini_embeddings import words
from wideband.dialects.gemini_embeddings.ask import absorb, read
from wideband.dialects.gemini_embeddings.reply import decode_reply, encode_reply, relay_reply
from wideband.dialects.gemini_embeddings.request import decode_request, encode_request, splice
from wideband.dialects.google_faults import STATUSES, encode_fault
from wideband.dialects.google_upstream_faults import decode_fault
from wideband.dialects.unstreamed import NoStreamDecoder, no_stream

DIALECT: Final = Dialect(
    name=words.NAME,
    api_type="embeddings",
    task="embed",
    paths=words.PATHS,
    absorb=absorb,
    # Nothing is streamed, so no line is kept open.
    keepalive=b"",
    reasoning_format=None,
    read=read,
    decode_request=decode_request,
    encode_request=encode_request,
    splice=splice,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    relay_reply=relay_reply,
    stream_decoder=NoStreamDecoder,
    stream_encoder=no_stream,
    relay=no_stream,
    decode_fault=decode_fault,
    encode_fault=encode_fault,
    statuses=STATUSES,
)
