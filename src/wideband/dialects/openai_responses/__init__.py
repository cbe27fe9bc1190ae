"""OpenAI's Responses protocol: as Codex and the OpenAI SDKs speak it to us, and as we speak it upstream."""

from typing import Final

from wideband.dialects.base import Dialect
from wideband.dialects.openai_responses import words
from wideband.dialects.openai_responses.answer import encode_reply
from wideband.dialects.openai_responses.ask import read
from wideband.dialects.openai_responses.draft import encode_request
from wideband.dialects.openai_responses.encoder import StreamEncoder
from wideband.dialects.openai_responses.faults import STATUSES, encode_fault
from wideband.dialects.openai_responses.relay import Relay
from wideband.dialects.openai_responses.request import decode_request, offered
from wideband.dialects.openai_responses.splice import splice
from wideband.dialects.openai_responses.stream import StreamDecoder
from wideband.dialects.openai_responses.taking import decode_reply, relay_reply
from wideband.dialects.openai_responses.upstream_faults import decode_fault
from wideband.wire import sse

DIALECT: Final = Dialect(
    name=words.NAME,
    api_type="responses",
    paths=(words.PATH,),
    keepalive=sse.comment("OPENROUTER PROCESSING"),
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
