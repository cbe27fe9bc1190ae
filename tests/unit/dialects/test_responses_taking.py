"""Whole answers of a Responses provider: read, and carried to a client under our address."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.dialects.test_responses_stream import EXPECTED, call, message

from wideband.canon.faults import Fault, Faulted, FaultKind
from wideband.canon.request import Text
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.taking import decode_reply, relay_reply
from wideband.wire import jsons

GOLDEN = Path(__file__).parents[2] / "golden" / "openai_responses"
ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", provider_slug="box", created_s=1763809999)
CLOSING = Closing(usage=Usage(prompt_tokens=10, completion_tokens=4), cost_nano=1_500_000, metadata={"attempt": 1})


def golden(case: str) -> bytes:
    return (GOLDEN / case / "reply.json").read_bytes()


def reply_of(*output: Any, **fields: Any) -> bytes:
    return jsons.encode({"id": "r", "object": "response", "status": "completed", "output": output, **fields})


def relayed(body: bytes, closing: Closing = CLOSING, **envelope: Any) -> dict[str, Any]:
    told: dict[str, Any] = jsons.decode(relay_reply(body, msgspec.structs.replace(ENVELOPE, **envelope), closing))
    return told


@pytest.mark.parametrize("case", EXPECTED)
def test_a_whole_answer_means_the_same_as_its_stream(case: str) -> None:
    reply = decode_reply(golden(case))
    assert msgspec.structs.replace(reply, extras={}) == EXPECTED[case]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FaultKind.PROVIDER_GARBLED),
        (b"[DONE]", FaultKind.PROVIDER_GARBLED),
        (b"<html>", FaultKind.PROVIDER_GARBLED),
        (b"{}", FaultKind.PROVIDER_GARBLED),
        (b'{"id":"r","output":', FaultKind.PROVIDER_GARBLED),
        (b'{"error":{"code":"rate_limit_exceeded","message":"m"}}', FaultKind.PROVIDER_RATE_LIMITED),
        (b'{"status":"failed","output":[],"error":null}', FaultKind.PROVIDER_ERROR),
        (golden("failed"), FaultKind.PROVIDER_RATE_LIMITED),
    ],
)
def test_what_is_no_answer_is_a_fault(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(Faulted) as caught:
        decode_reply(body)
    assert caught.value.fault.kind is kind


def test_an_answer_that_broke_after_its_first_words_keeps_them() -> None:
    reply = decode_reply(reply_of(message("Hi"), status="failed", error={"code": "server_error", "message": "m"}))
    assert reply.choices[0].parts == (Text(text="Hi"),)
    assert reply.fault is not None
    assert reply.fault.message == "m"


def test_an_answer_is_readdressed_and_keeps_what_the_provider_says() -> None:
    given = jsons.decode(golden("reasoning")) | {"billing": {"payer": "x"}, "seed": 7}
    told = relayed(jsons.encode(given))
    assert (told["id"], told["model"], told["provider"], told["created_at"]) == (
        "gen-1", "acme/m1", "My Own Box", 1763809999,
    )  # fmt: skip
    kept = given.keys() - {"id", "model", "created_at", "usage", "output"}
    assert {name: told[name] for name in kept if given[name] is not None} == {
        name: given[name] for name in kept if given[name] is not None
    }
    assert told["output"][1] == given["output"][1]
    assert told["openrouter_metadata"] == {"attempt": 1}


def test_the_bill_is_ours_and_other_counts_are_kept() -> None:
    told = relayed(
        reply_of(usage={"input_tokens": 1, "input_tokens_details": {"audio_tokens": 3}, "cost": 9, "num_sources": 2})
    )["usage"]
    assert (told["input_tokens"], told["output_tokens"], told["total_tokens"], told["cost"]) == (10, 4, 14, 0.0015)
    assert told["input_tokens_details"] == {"audio_tokens": 3, "cached_tokens": 0, "cache_write_tokens": 0}
    assert told["num_sources"] == 2


def test_keys_that_strict_clients_miss_are_there() -> None:
    told = relayed(b'{"output":[],"tools":null}')
    demanded = {
        "completed_at", "error", "incomplete_details", "instructions", "metadata", "parallel_tool_calls", "temperature",
        "top_p", "tool_choice", "tools", "frequency_penalty", "presence_penalty", "status", "object",
    }  # fmt: skip
    assert demanded <= told.keys()
    assert (told["tools"], told["status"], told["object"]) == ([], "completed", "response")


def test_seals_are_marked_with_who_made_them_and_nothing_else_is() -> None:
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    told = relayed(reply_of(sealed, call("c", '{"a": 1}')))["output"]
    assert told[0] == sealed | {"encrypted_content": "wideband@box:gAAA"}
    assert told[1] == call("c", '{"a": 1}')
    assert relayed(reply_of(sealed), provider_slug="")["output"] == [sealed]


def test_hidden_thinking_leaves_its_seal_and_no_words() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "psst"}],
        "content": [{"type": "reasoning_text", "text": "psst"}],
        "encrypted_content": "gAAA",
    }
    told = relayed(reply_of(thought, message("Hi")), hides_reasoning=True)["output"]
    assert told[0] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "wideband@box:gAAA"}
    assert told[1] == message("Hi")


def test_an_incomplete_answer_keeps_the_providers_reason() -> None:
    told = relayed(reply_of(status="incomplete", incomplete_details={"reason": "max_messages"}))
    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": "max_messages"})
    assert relayed(golden("incomplete"))["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_broken_answer_says_so() -> None:
    fault = Fault(kind=FaultKind.PROVIDER_CUT, message="It broke.")
    told = relayed(golden("text"), Closing(usage=Usage(), fault=fault))
    assert (told["status"], told["error"]["message"], told["error_type"]) == (
        "failed", "It broke.", "provider_unavailable",
    )  # fmt: skip
    assert told["output"] == jsons.decode(golden("text"))["output"]


def test_a_body_that_is_no_object_cannot_be_carried() -> None:
    with pytest.raises(Faulted) as caught:
        relay_reply(b"[]", ENVELOPE, CLOSING)
    assert caught.value.fault.kind is FaultKind.PROVIDER_GARBLED
