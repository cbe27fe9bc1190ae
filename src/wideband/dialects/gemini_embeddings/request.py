"""A caller's request, read in full into canonical values, and written for an upstream."""

from typing import Any

import msgspec

from wideband.canon.faults import invalid
from wideband.canon.request import (
    Audio,
    EmbedAsk,
    File,
    Image,
    Json,
    Loss,
    Message,
    Opaque,
    Part,
    Request,
    Text,
)
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import unwritable
from wideband.dialects.gemini_embeddings import words
from wideband.dialects.gemini_embeddings.ask import check
from wideband.dialects.gemini_embeddings.words import asked, said
from wideband.dialects.loose import obj, text
from wideband.dialects.noting import of_extras
from wideband.dialects.quirks import apply
from wideband.wire import jsons

Row = dict[str, Any]

_ASKED = frozenset({"content", "embedContentConfig", "outputDimensionality", "requests", "taskType", "title"})
_ASKED_SNAKE = frozenset({"embed_content_config", "output_dimensionality", "task_type"})


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: Row = jsons.decode(body)
    rows: list[Row] = fields.get("requests") or [fields]
    asks = [_ask(row) for row in rows]
    if any(ask != asks[0] for ask in asks):
        raise invalid(
            "`requests` ask for different kinds of embeddings (`taskType`, `outputDimensionality`), which the provider "
            "of this model cannot give in one answer. Ask for each kind in a request of its own.",
            "requests",
        )
    return Request(
        dialect=words.NAME,
        model=told.model or "",
        messages=tuple(_message(row) for row in rows),
        task="embed",
        embed=asks[0],
        user=told.user,
        extras={k: v for k, v in fields.items() if k not in words.OURS | _ASKED | _ASKED_SNAKE and v is not None},
    )


def _ask(row: Row) -> EmbedAsk:
    task, dimensions = asked(row, "taskType"), asked(row, "outputDimensionality")
    if dimensions is not None and (type(dimensions) is not int or dimensions <= 0):
        raise invalid("`outputDimensionality` must be a whole number above 0.", "outputDimensionality")
    if task is not None and not isinstance(task, str):
        raise invalid("`taskType` must be a string such as RETRIEVAL_QUERY.", "taskType")
    return EmbedAsk(dimensions=dimensions, input_type=words.INPUT_TYPES.get(task, task) if task else None)


def _message(row: Row) -> Message:
    title = asked(row, "title")
    return Message(
        role="user",
        parts=tuple(_part(part) for part in row["content"]["parts"]),
        extras={"title": title} if title else {},
    )


def _part(raw: Row) -> Part:
    if isinstance(raw.get("text"), str):
        return Text(text=raw["text"])
    inline, stored = obj(said(raw, "inlineData")), obj(said(raw, "fileData"))
    media_type = text(said(inline or stored, "mimeType")) or ""
    kind, _, form = media_type.partition("/")
    data, uri = text(inline.get("data")), text(said(stored, "fileUri"))
    if kind == "image" and (data or uri):
        return Image(data=data, url=uri, media_type=media_type)
    if kind == "audio" and data:
        return Audio(data=data, format=form)
    if data or uri:
        return File(data=data, url=uri, media_type=media_type or None)
    return Opaque(dialect=words.NAME, kind="content_part", raw=raw)


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request of any dialect; see `dialects.base.Dialect.encode_request`."""
    losses = of_extras(request.extras)
    if request.user is not None:
        losses.append(Loss("unsupported_field", "user"))
    told = _told(request.embed or EmbedAsk(), losses)
    rows = [{"content": {"parts": _parts(message, losses)}, **told, **_title(message)} for message in request.messages]
    return _draft({"requests": rows} if len(rows) > 1 else rows[0], rows, target, losses)


def splice(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes on; see `dialects.base.Dialect.splice`."""
    body: Row = {name: raw for name, raw in ask.fields.items() if name not in words.OURS}
    if "requests" not in body:
        return _draft(body, [body], target, [])
    rows = jsons.decode_as(body["requests"], list[dict[str, msgspec.Raw]])
    return _draft(body | {"requests": rows}, rows, target, [])


def _draft(body: Row, rows: list[Row], target: Target, losses: list[Loss]) -> Draft:
    path = words.BATCH if "requests" in body else words.ONE
    for row in rows:
        row["model"] = f"models/{target.model}"
    body, found = apply(body, target.quirks)
    try:
        encoded = jsons.encode(body)
    except jsons.EncodeError as error:
        raise unwritable(error) from None
    return Draft(path=path.format(model=target.model), body=encoded, losses=(*losses, *found))


def _told(ask: EmbedAsk, losses: list[Loss]) -> Row:
    told: Row = {}
    if ask.dimensions is not None:
        told["outputDimensionality"] = ask.dimensions
    if ask.input_type is not None:
        task = words.TASKS.get(ask.input_type.lower(), ask.input_type.upper())
        if task in words.INPUT_TYPES:
            told["taskType"] = task
        else:
            losses.append(Loss("input_type", ask.input_type))
    return told


def _title(message: Message) -> Row:
    return {"title": message.extras["title"]} if "title" in message.extras else {}


def _parts(message: Message, losses: list[Loss]) -> list[Json]:
    rows = [row for part in message.parts if (row := _row(part, losses)) is not None]
    if not rows:
        raise invalid("`input` holds something that this model cannot embed: send texts.", "input")
    return rows


def _row(part: Part, losses: list[Loss]) -> Json:
    match part:
        case Text():
            return {"text": part.text}
        case Image(data=str()):
            return _inline(part.media_type or "image/png", part.data)
        case Audio():
            return _inline(f"audio/{part.format}", part.data)
        case File(data=str()):
            return _inline(part.media_type or "application/pdf", part.data)
        case _:
            losses.append(Loss("content_part", type(part).__name__.lower()))
            return None


def _inline(media_type: str, data: str | None) -> Json:
    return {"inlineData": {"mimeType": media_type, "data": data}}
