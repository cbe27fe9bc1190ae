"""The dialect's words: tables, and the small conversions that go with them."""

from typing import Any, Final

from wideband.dialects.bodies import GATEWAY_FIELDS

NAME: Final = "gemini_embeddings"
ONE: Final = "/models/{model}:embedContent"
BATCH: Final = "/models/{model}:batchEmbedContents"
PATHS: Final = (ONE, BATCH)

# Body fields that are words to this gateway, not to Google.
OURS: Final = GATEWAY_FIELDS | {"model", "stream", "user"}

# `input_type` in the words of several providers -> Google's `taskType`; the first of each is what it is called here.
TASKS: Final[dict[str, str]] = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "semantic_similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
    "code_retrieval_query": "CODE_RETRIEVAL_QUERY",
    "passage": "RETRIEVAL_DOCUMENT",
    "retrieval.passage": "RETRIEVAL_DOCUMENT",
    "retrieval.query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "separation": "CLUSTERING",
    "text-matching": "SEMANTIC_SIMILARITY",
}
INPUT_TYPES: Final[dict[str, str]] = {task: name for name, task in reversed(TASKS.items())}

# Google reads and clients write both spellings of a name.
_SNAKE: Final[dict[str, str]] = {
    "embedContentConfig": "embed_content_config",
    "fileData": "file_data",
    "fileUri": "file_uri",
    "inlineData": "inline_data",
    "mimeType": "mime_type",
    "outputDimensionality": "output_dimensionality",
    "taskType": "task_type",
}


def said(row: dict[str, Any], name: str) -> Any:
    """Return a field in either spelling; None when it is not there."""
    value = row.get(name)
    return row.get(_SNAKE.get(name, name)) if value is None else value


def asked(row: dict[str, Any], name: str) -> Any:
    """Return what is asked of an embedding, told beside the content or in its config."""
    config = said(row, "embedContentConfig")
    value = said(config, name) if isinstance(config, dict) else None
    return said(row, name) if value is None else value
