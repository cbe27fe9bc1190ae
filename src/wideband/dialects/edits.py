"""Changes to single fields of an outgoing chat body, for upstreams that would refuse them as they are.

Each takes a field's plain JSON and gives back the very same object when there is nothing to change, so that bytes
which need no change are never written anew.
"""

import hashlib
from collections.abc import Callable, Collection
from typing import Any

Json = Any
Change = Callable[[Json], Json]
Row = dict[str, Json]

MAX_ID = 64

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# What libraries note in messages for those who use them: LiteLLM a provider's own fields, OpenAI's what it parsed.
NOTES = frozenset({"provider_specific_fields", "parsed", "parsed_arguments"})
# Vibe also echoes the place that a call had in its stream, at which strict providers take offence.
CALL_NOTES = NOTES | {"index"}
_CACHE_MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details")
_EFFORTS = {"minimal": "low", "xhigh": "high", "max": "high"}


def each(rows: Json, change: Callable[[Row], Row]) -> Json:
    """Change the objects of a list; the same list comes back when none of them changed."""
    if not isinstance(rows, list):
        return rows
    changed = [change(row) if isinstance(row, dict) else row for row in rows]
    return rows if all(new is old for new, old in zip(changed, rows, strict=True)) else changed


def without_fields(row: Row, names: Collection[str]) -> Row:
    """Take fields off an object; the same object comes back when it has none of them."""
    return {name: value for name, value in row.items() if name not in names} if row.keys() & set(names) else row


def _with(row: Row, name: str, value: Json) -> Row:
    """Exchange one value, in its place; the same object comes back when the value is the same."""
    return row if row.get(name) is value else {**row, name: value}


def without(*names: str) -> Change:
    """Make a change that takes fields off every object of a list."""
    return lambda rows: each(rows, lambda row: without_fields(row, names))


def without_notes(rows: Json) -> Json:
    """Take what libraries noted off messages and the calls in them."""

    def of_call(call: Row) -> Row:
        call = without_fields(call, CALL_NOTES)
        function = call.get("function")
        return _with(call, "function", without_fields(function, NOTES)) if isinstance(function, dict) else call

    def of_message(row: Row) -> Row:
        row = without_fields(row, NOTES)
        return _with(row, "tool_calls", each(row["tool_calls"], of_call)) if row.get("tool_calls") else row

    return each(rows, of_message)


def without_cache_marks(rows: Json) -> Json:
    """Take cache breakpoints off messages, tools, and the parts and calls in them.

    A text that was a part only to bear a mark becomes a plain string again: not every upstream reads parts.
    """

    def change(row: Row) -> Row:
        row = without_fields(row, _CACHE_MARKS)
        for name in ("content", "tool_calls"):
            parts = row.get(name)
            if isinstance(parts, list):
                plain = each(parts, lambda part: without_fields(part, _CACHE_MARKS))
                row = _with(row, name, plain if plain is parts else _lone_text(plain))
        return row

    return each(rows, change)


def _lone_text(parts: list[Json]) -> Json:
    match parts:
        case [{"type": "text", "text": text} as lone] if len(lone) == 2:
            return text
        case _:
            return parts


def plain_documents(documents: Json) -> Json:
    """Say a document that is only a text as that text."""

    def change(document: Json) -> Json:
        match document:
            case {"text": str(text)} if len(document) == 1:
                return text
            case _:
                return document

    if not isinstance(documents, list):
        return documents
    changed = [change(document) for document in documents]
    return documents if all(new is old for new, old in zip(changed, documents, strict=True)) else changed


def system_for_developer(messages: Json) -> Json:
    """Call developer messages system messages."""
    return each(messages, lambda row: _with(row, "role", "system") if row.get("role") == "developer" else row)


def string_contents(messages: Json) -> Json:
    """Join content that is only texts into one string."""

    def change(row: Row) -> Row:
        parts = row.get("content")
        if not isinstance(parts, list) or not parts:
            return row
        texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
        said = [text for text in texts if isinstance(text, str)]
        return _with(row, "content", "\n\n".join(said)) if len(said) == len(parts) else row

    return each(messages, change)


def _short_id(call_id: Json, fits: Callable[[str], bool], shorten: Callable[[str], str]) -> Json:
    return call_id if not isinstance(call_id, str) or fits(call_id) else shorten(call_id)


def _rename_calls(messages: Json, fits: Callable[[str], bool], shorten: Callable[[str], str]) -> Json:
    def change_call(call: Row) -> Row:
        return _with(call, "id", _short_id(call.get("id"), fits, shorten)) if "id" in call else call

    def change(row: Row) -> Row:
        if "tool_call_id" in row:
            row = _with(row, "tool_call_id", _short_id(row["tool_call_id"], fits, shorten))
        if isinstance(row.get("tool_calls"), list):
            row = _with(row, "tool_calls", each(row["tool_calls"], change_call))
        return row

    return each(messages, change)


def _nine(call_id: str) -> str:
    number, letters = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "replace")).digest()[:8]), ""
    for _ in range(9):
        number, at = divmod(number, len(_ALPHABET))
        letters += _ALPHABET[at]
    return letters


def nine_character_ids(messages: Json) -> Json:
    """Give calls and their results ids of nine letters and digits; the same id always becomes the same."""
    return _rename_calls(messages, lambda call_id: len(call_id) == 9 and call_id.isascii() and call_id.isalnum(), _nine)


def within_64(call_id: str) -> str:
    """Return an id no longer than OpenAI takes; the same id always becomes the same."""
    if len(call_id) <= MAX_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:32]


def ids_within_64(messages: Json) -> Json:
    """Shorten the ids of calls and their results to what OpenAI takes."""
    return _rename_calls(messages, lambda call_id: len(call_id) <= MAX_ID, within_64)


def tools_without_strict(tools: Json) -> Json:
    """Take the promise of exact arguments off every function."""

    def change(tool: Row) -> Row:
        function = tool.get("function")
        return _with(tool, "function", without_fields(function, {"strict"})) if isinstance(function, dict) else tool

    return each(tools, change)


def plain_schemas(tools: Json) -> Json:
    """Take `$schema` and `additionalProperties` off the top of every function's parameters."""

    def change(tool: Row) -> Row:
        function = tool.get("function")
        schema = function.get("parameters") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(schema, dict):
            return tool
        plain = without_fields(schema, {"$schema", "additionalProperties"})
        return _with(tool, "function", _with(function, "parameters", plain))

    return each(tools, change)


def json_object_for_schema(response_format: Json) -> Json:
    """Ask for any JSON object in place of one under a schema."""
    asks = isinstance(response_format, dict) and response_format.get("type") == "json_schema"
    return {"type": "json_object"} if asks else response_format


def format_without_strict(response_format: Json) -> Json:
    """Take the promise to keep exactly to the schema off a format."""
    schema = response_format.get("json_schema") if isinstance(response_format, dict) else None
    if not isinstance(schema, dict) or "strict" not in schema:
        return response_format
    return {**response_format, "json_schema": without_fields(schema, {"strict"})}


def low_medium_high(effort: Json) -> Json:
    """Name the nearest of the three efforts that every thinking model knows."""
    return _EFFORTS.get(effort, effort) if isinstance(effort, str) else effort


def thoughts_as(name: str | None) -> Change:
    """Make a change that echoes an assistant's plain thinking in the field `name`, or nowhere when it is None."""

    def change(row: Row) -> Row:
        if not row.keys() & set(_THOUGHTS):
            return row
        said = row.get("reasoning_content") or row.get("reasoning") or _told(row.get("reasoning_details"))
        if name is None or not isinstance(said, str) or not said:
            return without_fields(row, _THOUGHTS)
        if row.get(name) == said and not row.keys() & (set(_THOUGHTS) - {name}):
            return row
        return {**without_fields(row, _THOUGHTS), name: said}

    return lambda messages: each(messages, change)


def _told(details: Json) -> str:
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    texts = [row.get("text") or row.get("summary") for row in rows]
    return "".join(text for text in texts if isinstance(text, str))
