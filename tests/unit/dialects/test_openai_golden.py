"""Goldens of Chat Completions: what providers send against what it means, whole, in pieces, cut and garbled."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wideband.canon.events import Event, Failed, Finished
from wideband.canon.reply import Reply, fold
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons, sse

GOLDENS = sorted(path for path in (Path(__file__).parents[2] / "golden" / DIALECT.name).iterdir() if path.is_dir())
REQUESTS = [path for path in GOLDENS if (path / "request.json").exists()]
ENVELOPE = Envelope(id="gen-9", model="acme/m1", provider="My Own Box", created_s=1763809999)
EVERYTHING = Target(model="up/m1", provider="p", quirks=frozenset({"openrouter"}))

case = pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name)
request_case = pytest.mark.parametrize("golden", REQUESTS, ids=lambda path: path.name)


def plain(value: Any) -> Any:
    """Say a canonical value as JSON: each struct with its name and what differs from its defaults."""
    if isinstance(value, msgspec.Struct):
        told = {name: getattr(value, name) for name in value.__struct_fields__}
        fresh = {field.name: defaults(field) for field in msgspec.structs.fields(value)}
        return {"is": type(value).__name__} | {k: plain(v) for k, v in told.items() if v != fresh[k]}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def defaults(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def expected(golden: Path, side: str) -> Any:
    return jsons.decode((golden / "canon.json").read_bytes())[side]


def events_of(stream: bytes, size: int | None = None) -> list[Event]:
    reader, decoder, events = sse.Decoder(), DIALECT.stream_decoder(), list[Event]()
    size = size or len(stream) or 1
    frames = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    for frame in frames + reader.close():
        events += decoder.feed(frame)
    return events + decoder.close()


def assert_ends_properly(events: list[Event]) -> None:
    failures = [event for event in events if isinstance(event, Failed)]
    assert failures == events[-1:] if failures else any(isinstance(event, Finished) for event in events)


@case
def test_a_stream_means_its_canonical_reply(golden: Path) -> None:
    assert plain(fold(events_of((golden / "stream.sse").read_bytes()))) == expected(golden, "reply")


@case
@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_stream_means_the_same_in_pieces(golden: Path, size: int) -> None:
    stream = (golden / "stream.sse").read_bytes()
    assert events_of(stream, size) == events_of(stream)


@case
def test_a_whole_reply_means_the_same_as_its_stream(golden: Path) -> None:
    assert plain(DIALECT.decode_reply((golden / "reply.json").read_bytes())) == expected(golden, "reply")


@case
def test_a_stream_cut_anywhere_ends_in_one_fault(golden: Path) -> None:
    stream = (golden / "stream.sse").read_bytes()
    for cut in range(0, len(stream), 5):
        assert_ends_properly(events_of(stream[:cut]))


@case
def test_a_stream_cut_before_any_finish_is_a_fault(golden: Path) -> None:
    stream = (golden / "stream.sse").read_bytes()
    first_finish = stream.index(b'"finish_reason":"')
    assert isinstance(events_of(stream[:first_finish])[-1], Failed)


@case
def test_a_garbled_stream_never_raises(golden: Path) -> None:
    chance, stream = random.Random(golden.name), (golden / "stream.sse").read_bytes()
    for _ in range(150):
        ruined = bytearray(stream)
        for _ in range(chance.randint(1, 6)):
            ruined[chance.randrange(len(ruined))] = chance.choice(b'"{}[]:,0\\\xff\n ')
        events_of(bytes(ruined))


@case
def test_a_written_reply_is_read_back(golden: Path) -> None:
    reply = DIALECT.decode_reply((golden / "reply.json").read_bytes())
    written, losses = DIALECT.encode_reply(reply, ENVELOPE, closing_of(reply))
    back = DIALECT.decode_reply(written)
    assert losses == []
    assert spoken(back) == spoken(reply)
    assert (back.id, back.model, back.created_s) == ("gen-9", "acme/m1", 1763809999)


@case
def test_a_relayed_reply_means_the_same_and_keeps_unknown_fields(golden: Path) -> None:
    body = (golden / "reply.json").read_bytes()
    reply, given = DIALECT.decode_reply(body), jsons.decode(body)
    written = DIALECT.relay_reply(body, ENVELOPE, closing_of(reply))
    assert spoken(DIALECT.decode_reply(written)) == spoken(reply)
    assert given.keys() - {"error"} <= jsons.decode(written).keys()


def closing_of(reply: Reply) -> Closing:
    return Closing(usage=reply.usage or Usage(), cost_nano=1, fault=reply.fault)


def spoken(reply: Reply) -> Any:
    """What a reply says, without who said it; a fault is compared by what a client sees of it."""
    fault = reply.fault and (reply.fault.kind, reply.fault.message)
    choices = [
        (choice.index, [part for part in choice.parts if plain(part) != {"is": "Text"}], choice.finish, choice.logprobs)
        for choice in reply.choices
    ]
    return choices, fault, (reply.usage if fault is None else None)


@request_case
def test_a_request_means_its_canonical_request(golden: Path) -> None:
    assert plain(DIALECT.decode_request((golden / "request.json").read_bytes())) == expected(golden, "request")


@request_case
def test_a_request_survives_being_written(golden: Path) -> None:
    request = DIALECT.decode_request((golden / "request.json").read_bytes())
    back = DIALECT.decode_request(DIALECT.encode_request(request, EVERYTHING).body)
    want = msgspec.structs.replace(request, model="up/m1")
    # A function without parameters is written with empty ones, which say the same.
    empty = {"type": "object", "properties": {}}
    bare = tuple(
        msgspec.structs.replace(tool, parameters=None) if getattr(tool, "parameters", None) == empty else tool
        for tool in back.tools
    )
    assert plain(msgspec.structs.replace(back, tools=bare)) == plain(want)


@request_case
def test_both_lanes_send_the_same_meaning(golden: Path) -> None:
    body = (golden / "request.json").read_bytes()
    for quirks in (frozenset[str](), frozenset({"openrouter"}), frozenset({"cache_control", "reasoning_content"})):
        target = Target(model="up/m1", provider="p", quirks=quirks)
        spliced = DIALECT.splice(DIALECT.read(body), target)
        translated = DIALECT.encode_request(DIALECT.decode_request(body), target)
        meant = [DIALECT.decode_request(draft.body) for draft in (spliced, translated)]
        assert plain(meant[0].messages) == plain(meant[1].messages)
        assert plain(meant[0].sampling) == plain(meant[1].sampling)
        assert (meant[0].reasoning, meant[0].max_tokens) == (meant[1].reasoning, meant[1].max_tokens)
        assert spliced.losses == translated.losses
