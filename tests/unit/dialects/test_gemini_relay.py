"""The fast lane of generateContent: an upstream's own chunks under a new address, and the bill at the end."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.dialects.gemini_chunks import candidate, case, chunk

from wideband.canon.events import Failed
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.usage import Usage
from wideband.dialects import seals
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate import words
from wideband.dialects.gemini_generate.relay import Relay
from wideband.dialects.gemini_generate.stream import StreamDecoder
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

SSE = {"alt": jsons.Raw(b'"sse"')}
ENVELOPE = Envelope(
    id="gen-9",
    model="google/gemini",
    provider="Google AI Studio",
    provider_slug="google-ai-studio",
    created_s=1,
    asked=SSE,
)
CLOSING = Closing(usage=Usage(prompt_tokens=3, completion_tokens=2), cost_nano=1_500)
ADDRESS = {"modelVersion": "google/gemini", "responseId": "gen-9"}
END = chunk({"text": "."}, finish="STOP")


def relayed(
    *chunks: dict[str, Any] | bytes, envelope: Envelope = ENVELOPE, closing: Closing = CLOSING
) -> tuple[list[bytes], bytes]:
    """Return what goes out for each chunk, and what at the end."""
    decoder, relay, out = StreamDecoder(), Relay(envelope), list[bytes]()
    for told in chunks:
        frame = Frame(told if isinstance(told, bytes) else json.dumps(told).encode())
        out.append(relay.feed(frame, decoder.feed(frame)))
    return out, relay.close(closing)


def data(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in sse.Decoder().feed(out)]


def test_a_chunk_keeps_its_bytes_under_a_new_address() -> None:
    kept = b'[{"content":{"parts":[{"text":"\\u0048"}]}, "new":[1 , 2]}]'
    (out,), _ = relayed(b'{"candidates": %s,"modelVersion":"gemini-x","n":1e3,"responseId":"r"}' % kept)
    address = b'"modelVersion":"google/gemini","n":1e3,"responseId":"gen-9"'
    assert out == b'data: {"candidates":%s,%s}\r\n\r\n' % (kept, address)


def test_the_last_chunk_waits_for_the_bill() -> None:
    counts = {"promptTokenCount": 30, "candidatesTokenCount": 20, "new": 1}
    out, end = relayed(chunk({"text": "a"}), {**END, "usageMetadata": counts})
    assert [len(data(each)) for each in out] == [1, 0]
    (last,) = data(end)
    assert last["candidates"] == END["candidates"]
    assert last["usageMetadata"] == counts
    assert (last["usage"]["cost"], last["provider"]) == (0.0000015, "Google AI Studio")
    assert ADDRESS.items() <= last.items()


def test_counts_come_from_us_where_the_provider_gave_none_and_the_route_where_asked() -> None:
    closing = msgspec.structs.replace(CLOSING, metadata={"attempts": 1})
    (last,) = data(relayed(END, closing=closing)[1])
    assert last["usageMetadata"]["totalTokenCount"] == 5
    assert last["openrouter_metadata"] == {"attempts": 1}


def test_counts_that_come_behind_the_end_are_put_into_it() -> None:
    out, end = relayed(END, {"usageMetadata": {"promptTokenCount": 8}})
    (last,) = data(end)
    assert out == [b"", b""]
    assert (last["candidates"], last["usageMetadata"]) == (END["candidates"], {"promptTokenCount": 8})


def test_the_end_of_one_candidate_does_not_hold_up_another() -> None:
    out, end = relayed(
        chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, index=1), chunk(finish="STOP", index=1)
    )
    assert [len(data(each)) for each in out] == [0, 2, 0]
    assert data(end)[0]["candidates"] == [candidate(finish="STOP", index=1)]


def test_seals_are_marked_as_the_provider_s_and_what_is_beside_them_keeps_its_bytes() -> None:
    part = b'{"functionCall":{"name":"f","args":{"a" : 1e3,"thoughtSignature":"mine"}},"thoughtSignature":"S+/="}'
    (out,), _ = relayed(b'{"candidates":[{"content":{"parts":[{"text":"x"},%s]}}]}' % part)
    assert b'{"functionCall":{"name":"f","args":{"a" : 1e3,"thoughtSignature":"mine"}},' in out
    (block,) = words.unseal(data(out)[0]["candidates"][0]["content"]["parts"][1]["thoughtSignature"])
    assert (seals.untag(block.data or ""), block.format) == (("S+/=", "google-ai-studio"), "google-gemini-v1")


def test_who_hides_thoughts_gets_none() -> None:
    envelope = msgspec.structs.replace(ENVELOPE, hides_reasoning=True)
    (out, plain), _ = relayed(
        chunk({"text": "hm", "thought": True}, {"text": "x"}), chunk({"text": "y"}), envelope=envelope
    )
    assert data(out)[0]["candidates"][0]["content"]["parts"] == [{"text": "x"}]
    assert data(plain)[0]["candidates"][0]["content"]["parts"] == [{"text": "y"}]


def test_without_alt_the_stream_is_one_json_array() -> None:
    envelope = msgspec.structs.replace(ENVELOPE, asked={"alt": jsons.Raw(b'"json"')})
    out, end = relayed(chunk({"text": "a"}), chunk({"text": "b"}), END, envelope=envelope)
    found = json.loads(b"".join(out) + end)
    assert [each["candidates"][0]["content"]["parts"][0]["text"] for each in found] == ["a", "b", "."]


def test_chunks_of_several_lines_are_put_on_one() -> None:
    told = json.dumps(chunk({"text": "a\nb"}), indent=1).encode()
    (out,), _ = relayed(told)
    assert out.count(b"\n") == out.count(b"\r\n") == 2
    assert data(out)[0]["candidates"][0]["content"]["parts"] == [{"text": "a\nb"}]


@pytest.mark.parametrize("alt", ["sse", "json"])
def test_a_break_is_told_in_band_and_nothing_behind_it_goes_out(alt: str) -> None:
    envelope = msgspec.structs.replace(ENVELOPE, asked={"alt": jsons.Raw(f'"{alt}"'.encode())})
    error = {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}
    fault = Fault(kind=FaultKind.PROVIDER_OVERLOADED, message="Busy.")
    closing = msgspec.structs.replace(CLOSING, fault=fault)
    out, end = relayed(chunk({"text": "a"}), error, END, envelope=envelope, closing=closing)
    whole = b"".join(out) + end
    found = data(whole) if alt == "sse" else json.loads(whole)
    assert [next(iter(each)) for each in found] == ["candidates", "error"]
    assert (found[-1]["error"]["code"], found[-1]["error"]["status"]) == (503, "UNAVAILABLE")


def test_a_break_that_nobody_names_is_one_all_the_same() -> None:
    assert "error" in data(relayed(b"{", END)[1])[0]


def test_an_end_that_was_held_does_not_go_out_when_the_stream_broke_behind_it() -> None:
    closing = msgspec.structs.replace(CLOSING, fault=Fault(kind=FaultKind.PROVIDER_CUT, message="Cut."))
    out, end = relayed(END, closing=closing)
    assert (out, [*data(end)[0]]) == ([b""], ["error"])


@case
def test_what_is_relayed_means_the_same(golden: Path) -> None:
    decoder, relay, written = StreamDecoder(), Relay(ENVELOPE), b""
    fault = None
    for frame in sse.Decoder().feed((golden / "stream.sse").read_bytes()):
        events = decoder.feed(frame)
        written += relay.feed(frame, events)
        fault = next((event.fault for event in events if isinstance(event, Failed)), fault)
    written += relay.close(msgspec.structs.replace(CLOSING, fault=fault))
    given = [json.loads(frame.data) for frame in sse.Decoder().feed((golden / "stream.sse").read_bytes())]
    shown = given if fault is None else given[:-1]
    assert len(data(written)) == len(given)
    for found, told in zip(data(written), shown, strict=False):
        assert told.keys() <= found.keys()
        assert bare(found["candidates"]) == bare(told["candidates"])


def bare(value: Any) -> Any:
    """Return JSON without its seals."""
    if isinstance(value, dict):
        return {name: bare(each) for name, each in value.items() if name != "thoughtSignature"}
    return [bare(each) for each in value] if isinstance(value, list) else value


def test_a_last_chunk_told_twice_is_told_once() -> None:
    counts = {"usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 20}}
    once, end = relayed(chunk({"text": "a"}), END)
    twice, same = relayed(chunk({"text": "a"}), END, END)
    assert (b"".join(twice), same) == (b"".join(once), end)
    assert data(relayed(END, {**END, **counts})[1])[0]["usageMetadata"] == {
        "promptTokenCount": 30,
        "candidatesTokenCount": 20,
    }


def test_a_string_that_is_no_unicode_and_nobody_read_costs_nothing_else() -> None:
    out, end = relayed(b'{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","x":"\xff"}]}')
    assert data(end)[0]["candidates"][0]["x"] == "\N{REPLACEMENT CHARACTER}"
    assert out == [b""]
