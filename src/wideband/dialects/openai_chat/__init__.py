"""OpenAI's Chat Completions protocol in OpenRouter's shape: what clients are served and most providers speak."""

from typing import Final

from wideband.dialects.base import Dialect
from wideband.dialects.openai_chat import words
from wideband.dialects.openai_chat.ask import read
from wideband.dialects.openai_chat.decoder import StreamDecoder
from wideband.dialects.openai_chat.draft import PATH, encode_request, splice
from wideband.dialects.openai_chat.encoder import StreamEncoder
from wideband.dialects.openai_chat.relay import Relay
from wideband.dialects.openai_chat.reply import decode_reply, encode_reply, relay_reply
from wideband.dialects.openai_chat.request import decode_request, offered
from wideband.dialects.openai_faults import decode_fault, encode_fault
from wideband.wire import sse

DIALECT: Final = Dialect(
    name=words.NAME,
    api_type="completions",
    paths=(PATH,),
    keepalive=sse.comment("OPENROUTER PROCESSING"),
    # Reasoning travels as text here; what is sealed goes back as it came to whoever the endpoint's quirks say reads it.
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
    offered=offered,
)
