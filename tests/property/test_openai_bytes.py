"""Chat Completions under any bytes: only faults come out, and cutting a stream anywhere changes nothing."""

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings, strategies as st
from tests.property.wrong_bytes import cut, decode, json_of

from wideband.canon.events import Event, Failed, Finished
from wideband.canon.faults import Faulted
from wideband.canon.reply import Reply, fold, unfold
from wideband.canon.request import Loss, Opaque, Part, Reasoning, Text
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_chat import DIALECT
from wideband.dialects.quirks import QUIRKS
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="Box", created_s=1)
fuzz = settings(max_examples=100, deadline=None)

WORDS = [
    "role", "content", "type", "text", "index", "delta", "message", "choices", "finish_reason", "tool_calls", "id",
    "function", "name", "arguments", "usage", "prompt_tokens", "error", "code", "reasoning", "reasoning_details",
    "data", "image_url", "url", "file", "stop", "user", "assistant", "tool", "tool_call_id", "messages", "model",
]  # fmt: skip
json = json_of(WORDS)
parts = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(WORDS)}, optional={"text": json, "image_url": json, "file": json}),
    max_size=3,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
        optional={
            "content": st.text(max_size=5) | parts | json,
            "tool_call_id": st.text(max_size=5),
            "tool_calls": st.lists(json, max_size=2),
            "reasoning_details": json,
            "function_call": json,
            "name": json,
        },
    ),
    min_size=1,
    max_size=4,
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "messages": messages},
    optional=dict.fromkeys(("tools", "tool_choice", "response_format", "reasoning", "stop", "functions", "x"), json),
)
deltas = st.dictionaries(
    st.sampled_from(
        ["content", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "role", "refusal", "images"]
    ),
    json,
    max_size=4,
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | json,
        "delta": deltas,
        "finish_reason": json,
        "message": deltas,
        "error": json,
    },
)
frames = st.builds(
    Frame,
    st.fixed_dictionaries(
        {}, optional={"choices": st.lists(choices, max_size=2), "usage": json, "error": json, "id": json}
    ).map(jsons.encode)
    | st.binary(max_size=20)
    | st.just(b"[DONE]"),
)


@fuzz
@given(st.binary(max_size=60) | json.map(jsons.encode) | bodies.map(jsons.encode))
@example(b'{"model":"m","messages":[{"role":"user","content":"x","tool_call_id":null}]}')
@example(b'{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":""}}]}]}')
def test_any_body_is_read_or_refused(body: bytes) -> None:
    target = Target(model="u", provider="p", quirks=frozenset(QUIRKS) - {"openrouter", "cache_control"})
    try:
        ask = DIALECT.read(body)
        assert jsons.decode(DIALECT.splice(ask, target).body)["model"] == "u"
        request = DIALECT.decode_request(body)
    except Faulted as refused:
        assert refused.fault.status == 400
        return
    assert jsons.decode(DIALECT.encode_request(request, target).body)["model"] == "u"


@fuzz
@given(st.integers(100, 599), st.binary(max_size=60) | json.map(jsons.encode))
def test_any_error_answer_is_a_fault(status: int, body: bytes) -> None:
    fault = DIALECT.decode_fault(status, body)
    assert fault.message
    assert jsons.decode(DIALECT.encode_fault(fault, "gen-1"))["error"]["code"] == fault.status


@fuzz
@given(st.binary(max_size=60) | frames.map(lambda frame: frame.data))
def test_any_answer_is_read_or_a_fault(body: bytes) -> None:
    try:
        reply = DIALECT.decode_reply(body)
    except Faulted as broken:
        assert broken.fault.rule.blames_provider or broken.fault.status < 500
        return
    closing = Closing(usage=reply.usage or Usage(), fault=reply.fault)
    for written in (DIALECT.encode_reply(reply, ENVELOPE, closing)[0], DIALECT.relay_reply(body, ENVELOPE, closing)):
        assert jsons.decode(written)["id"] == "gen-1"


@fuzz
@given(st.lists(frames, max_size=6))
def test_any_frames_end_in_one_finish_or_one_fault(told: list[Frame]) -> None:
    decoder, relay, encoder = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE), DIALECT.stream_encoder(ENVELOPE)
    events: list[Event] = []
    relayed = written = b""
    for frame in told:
        heard = decoder.feed(frame)
        events += heard
        relayed += relay.feed(frame, heard)
        written += encoder.feed(heard)
    events += decoder.close()
    failures = [event for event in events if isinstance(event, Failed)]
    assert failures == events[-1:] if failures else any(isinstance(event, Finished) for event in events)
    closing = Closing(usage=Usage(), fault=failures[0].fault if failures else None)
    lanes = [meaning(relayed + relay.close(closing)), meaning(written + encoder.close(closing))]
    assert lanes[0] == lanes[1]


# A stream under one address, as nearly all are: mostly plain text, with here and there something more.
spoken = st.sampled_from(["a", " b", "", '"', "\\", "\u00e9", "\n", "choices", '"choices":[']).map(jsons.encode)
plain_deltas = spoken.map(lambda text: b'{"content":%b}' % text)
odd_deltas = st.sampled_from(
    [b"{}", b'{"content":null}', b'{"content":"a","reasoning_content":"t"}', b'{"refusal":"n"}']
)
ends = st.sampled_from(
    [b"", b"", b',"usage":null', b',"obfuscation":"aZ9"', b',"id":null', b',"usage":{"prompt_tokens":3}']
)
addressed = st.builds(
    lambda index, delta, logprobs, finish, end: Frame(
        b'{"id":"u-1","model":"up","choices":[{"index":%b,"delta":%b%b,"finish_reason":%b}]%b}'
        % (index, delta, logprobs, finish, end)
    ),
    st.sampled_from([b"0", b"0", b"0", b"1", b"-1"]),
    plain_deltas | plain_deltas | odd_deltas,
    st.sampled_from([b"", b',"logprobs":null', b',"logprobs":{"content":[]}']),
    st.sampled_from([b"null", b"null", b"null", b'""', b'"stop"']),
    ends,
)


@fuzz
@given(st.lists(addressed, max_size=6))
def test_a_stream_under_one_address_is_readdressed_and_means_the_same(told: list[Frame]) -> None:
    decoder, relay, encoder = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE), DIALECT.stream_encoder(ENVELOPE)
    relayed = written = b""
    for frame in told:
        heard = decoder.feed(frame)
        relayed += relay.feed(frame, heard)
        written += encoder.feed(heard)
    relayed, written = (
        lane + end.close(Closing(usage=Usage())) for lane, end in ((relayed, relay), (written, encoder))
    )
    for frame in sse.Decoder().feed(relayed)[:-1]:
        chunk = jsons.decode(frame.data)
        assert (chunk["id"], chunk["model"], chunk["provider"]) == ("gen-1", "acme/m1", "Box")
        assert all(choice["index"] >= 0 for choice in chunk["choices"])
    assert meaning(relayed) == meaning(written)


def meaning(stream: bytes) -> Any:
    reader, decoder = sse.Decoder(), DIALECT.stream_decoder()
    events = [event for frame in reader.feed(stream) for event in decoder.feed(frame)]
    assert reader.close() == []
    reply = fold(events + decoder.close())
    said = [
        (choice.index, [part for part in choice.parts if not hasattr(part, "summary")], choice.finish)
        for choice in reply.choices
        if choice.parts or choice.finish
    ]
    return said, reply.fault and reply.fault.message


@fuzz
@given(st.lists(frames, max_size=5), st.integers(1, 9))
def test_any_chunking_of_a_stream_gives_the_same_events(told: list[Frame], size: int) -> None:
    stream = b"".join(sse.encode(frame.data.replace(b"\n", b"").replace(b"\r", b"")) for frame in told)
    assert decode(DIALECT, cut(stream, [size])) == decode(DIALECT, [stream])


@fuzz
@given(st.lists(st.builds(lambda said: {"index": 0, "delta": said}, deltas), max_size=4))
def test_the_stream_of_a_reply_means_the_reply(told: list[dict[str, Any]]) -> None:
    decoder = DIALECT.stream_decoder()
    heard = [event for choice in told for event in decoder.feed(Frame(jsons.encode({"choices": [choice]})))]
    reply = fold([*heard, Finished("stop")])
    encoder = DIALECT.stream_encoder(ENVELOPE)
    stream = encoder.feed(unfold(reply)) + encoder.close(Closing(usage=Usage()))
    assert meaning(stream) == meaning_of(reply, encoder.losses)


def meaning_of(reply: Reply, losses: list[Loss]) -> Any:
    """What is left of a reply once it is written: without thinking, empty texts and recorded losses."""
    lost = {loss.feature for loss in losses}
    kept = [
        part
        for part in reply.choices[0].parts
        if not isinstance(part, Reasoning) and not (isinstance(part, Opaque) and part.kind in lost)
    ]
    return [(0, joined(kept), "stop")], None


def joined(parts: Sequence[Part]) -> list[Part]:
    """Texts with nothing between them any more are one text, and empty ones none."""
    told: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and told and isinstance(told[-1], Text):
            told[-1] = Text(text=told[-1].text + part.text)
        elif part != Text(text=""):
            told.append(part)
    return told
