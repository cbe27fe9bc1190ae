"""Tools that take free text, for protocols that only know functions; and back again."""

from typing import Any

import pytest

from wideband.canon.events import Event, Failed, Finished, TextDelta, ToolArgs, ToolOpened
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply, fold
from wideband.canon.request import Loss, Message, Request, Text, Tool, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.custom_tools import Unwrapper, as_function, as_function_call, free_text, unwrapped
from wideband.dialects.registry import DIALECTS
from wideband.wire import jsons, sse

PATCH = Tool(
    name="apply_patch",
    description="Edits files.",
    custom=True,
    grammar={"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
)
TEXT = '*** Begin Patch\n"é" \\ \U0001f642\n'
CALL = ToolCall(id="c1", name="apply_patch", arguments=TEXT, custom=True)


def test_a_function_stays_what_it_is() -> None:
    function, call = Tool(name="f"), ToolCall(id="a", name="f", arguments="{}")
    losses: list[Loss] = []
    assert as_function(function, losses) is function
    assert as_function_call(call) is call
    assert losses == []


def test_a_grammar_is_said_in_words_and_recorded() -> None:
    losses: list[Loss] = []
    function = as_function(PATCH, losses)
    assert losses == [Loss("tool_grammar", "apply_patch")]
    assert function.description == "Edits files.\n\nThe input must follow this lark grammar:\nstart: /.+/"
    assert function.parameters is not None
    assert function.parameters["required"] == ["input"]
    assert not function.custom


def test_free_text_comes_back_as_it_was() -> None:
    assert free_text(as_function_call(CALL).arguments) == TEXT


@pytest.mark.parametrize("arguments", ["", "not JSON", '{"input": 3}', '["a"]'])
def test_arguments_in_any_other_form_are_the_text(arguments: str) -> None:
    assert free_text(arguments) == arguments


def test_a_streamed_call_is_unwrapped_whatever_the_pieces() -> None:
    arguments = as_function_call(CALL).arguments
    pieces: list[Event] = [ToolArgs(0, piece) for piece in (arguments[:3], arguments[3:15], arguments[15:])]
    other: list[Event] = [ToolOpened(1, "c2", "f"), ToolArgs(1, "{}")]
    unwrapper = Unwrapper(frozenset({"apply_patch"}))
    told = unwrapper.feed(
        [TextDelta("So."), ToolOpened(0, "c1", "apply_patch"), *pieces, *other, Finished("tool_calls")]
    )
    parts = fold(told).choices[0].parts
    assert parts == (Text(text="So."), CALL, ToolCall(id="c2", name="f", arguments="{}"))


def test_a_broken_call_gives_no_half_text() -> None:
    unwrapper = Unwrapper(frozenset({"apply_patch"}))
    fault = Failed(Fault(kind=FaultKind.PROVIDER_CUT, message="Cut."))
    told = unwrapper.feed([ToolOpened(0, "c1", "apply_patch"), ToolArgs(0, '{"inp'), fault])
    assert told == [ToolOpened(0, "c1", "apply_patch", custom=True), fault]


def test_a_whole_answer_is_unwrapped() -> None:
    reply = Reply(choices=(Choice(parts=(as_function_call(CALL),)),))
    assert unwrapped(reply, frozenset({"apply_patch"})).choices[0].parts == (CALL,)
    assert unwrapped(reply, frozenset()) is reply


# -- OpenAI chat -------------------------------------------------------------------------------------------------------

CHAT = DIALECTS["openai_chat"]
TOOL = {"type": "custom", "custom": {"name": "apply_patch", "description": "Edits files.", "format": PATCH.grammar}}


def asked(**fields: Any) -> bytes:
    calls = [{"id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": TEXT}}]
    messages = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "Done"},
    ]
    return jsons.encode({"model": "m", "messages": messages, "tools": [TOOL], **fields})


def test_chat_reads_custom_tools_and_their_calls() -> None:
    request = CHAT.decode_request(asked(tool_choice={"type": "custom", "custom": {"name": "apply_patch"}}))
    assert request.tools == (PATCH,)
    assert request.messages[1].parts == (CALL,)
    assert request.tool_choice is not None
    assert request.tool_choice.name == "apply_patch"


def test_chat_writes_them_natively_only_where_they_are_understood() -> None:
    request = CHAT.decode_request(asked(tool_choice={"type": "custom", "custom": {"name": "apply_patch"}}))
    native = CHAT.encode_request(request, Target(model="m", provider="p", quirks=frozenset({"custom_tools"})))
    assert native.losses == ()
    body = jsons.decode(native.body)
    assert body["tools"] == [TOOL]
    assert body["messages"][1]["tool_calls"][0]["custom"] == {"name": "apply_patch", "input": TEXT}
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "apply_patch"}}

    wrapped = CHAT.encode_request(request, Target(model="m", provider="p"))
    assert wrapped.losses == (Loss("tool_grammar", "apply_patch"),)
    body = jsons.decode(wrapped.body)
    assert body["tools"][0]["function"]["name"] == "apply_patch"
    assert jsons.decode(body["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"input": TEXT}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "apply_patch"}}


@pytest.mark.parametrize("wraps", [True, False], ids=["as a function's call", "as its own"])
def test_chat_tells_clients_a_custom_call_whoever_answered(wraps: bool) -> None:
    said = as_function_call(CALL) if wraps else CALL
    envelope = Envelope(id="g", model="m", provider="P", created_s=1, asked=jsons.fields(asked()))
    body, _ = CHAT.encode_reply(Reply(choices=(Choice(parts=(said,), finish="tool_calls"),)), envelope, closing())
    call = jsons.decode(body)["choices"][0]["message"]["tool_calls"][0]
    assert call == {"id": "c1", "type": "custom", "custom": {"name": "apply_patch", "input": TEXT}}

    encoder, decoder = CHAT.stream_encoder(envelope), CHAT.stream_decoder()
    opened = ToolOpened(0, "c1", "apply_patch", custom=said.custom)
    data = encoder.feed(
        [opened, ToolArgs(0, said.arguments[:9]), ToolArgs(0, said.arguments[9:]), Finished("tool_calls")]
    )
    data += encoder.close(closing())
    events = [event for frame in sse.Decoder().feed(data) for event in decoder.feed(frame)]
    assert fold(events).choices[0].parts == (CALL,)


def closing() -> Closing:
    return Closing(usage=Usage())


def test_anthropic_is_offered_a_function() -> None:
    request = Request(dialect="openai_responses", model="m", messages=(said_go(), called()), tools=(PATCH,))
    draft = DIALECTS["anthropic_messages"].encode_request(request, Target(model="m", provider="p"))
    body = jsons.decode(draft.body)
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["messages"][1]["content"][0]["input"] == {"input": TEXT}
    assert Loss("tool_grammar", "apply_patch") in draft.losses


def said_go() -> Message:
    return Message(role="user", parts=(Text(text="Go"),))


def called() -> Message:
    return Message(role="assistant", parts=(CALL,))
