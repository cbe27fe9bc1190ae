"""Whole answers, both ways; vectors go in the form the caller asked for, untouched where the provider gave it."""

from typing import Any

import msgspec

from wideband.canon.events import FinishReason
from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Json, Loss, Vector
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.loose import obj, text
from wideband.dialects.openai_embeddings import words
from wideband.dialects.openai_faults import decode_error, find_error
from wideband.dialects.openai_usage import decode_usage, encode_usage
from wideband.dialects.vectors import as_base64, as_numbers, is_base64, read_vector, write_vector
from wideband.wire import jsons

# What of a generation's counts means something for vectors.
_USAGE = ("prompt_tokens", "total_tokens", "cost", "is_byok", "cost_details")
_DONE: FinishReason = "stop"


class _Row(msgspec.Struct, gc=False):
    embedding: msgspec.Raw
    index: Any = None


class _Body(msgspec.Struct, gc=False):
    data: list[_Row]
    id: Any = None
    model: Any = None
    usage: Any = None


_read = jsons.Reader(_Body)


def decode_reply(body: bytes) -> Reply:
    """Read a provider's whole answer. Raises `Faulted` for one that cannot be read or is an error."""
    told = _body(body)
    choices = []
    for position, row in enumerate(told.data):
        index = row.index if type(row.index) is int and row.index >= 0 else position
        # A vector is said whole, so each of them is finished.
        choices.append(Choice(index=index, parts=(read_vector(row.embedding),), finish=_DONE))
    usage = obj(told.usage)
    if usage and not usage.get("prompt_tokens") and not usage.get("input_tokens"):
        # All of them are the prompt's (Voyage, Jina).
        usage = {"prompt_tokens": usage.get("total_tokens")}
    return Reply(
        id=text(told.id),
        model=text(told.model),
        choices=tuple(choices),
        usage=decode_usage(usage) if usage else None,
    )


def _body(body: bytes) -> _Body:
    try:
        told = _read(body)
    except jsons.DecodeError as error:
        raise _fault(body, str(error)) from None
    if not told.data:
        raise garbled("The provider's answer holds no embeddings.")
    return told


def _fault(body: bytes, why: str) -> Faulted:
    try:
        error = find_error(jsons.decode(body))
    except jsons.DecodeError:
        error = None
    return garbled(f"The provider's answer cannot be read: {why}.") if error is None else Faulted(decode_error(error))


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer, with the `id` that strict clients ask for."""
    wants_base64 = _wants_base64(envelope)
    data = [
        _row(choice.index, part, wants_base64=wants_base64)
        for choice in sorted(reply.choices, key=lambda choice: choice.index)
        for part in choice.parts
        if isinstance(part, Vector)
    ]
    return jsons.encode(_top(envelope) | {"data": data} | _end(closing, {})), []


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client: vectors in the form asked for keep their bytes."""
    fields = jsons.fields(body)
    kept = {name: raw for name, raw in fields.items() if name not in words.ADDRESS | words.WITHHELD}
    given = obj(jsons.decode(fields["usage"])) if "usage" in fields else {}
    data = _relayed(fields["data"], wants_base64=_wants_base64(envelope))
    return jsons.encode(_top(envelope) | {"data": data} | kept | _end(closing, given))


def _relayed(data: msgspec.Raw, *, wants_base64: bool) -> Json:
    rows = jsons.decode_as(data, list[dict[str, msgspec.Raw]])
    if all({"index", "object"} <= row.keys() and is_base64(row["embedding"]) is wants_base64 for row in rows):
        return data
    told = (_row(at, read_vector(row["embedding"]), wants_base64=wants_base64) for at, row in enumerate(rows))
    return [
        ours | {name: raw for name, raw in row.items() if name != "embedding"}
        for ours, row in zip(told, rows, strict=True)
    ]


def _wants_base64(envelope: Envelope) -> bool:
    return bytes(envelope.asked.get("encoding_format", b"")) == b'"base64"'


def _row(index: int, vector: Vector, *, wants_base64: bool) -> dict[str, Any]:
    vector = as_base64(vector) if wants_base64 else as_numbers(vector)
    return {"object": "embedding", "index": index, "embedding": write_vector(vector)}


def _top(envelope: Envelope) -> dict[str, Json]:
    return {"id": envelope.id, "object": "list", "model": envelope.model, "provider": envelope.provider}


def _end(closing: Closing, given: dict[str, Json]) -> dict[str, Json]:
    counted = encode_usage(closing)
    end: dict[str, Json] = {"usage": given | {name: counted[name] for name in _USAGE}}
    return end | closing.metadata_field
