"""Cohere's rankings, as a provider speaks them: a document is as relevant as it has words of the query."""

import re
from typing import Any

from wideband.canon.faults import Fault, invalid
from wideband.canon.reply import Reply
from wideband.sandbox.asked import Asked, list_of, model_of, object_of, whole_number
from wideband.sandbox.wires.base import Method, Wire, at_paths
from wideband.sandbox.wires.embeddings import no_frames
from wideband.wire import jsons

_DOCUMENTS_A_SEARCH = 100
_WORD = re.compile(r"\w+")


def _read(body: bytes) -> Asked:
    fields = object_of(body)
    query, documents = fields.get("query"), list_of(fields, "documents")
    if not isinstance(query, str) or not query:
        raise invalid("query must be a non-empty string", "query")
    if not documents or not all(isinstance(each, str) for each in documents):
        raise invalid("documents must be a non-empty list of strings", "documents")
    return Asked(
        model=model_of(fields),
        text="".join((query, *documents)),
        inputs=tuple(documents),
        query=query,
        top_n=whole_number(fields, "top_n", 1),
        caching="off",
    )


def _whole(reply: Reply, asked: Asked) -> bytes:
    rows = [{"index": at, "relevance_score": _relevance(asked.query, text)} for at, text in enumerate(asked.inputs)]
    rows.sort(key=lambda row: -row["relevance_score"])
    units = -(-len(rows) // _DOCUMENTS_A_SEARCH)
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
    return jsons.encode({"id": reply.id, "results": rows[: asked.top_n], "meta": meta})


def _relevance(query: str, document: str) -> float:
    wanted, said = (set(_WORD.findall(text.lower())) for text in (query, document))
    return round(len(wanted & said) / max(1, len(wanted)), 4)


def _error(_status: int, message: str, _fault: Fault | None) -> bytes:
    told: dict[str, Any] = {"id": "sim-error", "message": message}
    return jsons.encode(told)


WIRE = Wire(
    task="rerank",
    method=at_paths({"/rerank": Method(_read)}),
    overloaded_status=503,
    whole=_whole,
    frames=no_frames,
    error=_error,
    error_event=lambda message: _error(503, message, None),
)
