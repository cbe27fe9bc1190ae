"""What the cheap look at a caller's body finds, and how it refuses what is wrong."""

from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.base import Ask
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons

HELLO = [{"role": "user", "content": "Hello"}]


def read(**fields: Any) -> Ask:
    return DIALECT.read(jsons.encode({"model": "acme/m1", "messages": HELLO} | fields))


def refused(body: bytes) -> tuple[str | None, str]:
    with pytest.raises(Faulted) as caught:
        DIALECT.read(body)
    with pytest.raises(Faulted) as again:
        DIALECT.decode_request(body)
    assert caught.value.fault == again.value.fault
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    return caught.value.fault.param, caught.value.fault.message


def test_reads_what_routing_needs() -> None:
    ask = read(stream=True, max_tokens=10, n=2, user="u", session_id="s", models=["a/b"], provider={"sort": "price"})
    assert (ask.dialect, ask.model, ask.models, ask.stream) == ("openai_chat", "acme/m1", ("acme/m1", "a/b"), True)
    assert (ask.max_tokens, ask.n, ask.user, ask.session_id) == (10, 2, "u", "s")
    assert ask.preferences == {"sort": "price"}


def test_the_first_fallback_stands_in_for_a_missing_model() -> None:
    ask = DIALECT.read(jsons.encode({"models": ["a/b", "c/d"], "messages": HELLO}))
    assert (ask.model, ask.models) == ("a/b", ("a/b", "c/d"))


def test_the_model_named_is_tried_before_those_to_fall_back_on_and_once() -> None:
    assert read(model="c/d", models=["a/b", "c/d"]).models == ("c/d", "a/b")
    assert read(model="c/d", models=[]).models == ()


def test_a_prompt_stands_in_for_messages() -> None:
    body = b'{"model": "m", "prompt": "Hello"}'
    assert DIALECT.read(body).prompt_chars == 5
    assert DIALECT.decode_request(body) == DIALECT.decode_request(jsons.encode({"model": "m", "messages": HELLO}))


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"stream_options": {"include_usage": True}}, True),
        ({"usage": {"include": True}}, True),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": None, "usage": None}, False),
    ],
)
def test_usage_is_asked_for_in_two_ways(fields: dict[str, Any], asked: bool) -> None:
    assert read(**fields).include_usage is asked


def test_the_newer_limit_wins() -> None:
    assert read(max_tokens=10, max_completion_tokens=20).max_tokens == 20


NEEDS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"temperature": 0, "seed": 0, "stop": "x"}, {"temperature", "seed", "stop"}),
    ({"temperature": None, "tools": None, "stop": []}, set()),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools"}),
    ({"tools": []}, set()),
    ({"tool_choice": "auto"}, set()),
    ({"tool_choice": "required"}, {"tool_choice"}),
    ({"functions": [{"name": "f"}]}, {"tools"}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls"}),
    ({"response_format": {"type": "json_object"}}, {"response_format"}),
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, {"response_format", "structured_outputs"}),
    ({"reasoning": {"effort": "low"}}, {"reasoning"}),
    ({"reasoning": {"enabled": False}}, set()),
    ({"reasoning": {"effort": "none"}}, set()),
    ({"reasoning_effort": "high"}, {"reasoning"}),
    ({"include_reasoning": False}, set()),
    ({"logprobs": False}, set()),
    ({"logprobs": True, "top_logprobs": 3}, {"logprobs", "top_logprobs"}),
    ({"max_completion_tokens": 5}, {"max_tokens"}),
    ({"an_unknown_field": 1}, set()),
]


@pytest.mark.parametrize(
    ("fields", "needs"), NEEDS, ids=lambda value: str(value if isinstance(value, dict) else sorted(value))[:40]
)
def test_needs_are_what_is_asked_for(fields: dict[str, Any], needs: set[str]) -> None:
    assert read(**fields).needs == needs


def test_media_are_told_by_kind_and_not_counted_as_text() -> None:
    content = [
        {"type": "text", "text": "12345"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1000}},
        {"type": "file", "file": {"file_data": "B" * 1000}},
        {"type": "input_audio", "input_audio": {"data": "C", "format": "wav"}},
        {"type": "a_new_kind"},
    ]
    ask = read(messages=[{"role": "user", "content": content}])
    assert ask.modalities == {"image", "file", "audio"}
    assert ask.prompt_chars == 5


def test_tools_and_calls_count_as_prompt() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "12345678"}}
    assert read(messages=[{"role": "assistant", "tool_calls": [call]}]).prompt_chars == 8
    assert read(tools=[{"type": "function", "function": {"name": "f"}}]).prompt_chars > 40


def test_fields_keep_the_callers_bytes() -> None:
    ask = DIALECT.read(b'{"model":"m","messages":[ {"role":"user","content":"\\u00e9"}], "x": 1.50}')
    assert bytes(ask.fields["messages"]) == b'[ {"role":"user","content":"\\u00e9"}]'
    assert bytes(ask.fields["x"]) == b"1.50"


KNOBS: list[tuple[str, Any]] = [
    ("model", 5),
    ("models", "a"),
    ("messages", {}),
    ("messages", "hi"),
    ("temperature", 2.5),
    ("temperature", "hot"),
    ("temperature", True),
    ("top_p", -0.1),
    ("top_k", -1),
    ("min_p", 2),
    ("frequency_penalty", 3),
    ("presence_penalty", -3),
    ("repetition_penalty", 3),
    ("max_tokens", 0),
    ("max_tokens", -5),
    ("max_tokens", "10"),
    ("max_tokens", 10**30),
    ("max_completion_tokens", 1.5),
    ("n", 0),
    ("n", 1000),
    ("stop", 5),
    ("stop", ["a", "b", "c", "d", "e"]),
    ("stream", "yes"),
    ("stream", 1),
    ("seed", "x"),
    ("tools", {}),
    ("tool_choice", 5),
    ("logprobs", "yes"),
    ("top_logprobs", 21),
    ("response_format", "json"),
    ("reasoning", "high"),
    ("reasoning_effort", "huge"),
    ("provider", []),
    ("user", 7),
    ("metadata", "x"),
]


@pytest.mark.parametrize(("name", "value"), KNOBS, ids=[f"{name}={str(value)[:20]}" for name, value in KNOBS])
def test_a_wrong_field_is_named_with_what_to_send(name: str, value: Any) -> None:
    param, message = refused(jsons.encode({"model": "m", "messages": HELLO} | {name: value}))
    assert param == name
    assert f"`{name}`" in message
    assert message.endswith((".", "...}.")), "says what to do about it"


def test_the_message_shows_what_was_found() -> None:
    assert refused(b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":3}') == (
        "temperature",
        "`temperature`: expected `float` <= 2.0 (found 3). Send a number from 0 to 2.",
    )


def test_the_message_never_shows_a_callers_words() -> None:
    assert "secret" not in refused(b'{"model":"m","messages":"secret"}')[1]


def test_a_wrong_field_before_what_is_nested_too_deeply_is_named_all_the_same() -> None:
    deep = b"[" * 20_000 + b"]" * 20_000
    assert refused(b'{"model":"m","messages":"x","models":' + deep + b"}")[0] == "messages"
    assert refused(b'{"model":"m","temperature":3,"models":' + deep + b"}")[0] == "temperature"
    assert refused(b'{"model":"m","messages":[{"role":"user","content":"x"}],"models":' + deep + b"}")[0] == "models[0]"


NESTED: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"content": "x"}]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [*HELLO, {"role": "assistant", "tool_calls": {}}]}, "messages[1].tool_calls"),
    ({"messages": []}, "messages"),
    ({"messages": None}, "messages"),
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
    ({"stop": ["a", 1]}, "stop[1]"),
    ({"tools": [{"function": {"name": "f"}}]}, "tools[0]"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"logit_bias": {"5": 101}}, "logit_bias[...]"),
    ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning_effort"),
]


@pytest.mark.parametrize(("fields", "param"), NESTED, ids=[param for _, param in NESTED])
def test_a_wrong_part_is_named_by_its_path(fields: dict[str, Any], param: str) -> None:
    assert refused(jsons.encode({"model": "m", "messages": HELLO} | fields))[0] == param


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"hello",
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "cut off": b'{"model":"m","messages":[{"role":"user"',
    "invalid UTF-8 in a message": b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
    "a lone surrogate": b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
    "not a number": b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
    "too deep": b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a huge number": b'{"model":"m","messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_body_is_refused(body: bytes) -> None:
    assert refused(body)[1].endswith(".")


def test_invalid_utf8_in_a_field_nobody_reads_is_refused() -> None:
    refused(b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":"\xff"}')


def test_a_field_given_twice_counts_once() -> None:
    body = b'{"model":"a","model":"b","messages":[{"role":"user","content":"x"}]}'
    assert DIALECT.read(body).model == DIALECT.decode_request(body).model == "b"


@pytest.mark.parametrize(
    "name", ["temperature", "stop", "tools", "max_tokens", "stream", "reasoning", "user", "metadata"]
)
def test_null_is_not_sent(name: str) -> None:
    body = jsons.encode({"model": "m", "messages": HELLO, name: None})
    assert DIALECT.decode_request(body) == DIALECT.decode_request(jsons.encode({"model": "m", "messages": HELLO}))
    assert DIALECT.read(body).needs == frozenset()
