"""Whole answers for clients of Responses: what a stream would have said, in one object that strict clients read."""

import json

from openai.types.responses import Response
from openrouter.components import OpenResponsesResult
from tests.unit.dialects.responses_wire import CLOSING, TOOLS, USAGE, envelope

from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Loss, Reasoning, Refusal, Text, ToolCall
from wideband.dialects.openai_responses.answer import encode_reply

REPLY = Reply(
    choices=(
        Choice(
            parts=(
                Reasoning(text="hm", signature="S", format="anthropic-claude-v1"),
                Text(text="hello"),
                ToolCall(id="c1", name="agents__spawn", arguments='{"x": 1.0}'),
                ToolCall(id="c2", name="patch", arguments='{"input":"p"}'),
            ),
            finish="tool_calls",
        ),
    ),
    extras={"service_tier": "flex"},
)


def test_the_sdks_read_an_answer() -> None:
    body, losses = encode_reply(REPLY, envelope(tools=TOOLS), CLOSING)
    told = json.loads(body)
    assert losses == []
    Response.model_validate(told)
    OpenResponsesResult.model_validate(told)
    assert [item["type"] for item in told["output"]] == ["reasoning", "message", "function_call", "custom_tool_call"]
    assert (told["output"][2]["namespace"], told["output"][3]["input"]) == ("agents", "p")
    assert (told["status"], told["usage"], told["service_tier"]) == ("completed", USAGE, "flex")


def test_every_key_strict_clients_ask_for_is_there() -> None:
    told = json.loads(encode_reply(Reply(), envelope(), CLOSING)[0])
    assert told.keys() >= {
        "id", "object", "created_at", "completed_at", "model", "status", "output", "error", "incomplete_details",
        "instructions", "metadata", "parallel_tool_calls", "temperature", "top_p", "tool_choice", "tools",
        "frequency_penalty", "presence_penalty", "usage", "store",
    }  # fmt: skip
    OpenResponsesResult.model_validate(told)


def test_an_answer_cut_for_its_length_is_incomplete() -> None:
    reply = Reply(choices=(Choice(parts=(Refusal(text="I can"),), finish="length"),))
    told = json.loads(encode_reply(reply, envelope(), CLOSING)[0])
    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert told["output"][0]["status"] == "incomplete"


def test_an_answer_that_broke_off_has_failed() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="The provider hung up.")
    reply = Reply(choices=(Choice(parts=(Text(text="hel"),)),), fault=fault)
    told = json.loads(encode_reply(reply, envelope(), CLOSING)[0])
    assert (told["status"], told["error"]["message"]) == ("failed", "The provider hung up.")
    assert told["output"][0]["content"][0]["text"] == "hel"


def test_further_choices_are_a_loss() -> None:
    reply = Reply(choices=(Choice(parts=(Text(text="a"),)), Choice(index=1, parts=(Text(text="b"),))))
    body, losses = encode_reply(reply, envelope(), CLOSING)
    assert losses == [Loss("n", "only the first choice is shown")]
    assert len(json.loads(body)["output"]) == 1
