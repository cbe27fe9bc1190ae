"""Counting a prompt's tokens without an answer: by asking Google, or by an estimate when nobody counts.

The estimate knows no tokenizer. Gemini's takes some four bytes of UTF-8 for a token, of English, of code and, nearly,
of other scripts; media count by Google's fixed rules.
"""

from typing import Any, Final

import msgspec

from wideband.canon.faults import garbled, invalid
from wideband.canon.request import Loss
from wideband.dialects.base import Ask, Counter, Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.estimates import Rules, estimate
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.absorb import absorb
from wideband.dialects.gemini_generate.ask import read
from wideband.dialects.gemini_generate.request import decode_request
from wideband.dialects.gemini_generate.seal_marks import own_contents
from wideband.wire import jsons

PATH = "/models/{model}:countTokens"
# An endpoint with this quirk counts a request's fields as they are, and knows no request in a request.
PLAIN = "plain_count_tokens"

_BYTES = 4

_WRAPPED = ("generateContentRequest", "generate_content_request")
_PROMPT = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "cachedContent"})
_PROMPT_FIELDS = _PROMPT | {words.snake(name) for name in _PROMPT}


class _Counted(msgspec.Struct, rename="camel"):
    total_tokens: int


_read_count = jsons.Reader(_Counted)


def read_count(body: bytes) -> Ask:
    """Check and measure a body, with the whole request in it or wrapped. Raises `Faulted`."""
    return read(_unwrapped(body))


def encode_count(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes to an upstream that counts; all but bare contents go as a request of their own."""
    losses: list[Loss] = []
    fields: dict[str, Any] = {name: raw for name, raw in ask.fields.items() if name in _PROMPT_FIELDS}
    model = target.model.removeprefix("models/")
    try:
        contents = own_contents(fields["contents"], target.provider, losses) if "contents" in fields else None
        fields |= {} if contents is None else {"contents": contents}
        if fields.keys() != {"contents"} and PLAIN not in target.quirks:
            fields = {_WRAPPED[0]: {"model": f"models/{model}", **fields}}
        return Draft(
            path=PATH.replace("{model}", words.in_path(model)), body=jsons.encode(fields), losses=tuple(losses)
        )
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def decode_count(body: bytes) -> int:
    """Return the upstream's count. Raises `Faulted` (provider_garbled)."""
    try:
        return max(_read_count(body).total_tokens, 0)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's token count cannot be read: {error}") from None


def encode_count_reply(tokens: int) -> bytes:
    """Write the answer to `:countTokens`."""
    return jsons.encode({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]})


def estimate_tokens(body: bytes) -> int:
    """Estimate the prompt tokens of a body, in time linear to its size. Raises `Faulted`."""
    return estimate(decode_request(_unwrapped(body)), _RULES)


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    return -(-(len(text) if text.isascii() else len(text.encode("utf-8", "replace"))) // _BYTES)


# A page of a PDF is seen as a picture.
_RULES: Final = Rules(text=text_tokens, image=258, page=258)


def _unwrapped(body: bytes) -> bytes:
    """Return a body with a request that stands in it put in its place."""
    if not any(f'"{name}"'.encode() in body for name in _WRAPPED):
        return body
    try:
        fields = jsons.fields(body)
        wrapped = next((fields[name] for name in _WRAPPED if name in fields), None)
        if wrapped is None or bytes(wrapped) == b"null":
            return body
        inner = jsons.fields(bytes(wrapped))
    except jsons.DecodeError as error:
        raise invalid(f"`{_WRAPPED[0]}` must be a JSON object: {error}.", _WRAPPED[0]) from None
    outer = {name: value for name, value in fields.items() if name not in _WRAPPED}
    return jsons.encode({**inner, **outer})


COUNT = Counter(
    paths=(PATH,),
    absorb=absorb,
    read=read_count,
    encode=encode_count,
    decode=decode_count,
    estimate=estimate_tokens,
    encode_reply=encode_count_reply,
)
