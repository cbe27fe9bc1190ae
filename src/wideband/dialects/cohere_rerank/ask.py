"""A caller's body, checked and measured without being decoded."""

from typing import Annotated, Final

import msgspec

from wideband.dialects.base import Ask
from wideband.dialects.bodies import Addressed, for_gateway, missing, read_body, read_fields
from wideband.dialects.cohere_rerank import words
from wideband.wire import jsons

_Positive = Annotated[int, msgspec.Meta(gt=0, lt=2**31)] | None


class Document(msgspec.Struct, gc=False):
    """A query or document that is more than a text."""

    text: str | None = None
    image: str | None = None


class Body(Addressed, gc=False):
    """The fields of a request whose types matter here."""

    query: str | Document | None = None
    documents: list[str | Document] | None = None
    top_n: _Positive = None
    top_k: _Positive = None
    return_documents: bool | None = None
    max_tokens_per_doc: _Positive = None


REMEDIES: Final[dict[str, str]] = {
    "documents": 'Send a list of strings, or of objects such as {"text": "..."}.',
    "max_tokens_per_doc": "Send a whole number above 0, or leave it out.",
    "query": "Send what to look for as a string.",
    "return_documents": "Send true or false.",
    "top_k": "Send `top_n`, a whole number above 0, or leave it out.",
    "top_n": "Send a whole number above 0, or leave it out.",
}

_read = jsons.Reader(Body)


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_body(body, _read, REMEDIES)
    if not told.query:
        raise missing("query", REMEDIES)
    if not told.documents:
        raise missing("documents", REMEDIES)
    return told


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    documents = told.documents or []
    given = [each for each in (told.query, *documents) if each is not None]
    images = sum(isinstance(each, Document) and each.image is not None for each in given)
    return Ask(
        dialect=words.NAME,
        prompt_chars=sum(map(_chars, given)),
        modalities=frozenset({"image"} if images else ()),
        images=images,
        inputs=len(documents),
        fields=read_fields(body),
        **for_gateway(told),
    )


def _chars(given: str | Document) -> int:
    return len(given if isinstance(given, str) else given.text or "")
