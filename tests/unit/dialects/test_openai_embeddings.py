"""OpenAI's Embeddings: what is read of a request, what goes to a provider, and vectors in the form asked for."""

import json
import struct
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given, strategies as st

from wideband.canon.events import Counted, Failed, Finished
from wideband.canon.faults import Faulted, FaultKind
from wideband.canon.reply import Choice, Reply, unfold
from wideband.canon.request import Audio, EmbedAsk, File, Image, Loss, Message, Request, Text, Tokens, Vector
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_embeddings import DIALECT
from wideband.wire import jsons
from wideband.wire.sse import Frame

TARGET = Target(model="up", provider="p")
CLOSING = Closing(usage=Usage(prompt_tokens=8), cost_nano=160, prompt_cost_nano=160)
NUMBERS = [0.5, -1.25, 3.0]
PACKED = b64encode(struct.pack("<3f", *NUMBERS)).decode()


def asked(**fields: Any) -> bytes:
    return json.dumps({"model": "openai/text-embedding-3-small", "input": "hello", **fields}).encode()


def envelope(**fields: Any) -> Envelope:
    return Envelope(id="gen-1", model="a/b", provider="P", created_s=1, asked=DIALECT.read(asked(**fields)).fields)


def answered(*vectors: Any, **fields: Any) -> bytes:
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, "model": "up", "usage": {"prompt_tokens": 8}} | fields).encode()


def sent(body: bytes, target: Target = TARGET) -> dict[str, Any]:
    return dict(json.loads(DIALECT.splice(DIALECT.read(body), target).body))


# Requests.


@pytest.mark.parametrize(
    ("given", "chars", "inputs"),
    [
        ("hello", 5, 1),
        (["hello", "you"], 8, 2),
        ([1, 2, 3], 12, 1),
        ([[1, 2], [3]], 12, 2),
        ([{"content": [{"type": "text", "text": "abc"}]}], 3, 1),
    ],
)
def test_every_form_of_input_is_measured(given: Any, chars: int, inputs: int) -> None:
    ask = DIALECT.read(asked(input=given))
    assert (ask.prompt_chars, ask.inputs, ask.stream) == (chars, inputs, False)
    assert ask.untranslatable == (given in ([1, 2, 3], [[1, 2], [3]]))


def test_media_are_told_to_routing() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}, {"type": "input_audio"}]
    ask = DIALECT.read(asked(input=[{"content": parts}]))
    assert (ask.modalities, ask.images) == (frozenset({"image", "audio"}), 1)


def test_what_speaks_to_the_gateway_is_read_and_not_sent_on() -> None:
    body = asked(models=["c/d"], provider={"only": ["p"]}, session_id="s", user="u", stream=True)
    ask = DIALECT.read(body)
    assert ask.models == ("openai/text-embedding-3-small", "c/d")
    assert (ask.preferences, ask.session_id, ask.user) == ({"only": ["p"]}, "s", "u")
    assert sent(body) == {"model": "up", "input": "hello", "user": "u"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": {"content": "a"}}, "input.content"),
        ({"dimensions": "many"}, "dimensions"),
        ({"model": None}, "model"),
    ],
)
def test_wrong_fields_are_told_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.read(asked(**fields))
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    assert caught.value.fault.param == param


def test_unknown_fields_are_let_through() -> None:
    assert sent(asked(truncate="END"))["truncate"] == "END"


def test_quirks_hold_here_too() -> None:
    voyage = Target(model="up", provider="p", quirks=frozenset({"voyage", "float_embeddings", "no_input_type"}))
    body = asked(dimensions=256, encoding_format="base64", input_type="query")
    draft = DIALECT.splice(DIALECT.read(body), voyage)
    assert json.loads(draft.body) == {"model": "up", "input": "hello", "output_dimension": 256}
    assert draft.losses == (Loss("unsupported_field", "input_type"),)


def test_numbers_are_not_asked_for_where_they_come_unasked() -> None:
    """Voyage refuses the word."""
    assert sent(asked(encoding_format="float")) == {"model": "up", "input": "hello"}


def test_a_request_of_texts_survives_canon() -> None:
    request = DIALECT.decode_request(asked(input=["a", "b"], dimensions=3, encoding_format="base64", truncate="END"))
    assert request.task == "embed"
    assert request.embed == EmbedAsk(dimensions=3, base64=True)
    draft = DIALECT.encode_request(request, TARGET)
    assert json.loads(draft.body) == {
        "model": "up", "input": ["a", "b"], "dimensions": 3, "encoding_format": "base64", "truncate": "END",
    }  # fmt: skip
    assert draft.losses == ()


def test_tokens_survive_canon() -> None:
    request = DIALECT.decode_request(asked(input=[[1, 2], [3]]))
    assert [message.parts for message in request.messages] == [(Tokens(ids=(1, 2)),), (Tokens(ids=(3,)),)]
    assert json.loads(DIALECT.encode_request(request, TARGET).body)["input"] == [[1, 2], [3]]


def test_parts_survive_canon() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
        {"type": "input_file", "input_file": {"data": "data:application/pdf;base64,CCCC"}},
        {"type": "input_video", "input_video": {"data": "DDDD"}},
    ]
    request = DIALECT.decode_request(asked(input=[{"content": parts}]))
    assert request.messages[0].parts[:4] == (
        Text(text="a"),
        Image(data="AAAA", media_type="image/png"),
        Audio(data="BBBB", format="mp3"),
        File(data="CCCC", media_type="application/pdf"),
    )
    assert json.loads(DIALECT.encode_request(request, TARGET).body)["input"] == {"content": parts}


def test_what_another_dialect_says_beyond_it_is_a_loss() -> None:
    message = Message(role="user", parts=(Text(text="a"),), extras={"title": "T"})
    request = Request(dialect="gemini_embeddings", model="m", messages=(message,), task="embed", extras={"x": 1})
    assert DIALECT.encode_request(request, TARGET).losses == (Loss("embed_title"), Loss("unknown_fields", "x"))


# Answers.


def test_a_reply_commits_and_counts() -> None:
    """Vectors have no events; that each is finished is what meter and failover go by."""
    reply = DIALECT.decode_reply(answered(NUMBERS, PACKED))
    assert [event for event in unfold(reply) if not isinstance(event, Counted)][1:] == [
        Finished("stop", None, 0, None),
        Finished("stop", None, 1, None),
    ]
    assert reply.usage == Usage(prompt_tokens=8)
    first, second = (choice.parts[0] for choice in reply.choices)
    assert isinstance(first, Vector)
    assert first.numbers is not None
    assert json.loads(bytes(first.numbers)) == NUMBERS
    assert second == Vector(base64=PACKED)


def test_a_total_is_the_prompts() -> None:
    assert DIALECT.decode_reply(answered(NUMBERS, usage={"total_tokens": 5})).usage == Usage(prompt_tokens=5)
    assert DIALECT.decode_reply(answered(NUMBERS, usage=None)).usage is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":[]}', b'{"data":[{}]}', b"\xff", b'{"data":3}'])
def test_an_answer_without_vectors_is_garbled(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED


def test_an_error_in_a_200_is_one() -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}')
    assert caught.value.fault.kind is FaultKind.PROVIDER_RATE_LIMITED


@pytest.mark.parametrize("given_form", [NUMBERS, PACKED], ids=["numbers", "base64"])
@pytest.mark.parametrize("lane", ["fast", "translated"])
@pytest.mark.parametrize("form", ["float", "base64", None])
def test_the_client_gets_the_form_it_asked_for(given_form: Any, lane: str, form: str | None) -> None:
    body, told = answered(given_form, given_form), envelope(encoding_format=form)
    if lane == "fast":
        written = DIALECT.relay_reply(body, told, CLOSING)
    else:
        written, losses = DIALECT.encode_reply(DIALECT.decode_reply(body), told, CLOSING)
        assert losses == []
    answer = json.loads(written)
    wanted = PACKED if form == "base64" else NUMBERS
    assert answer["data"] == [{"object": "embedding", "index": at, "embedding": wanted} for at in (0, 1)]
    assert (answer["id"], answer["object"], answer["model"], answer["provider"]) == ("gen-1", "list", "a/b", "P")
    assert answer["usage"] == {
        "prompt_tokens": 8,
        "total_tokens": 8,
        "cost": 1.6e-07,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": 1.6e-07,
            "upstream_inference_completions_cost": 0,
        },
    }


def test_vectors_in_the_form_asked_for_keep_their_bytes() -> None:
    body = b'{"data":[{"object":"embedding","index":0,"embedding":[1.0e-3, 0.10]}],"usage":{"prompt_tokens":1}}'
    assert b'[{"object":"embedding","index":0,"embedding":[1.0e-3, 0.10]}]' in DIALECT.relay_reply(
        body, envelope(), CLOSING
    )


def test_the_fast_lane_keeps_what_only_the_provider_says() -> None:
    body = answered(NUMBERS, service="x", error=None, usage={"prompt_tokens": 1, "prompt_tokens_details": {"a": 1}})
    answer = json.loads(DIALECT.relay_reply(body, envelope(), CLOSING))
    assert answer["service"] == "x"
    assert "error" not in answer
    assert answer["usage"]["prompt_tokens"] == 8
    assert answer["usage"]["prompt_tokens_details"] == {"a": 1}


def test_rows_out_of_order_keep_their_index() -> None:
    rows = [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]
    answer = json.loads(DIALECT.relay_reply(json.dumps({"data": rows}).encode(), envelope(), CLOSING))
    assert [(row["index"], row["embedding"], row["object"]) for row in answer["data"]] == [
        (1, [2], "embedding"),
        (0, [1], "embedding"),
    ]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_base64_to_the_last_bit(numbers: list[float]) -> None:
    raw = jsons.Raw(jsons.encode(numbers))
    reply = Reply(choices=(Choice(parts=(Vector(numbers=raw),)),))
    body, _ = DIALECT.encode_reply(reply, envelope(encoding_format="base64"), CLOSING)
    packed = json.loads(body)["data"][0]["embedding"]
    assert list(struct.unpack(f"<{len(numbers)}f", b64decode(packed))) == numbers
    body, _ = DIALECT.encode_reply(Reply(choices=(Choice(parts=(Vector(base64=packed),)),)), envelope(), CLOSING)
    assert json.loads(body)["data"][0]["embedding"] == numbers


def test_what_is_no_list_of_numbers_is_given_as_it_came() -> None:
    body = answered({"int8": [1, 2]})
    answer = json.loads(DIALECT.relay_reply(body, envelope(encoding_format="base64"), CLOSING))
    assert answer["data"][0]["embedding"] == {"int8": [1, 2]}


# Streams.


def test_there_are_no_streams() -> None:
    decoder = DIALECT.stream_decoder()
    (event,) = decoder.feed(Frame(b"{}"))
    assert isinstance(event, Failed)
    assert decoder.feed(Frame(b"{}")) == decoder.close() == []
    with pytest.raises(RuntimeError, match="gen-1"):
        DIALECT.stream_encoder(envelope())
