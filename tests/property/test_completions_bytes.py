"""Legacy completions under any bytes: only faults come out, and cutting a stream anywhere changes nothing."""

from typing import Any

from hypothesis import given, settings, strategies as st
from tests.property.wrong_bytes import cut, decode, json_of

from wideband.canon.events import Event, Failed, Finished
from wideband.canon.faults import Faulted
from wideband.canon.reply import fold, unfold
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_completions import DIALECT
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

fuzz = settings(max_examples=100, deadline=None)
ENVELOPE = Envelope(id="gen-1", model="a/b", provider="P", created_s=1)
CLOSING = Closing(usage=Usage())

WORDS = ["choices", "text", "index", "logprobs", "tokens", "finish_reason", "reasoning", "error", "message", "usage"]
json = json_of(WORDS)
columns = st.fixed_dictionaries({"tokens": json, "token_logprobs": json}, optional={"top_logprobs": json})
choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | json,
        "text": st.text(max_size=5) | json,
        "finish_reason": st.sampled_from(["stop", "length", "error", None]) | json,
        "logprobs": columns | json,
        "reasoning": json,
        "error": json,
    },
)
chunks = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(choices, max_size=3) | json, "usage": json, "error": json, "id": json}
)
frames = st.lists(chunks.map(jsons.encode) | st.binary(max_size=20) | st.just(b"[DONE]"), max_size=6)
bodies = st.fixed_dictionaries(
    {"model": st.just("m")},
    optional={
        "prompt": st.text(max_size=5) | st.lists(st.text(max_size=3) | st.integers(0, 9), max_size=3) | json,
        **dict.fromkeys(("stop", "n", "best_of", "echo", "suffix", "logprobs", "reasoning", "stream", "x"), json),
    },
)


@fuzz
@given(frames)
def test_any_frames_give_events_and_one_fault_at_most(data: list[bytes]) -> None:
    decoder, relay, encoder = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE), DIALECT.stream_encoder(ENVELOPE)
    events: list[Event] = []
    for each in data:
        frame = Frame(each)
        found = decoder.feed(frame)
        relay.feed(frame, [event for event in found if not isinstance(event, Failed)])
        encoder.feed(found)
        events += found
    events += decoder.close()
    assert decoder.close() == []
    failures = [event for event in events if isinstance(event, Failed)]
    assert failures == events[-1:] if failures else any(isinstance(event, Finished) for event in events)
    assert relay.close(CLOSING).endswith(b"data: [DONE]\n\n")
    assert encoder.close(CLOSING).endswith(b"data: [DONE]\n\n")


@fuzz
@given(st.lists(st.text(max_size=8), min_size=1, max_size=6), st.integers(1, 40))
def test_cutting_a_stream_anywhere_changes_nothing(texts: list[str], size: int) -> None:
    rows: list[dict[str, Any]] = [{"choices": [{"index": 0, "text": text}]} for text in texts]
    rows.append({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    stream = b"".join(map(sse.encode, map(jsons.encode, rows))) + b"data: [DONE]\n\n"
    reply = fold(decode(DIALECT, cut(stream, [size])))
    assert reply.fault is None
    assert "".join(getattr(part, "text", "") for part in reply.choices[0].parts) == "".join(texts)
    whole = jsons.encode({"choices": [{"index": 0, "text": "".join(texts), "finish_reason": "stop"}]})
    assert fold(unfold(DIALECT.decode_reply(whole))).choices == reply.choices


@fuzz
@given(bodies)
def test_any_body_is_read_or_refused(fields: dict[str, Any]) -> None:
    body = jsons.encode(fields)
    try:
        ask = DIALECT.read(body)
        DIALECT.splice(ask, Target(model="m", provider="p", max_output=5))
        DIALECT.stream_encoder(Envelope(id="g", model="m", provider="p", created_s=1, asked=ask.fields)).close(CLOSING)
        DIALECT.encode_request(DIALECT.decode_request(body), Target(model="m", provider="p"))
    except Faulted:
        pass


@fuzz
@given(chunks.map(jsons.encode) | st.binary(max_size=20))
def test_any_reply_is_read_or_refused(body: bytes) -> None:
    try:
        reply = DIALECT.decode_reply(body)
    except Faulted:
        return
    jsons.decode(DIALECT.relay_reply(body, ENVELOPE, CLOSING))
    jsons.decode(DIALECT.encode_reply(reply, ENVELOPE, CLOSING)[0])
