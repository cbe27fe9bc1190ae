"""What the tests of protocols under any bytes share: any JSON, good bytes gone wrong, streams in pieces."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from wideband.canon.events import Event
from wideband.dialects.base import Dialect
from wideband.wire import sse

scalar = st.none() | st.booleans() | st.integers(-5, 10**25) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalar | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
any_sizes = st.lists(st.integers(1, 60), min_size=1, max_size=40)


def json_of(words: Sequence[str]) -> st.SearchStrategy[Any]:
    """Any JSON in which a protocol's own words stand, often where they do not belong."""
    return st.recursive(
        scalar | st.text(max_size=5) | st.sampled_from(words),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(words), inner, max_size=6),
        max_leaves=20,
    )


@st.composite
def damaged(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """Cut, replace, repeat or insert pieces of good bytes."""
    data = draw(st.sampled_from(sources))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 40, len(data))))
        data = data[:start] + draw(st.binary(max_size=8) | st.just(data[start:end] * 2)) + data[end:]
    return data


@st.composite
def mutated_json(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """Exchange one value anywhere in good JSON for any other."""
    root = {"root": json.loads(draw(st.sampled_from(sources)))}
    at: Any = root
    key: Any = "root"
    while isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 5)):
        at = at[key]
        key = draw(st.sampled_from(sorted(at))) if isinstance(at, dict) else draw(st.integers(0, len(at) - 1))
    at[key] = draw(values)
    return json.dumps(root["root"]).encode()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut a stream into chunks of these sizes, again and again until it ends."""
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    return chunks


def decode(dialect: Dialect, chunks: list[bytes]) -> list[Event]:
    """Read a stream that comes in these chunks to its end."""
    reader, decoder = sse.Decoder(), dialect.stream_decoder()
    frames = [frame for chunk in chunks for frame in reader.feed(chunk)] + reader.close()
    return [event for frame in frames for event in decoder.feed(frame)] + decoder.close()
