"""The cheap look at a Responses body: what it tells routing, and what it refuses because nothing is stored here."""

import json
from typing import Any

import pytest

from wideband.canon.faults import Faulted, FaultKind
from wideband.dialects.openai_responses.ask import read

IMAGE = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5000}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "openai/gpt-5", "input": "Hi", **fields}, ensure_ascii=False).encode()


def refused(data: bytes) -> tuple[str | None, str]:
    with pytest.raises(Faulted) as caught:
        read(data)
    assert caught.value.fault.kind is FaultKind.INVALID_REQUEST
    return caught.value.fault.param, caught.value.fault.message


def test_tells_routing_what_is_asked_for() -> None:
    ask = read(
        body(
            stream=True,
            max_output_tokens=64,
            temperature=0.5,
            top_p=0.9,
            top_logprobs=3,
            tools=[{"type": "function", "name": "f", "parameters": {}}],
            tool_choice={"type": "function", "name": "f"},
            parallel_tool_calls=False,
            reasoning={"effort": "high"},
            text={"format": {"type": "json_schema", "name": "a", "schema": {}}, "verbosity": "low"},
            include=["message.output_text.logprobs"],
            provider={"order": ["openai"]},
            session_id="s-1",
            user="u-1",
        )
    )
    assert (ask.dialect, ask.model, ask.stream, ask.max_tokens) == ("openai_responses", "openai/gpt-5", True, 64)
    assert (ask.session_id, ask.user, ask.preferences) == ("s-1", "u-1", {"order": ["openai"]})
    assert ask.needs == {
        "max_tokens", "temperature", "top_p", "top_logprobs", "logprobs", "tools", "tool_choice",
        "parallel_tool_calls", "reasoning", "response_format", "structured_outputs", "verbosity",
    }  # fmt: skip


def test_needs_nothing_when_only_defaults_are_said() -> None:
    quiet = {
        "store": False,
        "background": False,
        "previous_response_id": None,
        "include": ["reasoning.encrypted_content"],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "tools": [],
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": "none"},
        "top_logprobs": 0,
        "unheard_of": {"x": [1]},
    }
    assert read(body(**quiet)).needs == frozenset()


def test_tools_a_provider_runs_itself_need_no_endpoint_that_knows_tools() -> None:
    assert read(body(tools=[{"type": "web_search"}, {"type": "tool_search", "execution": "client"}])).needs == set()
    assert read(body(tools=[{"type": "namespace", "name": "n", "tools": []}])).needs == {"tools"}
    assert read(body(tools=[{"type": "custom", "name": "c"}])).needs == {"tools"}


def test_tools_that_an_item_adds_are_needed_and_counted() -> None:
    more = {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "c" * 100}]}
    ask = read(body(input=[more, {"role": "user", "content": "Hi"}]))
    assert ask.needs == {"tools"}
    assert ask.prompt_chars > 100


def test_usage_is_always_told() -> None:
    assert read(body()).include_usage


def test_a_named_model_comes_before_its_fallbacks() -> None:
    assert read(body(models=["b", "openai/gpt-5"])).models == ("openai/gpt-5", "b")
    assert read(json.dumps({"models": ["b", "c"], "input": "x"}).encode()).model == "b"


def test_finds_media_in_messages_and_in_the_outputs_of_tools() -> None:
    said = {"role": "user", "content": [{"type": "input_text", "text": "see"}, IMAGE]}
    output = {"type": "function_call_output", "call_id": "c", "output": [IMAGE, {"type": "input_file", "file_id": "f"}]}
    ask = read(body(input=[said, output]))
    assert ask.modalities == {"image", "file"}
    assert ask.images == 2


def test_measures_words_and_not_the_bytes_of_images() -> None:
    said = {"role": "user", "content": [{"type": "input_text", "text": "x" * 100}, IMAGE]}
    call = {"type": "function_call", "name": "f", "call_id": "c", "arguments": "y" * 50}
    output = {"type": "function_call_output", "call_id": "c", "output": "z" * 70}
    seal = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "s" * 10}],
        "encrypted_content": "e" * 999,
    }
    ask = read(body(input=[said, seal, call, output], instructions="i" * 20))
    assert 250 <= ask.prompt_chars <= 260


def test_items_that_only_this_protocol_knows_are_let_through() -> None:
    shell = {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "x", "outcome": {"type": "exit"}}]}
    search = {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "x"}}
    assert read(body(input=[shell, search])).modalities == frozenset()


def test_a_caller_may_hide_the_thinking() -> None:
    assert read(body(reasoning={"exclude": True})).hides_reasoning


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "whole conversation"),
        ({"background": True}, "background", "stream: true"),
        ({"conversation": {"id": "c"}}, "conversation", "whole conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "instructions"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "store: false"),
        ({"input": None}, "input", "is missing"),
        ({"input": []}, "input", "is missing"),
        ({"input": [{"content": "x"}]}, "input[0]", "neither"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "none of"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name", "Name the tool"),
        ({"input": [{"type": "function_call_output", "output": ""}]}, "input[0].call_id", "share"),
        ({"model": ""}, "model", "is missing"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name", "beside its `type`"),
        ({"temperature": 3}, "temperature", "found 3"),
        ({"max_output_tokens": 0}, "max_output_tokens", "above 0"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "efforts go from"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(fields: dict[str, Any], param: str, words: str) -> None:
    found, message = refused(body(**fields))
    assert found == param
    assert words in message


def test_no_word_of_a_prompt_is_repeated_in_a_fault() -> None:
    assert "secret" not in refused(body(input={"secret": 1}))[1]


def test_what_is_no_json_object_is_refused() -> None:
    assert "JSON" in refused(b"{")[1]
    assert refused(b"[]")[0] is None
