"""The Messages protocol under any bytes, any chunking and any interleaving."""

import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume, given, settings, strategies as st
from tests.property.wrong_bytes import any_sizes, cut, damaged, decode, mutated_json

from wideband.canon.events import Event, Failed, Finished, Started, TextDelta, ToolArgs, ToolOpened
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Part, Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.anthropic_messages import COUNT, DIALECT
from wideband.dialects.base import Closing, Envelope, Target
from wideband.wire import sse
from wideband.wire.sse import Frame

GOLDEN = Path(__file__).parents[1] / "golden" / "anthropic_messages"
STREAMS = sorted(path.read_bytes() for path in GOLDEN.glob("*/stream.sse"))
REQUESTS = sorted(path.read_bytes() for path in GOLDEN.glob("*/request.json"))
REPLIES = sorted(path.read_bytes() for path in GOLDEN.glob("*/reply.json"))
ENVELOPE = Envelope(id="gen-1", model="m", provider="P", created_s=1)
TARGET = Target(model="m", provider="p")

quick = settings(max_examples=60, deadline=None)

words = st.text(min_size=1, max_size=12)


def check_grammar(events: list[Event]) -> None:
    kinds = [type(event) for event in events]
    assert kinds.count(Finished) <= 1
    assert kinds.count(Failed) <= 1
    assert Failed not in kinds[:-1]
    assert Started not in kinds[1:] or kinds.count(Started) == 1
    opened = set()
    for event in events:
        if isinstance(event, ToolOpened):
            assert event.index not in opened
            opened.add(event.index)
        assert not isinstance(event, ToolArgs) or event.index in opened


@quick
@given(st.one_of(st.binary(max_size=200), damaged(REQUESTS), mutated_json(REQUESTS)))
def test_any_body_is_a_request_or_refused(body: bytes) -> None:
    for read in (DIALECT.read, COUNT.read):
        try:
            ask = read(body)
        except Faulted as caught:
            assert caught.fault.kind is FaultKind.INVALID_REQUEST
        else:
            try:
                DIALECT.splice(ask, TARGET)
            except Faulted as caught:
                assert caught.fault.kind is FaultKind.INVALID_REQUEST
    try:
        DIALECT.encode_request(DIALECT.decode_request(body), TARGET)
        COUNT.estimate(body)
    except Faulted as caught:
        assert caught.fault.kind is FaultKind.INVALID_REQUEST


@quick
@given(mutated_json(REQUESTS))
def test_splice_keeps_every_value_it_does_not_have_to_change(body: bytes) -> None:
    try:
        ask = DIALECT.read(body)
    except Faulted:
        return
    sent, given_ = json.loads(DIALECT.splice(ask, TARGET).body), json.loads(body)
    assume("thinking" not in given_)
    assert {**sent, "model": None} == {**given_, "model": None}


@quick
@given(st.one_of(st.binary(max_size=200), damaged(REPLIES), mutated_json(REPLIES)))
def test_any_answer_is_read_or_a_fault(body: bytes) -> None:
    closing = Closing(usage=Usage())
    for read in (DIALECT.decode_reply, lambda data: DIALECT.relay_reply(data, ENVELOPE, closing), COUNT.decode):
        try:
            read(body)
        except Faulted as caught:
            assert caught.fault.kind is not FaultKind.INVALID_REQUEST
    assert isinstance(DIALECT.decode_fault(500, body), Fault)


@quick
@given(damaged(STREAMS))
def test_any_damage_to_a_stream_gives_at_most_one_fault(data: bytes) -> None:
    check_grammar(decode(DIALECT, [data]))


@quick
@given(
    st.lists(
        mutated_json([line[6:] for data in STREAMS for line in data.split(b"\n") if line[:6] == b"data: "]), max_size=8
    )
)
def test_frames_with_any_value_anywhere_raise_nothing(rows: list[bytes]) -> None:
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE)
    events: list[Event] = []
    for row in rows:
        found = decoder.feed(Frame(row, None))
        relay.feed(Frame(row, None), found)
        events += found
    check_grammar(events + decoder.close())
    relay.close(Closing(usage=Usage()))
    encoder = DIALECT.stream_encoder(ENVELOPE)
    encoder.feed(events)
    encoder.close(Closing(usage=Usage()))


@quick
@given(st.sampled_from(STREAMS), any_sizes)
def test_any_chunking_gives_the_same_events(data: bytes, sizes: list[int]) -> None:
    assert decode(DIALECT, cut(data, sizes)) == decode(DIALECT, [data])


inputs = st.dictionaries(words, st.integers() | words | st.lists(words, max_size=2), max_size=4)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[str], list[Event]]:
    """Cut the arguments of some calls into fragments and deal them out in any order, with text between."""
    texts = [json.dumps(told) for told in draw(st.lists(inputs, min_size=1, max_size=4))]
    rests = list(texts)
    events: list[Event] = []
    opened: set[int] = set()
    deals = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20))
    for index, size in [*deals, *((index, 10**6) for index in range(len(texts)))]:
        if index >= len(texts):
            events.append(TextDelta("…"))
            continue
        if index not in opened:
            events.append(ToolOpened(index, f"call_{index}", f"f{index}"))
            opened.add(index)
        events.append(ToolArgs(index, rests[index][:size]))
        rests[index] = rests[index][size:]
    return texts, [*events, Finished("tool_calls")]


@quick
@given(interleaved(), st.integers(1, 5))
def test_interleaved_calls_lose_no_byte(case: tuple[list[str], list[Event]], step: int) -> None:
    texts, events = case
    encoder = DIALECT.stream_encoder(ENVELOPE)
    data = b"".join(encoder.feed(events[at : at + step]) for at in range(0, len(events), step))
    found = decode(DIALECT, [data + encoder.close(Closing(usage=Usage()))])
    calls = {part.id: part.arguments for part in fold(found).choices[0].parts if isinstance(part, ToolCall)}
    assert calls == {f"call_{index}": text for index, text in enumerate(texts)}
    said = sum(len(event.text) for event in events if isinstance(event, TextDelta))
    assert said == sum(len(event.text) for event in found if isinstance(event, TextDelta))
    assert encoder.losses == []


parts: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(Text, text=words),
        st.builds(Reasoning, text=st.text(), signature=words, format=st.just("anthropic-claude-v1")),
        st.builds(Reasoning, data=words, format=st.just("openai-responses-v1")),
        st.builds(ToolCall, id=st.just("toolu_1"), name=words, arguments=inputs.map(json.dumps)),
    ),
    max_size=5,
)


@quick
@given(parts, st.sampled_from(["stop", "length", "content_filter"]), st.integers(0, 10**6))
def test_an_answer_survives_writing_and_reading(found: list[Part], finish: Any, cost: int) -> None:
    closing = Closing(usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=2), cost_nano=cost)
    reply = Reply(choices=(Choice(parts=tuple(found), finish=finish),))
    body, losses = DIALECT.encode_reply(reply, ENVELOPE, closing)
    back = DIALECT.decode_reply(body)
    assert back.usage == closing.usage
    assert back.choices[0].finish == finish
    assert [_plain(part) for part in back.choices[0].parts] == [_plain(part) for part in found]
    assert losses == []


def _plain(part: Part) -> Any:
    return (part.id, part.name, json.loads(part.arguments)) if isinstance(part, ToolCall) else part


@quick
@given(st.sampled_from(STREAMS))
def test_fast_lane_and_translated_lane_mean_the_same(data: bytes) -> None:
    decoder, relay, encoder = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE), DIALECT.stream_encoder(ENVELOPE)
    relayed = encoded = b""
    fault = None
    usage = Usage()
    for frame in sse.Decoder().feed(data):
        events = decoder.feed(frame)
        relayed += relay.feed(frame, events)
        encoded += encoder.feed(events)
        fault = next((event.fault for event in events if isinstance(event, Failed)), fault)
        usage = next((event.usage for event in events if hasattr(event, "usage")), usage)
    closing = Closing(usage=usage, cost_nano=5, fault=fault)
    lanes = relayed + relay.close(closing), encoded + encoder.close(closing)
    fast, slow = (fold(decode(DIALECT, [lane])) for lane in lanes)
    # Of a broken stream, only what was relayed before the break may tell counts.
    assert msgspec.structs.replace(fast, usage=None) == msgspec.structs.replace(slow, usage=None)
    assert fault is not None or fast.usage == slow.usage == usage
