"""The fast lane of Chat Completions: bytes kept where they are plain, meaning kept everywhere."""

import itertools
from typing import Any

import pytest
from tests.unit.dialects.openai_chunks import (
    ASKED,
    CLOSING,
    COUNTS,
    DONE,
    ENVELOPE,
    ODDITIES,
    chunk,
    chunks,
    heard,
    said,
    written,
)

from wideband.canon.events import (
    Event,
    TextDelta,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import fold
from wideband.canon.request import Text
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import sse
from wideband.wire.sse import Frame


def relayed(*frames: Frame, envelope: Envelope = ENVELOPE, closing: Closing = CLOSING) -> bytes:
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(envelope)
    return b"".join(relay.feed(frame, decoder.feed(frame)) for frame in frames) + relay.close(closing)


def test_a_plain_chunk_keeps_its_bytes_under_a_new_address() -> None:
    opening = Frame(
        b'{"id":"u-1", "object":"chat.completion.chunk","created":7,"model":"up","service_tier":"flex","choices":'
        b'[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"obfuscation":"x"}'
    )
    plain = Frame(
        b'{"id":"u-1", "object":"chat.completion.chunk","created":7,"model":"up","service_tier":"flex","choices":'
        b'[{"index":0, "delta":{"content":"\\u0068 \xc3\xa9"},"logprobs":null,"finish_reason":null}],"x":"yy"}'
    )
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(ENVELOPE)
    relay.feed(opening, decoder.feed(opening))
    assert relay.feed(plain, decoder.feed(plain)) == (
        b'data: {"id":"gen-1","object":"chat.completion.chunk","created":1763800000,"model":"acme/m1",'
        b'"service_tier":"flex","provider":"My Own Box","choices":'
        b'[{"index":0, "delta":{"content":"\\u0068 \xc3\xa9"},"logprobs":null,"finish_reason":null}],"x":"yy"}\n\n'
    )


def test_text_that_looks_like_an_address_is_left_alone() -> None:
    words = '"id":"c-1","model":"m","choices":['
    told = chunks(relayed(chunk(said(role="assistant", content=words)), chunk(said("stop"))))
    assert told[0]["choices"][0]["delta"]["content"] == words
    assert told[0]["id"] == "gen-1"


@pytest.mark.parametrize(
    "odd",
    [
        chunk({"delta": {"role": "assistant", "content": "a"}, "finish_reason": None}),
        chunk({"index": 0, "delta": {"role": "assistant", "content": "a"}}),
        Frame(
            b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"id":"u","model":"m"}'
        ),
        Frame(
            b'{"id":"u",\n"choices":[{"index":0,\n"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}'
        ),
        Frame(b'{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}'),
        Frame(
            b'{"id":"u","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"id":null}'
        ),
        chunk(said(role="assistant", content="a", index=-1)),
        chunk(said(content="a")),
        chunk(said(role="assistant", content=[{"type": "text", "text": "a"}])),
        chunk(said(role="assistant", content="a"), provider="Somebody", usage={"prompt_tokens": 1}),
    ],
)
def test_an_odd_chunk_is_brought_into_shape(odd: Frame) -> None:
    first = chunks(relayed(odd, chunk(said("stop"))))[0]
    assert {"id", "object", "created", "model", "provider"} <= first.keys()
    assert (first["id"], first["model"], first["provider"], first["created"]) == (
        "gen-1",
        "acme/m1",
        "My Own Box",
        1763800000,
    )
    choice = first["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["delta"]) == (
        0,
        None,
        {"role": "assistant", "content": "a"},
    )
    assert not first.get("usage")


def test_thinking_under_another_name_is_said_under_openrouters() -> None:
    first = chunks(relayed(chunk(said(role="assistant", reasoning_content="hm")), chunk(said("stop", content="a"))))[0]
    assert first["choices"][0]["delta"]["reasoning"] == "hm"


def test_a_fingerprint_is_said_or_left_out_and_never_null() -> None:
    def told(fingerprint: str | None) -> set[Any]:
        first = chunk(said(role="assistant", content="a"), system_fingerprint=fingerprint)
        stream = relayed(first, chunk(said("stop"), system_fingerprint=fingerprint))
        return {one.get("system_fingerprint", "left out") for one in chunks(stream)}

    assert told("fp_1") == {"fp_1"}
    assert told(None) == {"left out"}


def test_chunks_that_say_nothing_of_the_answer_are_dropped() -> None:
    stream = relayed(chunk(prompt_filter_results=[]), chunk(said(role="assistant", content="a")), chunk(said("stop")))
    assert [len(told["choices"]) for told in chunks(stream)] == [1, 1]


def test_what_else_a_provider_says_at_the_end_is_kept() -> None:
    stream = relayed(
        chunk(said(role="assistant", content="a")),
        chunk(said("stop"), citations=["https://example.org"], usage={"prompt_tokens": 5}, x_groq={"id": "r"}),
    )
    last = chunks(stream)[-1]
    assert (last["citations"], last["usage"]["total_tokens"]) == (["https://example.org"], COUNTS.total_tokens)
    assert "x_groq" not in last


def test_a_provider_that_fails_is_said_in_band_by_both_lanes() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_ERROR, message="gone")
    frames = (chunk(said(role="assistant", content="a")), Frame(b'{"error":{"code":500,"message":"gone"}}'))
    closing = Closing(usage=COUNTS, fault=fault)
    assert chunks(relayed(*frames, closing=closing))[-1] == written([TextDelta("a")], closing)[-1]


@pytest.mark.parametrize(("frames", "_events"), ODDITIES.values(), ids=ODDITIES)
@pytest.mark.parametrize("envelope", [ENVELOPE, ASKED])
def test_both_lanes_tell_a_client_the_same(frames: list[Frame], _events: list[Event], envelope: Envelope) -> None:
    decoder, encoder = DIALECT.stream_decoder(), DIALECT.stream_encoder(envelope)
    translated = b"".join(encoder.feed(decoder.feed(frame)) for frame in frames) + encoder.close(CLOSING)
    assert meaning(relayed(*frames, envelope=envelope)) == meaning(translated)


def meaning(stream: bytes) -> Any:
    events = heard(*sse.Decoder().feed(stream))
    reply = fold(events)
    return [(choice.index, choice.parts, choice.finish, choice.native_finish) for choice in reply.choices], reply.usage


def test_the_role_is_said_once_a_choice_at_least() -> None:
    frames = [chunk(said(content=word, index=index)) for index, word in itertools.product((0, 1), "ab")]
    told = chunks(relayed(*frames, chunk(said("stop"), said("stop", index=1))))
    roles = [choice["index"] for one in told for choice in one["choices"] if "role" in choice["delta"]]
    assert roles == [0, 1]
    assert fold(heard(*frames, DONE)).choices[1].parts == (Text(text="ab"),)


HEAD = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",'
MORE_TEXT = [
    b'"choices":[{"index":0,"delta":{"content":" on"},"finish_reason":null}]}',
    b'"choices":[{"index":0,"delta":{"content":"\\"\\\\"},"logprobs":null,"finish_reason":null}]}',
    b'"choices":[{"index":0,"delta":{"content":"\xc3\xa9"},"finish_reason":null}],"usage":null}',
    b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null,"obfuscation":"aZ9"}',
]
NOT_ONLY_TEXT = [
    b'"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}',
    b'"choices":[{"index":1,"delta":{"content":"a"},"finish_reason":null}]}',
    b'"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"error":{"code":500,"message":"x"}}',
    b'"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"id":"chatcmpl-1"}',
    b'"choices":[{"index":0,"delta":{"content":"a","reasoning_content":"b"},"finish_reason":null}]}',
]


def passed_on(*rests: bytes) -> list[bytes]:
    relay, decoder = DIALECT.relay(ENVELOPE), DIALECT.stream_decoder()
    opening = b'"choices":[{"index":0,"delta":{"role":"assistant","content":"He"},"finish_reason":null}]}'
    return [relay.feed(sse.Frame(HEAD + rest), decoder.feed(sse.Frame(HEAD + rest))) for rest in (opening, *rests)][1:]


@pytest.mark.parametrize("rest", MORE_TEXT)
def test_more_text_keeps_its_bytes_behind_our_address(rest: bytes) -> None:
    [written] = passed_on(rest)
    assert written.endswith(rest + b"\n\n")
    assert b"chatcmpl-1" not in written
    assert ENVELOPE.id.encode() in written


@pytest.mark.parametrize("rest", NOT_ONLY_TEXT)
def test_what_is_more_than_text_is_looked_at(rest: bytes) -> None:
    assert b"chatcmpl-1" not in b"".join(passed_on(rest))
    assert b'"error"' not in b"".join(passed_on(rest))
    assert b"reasoning_content" not in b"".join(passed_on(rest))
