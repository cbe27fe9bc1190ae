"""OpenAI's legacy text completions in OpenRouter's shape: a prompt in, what follows it out, no roles and no tools."""

from typing import Final

from wideband.dialects.base import Dialect
from wideband.dialects.openai_completions import words
from wideband.dialects.openai_completions.ask import read
from wideband.dialects.openai_completions.decoder import StreamDecoder
from wideband.dialects.openai_completions.draft import encode_request, splice
from wideband.dialects.openai_completions.encoder import StreamEncoder
from wideband.dialects.openai_completions.relay import Relay
from wideband.dialects.openai_completions.reply import decode_reply, encode_reply, relay_reply
from wideband.dialects.openai_completions.request import decode_request
from wideband.dialects.openai_faults import decode_fault, encode_fault
from wideband.wire import sse

DIALECT: Final = Dialect(
    name=words.NAME,
    api_type="completions",
    paths=(words.PATH,),
    keepalive=sse.comment("OPENROUTER PROCESSING"),
    reasoning_format=None,
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
)
