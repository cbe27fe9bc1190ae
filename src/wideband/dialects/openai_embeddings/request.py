"""A caller's request, read in full into canonical values, and written for an upstream."""

from typing import Any, Final

import msgspec

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
    Tokens,
)
from wideband.dialects import data_urls
from wideband.dialects.base import Ask, Draft, Target
from wideband.dialects.bodies import GATEWAY_FIELDS, one_by_one, unwritable
from wideband.dialects.loose import obj, text
from wideband.dialects.noting import of_extras
from wideband.dialects.openai_embeddings import words
from wideband.dialects.openai_embeddings.ask import Rich, check
from wideband.dialects.quirks import apply
from wideband.wire import jsons

Body = dict[str, Any]

_KNOWN: Final = frozenset({"model", "input", "dimensions", "encoding_format", "input_type", "user"})


def decode_request(body: bytes) -> Request:
    """Read a request in full; see `dialects.base.Dialect.decode_request`."""
    told = check(body)
    fields: dict[str, Json] = jsons.decode(body)
    given = fields["input"]
    rich = given if isinstance(given, list) else [given]
    inputs = enumerate(one_by_one(told.input))
    messages = [_rich_message(rich[at]) if isinstance(each, Rich) else _message(each) for at, each in inputs]
    return Request(
        dialect=words.NAME,
        model=told.model or (told.models or [""])[0],
        messages=tuple(messages),
        task="embed",
        embed=EmbedAsk(dimensions=told.dimensions, base64=told.encoding_format == "base64", input_type=told.input_type),
        user=told.user,
        extras={
            name: value for name, value in fields.items() if name not in _KNOWN | GATEWAY_FIELDS and value is not None
        },
    )


def _message(given: str | list[int]) -> Message:
    part = Text(text=given) if isinstance(given, str) else Tokens(ids=tuple(given))
    return Message(role="user", parts=(part,))


def _rich_message(raw: dict[str, Json]) -> Message:
    return Message(role="user", parts=tuple(_part(part) for part in raw["content"]))


def _part(raw: dict[str, Json]) -> Part:
    kind = raw["type"]
    told = obj(raw.get(kind))
    match kind:
        case "text" | "input_text" if isinstance(raw.get("text"), str):
            return Text(text=raw["text"])
        case "image_url":
            return _image(text(raw.get(kind)) or text(told.get("url")) or "")
        case "input_audio" if isinstance(told.get("data"), str):
            return Audio(data=told["data"], format=text(told.get("format")) or "wav")
        case "input_file" if isinstance(told.get("data"), str):
            return _file(told["data"], text(told.get("format")))
        case _:
            return Opaque(dialect=words.NAME, kind="content_part", raw=raw)


def _image(url: str) -> Image:
    inline = data_urls.split(url)
    return Image(url=url) if inline is None else Image(media_type=inline[0], data=inline[1])


def _file(data: str, form: str | None) -> File:
    if data.startswith(("http://", "https://")):
        return File(url=data)
    media_type, inline = data_urls.split(data) or (None, data)
    return File(data=inline, media_type=media_type or (form and f"application/{form}"))


def encode_request(request: Request, target: Target) -> Draft:
    """Write a request of any dialect; see `dialects.base.Dialect.encode_request`."""
    losses: list[Loss] = []
    asked = request.embed or EmbedAsk()
    inputs = [_input(message, losses) for message in request.messages]
    body: Body = {"model": target.model, "input": inputs[0] if len(inputs) == 1 else inputs}
    told = {
        "dimensions": asked.dimensions,
        "encoding_format": "base64" if asked.base64 else None,
        "input_type": asked.input_type,
        "user": request.user,
    }
    body |= {name: value for name, value in told.items() if value is not None}
    if request.dialect == words.NAME:
        body |= request.extras
    else:
        losses.extend(of_extras(request.extras))
    return _draft(body, target, losses)


def splice(ask: Ask, target: Target) -> Draft:
    """Send the caller's own bytes on; see `dialects.base.Dialect.splice`."""
    return _draft({**ask.fields, "model": target.model}, target, [])


def _draft(body: Body, target: Target, losses: list[Loss]) -> Draft:
    if "openrouter" not in target.quirks:
        body = {name: value for name, value in body.items() if name not in GATEWAY_FIELDS}
    if "float_embeddings" in target.quirks or jsons.plain(body.get("encoding_format")) == "float":
        # Nothing is lost by it: numbers are what comes unasked, and are given as base64 where that was asked for.
        body.pop("encoding_format", None)
    body.pop("stream", None)
    body, found = apply(body, target.quirks)
    try:
        return Draft(path=words.PATH, body=jsons.encode(body), losses=(*losses, *found))
    except (jsons.DecodeError, jsons.EncodeError) as error:
        raise unwritable(error) from None


def _input(message: Message, losses: list[Loss]) -> Json:
    """Return one input: a plain text as a string, tokens as numbers, anything else as parts."""
    if "title" in message.extras:
        losses.append(Loss("embed_title"))
    match message.parts:
        case (Text(text=said),):
            return said
        case (Tokens(ids=ids),):
            return list(ids)
        case parts:
            rows = [row for part in parts if (row := _row(part, losses)) is not None]
            return {"content": rows}


def _row(part: Part, losses: list[Loss]) -> Json:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            url = part.url or data_urls.join(part.media_type or "image/png", part.data)
            return {"type": "image_url", "image_url": {"url": url}}
        case Audio():
            return {"type": "input_audio", "input_audio": msgspec.structs.asdict(part)}
        case File() if part.url or part.data:
            data = part.url or data_urls.join(part.media_type or "application/pdf", part.data)
            return {"type": "input_file", "input_file": {"data": data}}
        case Opaque(dialect=words.NAME):
            return part.raw
        case _:
            losses.append(Loss("content_part", type(part).__name__.lower()))
            return None
