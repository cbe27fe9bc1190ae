"""Whole answers, both ways: every host's shape of a ranking in, OpenRouter's out."""

import math
from typing import Any

from wideband.canon.events import FinishReason
from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Json, Loss, Score
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.cohere_rerank import words
from wideband.dialects.loose import obj, rows, text
from wideband.dialects.openai_faults import decode_error, find_error
from wideband.dialects.openai_usage import decode_usage
from wideband.wire import jsons

Row = dict[str, Any]

_DONE: FinishReason = "stop"
_READ = frozenset({"index", "relevance_score", "score", "document", "text", "object"})


def decode_reply(body: bytes) -> Reply:
    """Read a provider's whole answer. Raises `Faulted` for one that cannot be read or is an error.

    Rankings stand in `results` (Cohere, Jina, vLLM), in `data` (Voyage) or are the whole answer (Hugging Face's TEI); a
    row says its relevance as `relevance_score` or `score`.
    """
    try:
        told = jsons.decode(body)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}.") from None
    ranked = _ranked(told)
    if ranked is None:
        found = find_error(told)
        raise garbled("The provider's answer holds no ranking.") if found is None else Faulted(decode_error(found))
    scores = [_score(row) for row in rows(ranked)]
    scores.sort(key=lambda score: -score.relevance)
    fields = obj(told)
    return Reply(
        id=text(fields.get("id")),
        model=text(fields.get("model")),
        # A ranking is said whole, so it is finished.
        choices=(Choice(parts=tuple(scores), finish=_DONE),),
        usage=_usage(fields),
    )


def _ranked(told: Json) -> list[Json] | None:
    ranked = told if isinstance(told, list) else obj(told).get("results", obj(told).get("data"))
    return ranked if isinstance(ranked, list) else None


def _score(row: Row) -> Score:
    index = row.get("index")
    relevance = row.get("relevance_score", row.get("score"))
    if type(index) is not int or index < 0 or not isinstance(relevance, int | float) or not math.isfinite(relevance):
        raise garbled("The provider's ranking has a row without `index` or `relevance_score`.")
    return Score(index=index, relevance=float(relevance), document=_document(row.get("document", row.get("text"))))


def _document(given: Json) -> Json:
    """Return a document as an object, which strict clients ask for."""
    return {"text": given} if isinstance(given, str) else given if isinstance(given, dict) else None


def _usage(fields: Row) -> Usage | None:
    counted = obj(fields.get("usage")) or obj(obj(fields.get("meta")).get("tokens"))
    billed = obj(obj(fields.get("meta")).get("billed_units"))
    units = billed.get("search_units", counted.get("search_units"))
    tokens = (
        decode_usage(counted).prompt_tokens
        or decode_usage({"prompt_tokens": counted.get("total_tokens")}).prompt_tokens
    )
    searches = math.ceil(units) if isinstance(units, int | float) and 0 < units < 2**31 else 0
    return Usage(prompt_tokens=tokens, search_units=searches) if tokens or searches else None


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer in OpenRouter's shape; documents that the provider does not repeat are repeated for it."""
    scores = [part for choice in reply.choices for part in choice.parts if isinstance(part, Score)]
    return jsons.encode(_answer({}, _rows(scores, envelope), envelope, closing)), []


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client: what only the provider says is kept."""
    told = jsons.decode(body)
    own = {row["index"]: _others(row) for row in rows(_ranked(told))}
    scores = [part for choice in decode_reply(body).choices for part in choice.parts if isinstance(part, Score)]
    ranked = [row | own[row["index"]] for row in _rows(scores, envelope)]
    kept = {name: value for name, value in obj(told).items() if name not in words.ADDRESS | words.WITHHELD}
    return jsons.encode(_answer(kept, ranked, envelope, closing))


def _others(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _READ}


def _rows(scores: list[Score], envelope: Envelope) -> list[Row]:
    """Write scores with their documents, which strict clients ask for, unless the caller wants none."""
    ranked: list[Row] = [{"index": score.index, "relevance_score": score.relevance} for score in scores]
    if bytes(envelope.asked.get("return_documents", b"")) == b"false":
        return ranked
    given = jsons.decode(envelope.asked["documents"]) if "documents" in envelope.asked else []
    for row, score in zip(ranked, scores, strict=True):
        asked = _document(given[score.index]) if score.index < len(given) else None
        row["document"] = score.document or asked or {}
    return ranked


def _answer(kept: Row, ranked: list[Row], envelope: Envelope, closing: Closing) -> Row:
    counted = closing.usage
    usage: Row = {"cost": jsons.dollars(closing.cost_nano), **closing.byok_fields}
    if counted.search_units:
        usage["search_units"] = counted.search_units
    if counted.source == "provider":
        usage["total_tokens"] = counted.total_tokens
    told = {"id": envelope.id, "model": envelope.model, "provider": envelope.provider, "results": ranked}
    return told | {"usage": usage} | kept | closing.metadata_field
