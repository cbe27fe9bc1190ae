"""Streams of every protocol, ways to break them, and what clients are told of it, as the gateway would tell them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from wideband.canon.events import Counted, Event, Failed
from wideband.canon.faults import Fault
from wideband.canon.request import Loss
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.registry import DIALECTS
from wideband.gateway.lanes import EncodedWriter, Writer
from wideband.wire import jsons, sse

NAMES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate")
GOLDEN = Path(__file__).parents[1] / "golden"
STREAMS: dict[str, dict[str, bytes]] = {
    name: {path.parent.name: path.read_bytes() for path in sorted(GOLDEN.glob(f"{name}/*/stream.sse"))}
    for name in NAMES
}
ALL = [(name, case) for name in NAMES for case in STREAMS[name]]
ENVELOPE = Envelope(
    id="gen-1",
    model="m",
    provider="P",
    provider_slug="p",
    created_s=1,
    include_usage=True,
    asked={"alt": jsons.Raw(b'"sse"')},
)
_NOTHING = sse.Frame(b"")
_BLANK = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")


class Told(msgspec.Struct):
    """What came of a stream: the client's bytes, the events, and the fault that ended it."""

    data: bytes
    events: list[Event]
    fault: Fault | None
    losses: list[Loss]


def tell(source: str, other: str, chunks: list[bytes], *, fast: bool = False, envelope: Envelope = ENVELOPE) -> Told:
    """Carry a provider's stream to a client of another protocol, or on the fast lane of its own."""
    losses: list[Loss] = []
    writer: Writer = DIALECTS[other].relay(envelope)
    if not fast:
        writer = EncodedWriter(DIALECTS[other].stream_encoder(envelope), losses, "p")
    reader, decoder = sse.Decoder(), DIALECTS[source].stream_decoder()
    heard: list[tuple[sse.Frame, list[Event]]] = []
    for chunk in chunks:
        heard.extend((frame, decoder.feed(frame)) for frame in reader.feed(chunk))
    heard.extend((frame, decoder.feed(frame)) for frame in reader.close())
    heard.append((_NOTHING, decoder.close()))
    fault: Fault | None = None
    written: list[bytes] = []
    told: list[Event] = []
    for frame, events in heard:
        told += events
        if fault is not None:
            continue
        fault = next((event.fault for event in events if isinstance(event, Failed)), None)
        if fault is None:
            written.append(writer.feed(frame, events))
        elif (rest := events[:-1]) != []:
            written.append(writer.feed(_NOTHING, rest))
    usage = next((event.usage for event in reversed(told) if isinstance(event, Counted)), Usage())
    written.append(writer.close(Closing(usage=usage, cost_nano=7, fault=fault)))
    return Told(b"".join(written), told, fault, losses)


def frames_of(stream: bytes) -> list[bytes]:
    """Cut a stream behind each of its blank lines."""
    return [piece for piece in _BLANK.split(stream) if piece]


def rows_of(stream: bytes) -> list[Any]:
    return [json.loads(frame.data) for frame in sse.Decoder().feed(stream) if frame.data != b"[DONE]"]


def cuts(stream: bytes) -> Iterator[bytes]:
    """Cut at each frame, and in the middle of it."""
    at = 0
    for frame in frames_of(stream):
        for share in (0.0, 0.3, 0.6, 0.95):
            yield stream[: at + int(len(frame) * share)]
        at += len(frame)
        yield stream[: at - 1]


def reordered(stream: bytes) -> Iterator[bytes]:
    """Drop, repeat and exchange frames, one at a time, and turn all of them around."""
    frames = frames_of(stream)
    for at, frame in enumerate(frames):
        before, after = frames[:at], frames[at + 1 :]
        yield b"".join([*before, *after])
        yield b"".join([*before, frame, frame, *after])
        yield b"".join([*before, *after, frame])
        if after:
            yield b"".join([*before, after[0], frame, *after[1:]])
    yield b"".join(reversed(frames))
    yield stream + stream
    yield stream + b"".join(frames[:1])


def oddities(stream: bytes) -> Iterator[bytes]:
    """Break what holds the frames together."""
    frames = frames_of(stream)
    yield re.sub(rb"(?m)^event: .*\n", b"", stream)
    yield re.sub(rb"(?m)^event: .*$", b"event: error", stream)
    yield re.sub(rb"(?m)^event: .*$", b"event: \xff\xfe", stream)
    yield re.sub(rb"(?m)^data: ", b"event: response.output_text.delta\ndata: ", stream)
    yield re.sub(rb"(?m)^data: ", b"event: content_block_delta\ndata: ", stream)
    yield re.sub(rb"(?m)^data: ", b"", stream)
    yield re.sub(rb"\r?\n\r?\n", b"\n", stream)
    yield json.dumps(rows_of(stream)).encode()
    yield b"data: " + json.dumps(rows_of(stream)).encode() + b"\n\n"
    yield b"".join(frame + b"data: \xef\xbb\xbf{}\n\n" for frame in frames)
    for junk in (b"data: 1\n\n", b"data: null\n\n", b"data: []\n\n", b'data: "x"\n\n', b"data: {}\n\n", b"data:\n\n",
                 b"data: " + b"[" * 50_000 + b"\n\n", b'data: {"a":' * 9 + b"\n\n", b"data: \xff\xfe\n\n",
                 b'data: {"type":"error"}\n\n', b'data: {"error":"busy"}\n\n', b'data: {"error":{"code":[1]}}\n\n',
                 b'data: {"x":"\xed\xa0\x80"}\n\n', b"event: ping\ndata: no\n\n"):  # fmt: skip
        for at in {0, 1, len(frames) // 2, len(frames)}:
            yield b"".join([*frames[:at], junk, *frames[at:]])


# What a provider may put where something else is meant, as JSON text.
WRONG = ("null", "true", "7", "-1", "1.5", "1e999", "1" + "0" * 30, "-9223372036854775809", '""', '"x"', "[]", "{}",
         "[[[[1]]]]", '{"a":{"a":{"a":1}}}', '"\\ud800"', '"\\ud83d"', '"\\u0000\\r\\n"', "[null]", "[{}]", '[1,"x"]',
         "[" * 2000 + "]" * 2000, '"\xff"')  # fmt: skip
_MARK = '"@@wrong@@"'


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Name every place in a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from spots(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], wrong: str) -> bytes:
    """Write a value with something else at a place."""
    root = {"": json.loads(json.dumps(value))}
    at: Any = root
    for key in ("", *path)[:-1]:
        at = at[key]
    at[("", *path)[-1]] = _MARK[1:-1]
    return json.dumps(root[""]).replace(_MARK, wrong).encode("latin-1")


def mistyped(stream: bytes, every: int, offset: int) -> Iterator[bytes]:
    """Put something wrong at the places of the frames: at one in `every`."""
    frames = frames_of(stream)
    count = offset
    for at, frame in enumerate(frames):
        found = sse.Decoder().feed(frame)
        if not found or found[0].data == b"[DONE]":
            continue
        value, head = json.loads(found[0].data), frame[: frame.index(b"data: ") + 6]
        for path in spots(value):
            for wrong in WRONG:
                count += 1
                if count % every == 0:
                    yield b"".join([*frames[:at], head, replaced(value, path, wrong), b"\n\n", *frames[at + 1 :]])
