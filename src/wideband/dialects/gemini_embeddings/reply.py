"""Whole answers, both ways: one embedding or a batch of them, as was asked."""

from collections.abc import Sequence
from typing import Any

import msgspec

from wideband.canon.faults import Faulted, garbled
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Json, Loss, Vector
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_embeddings.words import said
from wideband.dialects.google_upstream_faults import WireError, decode_error
from wideband.dialects.loose import obj
from wideband.dialects.vectors import as_numbers, read_vector, write_vector
from wideband.wire import jsons


class _Embedding(msgspec.Struct, gc=False):
    values: msgspec.Raw
    statistics: Any = None


class _Body(msgspec.Struct, gc=False, rename="camel"):
    embedding: _Embedding | None = None
    embeddings: list[_Embedding] | None = None
    usage_metadata: Any = None
    error: WireError | None = None


_read = jsons.Reader(_Body)


def decode_reply(body: bytes) -> Reply:
    """Read a provider's whole answer. Raises `Faulted` for one that cannot be read or is an error."""
    try:
        told = _read(body)
    except jsons.DecodeError as error:
        raise garbled(f"The provider's answer cannot be read: {error}.") from None
    rows = told.embeddings or ([told.embedding] if told.embedding else [])
    if not rows:
        if told.error is not None:
            raise Faulted(decode_error(told.error, 0, body))
        raise garbled("The provider's answer holds no embeddings.")
    choices = (
        # A vector is said whole, so each of them is finished.
        Choice(index=at, parts=(read_vector(row.values),), finish="stop")
        for at, row in enumerate(rows)
    )
    return Reply(choices=tuple(choices), usage=_usage(told, rows))


def _usage(told: _Body, rows: list[_Embedding]) -> Usage | None:
    """Return Google's count: for the whole, or one with each embedding (Vertex)."""
    whole = _count(said(obj(told.usage_metadata), "promptTokenCount"))
    counted = whole or sum(_count(obj(row.statistics).get("tokenCount")) for row in rows)
    return Usage(prompt_tokens=counted) if counted else None


def _count(value: Any) -> int:
    # Vertex counts in floats.
    return int(value) if isinstance(value, int | float) and 0 < value < 2**53 else 0


def encode_reply(reply: Reply, envelope: Envelope, closing: Closing) -> tuple[bytes, list[Loss]]:
    """Write an answer in the shape of the path that was asked."""
    rows = [
        {"values": write_vector(as_numbers(part))}
        for choice in sorted(reply.choices, key=lambda choice: choice.index)
        for part in choice.parts
        if isinstance(part, Vector)
    ]
    return _encoded({}, rows, envelope, closing), []


def relay_reply(body: bytes, envelope: Envelope, closing: Closing) -> bytes:
    """Write a provider's answer for the client: vectors keep their bytes."""
    fields = jsons.fields(body)
    kept = {name: raw for name, raw in fields.items() if name not in {"embedding", "embeddings", "usageMetadata"}}
    rows = jsons.decode_as(fields["embeddings"], list[msgspec.Raw]) if "embeddings" in fields else [fields["embedding"]]
    return _encoded(kept, rows, envelope, closing)


def _encoded(kept: dict[str, Any], rows: Sequence[Json], envelope: Envelope, closing: Closing) -> bytes:
    told: dict[str, Json] = {"embeddings": rows} if "requests" in envelope.asked else {"embedding": rows[0]}
    usage = closing.usage
    counted = {"promptTokenCount": usage.prompt_tokens, "totalTokenCount": usage.total_tokens}
    money: dict[str, Json] = {"cost": jsons.dollars(closing.cost_nano), **closing.byok_fields}
    end: dict[str, Json] = {"usageMetadata": counted, "usage": money}
    return jsons.encode(told | kept | end | closing.metadata_field)
