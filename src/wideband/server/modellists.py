"""The list of models, one shape per protocol: who asks is told from the headers that its clients send."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from wideband.canon.faults import invalid
from wideband.catalog.rows import Catalogue
from wideband.server.listing import Query, Row, page, whole_number
from wideband.server.shapes import iso

MAX_PAGE = 1000
GEMINI_PAGE = 50

# What Gemini's clients may ask of a model, by what the model answers with.
_METHODS = {
    "embeddings": ["embedContent", "batchEmbedContents"],
    "rerank": [],
}
_GENERATES = ["generateContent", "streamGenerateContent", "countTokens"]


def asks_in(request: Request) -> str:
    """Return the dialect of whoever asks for something that every protocol has a shape of its own for."""
    path = request.url.path
    if "x-goog-api-key" in request.headers or "key" in request.query_params or "/v1beta" in path:
        return "gemini_generate"
    return "anthropic_messages" if "anthropic-version" in request.headers else "openai_chat"


def openai_models(rows: list[Row], path: str, query: Query) -> Row:
    """Show models to OpenAI's, OpenRouter's and Mistral's clients: one object that satisfies them all."""
    shown, links = page(rows, path, query)
    return {"object": "list", "data": shown, "total_count": len(rows), "links": links}


def anthropic_models(rows: list[Row], aliases: dict[str, str], query: Query) -> Row:
    """Show models, and the names that stand for some, to Anthropic's clients. Claude Code reads `data[].id` only."""
    told = [_anthropic_model(row) for row in rows]
    by_id = {row["id"]: row for row in told}
    named = [
        {**by_id[target], "id": name, "display_name": f"{name} ({target})"}
        for name, target in aliases.items()
        if target in by_id and name not in by_id and "*" not in name
    ]
    told = [*named, *told]
    ids = [row["id"] for row in told]
    after, before = query.get("after_id"), query.get("before_id")
    start, end = 0, len(told)
    if after is not None:
        start = _place(ids, after, "after_id") + 1
    if before is not None:
        end = _place(ids, before, "before_id")
    limit = min(whole_number(query, "limit", MAX_PAGE, 1), MAX_PAGE)
    shown = told[max(start, end - limit) : end] if before is not None else told[start:end][:limit]
    return {
        "data": shown,
        "has_more": len(shown) < end - start,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _place(ids: Sequence[str], name: str, field: str) -> int:
    if name not in ids:
        raise invalid(f"`{field}` is `{name[:80]}`, which is no model in this list.", field)
    return ids.index(name)


def _anthropic_model(row: Row) -> Row:
    return {
        "type": "model",
        "id": row["id"],
        "display_name": row["name"],
        "created_at": iso(row["created"] * 1_000_000_000),
        "max_input_tokens": row["context_length"],
        "max_tokens": row["top_provider"]["max_completion_tokens"],
    }


def gemini_models(rows: list[Row], query: Query) -> Row:
    """Show models to Gemini's clients, page by page: the token of a page is where it begins."""
    start = whole_number(query, "pageToken", 0, 0) if query.get("pageToken") else 0
    size = min(whole_number(query, "pageSize", GEMINI_PAGE, 1), MAX_PAGE)
    shown: Row = {"models": [gemini_model(row) for row in rows[start : start + size]]}
    return shown | ({"nextPageToken": str(start + size)} if start + size < len(rows) else {})


def gemini_model(row: Row) -> Row:
    """Show one model to Gemini's clients."""
    outputs = row["architecture"]["output_modalities"]
    methods = next((_METHODS[kind] for kind in outputs if kind in _METHODS), _GENERATES)
    told: dict[str, Any] = {
        "name": f"models/{row['id']}",
        "baseModelId": row["id"],
        "version": row["canonical_slug"],
        "displayName": row["name"],
        "description": row["description"],
        "inputTokenLimit": row["context_length"],
        "outputTokenLimit": row["top_provider"]["max_completion_tokens"],
        "supportedGenerationMethods": methods,
        "thinking": "reasoning" in row,
    }
    return {name: value for name, value in told.items() if value is not None}


def shown_models(rows: list[Row], catalogue: Catalogue, request: Request) -> Row:
    """Show a list of models to whoever asks."""
    match asks_in(request):
        case "gemini_generate":
            return gemini_models(rows, request.query_params)
        case "anthropic_messages":
            return anthropic_models(rows, catalogue.aliases, request.query_params)
        case _:
            return openai_models(rows, request.url.path, request.query_params)
