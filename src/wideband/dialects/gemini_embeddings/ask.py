"""A caller's request, checked and measured; what its URL says is written into its body first."""

from typing import Final

import msgspec

from wideband.canon.faults import invalid
from wideband.dialects.base import Ask, Called
from wideband.dialects.bodies import Addressed, for_gateway, missing, read_body, read_fields
from wideband.dialects.gemini_embeddings import words
from wideband.wire import jsons


class Media(msgspec.Struct, gc=False):
    """Of data, inline or in a file, its type in both spellings."""

    camel: str | None = msgspec.field(default=None, name="mimeType")
    snake: str | None = msgspec.field(default=None, name="mime_type")


class Part(msgspec.Struct, gc=False, rename="camel"):
    """Of a part, the text that counts and the kind of anything else."""

    text: str | None = None
    inline_data: Media | None = None
    file_data: Media | None = None
    inline_snake: Media | None = msgspec.field(default=None, name="inline_data")
    file_snake: Media | None = msgspec.field(default=None, name="file_data")


class Content(msgspec.Struct, gc=False):
    """What is to be embedded."""

    parts: list[Part]


class One(msgspec.Struct, gc=False):
    """One of the requests of a batch."""

    content: Content


class Body(Addressed, gc=False):
    """A request of one embedding (`content`) or of several (`requests`)."""

    content: Content | None = None
    requests: list[One] | None = None


REMEDIES: Final[dict[str, str]] = {
    "content": 'Send an object such as {"parts": [{"text": "..."}]}.',
    "requests": 'Send a list of objects such as {"content": {"parts": [{"text": "..."}]}}.',
}

_read = jsons.Reader(Body)


def absorb(called: Called, body: bytes) -> bytes:
    """Write the model into a body, where there may be another that says less. Raises `Faulted`."""
    model = (called.model or "").removeprefix("models/")
    if not model:
        raise invalid(f"The URL names no model; call {called.path}.", "model")
    fields = read_fields(body)
    # Which of the two paths it was, the body tells by its shape.
    needed = "requests" if called.path == words.BATCH else "content"
    if needed not in fields:
        raise missing(needed, REMEDIES)
    return jsons.encode({**fields, "model": model})


def check(body: bytes) -> Body:
    """Read and check a body. Raises `Faulted` naming the field, what was found and what to send."""
    told = read_body(body, _read, REMEDIES)
    if not told.requests and told.content is None:
        raise missing("content" if told.requests is None else "requests", REMEDIES)
    return told


def contents_of(told: Body) -> list[Content]:
    """Return what is to be embedded, one by one."""
    if told.requests:
        return [one.content for one in told.requests]
    return [] if told.content is None else [told.content]


def read(body: bytes) -> Ask:
    """Check and measure a caller's body; see `dialects.base.Dialect.read`."""
    told = check(body)
    contents = contents_of(told)
    parts = [part for content in contents for part in content.parts]
    media = [kind for part in parts if (kind := _modality(part)) is not None]
    return Ask(
        dialect=words.NAME,
        prompt_chars=sum(len(part.text or "") for part in parts),
        modalities=frozenset(media),
        images=media.count("image"),
        inputs=len(contents),
        fields=read_fields(body),
        **for_gateway(told),
    )


def _modality(part: Part) -> str | None:
    media = part.inline_data or part.file_data or part.inline_snake or part.file_snake
    if media is None:
        return None
    kind = (media.camel or media.snake or "").partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "file"
