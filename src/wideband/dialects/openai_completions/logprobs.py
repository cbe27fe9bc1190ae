"""Log probabilities: columns of a completion, and the rows of a chat that canon keeps them as."""

from typing import Any

from wideband.canon.request import Json
from wideband.dialects.loose import obj, rows

Columns = dict[str, list[Any]]


def rows_of(columns: Json) -> Json:
    """Return a completion's columns as rows; None for anything else."""
    told = obj(columns)
    tokens, chosen = told.get("tokens"), told.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(chosen, list):
        return None
    beside = told.get("top_logprobs")
    tops = beside if isinstance(beside, list) else []
    return {
        "content": [
            _row(token, logprob)
            | {"top_logprobs": [_row(*top) for top in obj(tops[at] if at < len(tops) else None).items()]}
            for at, (token, logprob) in enumerate(zip(tokens, chosen, strict=False))
        ],
        "refusal": None,
    }


def _row(token: Json, logprob: Json) -> dict[str, Json]:
    text = token if isinstance(token, str) else str(token)
    return {"token": text, "logprob": logprob, "bytes": list(text.encode("utf-8", "replace"))}


def columns_of(value: Json, offset: int) -> Columns | None:
    """Return a chat's rows as columns; `offset` is how many characters stand before the first token."""
    found = rows(obj(value).get("content"))
    if not found:
        return None
    columns: Columns = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for row in found:
        token = str(row.get("token", ""))
        columns["tokens"].append(token)
        columns["token_logprobs"].append(row.get("logprob"))
        columns["top_logprobs"].append({top.get("token"): top.get("logprob") for top in rows(row.get("top_logprobs"))})
        columns["text_offset"].append(offset)
        offset += len(token)
    return columns
