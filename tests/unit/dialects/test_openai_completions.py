"""Legacy text completions: one prompt in, texts out, on either lane, whole and streamed."""

import json
from typing import Any

import pytest

from wideband.canon.events import Counted, Event, Failed, Finished, Logprobs, ReasoningDelta, Started, TextDelta
from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Loss, Message, OutputFormat, Reasoning, Request, Sampling, Text, Tool
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_completions import DIALECT
from wideband.wire import sse
from wideband.wire.sse import Frame

TARGET = Target(model="up", provider="p")
CLOSING = Closing(usage=Usage(prompt_tokens=3, completion_tokens=2), cost_nano=7)
COLUMNS = {
    "tokens": ["Hel", "lo"],
    "token_logprobs": [-0.5, -0.25],
    "top_logprobs": [{"Hel": -0.5, "Hi": -1.0}, {"lo": -0.25}],
    "text_offset": [3, 6],
}
ROWS = {
    "content": [
        {
            "token": "Hel",
            "logprob": -0.5,
            "bytes": [72, 101, 108],
            "top_logprobs": [
                {"token": "Hel", "logprob": -0.5, "bytes": [72, 101, 108]},
                {"token": "Hi", "logprob": -1.0, "bytes": [72, 105]},
            ],
        },
        {
            "token": "lo",
            "logprob": -0.25,
            "bytes": [108, 111],
            "top_logprobs": [{"token": "lo", "logprob": -0.25, "bytes": [108, 111]}],
        },
    ],
    "refusal": None,
}


def asked(**fields: Any) -> bytes:
    return json.dumps({"model": "a/b", "prompt": "say", **fields}).encode()


def envelope(*, include_usage: bool = False, hides_reasoning: bool = False, **fields: Any) -> Envelope:
    return Envelope(
        id="gen-1",
        model="a/b",
        provider="P",
        created_s=1,
        asked=DIALECT.read(asked(**fields)).fields,
        include_usage=include_usage,
        hides_reasoning=hides_reasoning,
    )


def chunk(text: str = "", finish: str | None = None, index: int = 0, **rest: Any) -> bytes:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
    return json.dumps(
        {"id": "c-1", "object": "text_completion", "created": 5, "model": "up", "choices": [choice], **rest}
    ).encode()


def heard(*frames: bytes) -> list[Event]:
    decoder = DIALECT.stream_decoder()
    return [event for data in frames for event in decoder.feed(Frame(data))] + decoder.close()


def chunks(written: bytes) -> list[dict[str, Any]]:
    frames = sse.Decoder().feed(written)
    assert frames[-1].data == b"[DONE]"
    return [json.loads(frame.data) for frame in frames[:-1]]


# Requests.


@pytest.mark.parametrize(
    ("prompt", "chars", "answers"), [("abc", 3, 2), (["ab", "c"], 3, 4), ([1, 2], 8, 2), ([[1], [2, 3]], 12, 4)]
)
def test_every_form_of_prompt_is_measured(prompt: Any, chars: int, answers: int) -> None:
    ask = DIALECT.read(asked(prompt=prompt, n=2, max_tokens=9))
    assert (ask.prompt_chars, ask.n, ask.max_tokens) == (chars, answers, 9)


def test_several_prompts_and_tokens_are_for_upstreams_of_the_same_dialect() -> None:
    prompts: list[Any] = ["a", ["a"], ["a", "b"], [1, 2], [[1], [2]]]
    assert [DIALECT.read(asked(prompt=each)).untranslatable for each in prompts] == [False, False, True, True, True]


def test_drafts_that_are_thrown_away_are_held_for() -> None:
    assert DIALECT.read(asked(best_of=5)).n == 5


def test_what_routing_needs_is_read() -> None:
    ask = DIALECT.read(asked(stop="x", logprobs=2, stream=True, stream_options={"include_usage": True}, models=["c/d"]))
    assert ask.needs == {"stop", "logprobs"}
    assert (ask.stream, ask.include_usage, ask.models) == (True, True, ("a/b", "c/d"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"logprobs": 21}, "logprobs"),
    ],
)
def test_wrong_fields_are_told_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.read(asked(**fields))
    assert caught.value.fault.param == param


def test_the_callers_bytes_go_on_and_counts_are_asked_for() -> None:
    body = asked(prompt=[[1, 2]], suffix="!", echo=True, provider={}, stream=True, dry_multiplier=1)
    draft = DIALECT.splice(DIALECT.read(body), TARGET)
    assert draft.path == "/completions"
    assert json.loads(draft.body) == {
        "model": "up",
        "prompt": [[1, 2]],
        "suffix": "!",
        "echo": True,
        "stream": True,
        "dry_multiplier": 1,
        "stream_options": {"include_usage": True},
    }


def test_what_an_endpoint_does_not_take_is_left_out_and_said() -> None:
    target = Target(model="up", provider="p", supported_parameters=frozenset({"max_tokens"}), max_output=10)
    draft = DIALECT.splice(DIALECT.read(asked(max_tokens=99, seed=1, reasoning={"effort": "low"})), target)
    assert json.loads(draft.body) == {"model": "up", "prompt": "say", "max_tokens": 10}
    assert {loss.feature for loss in draft.losses} == {"unsupported_field", "max_tokens"}


def test_a_prompt_becomes_the_message_of_a_user() -> None:
    fields = {"max_tokens": 5, "stop": "x", "n": 2, "temperature": 0.5, "logprobs": 3, "user": "u", "extra": 1}
    request = DIALECT.decode_request(asked(**fields, echo=True, suffix="!", best_of=4))
    assert request.messages == (Message(role="user", parts=(Text(text="say"),)),)
    assert (request.max_tokens, request.stop, request.n, request.user) == (5, ("x",), 2, "u")
    assert request.sampling == Sampling(temperature=0.5, logprobs=True, top_logprobs=3)
    assert request.extras == {"extra": 1}


@pytest.mark.parametrize(("prompt", "words"), [(["a", "b"], "2 prompts"), ([1, 2], "token ids")])
def test_what_no_conversation_can_be_asked_is_refused_clearly(prompt: Any, words: str) -> None:
    with pytest.raises(Faulted, match=words) as caught:
        DIALECT.decode_request(asked(prompt=prompt))
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST


def test_one_prompt_in_a_list_is_one_prompt() -> None:
    assert DIALECT.decode_request(asked(prompt=["a"])).messages[0].parts == (Text(text="a"),)


def test_a_users_text_is_a_prompt_without_losses() -> None:
    request = Request(
        dialect="openai_chat",
        model="m",
        messages=(Message(role="user", parts=(Text(text="Once"),)),),
        max_tokens=5,
        stop=("x",),
        stream=True,
        sampling=Sampling(top_p=0.5, logprobs=True, top_logprobs=2),
    )
    draft = DIALECT.encode_request(request, TARGET)
    assert json.loads(draft.body) == {
        "model": "up", "prompt": "Once", "max_tokens": 5, "stop": ["x"], "stream": True, "top_p": 0.5, "logprobs": 2,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert draft.losses == ()


def test_what_makes_a_conversation_is_a_loss() -> None:
    request = Request(
        dialect="openai_chat",
        model="m",
        messages=(
            Message(role="system", parts=(Text(text="Be brief."),)),
            Message(role="assistant", parts=(Reasoning(text="hm"), Text(text="Yes?"))),
            Message(role="user", parts=(Text(text="Go"),)),
        ),
        tools=(Tool(name="f"),),
        output=OutputFormat(type="json_object"),
        extras={"x": 1},
    )
    draft = DIALECT.encode_request(request, TARGET)
    assert json.loads(draft.body)["prompt"] == "Be brief.\n\nYes?\n\nGo"
    assert {loss.feature for loss in draft.losses} == {
        "tools", "json_object", "unknown_fields", "roles", "reasoning_echo",
    }  # fmt: skip


# Streams from a provider.


def test_a_stream_is_read() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = json.dumps({"choices": [], "usage": usage}).encode()
    assert heard(chunk("Hel"), chunk("lo"), chunk("", "length"), last, b"[DONE]") == [
        Started(id="c-1", model="up", created_s=5),
        TextDelta("Hel"),
        TextDelta("lo"),
        Finished("length", "length"),
        Counted(Usage(prompt_tokens=3, completion_tokens=2)),
    ]


def test_the_end_of_the_stream_ends_what_did_not_say_why() -> None:
    assert heard(chunk("a", "stop"), chunk("b", index=1), b"[DONE]")[1:] == [
        TextDelta("a"),
        Finished("stop", "stop"),
        TextDelta("b", 1),
        Finished("stop", None, 1),
    ]


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ((), FaultKind.PROVIDER_GARBLED),
        ((chunk("a"),), FaultKind.PROVIDER_CUT),
        ((b"[DONE]",), FaultKind.PROVIDER_GARBLED),
        ((chunk("a"), b"{oops"), FaultKind.PROVIDER_GARBLED),
        ((chunk("a"), b'{"error":{"message":"m","code":"server_overloaded"}}'), FaultKind.PROVIDER_OVERLOADED),
        ((chunk("a", "error"),), FaultKind.PROVIDER_ERROR),
        ((b'{"choices":[{"index":0,"error":{"message":"m","code":429}}]}',), FaultKind.PROVIDER_RATE_LIMITED),
    ],
)
def test_a_broken_stream_fails_once(frames: tuple[bytes, ...], kind: FaultKind) -> None:
    decoder = DIALECT.stream_decoder()
    events = [event for data in frames for event in decoder.feed(Frame(data))] + decoder.close()
    assert [event.fault.kind for event in events if isinstance(event, Failed)] == [kind]
    assert decoder.feed(Frame(chunk("late"))) == decoder.close() == []


def test_log_probabilities_are_rows_in_canon() -> None:
    body = json.dumps({"choices": [{"text": "Hello", "index": 0, "logprobs": COLUMNS, "finish_reason": "stop"}]})
    assert DIALECT.decode_reply(body.encode()).choices[0].logprobs == ROWS


# Streams to a client.


def written(events: list[Event], told: Envelope, closing: Closing = CLOSING) -> list[dict[str, Any]]:
    encoder = DIALECT.stream_encoder(told)
    return chunks(encoder.feed(events) + encoder.close(closing))


def test_a_stream_is_written_with_its_usage_at_the_end() -> None:
    first, last = written([TextDelta("Hello"), Finished("stop", "end_turn")], envelope())
    assert first["choices"] == [{"text": "Hello", "index": 0, "logprobs": None, "finish_reason": None}]
    assert (first["id"], first["object"], first["model"], first["provider"]) == ("gen-1", "text_completion", "a/b", "P")
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["choices"][0]["native_finish_reason"] == "end_turn"
    assert (last["usage"]["total_tokens"], last["usage"]["cost"]) == (5, 7e-09)


def test_usage_has_a_chunk_of_its_own_where_it_was_asked_for() -> None:
    *_, end, last = written([TextDelta("a"), Finished("stop")], envelope(include_usage=True))
    assert "usage" not in end
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 3)


def test_a_broken_stream_ends_with_the_fault() -> None:
    closing = Closing(usage=Usage(), fault=Fault(kind=FaultKind.PROVIDER_CUT, message="cut"))
    *_, last = written([TextDelta("a")], envelope(), closing)
    assert last["choices"][0]["finish_reason"] == "error"
    assert (last["error"]["code"], last["error"]["message"]) == (502, "cut")


def test_thinking_stands_beside_the_text_unless_it_is_hidden() -> None:
    events: list[Event] = [ReasoningDelta("hm"), TextDelta("a"), Finished("stop")]
    shown, *_ = written(events, envelope())
    assert shown["choices"][0]["reasoning"] == "hm"
    assert all(
        "reasoning" not in row for told in written(events, envelope(hides_reasoning=True)) for row in told["choices"]
    )


def test_log_probabilities_are_columns_to_the_client() -> None:
    told, *_ = written([Logprobs(value=ROWS)], envelope())
    assert told["choices"][0]["logprobs"] == COLUMNS


# What a conversation cannot do is done here, or said.


def test_the_prompt_is_echoed_once_a_choice() -> None:
    events: list[Event] = [
        TextDelta("a"),
        TextDelta("b"),
        TextDelta("c", 1),
        Finished("stop"),
        Finished("stop", None, 1),
    ]
    texts = ["", ""]
    for told in written(events, envelope(echo=True, n=2)):
        for row in told["choices"]:
            texts[row["index"]] += row["text"]
    assert texts == ["sayab", "sayc"]
    body, _ = DIALECT.encode_reply(Reply(choices=(Choice(parts=(Text(text="x"),)),)), envelope(echo=True), CLOSING)
    assert json.loads(body)["choices"][0]["text"] == "sayx"


def test_what_was_asked_in_vain_is_a_loss() -> None:
    told = envelope(suffix="!", best_of=3)
    assert DIALECT.stream_encoder(told).losses == [Loss("suffix"), Loss("best_of")]
    assert DIALECT.encode_reply(Reply(), told, CLOSING)[1] == [Loss("suffix"), Loss("best_of")]


# The fast lane.


def test_chunks_are_passed_on_under_our_name() -> None:
    relay, decoder = DIALECT.relay(envelope(echo=True)), DIALECT.stream_decoder()
    out = b""
    odd = b'{"id":"c-1",\n"choices":[{"text":"lo","index":0,"finish_reason":null,"x":1}],"usage":null,"extra":2}'
    for data in (
        chunk("Hel"),
        odd,
        chunk("!", "stop"),
        json.dumps({"choices": [], "usage": {"prompt_tokens": 9}}).encode(),
    ):
        frame = Frame(data)
        out += relay.feed(frame, decoder.feed(frame))
    told = chunks(out + relay.close(CLOSING))
    assert [row["text"] for each in told for row in each["choices"]] == ["Hel", "lo", "!", ""]
    assert {(each["id"], each["created"], each["model"], each["provider"]) for each in told} == {
        ("gen-1", 1, "a/b", "P")
    }
    assert (told[1]["extra"], told[1]["choices"][0]["x"]) == (2, 1)
    assert [each["usage"]["prompt_tokens"] for each in told if "usage" in each] == [3]


def test_a_whole_answer_is_passed_on_under_our_name() -> None:
    given = {"text": "Hello", "index": 0, "logprobs": COLUMNS, "finish_reason": "eos", "stop_token": 2}
    body = json.dumps({"id": "c-1", "choices": [given], "extra": 1, "usage": {"prompt_tokens": 9}, "error": None})
    answer = json.loads(DIALECT.relay_reply(body.encode(), envelope(), CLOSING))
    assert answer["choices"] == [given | {"finish_reason": "stop"}]
    assert (answer["id"], answer["object"], answer["extra"]) == ("gen-1", "text_completion", 1)
    assert answer["usage"]["cost"] == 7e-09
    assert "error" not in answer


def test_a_translated_answer_has_every_key() -> None:
    reply = Reply(choices=(Choice(parts=(Reasoning(text="hm"), Text(text="a")), finish="length", logprobs=ROWS),))
    body, losses = DIALECT.encode_reply(reply, envelope(), CLOSING)
    answer = json.loads(body)
    assert answer["choices"] == [
        {
            "text": "a",
            "index": 0,
            "logprobs": COLUMNS,
            "finish_reason": "length",
            "native_finish_reason": "length",
            "reasoning": "hm",
        }
    ]
    assert (answer["object"], answer["system_fingerprint"], losses) == ("text_completion", None, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":[]}', b"\xff", b'{"choices":[3]}'])
def test_an_answer_without_choices_is_garbled(body: bytes) -> None:
    with pytest.raises(Faulted) as caught:
        DIALECT.decode_reply(body)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED
