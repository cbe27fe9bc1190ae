"""What an upstream is sent: the caller's own bytes where nothing has to change, and a narrowed body where it has."""

from typing import Any

import pytest

from wideband.canon.faults import Faulted
from wideband.canon.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from wideband.dialects.base import Draft, Target
from wideband.dialects.losses import LOSSES
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons

HELLO = Message(role="user", parts=(Text(text="Hello"),))
OTHER = "anthropic_messages"


def target(*quirks: str, **limits: Any) -> Target:
    return Target(model="up/m1", provider="p", quirks=frozenset(quirks), **limits)


def sent(*messages: Message, to: Target | None = None, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    asked = {"dialect": OTHER, "model": "m", "messages": messages or (HELLO,)} | fields
    return told(DIALECT.encode_request(Request(**asked), to or target()))


def spliced(body: bytes | dict[str, Any], *quirks: str, **limits: Any) -> Draft:
    raw = body if isinstance(body, bytes) else jsons.encode(body)
    return DIALECT.splice(DIALECT.read(raw), target(*quirks, **limits))


def told(draft: Draft) -> tuple[dict[str, Any], list[str]]:
    assert all(loss.feature in LOSSES for loss in draft.losses), draft.losses
    return jsons.decode(draft.body), sorted(loss.feature for loss in draft.losses)


def told_messages(*messages: Message, to: Target | None = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sent(*messages, to=to)[0]["messages"]
    return rows


# The fast lane: the caller's bytes.

BODY = (
    b'{"temperature":1.50,"model":"acme/m1" ,"messages":[ {"role":"user","content":"h\\u00e9 \\/ \xe2\x82\xac"} ],'
    b'"provider":{"only":["x"]},"safe_prompt" : true,"tools":[{"type":"function","function":{"name":"f",'
    b'"parameters":{"b":1.0,"a":2}}}],"models":["acme/m2"],"session_id":"s","max_tokens":100}'
)


def test_splice_sends_the_callers_bytes_and_key_order() -> None:
    assert spliced(BODY).body == (
        b'{"temperature":1.50,"model":"up/m1","messages":[ {"role":"user","content":"h\\u00e9 \\/ \xe2\x82\xac"} ],'
        b'"safe_prompt":true,"tools":[{"type":"function","function":{"name":"f",'
        b'"parameters":{"b":1.0,"a":2}}}],"max_tokens":100}'
    )


def test_splice_goes_to_the_dialects_path_and_leaves_the_ask_as_it_was() -> None:
    ask = DIALECT.read(BODY)
    before = dict(ask.fields)
    assert DIALECT.splice(ask, target("max_completion_tokens", "no_strict")).path == "/chat/completions"
    assert ask.fields == before


def test_gateway_fields_reach_only_another_openrouter() -> None:
    body = jsons.decode(spliced(BODY, "openrouter").body)
    assert {"provider", "models", "session_id"} <= body.keys()
    assert body["model"] == "up/m1"


def test_what_libraries_note_in_messages_stays_with_them() -> None:
    call: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    function = call["function"] | {"parsed_arguments": {"a": 1}}
    noted = {**call, "index": 0, "function": function, "provider_specific_fields": {}}
    said = {"role": "assistant", "content": None, "tool_calls": [noted], "parsed": None, "x": 1}
    body = {"model": "m", "messages": [said | {"provider_specific_fields": {"y": 2}}]}
    assert jsons.decode(spliced(body).body)["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [call], "x": 1}
    ]
    plain = b'{"messages":[ {"role":"user","content":"\\"parsed\\""} ],"model":"up/m1"}'
    assert spliced(plain).body == plain
    translated = told_messages(Message(role="user", parts=HELLO.parts, extras={"parsed": {"a": 1}}))
    assert translated == [{"role": "user", "content": "Hello"}]


def test_a_prompt_is_sent_as_a_message() -> None:
    for body in (b'{"model":"m","prompt":"Hello"}', b'{"model":"m","prompt":"Hello","messages":null}'):
        assert jsons.decode(spliced(body).body) == {
            "model": "up/m1",
            "messages": [{"role": "user", "content": "Hello"}],
        }


STREAMS: list[tuple[dict[str, Any], tuple[str, ...], Any]] = [
    ({"stream": True}, (), {"include_usage": True}),
    ({"stream": True, "stream_options": {"include_usage": False, "x": 1}}, (), {"include_usage": True, "x": 1}),
    ({"stream": True, "stream_options": None}, (), {"include_usage": True}),
    ({"stream": True}, ("no_stream_options",), None),
    ({"stream": False, "stream_options": {"include_usage": True}}, (), None),
    ({"stream_options": {"include_usage": True}}, (), None),
]


@pytest.mark.parametrize(("fields", "quirks", "options"), STREAMS)
def test_a_stream_is_always_asked_for_its_counts(fields: dict[str, Any], quirks: tuple[str, ...], options: Any) -> None:
    body = jsons.decode(spliced({"model": "m", "messages": [{"role": "user", "content": "x"}]} | fields, *quirks).body)
    assert body.get("stream_options") == options


def test_options_that_ask_already_keep_their_bytes() -> None:
    body = BODY[:-1] + b',"stream":true,"stream_options":{"include_usage": true}}'
    assert b'{"include_usage": true}' in spliced(body).body


def test_empty_tools_and_a_choice_without_tools_are_left_out() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [], "tool_choice": "auto"}
    assert jsons.decode(spliced(body | {"parallel_tool_calls": True}).body).keys() == {"model", "messages"}


def test_the_limit_is_lowered_to_what_the_endpoint_can_say() -> None:
    body, losses = told(spliced(BODY, max_output=50))
    assert (body["max_tokens"], losses) == (50, ["max_tokens"])
    assert told(spliced(BODY, max_output=500))[0]["max_tokens"] == 100
    assert sent(max_tokens=900, to=target(max_output=500))[0]["max_tokens"] == 500


def test_knobs_the_endpoint_is_known_not_to_take_are_left_out_and_recorded() -> None:
    body, losses = told(spliced(BODY, supported_parameters=frozenset({"max_tokens"})))
    assert "temperature" not in body
    assert "tools" in body, "tools change the answer: routing finds an endpoint that takes them"
    assert losses == ["unsupported_field"]


def test_cache_marks_and_thinking_are_taken_off_the_bytes_only_where_they_stand() -> None:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": "y",
            "reasoning": "hm",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
        },
    ]
    tools = [{"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}]
    body = {"model": "m", "messages": messages, "tools": tools, "cache_control": {"type": "ephemeral"}}
    narrow, losses = told(spliced(body))
    assert narrow["messages"] == [
        {"role": "system", "content": "x"},
        {"role": "assistant", "content": "y"},
    ]
    assert narrow["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert "cache_control" not in narrow
    assert losses == ["cache_control", "cache_control", "cache_control", "reasoning_echo"]
    wide, losses = told(spliced(body, "openrouter"))
    assert (wide["messages"], wide["tools"], losses) == (messages, tools, [])
    kept, losses = told(spliced(body, "cache_control", "reasoning_content"))
    assert kept["messages"][0] == messages[0]
    assert kept["messages"][1] == {"role": "assistant", "content": "y", "reasoning_content": "hm"}
    assert losses == []


def test_too_deep_a_field_is_refused_and_never_crashes() -> None:
    deep = b"[" * 950 + b"]" * 950
    body = b'{"model":"m","messages":[{"role":"assistant","content":"","reasoning_details":' + deep + b"}]}"
    try:
        DIALECT.splice(DIALECT.read(body), target())
    except Faulted as refused:
        assert refused.fault.param is None


def test_openais_own_word_keeps_its_bytes_and_openrouters_is_translated_in_place() -> None:
    own = b'{"model":"m","reasoning_effort":"\\u006cow","messages":[{"role":"user","content":"x"}]}'
    assert b'"reasoning_effort":"\\u006cow"' in spliced(own).body
    theirs = own.replace(b'"reasoning_effort":"\\u006cow"', b'"reasoning":{"effort":"low"},"include_reasoning":true')
    assert spliced(theirs).body.startswith(b'{"model":"up/m1","reasoning_effort":"low","messages":')


# Turns of other dialects.

CALL = Message(role="assistant", parts=(ToolCall(id="c1", name="shot", arguments=""),))


def result(*parts: Any, call_id: str = "c1", **facts: Any) -> Message:
    return Message(role="user", parts=(ToolResult(call_id=call_id, parts=parts, **facts),))


def test_images_of_results_follow_all_results() -> None:
    shot = Image(data="AAAA", media_type="image/png")
    both = Message(
        role="user",
        parts=(
            ToolResult(call_id="c1", parts=(Text(text="see"), shot)),
            ToolResult(call_id="c2", parts=(Text(text="ok"),)),
            Text(text="Which?"),
        ),
    )
    rows = told_messages(HELLO, CALL, both)[2:]
    assert [row["role"] for row in rows] == ["tool", "tool", "user"]
    assert rows[0]["content"] == "see\nWhat this tool call returned is shown in the next user message."
    assert rows[2]["content"] == [
        {"type": "text", "text": "From the result of tool call c1:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "Which?"},
    ]
    assert sent(HELLO, CALL, both)[1] == ["tool_result_media"]


def test_images_wait_for_results_in_later_turns() -> None:
    shot = Image(url="https://example.org/x.png")
    rows = told_messages(CALL, result(shot), result(Text(text="ok"), call_id="c2"), CALL)
    assert [row["role"] for row in rows] == ["assistant", "tool", "tool", "user", "assistant"]
    assert [row["role"] for row in told_messages(CALL, result(shot))] == ["assistant", "tool", "user"]


def test_an_error_stays_visible() -> None:
    rows, losses = sent(CALL, result(Text(text="no such file"), is_error=True))
    assert rows["messages"][1]["content"] == "Error: no such file"
    assert losses == ["tool_error"]
    assert told_messages(CALL, result(is_error=True))[1]["content"] == "Error."


def test_a_reference_to_a_tool_is_said_in_words() -> None:
    reference = Opaque(dialect=OTHER, kind="tool_reference", raw={"type": "tool_reference", "tool_name": "grep"})
    rows, losses = sent(CALL, result(reference))
    assert rows["messages"][1]["content"] == "The tool grep can be called now."
    assert losses == ["tool_reference"]


def test_an_empty_result_is_empty_and_empty_arguments_are_an_object() -> None:
    rows = told_messages(CALL, result())
    assert rows[1] == {"role": "tool", "tool_call_id": "c1", "content": ""}
    assert rows[0]["tool_calls"][0]["function"] == {"name": "shot", "arguments": "{}"}


def test_long_ids_are_shortened_alike_in_call_and_result() -> None:
    long = "toolu_" + "x" * 80
    rows = told_messages(
        Message(role="assistant", parts=(ToolCall(id=long, name="f", arguments="{}"),)), result(call_id=long)
    )
    short = rows[0]["tool_calls"][0]["id"]
    assert short == rows[1]["tool_call_id"]
    assert len(short) <= 64
    body = {
        "model": "m",
        "messages": [
            {
                "role": "assistant",
                "tool_calls": [{"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": long, "content": ""},
        ],
    }
    fast = jsons.decode(spliced(body).body)["messages"]
    assert (fast[0]["tool_calls"][0]["id"], fast[1]["tool_call_id"]) == (short, short)


@pytest.mark.parametrize("quirk", ["openrouter", "system_anywhere"])
def test_a_system_message_keeps_its_place_where_it_may_stand_anywhere(quirk: str) -> None:
    late = Message(role="system", parts=(Text(text="Be brief."),))
    assert [row["role"] for row in told_messages(HELLO, late, HELLO, to=target(quirk))] == ["user", "system", "user"]


def test_elsewhere_a_system_message_amid_the_others_is_said_by_the_user_and_in_order() -> None:
    first, late = (Message(role="system", parts=(Text(text=text),)) for text in ("Be kind.", "Be brief."))
    called = Message(role="assistant", parts=(ToolCall(id="c", name="f", arguments="{}"),))
    body, losses = sent(first, HELLO, late, called, result(call_id="c"), late)
    reminder = "<system>\nBe brief.\n</system>"
    assert [(row["role"], row.get("content")) for row in body["messages"]] == [
        ("system", "Be kind."),
        ("user", [{"type": "text", "text": "Hello"}, {"type": "text", "text": reminder}]),
        ("assistant", None),
        ("tool", ""),
        ("user", reminder),
    ]
    assert losses == ["system_position", "system_position"]


def test_a_picture_in_a_system_message_amid_the_others_is_recorded_as_lost() -> None:
    late = Message(role="system", parts=(Text(text="Like this:"), Image(url="https://example.org/a.png")))
    body, losses = sent(HELLO, late)
    assert body["messages"][0]["content"][1]["text"] == "<system>\nLike this:\n</system>"
    assert losses == ["system_media", "system_position"]


def test_a_text_that_was_a_part_only_to_bear_a_mark_is_a_string_again() -> None:
    marked = Text(text="Hello", cache=CacheMark())
    assert told_messages(Message(role="user", parts=(marked,))) == [{"role": "user", "content": "Hello"}]
    assert told_messages(result(marked, call_id="c", cache=CacheMark()))[0]["content"] == "Hello"
    assert len(told_messages(Message(role="user", parts=(marked, marked)))[0]["content"]) == 2


def test_a_tool_that_cannot_be_offered_is_not_insisted_on() -> None:
    search = ServerTool(dialect=OTHER, type="web_search_20250305", raw={"name": "web_search"})
    body, losses = sent(tools=(*TOOLS[:1], search), tool_choice=ToolChoice(mode="tool", name="web_search"))
    assert "tool_choice" not in body
    assert losses == ["server_tools", "tool_choice"]


def test_thinking_goes_back_only_to_who_reads_it() -> None:
    thought = Reasoning(text="hm", signature="s", format="anthropic-claude-v1")
    turn = Message(role="assistant", parts=(thought, Text(text="a")))
    assert sent(turn)[0]["messages"] == [{"role": "assistant", "content": "a"}]
    assert sent(turn)[1] == ["reasoning_echo"]
    assert told_messages(turn, to=target("reasoning_content"))[0]["reasoning_content"] == "hm"
    assert told_messages(turn, to=target("reasoning_text"))[0]["reasoning"] == "hm"
    assert told_messages(turn, to=target("openrouter"))[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "index": 0, "signature": "s"}
    ]


def test_a_seal_made_for_another_is_left_out() -> None:
    to = target("openrouter", reasoning_format="openai-responses-v1")
    thoughts = (
        Reasoning(text="hm", signature="s", format="anthropic-claude-v1"),
        Reasoning(data="d", format="google-gemini-v1"),
        Reasoning(data="e", format="openai-responses-v1", id="rs"),
    )
    body, losses = sent(Message(role="assistant", parts=thoughts), to=to)
    assert losses == ["reasoning_seal", "reasoning_seal"]
    assert body["messages"][0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "id": "rs", "format": "openai-responses-v1", "index": 2},
    ]


def test_an_assistant_turn_of_nothing_but_thinking_still_has_content() -> None:
    assert told_messages(Message(role="assistant", parts=(Reasoning(text="hm"),))) == [
        {"role": "assistant", "content": ""}
    ]


def test_media_and_their_marks() -> None:
    mark = CacheMark(ttl="1h")
    parts = (
        Image(url="https://example.org/x.png", detail="high", cache=mark),
        File(filename="a.pdf", media_type="application/pdf", data="QQ=="),
        File(file_id="file-1"),
        File(text="plain words"),
        File(url="https://example.org/a.pdf"),
        Audio(data="QQ==", format="mp3"),
        Opaque(dialect=OTHER, kind="search_result", raw={}),
    )
    body, losses = sent(Message(role="user", parts=parts), to=target("cache_control"))
    assert body["messages"][0]["content"] == [
        {
            "type": "image_url",
            "image_url": {"url": "https://example.org/x.png", "detail": "high"},
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QQ=="}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "text", "text": "plain words"},
        {"type": "text", "text": "(A file is attached: https://example.org/a.pdf)"},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
    ]
    assert losses == ["file_url", "search_result"]


def test_a_refusal_is_echoed_as_one() -> None:
    turn = Message(role="assistant", parts=(Refusal(text="No."),))
    assert told_messages(turn) == [{"role": "assistant", "refusal": "No.", "content": None}]


TOOLS = (
    Tool(name="now"),
    Tool(name="later", deferred=True),
    Tool(name="found", deferred=True),
    ServerTool(dialect=OTHER, type="web_search_20250305", raw={}),
)


def test_deferred_tools_are_hidden_until_called_and_foreign_server_tools_left_out() -> None:
    used = Message(role="assistant", parts=(ToolCall(id="c", name="found", arguments="{}"),))
    body, losses = sent(HELLO, used, result(call_id="c"), tools=TOOLS, tool_choice=ToolChoice(mode="required"))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["now", "found"]
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == "required"
    assert losses == ["deferred_tool", "server_tools"]


def test_a_choice_without_any_tool_left_is_not_sent() -> None:
    body, _ = sent(tools=TOOLS[1:2], tool_choice=ToolChoice(mode="tool", name="later"), parallel_tool_calls=True)
    assert body.keys() == {"model", "messages"}


def test_own_server_tools_and_extras_are_kept_foreign_extras_recorded() -> None:
    own = ServerTool(dialect="openai_chat", type="x", raw={"type": "x", "k": 1})
    body, losses = sent(dialect="openai_chat", tools=(own,), extras={"safe_prompt": True})
    assert (body["tools"], body["safe_prompt"], losses) == ([{"type": "x", "k": 1}], True, [])
    assert sent(extras={"context_management": {}})[1] == ["unknown_fields"]


def test_more_than_four_stops_are_recorded() -> None:
    body, losses = sent(stop=("a", "b", "c", "d", "e"))
    assert (body["stop"], losses) == (["a", "b", "c", "d"], ["stop"])


def test_a_prefill_is_a_loss_unless_it_is_continued() -> None:
    begun = Message(role="assistant", parts=(Text(text="{"),))
    assert sent(HELLO, begun, prefill=True)[1] == ["prefill"]
    assert sent(HELLO, begun, prefill=True, to=target("prefill"))[1] == []
