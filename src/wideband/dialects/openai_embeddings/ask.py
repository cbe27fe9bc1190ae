"""A caller's body, checked and measured without being decoded."""

from typing import Annotated, Final

import msgspec

from wideband.dialects.base import Ask
from wideband.dialects.bodies import Addressed, chars_of, for_gateway, need_texts, one_by_one, read_body, read_fields
from wideband.dialects.openai_embeddings import words
from wideband.wire import jsons


class Part(msgspec.Struct, gc=False):
    """Of a content part, its kind and the text that counts."""

    type: str
    text: str | None = None


class Rich(msgspec.Struct, gc=False):
    """An input made of parts."""

    content: list[Part]


Input = str | int | list[int] | Rich


class Body(Addressed, gc=False):
    """The fields of a request whose types matter here."""

    input: str | list[Input] | Rich | None = None
    dimensions: Annotated[int, msgspec.Meta(gt=0, lt=2**31)] | None = None
    encoding_format: str | None = None
    input_type: str | None = None


REMEDIES: Final[dict[str, str]] = {
    "dimensions": "Send a whole number above 0, or leave it out.",
    "encoding_format": 'Send "float" or "base64".',
    "input": "Send a string, a list of strings, token ids, a list of lists of them, or objects with a `content` list.",
    "input_type": 'Send a string such as "query" or "document".',
}

_read = jsons.Reader(Body)


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_body(body, _read, REMEDIES)
    need_texts(told.input, "input", REMEDIES)
    return told


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    inputs = one_by_one(told.input)
    media = [words.MODALITIES.get(part.type) for each in inputs if isinstance(each, Rich) for part in each.content]
    return Ask(
        dialect=words.NAME,
        prompt_chars=sum(map(_chars, inputs)),
        modalities=frozenset(kind for kind in media if kind is not None),
        images=media.count("image"),
        inputs=len(inputs),
        # Token ids are one model's own words.
        untranslatable=any(isinstance(each, list) for each in inputs),
        fields=read_fields(body),
        **for_gateway(told),
    )


def _chars(given: str | list[int] | Rich) -> int:
    if isinstance(given, Rich):
        return sum(len(part.text or "") for part in given.content)
    return chars_of(given)
