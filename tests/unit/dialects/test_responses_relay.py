"""The fast lane of Responses: pieces keep their bytes, beginnings and ends are re-addressed, and every stream ends."""

from typing import Any

import msgspec
import pytest
from tests.unit.dialects.test_responses_stream import EXPECTED, completed, decode, delta, done, golden, message
from tests.unit.dialects.test_responses_taking import CLOSING, ENVELOPE

from wideband.canon.events import Failed
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import fold
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.relay import Relay
from wideband.dialects.openai_responses.stream import StreamDecoder
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

CUT = Closing(usage=Usage(), fault=Fault(kind=FaultKind.PROVIDER_CUT, message="It broke."))


def relayed(frames: list[Frame], closing: Closing = CLOSING, envelope: Envelope = ENVELOPE) -> list[Frame]:
    decoder, relay = StreamDecoder(), Relay(envelope)
    data = b"".join(relay.feed(frame, decoder.feed(frame)) for frame in frames) + relay.close(closing)
    reader = sse.Decoder()
    found = reader.feed(data)
    assert reader.close() == []
    return found


def frames_of(case: str) -> list[Frame]:
    return sse.Decoder().feed(golden(case))


def frames(*rows: dict[str, Any]) -> list[Frame]:
    return [Frame(jsons.encode(row)) for row in rows]


def told(found: list[Frame]) -> list[dict[str, Any]]:
    rows = [jsons.decode(frame.data) for frame in found]
    assert [row["type"] for row in rows] == [frame.event for frame in found]
    return rows


def kinds(found: list[Frame]) -> list[str]:
    return [row["type"] for row in told(found)]


@pytest.mark.parametrize("case", EXPECTED)
def test_a_relayed_stream_means_the_same(case: str) -> None:
    data = b"".join(sse.encode(frame.data, frame.event) for frame in relayed(frames_of(case)))
    reply = fold(decode(data.replace(b"wideband@box:", b"")))
    assert reply.choices == EXPECTED[case].choices
    assert (reply.id, reply.model, reply.created_s) == ("gen-1", "acme/m1", 1763809999)
    assert reply.usage == CLOSING.usage


@pytest.mark.parametrize("case", EXPECTED)
def test_all_but_beginnings_ends_and_seals_keep_their_bytes(case: str) -> None:
    passed = {frame.data for frame in relayed(frames_of(case))}
    for frame in frames_of(case):
        if b'"response":' not in frame.data and b"encrypted_content" not in frame.data:
            assert frame.data in passed


def test_where_a_response_begins_it_is_readdressed() -> None:
    for row in told(relayed(frames_of("text")))[:2]:
        answer = row["response"]
        assert (answer["id"], answer["model"], answer["provider"]) == ("gen-1", "acme/m1", "My Own Box")
        assert (answer["status"], answer["created_at"], answer["output"]) == ("in_progress", 1763809999, [])
        assert answer["text"] == {"format": {"type": "text"}, "verbosity": "medium"}


def test_the_end_waits_for_the_bill() -> None:
    given = frames_of("text")
    decoder, relay = StreamDecoder(), Relay(ENVELOPE)
    passed = [relay.feed(frame, decoder.feed(frame)) for frame in given]
    assert passed[-1] == b""
    last = told(sse.Decoder().feed(relay.close(CLOSING)))[0]
    assert (last["type"], last["sequence_number"]) == ("response.completed", len(given) - 1)
    answer = last["response"]
    assert (answer["usage"]["cost"], answer["usage"]["total_tokens"]) == (0.0015, 14)
    assert answer["openrouter_metadata"] == {"attempt": 1}
    assert answer["output"] == jsons.decode(given[-1].data)["response"]["output"]


def test_seals_are_marked_wherever_they_stand() -> None:
    rows = told(relayed(frames_of("reasoning")))
    items = [row["item"] for row in rows if row.get("item", {}).get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in items] == ["wideband@box:gAAAAABpart", "wideband@box:gAAAAABwhole"]
    assert rows[-1]["response"]["output"][0]["encrypted_content"] == "wideband@box:gAAAAABwhole"


def test_hidden_thinking_leaves_its_seal_and_no_words() -> None:
    envelope = msgspec.structs.replace(ENVELOPE, hides_reasoning=True)
    found = relayed(frames_of("reasoning"), envelope=envelope)
    assert not any("reasoning" in kind for kind in kinds(found))
    assert not any(b"Two cities" in frame.data for frame in found)
    assert told(found)[-1]["response"]["output"][0]["encrypted_content"] == "wideband@box:gAAAAABwhole"


@pytest.mark.parametrize("case", ["failed", "error_event", "text"])
def test_a_fault_is_told_as_a_failed_response(case: str) -> None:
    given = frames_of(case)[:-1] if case == "text" else frames_of(case)
    last = told(relayed(given, CUT))[-1]
    before = given if case == "text" else given[:-1]
    assert (last["type"], last["sequence_number"]) == ("response.failed", len(before))
    assert (last["response"]["status"], last["response"]["error"]["message"]) == ("failed", "It broke.")
    assert last["response"]["id"] == "gen-1"


def test_what_was_said_before_a_fault_is_in_the_failed_response() -> None:
    last = told(relayed(frames_of("text")[:-1], CUT))[-1]
    assert last["response"]["output"] == jsons.decode(frames_of("text")[-1].data)["response"]["output"]


def test_what_the_decoder_cannot_read_does_not_reach_the_client() -> None:
    found = relayed([*frames_of("text")[:5], Frame(b"{broken", "response.output_text.delta"), *frames_of("text")[5:]])
    assert kinds(found)[-1] == "response.failed"
    assert not any(b"{broken" in frame.data for frame in found[:-1])
    assert len(found) == 6


def test_a_response_that_never_began_is_begun_and_ended() -> None:
    item = message("Hi")
    found = told(relayed(frames(done(0, **item))))
    assert [row["type"] for row in found] == ["response.created", "response.output_item.done", "response.completed"]
    assert found[-1]["response"]["output"] == [item]


def test_an_answer_without_a_frame_still_is_one() -> None:
    assert kinds(relayed([])) == ["response.created", "response.completed"]
    assert kinds(relayed([], CUT)) == ["response.created", "response.failed"]


def test_an_end_mark_is_not_passed_on() -> None:
    rows = frames(done(0, **message("Hi")), completed())
    assert kinds(relayed([*rows, Frame(b"[DONE]")])) == kinds(relayed(rows))


def test_events_get_the_name_of_their_type() -> None:
    rows = frames({"type": "response.created", "response": {}}, delta("output_text", "a"), completed())
    assert kinds(relayed(rows)) == ["response.created", "response.output_text.delta", "response.completed"]


def test_items_that_the_end_does_not_repeat_are_kept_for_it() -> None:
    rows = told(relayed(frames_of("minimal")))
    items = [jsons.decode(frame.data)["item"] for frame in frames_of("minimal")[:2]]
    assert rows[-1]["response"]["output"] == items


def test_data_on_several_lines_or_in_no_unicode_passes_as_one_line() -> None:
    created = Frame(b'{"type":"response.created",\n"response":{}}', "response.created")
    piece = Frame(b'{"type":"response.output_text.delta",\n"delta":"a","x":"\xff"}', "response.output_text.delta")
    found = relayed([created, piece])
    assert jsons.decode(found[1].data) == {
        "type": "response.output_text.delta",
        "delta": "a",
        "x": "\N{REPLACEMENT CHARACTER}",
    }


def test_a_stream_broken_by_the_provider_ends_in_its_fault_even_if_nobody_says_so() -> None:
    decoder = StreamDecoder()
    events = [event for frame in frames_of("failed") for event in decoder.feed(frame)]
    assert isinstance(events[-1], Failed)
    last = told(relayed(frames_of("failed")))[-1]
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "rate_limit_exceeded")
    assert "try again in 1.5s" in last["response"]["error"]["message"]


def test_data_name_their_event_even_if_the_provider_left_that_to_the_line() -> None:
    rows = frames({"type": "response.created", "response": {}})
    odd = Frame(b'{"type":null,"item":7}', "response.output_item.added")
    assert told(relayed([*rows, odd]))[1] == {"type": "response.output_item.added", "item": 7}
    assert len(relayed([*rows, Frame(b'{"type":7}', "\N{REPLACEMENT CHARACTER}")])) == 2


def test_what_is_no_unicode_costs_a_beginning_nothing() -> None:
    created = Frame(b'{"type":"response.created","sequence_number":4,"response":{"instructions":"\xff"}}')
    first = told(relayed([created]))[0]
    assert (first["type"], first["sequence_number"]) == ("response.created", 4)
