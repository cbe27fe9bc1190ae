"""A caller's request, read in full into canonical values, and written for an upstream."""

from typing import Any, Final

from wideband.canon.request import Image, Json, Loss, Message, Part, RankAsk, Request, Text
from wideband.dialects import data_urls, edits
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import GATEWAY_FIELDS, unwritable
from wideband.dialects.cohere_rerank import words
from wideband.dialects.cohere_rerank.ask import Document, check
from wideband.dialects.noting import of_extras
from wideband.dialects.quirks import Edit, apply, edit, holding
from wideband.wire import jsons

Body = dict[str, Any]

_KNOWN: Final = frozenset(
    {"model", "query", "documents", "top_n", "top_k", "return_documents", "max_tokens_per_doc", "user"}
)
# A document that is only a text is said as one: not every host takes objects.
_PLAIN: Final = (Edit("documents", holding(b'"text"'), edits.plain_documents, None),)


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: Body = jsons.decode(body)
    given = (told.query or "", *(told.documents or ()))
    return Request(
        dialect=words.NAME,
        model=told.model or (told.models or [""])[0],
        messages=tuple(Message(role="user", parts=_parts(each)) for each in given),
        task="rerank",
        rank=RankAsk(
            top_n=told.top_n or told.top_k,
            return_documents=told.return_documents,
            max_tokens_per_document=told.max_tokens_per_doc,
        ),
        user=told.user,
        extras={
            name: value for name, value in fields.items() if name not in _KNOWN | GATEWAY_FIELDS and value is not None
        },
    )


def _parts(given: str | Document) -> tuple[Part, ...]:
    if isinstance(given, str):
        return (Text(text=given),)
    text = (Text(text=given.text),) if given.text is not None else ()
    return (*text, Image(url=given.image)) if given.image is not None else text


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request of any dialect; see `dialects.base.Dialect.encode_request`."""
    losses: list[Loss] = []
    query, *documents = (_said(message, losses) for message in request.messages)
    asked = request.rank or RankAsk()
    told = {
        "top_n": asked.top_n,
        "return_documents": asked.return_documents,
        "max_tokens_per_doc": asked.max_tokens_per_document,
        "user": request.user,
    }
    body: Body = {"model": target.model, "query": query, "documents": documents}
    body |= {name: value for name, value in told.items() if value is not None}
    if request.dialect == words.NAME:
        body |= request.extras
    else:
        losses.extend(of_extras(request.extras))
    return _draft(body, target, losses)


def _said(message: Message, losses: list[Loss]) -> Json:
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    images = [part for part in message.parts if isinstance(part, Image)]
    others = len(message.parts) - len(texts) - len(images)
    losses.extend(Loss("content_part") for _ in range(others + max(0, len(images) - 1)))
    text = "\n\n".join(texts)
    if not images:
        return text
    image = images[0].url or data_urls.join(images[0].media_type or "image/png", images[0].data)
    return {"text": text, "image": image} if texts else {"image": image}


def splice(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes on; see `dialects.base.Dialect.splice`."""
    return _draft({**ask.fields, "model": target.model}, target, [])


def _draft(body: Body, target: Target, losses: list[Loss]) -> Draft:
    if "openrouter" not in target.quirks:
        body = {name: value for name, value in body.items() if name not in GATEWAY_FIELDS}
    body.pop("stream", None)
    if "top_k" in body:
        # What Voyage's own clients write.
        body.setdefault("top_n", body.pop("top_k"))
    try:
        edit(body, _PLAIN, losses)
        body, found = apply(body, target.quirks)
        return Draft(path=words.PATH, body=jsons.encode(body), losses=(*losses, *found))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None
