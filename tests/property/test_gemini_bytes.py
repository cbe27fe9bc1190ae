"""The generateContent protocol under any bytes, any chunking and any arguments."""

import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import assume, given, settings, strategies as st
from tests.property.wrong_bytes import any_sizes, cut, damaged, decode, mutated_json, values

from wideband.canon.events import Event, Failed, Finished, Started, ToolArgs, ToolOpened
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Message, Part, Reasoning, Request, Text, Tool, ToolCall, ToolResult
from wideband.canon.usage import Usage
from wideband.dialects import seals
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.gemini_generate import COUNT, DIALECT, words
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

GOLDEN = Path(__file__).parents[1] / "golden" / "gemini_generate"
STREAMS = sorted(path.read_bytes() for path in GOLDEN.glob("*/stream.sse"))
REPLIES = sorted(path.read_bytes() for path in GOLDEN.glob("*/reply.json"))
REQUESTS = sorted(path.read_bytes() for path in GOLDEN.glob("*/request.json"))
FRAMES = [line[6:] for data in STREAMS for line in data.split(b"\r\n") if line[:6] == b"data: "]
ENVELOPE = Envelope(
    id="gen-1", model="m", provider="P", provider_slug="p", created_s=1, asked={"alt": jsons.Raw(b'"sse"')}
)
HIDING = msgspec.structs.replace(ENVELOPE, hides_reasoning=True)
TARGET = Target(model="gemini-3-pro", provider="p", max_output=65_536)

quick = settings(max_examples=60, deadline=None)

names = st.text("abcdefghijklmnop_", min_size=1, max_size=12)


def check_grammar(events: list[Event]) -> None:
    kinds = [type(event) for event in events]
    assert kinds.count(Failed) <= 1
    assert Failed not in kinds[:-1]
    assert Started not in kinds[1:]
    opened: set[tuple[int, int]] = set()
    over: set[int] = set()
    for event in events:
        choice = getattr(event, "choice", None)
        assert choice is None or choice not in over
        if isinstance(event, Finished):
            over.add(event.choice)
        if isinstance(event, ToolOpened):
            assert (event.choice, event.index) not in opened
            opened.add((event.choice, event.index))
        assert not isinstance(event, ToolArgs) or (event.choice, event.index) in opened
    ids = [event.id for event in events if isinstance(event, ToolOpened)]
    assert len(set(ids)) == len(ids)


@quick
@given(st.one_of(st.binary(max_size=200), damaged(REQUESTS), mutated_json(REQUESTS)))
def test_any_body_is_a_request_or_refused(body: bytes) -> None:
    for read, write in ((DIALECT.read, DIALECT.splice), (COUNT.read, COUNT.encode)):
        try:
            write(read(body), TARGET)
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
    assume(b"d2lkZWJhbmQ6" not in body)
    sent, given_ = json.loads(DIALECT.splice(ask, Target(model="m", provider="p")).body), json.loads(body)
    assert sent == {name: value for name, value in given_.items() if name not in words.GATEWAY_FIELDS}


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
@given(st.lists(mutated_json(FRAMES), max_size=8), st.booleans())
def test_frames_with_any_value_anywhere_raise_nothing(rows: list[bytes], hides: bool) -> None:
    envelope = msgspec.structs.replace(ENVELOPE, hides_reasoning=hides)
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(envelope)
    events: list[Event] = []
    relayed = b""
    for row in rows:
        found = decoder.feed(Frame(row, None))
        relayed += relay.feed(Frame(row, None), found)
        events += found
    events += decoder.close()
    check_grammar(events)
    fault = next((event.fault for event in events if isinstance(event, Failed)), None)
    relayed += relay.close(Closing(usage=Usage(), fault=fault))
    assert all(isinstance(json.loads(frame.data), dict) for frame in sse.Decoder().feed(relayed))
    encoder = DIALECT.stream_encoder(envelope)
    encoder.feed(events)
    encoder.close(Closing(usage=Usage(), fault=fault))


@quick
@given(st.sampled_from(STREAMS), any_sizes)
def test_any_chunking_gives_the_same_events(data: bytes, sizes: list[int]) -> None:
    assert decode(DIALECT, cut(data, sizes)) == decode(DIALECT, [data])


@quick
@given(
    st.lists(st.dictionaries(st.text(), values, max_size=3), max_size=4),
    st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}]),
)
def test_arguments_lose_no_byte_on_either_lane(inputs: list[dict[str, Any]], style: dict[str, Any]) -> None:
    texts = [json.dumps(told, **style).encode("utf-8", "replace") for told in inputs]
    parts = b",".join(b'{"functionCall":{"name":"f","args":%s}}' % text for text in texts)
    data = b'{"candidates":[{"content":{"parts":[%s]},"finishReason":"STOP"}]}' % parts
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE)
    events = decoder.feed(Frame(data))
    calls = [event.fragment.encode() for event in events if isinstance(event, ToolArgs)]
    assert calls == texts
    relayed = relay.feed(Frame(data), events) + relay.close(Closing(usage=Usage()))
    again = [event.fragment for event in decode(DIALECT, [relayed]) if isinstance(event, ToolArgs)]
    # Line ends between words become blanks: an event has one line.
    assert [text.encode() for text in again] == [text.replace(b"\n", b" ") for text in texts]


sealed = st.builds(Reasoning, data=names, format=st.just(words.REASONING_FORMAT))
turns: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(Text, text=names),
        st.builds(Reasoning, text=names),
        st.builds(Reasoning, data=names, format=st.just("openai-responses-v1")),
        sealed,
        st.builds(ToolCall, id=names, name=names, arguments=st.dictionaries(names, values).map(json.dumps)),
        st.builds(ToolResult, call_id=names, parts=st.tuples(st.builds(Text, text=names))),
    ),
    max_size=5,
)


@quick
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), turns), max_size=6))
def test_any_conversation_is_written_in_turns_that_gemini_takes(told: list[tuple[Any, list[Part]]]) -> None:
    messages = tuple(Message(role=role, parts=tuple(parts)) for role, parts in told)
    draft = DIALECT.encode_request(Request(dialect="openai_chat", model="m", messages=messages), TARGET)
    contents = json.loads(draft.body)["contents"]
    roles = [content["role"] for content in contents]
    assert roles == ["user" if at % 2 == 0 else "model" for at in range(len(roles))]
    assert all(content["parts"] for content in contents)
    made = [part.data for message in messages for part in message.parts if isinstance(part, Reasoning) and part.data]
    for part in (part for content in contents for part in content["parts"]):
        assert part.get("thoughtSignature", "skip_thought_signature_validator") in {
            *made, "skip_thought_signature_validator",
        }  # fmt: skip


@quick
@given(st.dictionaries(st.text(), values, max_size=5))
def test_any_schema_is_written(schema: dict[str, Any]) -> None:
    request = Request(
        dialect="openai_chat",
        model="m",
        messages=(Message(role="user", parts=(Text(text="x"),)),),
        tools=(Tool(name="f", parameters=schema),),
    )
    assert json.loads(DIALECT.encode_request(request, TARGET).body)["tools"]


answers: st.SearchStrategy[list[Part]] = st.lists(
    st.one_of(
        st.builds(Text, text=names),
        st.builds(ToolCall, id=names, name=names, arguments=st.dictionaries(names, st.integers()).map(json.dumps)),
    ),
    max_size=5,
    unique_by=lambda part: getattr(part, "id", object()),
)


@quick
@given(answers, st.sampled_from(["length", "content_filter"]), st.integers(0, 10**6))
def test_an_answer_survives_writing_and_reading(found: list[Part], finish: Any, cost: int) -> None:
    closing = Closing(usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=2), cost_nano=cost)
    body, losses = DIALECT.encode_reply(Reply(choices=(Choice(parts=tuple(found), finish=finish),)), ENVELOPE, closing)
    back = DIALECT.decode_reply(body)
    assert (back.usage, back.choices[0].finish, losses) == (closing.usage, finish, [])
    said = [part.text for part in found if isinstance(part, Text)]
    assert "".join(part.text for part in back.choices[0].parts if isinstance(part, Text)) == "".join(said)
    calls = [part for part in found if isinstance(part, ToolCall)]
    assert [part for part in back.choices[0].parts if isinstance(part, ToolCall)] == calls


@quick
@given(st.sampled_from(STREAMS))
def test_fast_lane_and_translated_lane_say_the_same(data: bytes) -> None:
    decoder, relay, encoder = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE), DIALECT.stream_encoder(ENVELOPE)
    relayed = encoded = b""
    fault = None
    usage = Usage()
    for frame in sse.Decoder().feed(data):
        events = decoder.feed(frame)
        relayed += relay.feed(frame, events)
        encoded += encoder.feed(seals.tag_events(events, "p"))
        fault = next((event.fault for event in events if isinstance(event, Failed)), fault)
        usage = next((event.usage for event in events if hasattr(event, "usage")), usage)
    closing = Closing(usage=usage, cost_nano=5, fault=fault)
    lanes = relayed + relay.close(closing), encoded + encoder.close(closing)
    fast, slow = (fold(decode(DIALECT, [lane])) for lane in lanes)
    assert spoken(fast) == spoken(slow)


def spoken(reply: Reply) -> Any:
    """What an answer says and how it ended; ids of calls that have none are made of who answered."""
    fault = reply.fault and (reply.fault.kind, reply.fault.message)
    calls = [
        (part.name, json.loads(part.arguments))
        for choice in reply.choices
        for part in choice.parts
        if isinstance(part, ToolCall)
    ]
    texts = ["".join(part.text for part in choice.parts if isinstance(part, Text)) for choice in reply.choices]
    made = [
        block.data
        for choice in reply.choices
        for part in choice.parts
        if isinstance(part, Reasoning)
        for block in words.unseal(part.data or part.signature or "")
    ]
    return fault, texts, calls, made, [choice.finish for choice in reply.choices]
