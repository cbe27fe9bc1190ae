"""Responses under any bytes: only faults come out, cutting a stream changes nothing, arguments lose nothing."""

from pathlib import Path

from hypothesis import example, given, settings, strategies as st
from tests.property.wrong_bytes import any_sizes, cut, decode, json_of

from wideband.canon.events import Event, Failed, Finished, ToolArgs, ToolOpened
from wideband.canon.faults import Fault, Faulted
from wideband.canon.reply import fold
from wideband.canon.request import ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope, Target
from wideband.dialects.openai_responses import DIALECT
from wideband.dialects.quirks import QUIRKS
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="Box", provider_slug="box", created_s=1)
HIDING = Envelope(id="gen-1", model="acme/m1", provider="Box", created_s=1, hides_reasoning=True)
CLOSING = Closing(usage=Usage(prompt_tokens=1))
STREAMS = [path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("golden/openai_responses/*/stream.sse"))]
FRAMES = [frame for stream in STREAMS for frame in sse.Decoder().feed(stream)]
KINDS = sorted({jsons.decode(frame.data)["type"] for frame in FRAMES} | {"response.cancelled", "response.done", "x"})
fuzz = settings(max_examples=100, deadline=None)

WORDS = [
    "type", "role", "content", "text", "id", "call_id", "name", "namespace", "arguments", "input", "output", "summary",
    "encrypted_content", "annotations", "logprobs", "refusal", "status", "error", "code", "message", "usage", "reason",
    "input_tokens", "incomplete_details", "reasoning", "function_call", "custom_tool_call", "function_call_output",
    "output_text", "input_text", "input_image", "image_url", "assistant", "user", "developer", "wideband@box:x",
]  # fmt: skip
json = json_of(WORDS)
items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            [
                "message",
                "reasoning",
                "function_call",
                "custom_tool_call",
                "function_call_output",
                "web_search_call",
                "x",
            ]
        )
        | json,
        "role": st.sampled_from(["user", "assistant", "system", "developer"]),
        "id": st.sampled_from(["a", "b", "msg_1"]) | json,
        "call_id": st.sampled_from(["c", "d", "e" * 70]) | json,
        "name": st.sampled_from(["f", "g"]) | json,
        "arguments": st.text(max_size=5) | json,
        "input": json,
        "output": json,
        "content": st.text(max_size=5) | st.lists(json, max_size=2) | json,
        "summary": st.lists(st.fixed_dictionaries({"type": st.just("summary_text"), "text": json}), max_size=2) | json,
        "encrypted_content": st.sampled_from(["x", "wideband@box:x", "wideband@other:x"]) | json,
    },
)
plain_items = st.sampled_from(
    [
        {"role": "user", "content": "x"},
        {"type": "message", "id": "odd", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c" * 70, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c" * 70, "output": [{"type": "input_text", "text": "x"}]},
        *({"type": "reasoning", "summary": [], "encrypted_content": f"{maker}x"} for maker in ("", "wideband@box:")),
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "wideband@other:x"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "x"}]},
    ]
)
bodies = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "input": st.lists(plain_items | plain_items | items, min_size=1, max_size=4) | st.text(max_size=5),
    },
    optional={
        **dict.fromkeys(("tools", "tool_choice", "text", "reasoning", "include", "cache_control", "x", "stream"), json),
        "store": st.booleans() | st.none(),
        "max_output_tokens": st.integers(1, 10),
    },
)
responses = st.fixed_dictionaries(
    {},
    optional={
        "id": json,
        "status": st.sampled_from(["completed", "failed", "incomplete", "in_progress"]) | json,
        "output": st.lists(items, max_size=3) | json,
        **dict.fromkeys(("usage", "error", "incomplete_details", "created_at", "model", "service_tier"), json),
    },
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(KINDS) | st.sampled_from(KINDS) | json,
        "output_index": st.integers(0, 2) | json,
        "content_index": st.integers(0, 1) | json,
        "summary_index": json,
        "sequence_number": json,
        "item_id": st.sampled_from(["a", "b"]) | json,
        "item": items | json,
        "delta": st.text(max_size=3) | json,
        "response": responses,
        **dict.fromkeys(("text", "arguments", "input", "refusal", "annotation", "logprobs", "error", "message"), json),
    },
)
frames = st.builds(
    Frame,
    rows.map(jsons.encode) | st.binary(max_size=20) | st.just(b"[DONE]"),
    st.none() | st.sampled_from(KINDS),
)


def check_grammar(events: list[Event]) -> None:
    failures = [event for event in events if isinstance(event, Failed)]
    assert failures == events[-1:] if failures else any(isinstance(event, Finished) for event in events)
    opened: set[int] = set()
    for event in events:
        if isinstance(event, ToolOpened):
            assert event.index == len(opened)
            opened.add(event.index)
        elif isinstance(event, ToolArgs):
            assert event.index in opened


def check_relay(told: list[Frame], envelope: Envelope) -> None:
    """Whatever comes, the client gets a stream of whole frames that begins and ends as one answer."""
    decoder, relay = DIALECT.stream_decoder(), DIALECT.relay(envelope)
    events: list[Event] = []
    data = b""
    for frame in told:
        heard = decoder.feed(frame)
        data += relay.feed(frame, heard)
        events += heard
    events += decoder.close()
    check_grammar(events)
    fault = next((event.fault for event in events if isinstance(event, Failed)), None)
    data += relay.close(Closing(usage=Usage(), fault=fault))
    reader = sse.Decoder()
    passed = [jsons.decode(frame.data) for frame in reader.feed(data)]
    assert reader.close() == []
    assert all(isinstance(row, dict) for row in passed)
    last = passed[-1]
    assert (last["type"] == "response.failed") == (fault is not None)
    assert last["response"]["id"] == "gen-1"
    assert passed[0]["response"]["id"] == "gen-1"


@fuzz
@given(st.lists(frames, max_size=6), st.sampled_from([ENVELOPE, HIDING]))
def test_any_frames_end_in_one_finish_or_one_fault(told: list[Frame], envelope: Envelope) -> None:
    check_relay(told, envelope)


@fuzz
@given(st.sampled_from(STREAMS), st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), max_size=5))
def test_any_damage_to_a_stream_is_at_most_one_fault(stream: bytes, damage: list[tuple[int, bytes]]) -> None:
    for at, patch in damage:
        at %= len(stream)
        stream = stream[:at] + patch + stream[at + 1 :]
    check_relay(sse.Decoder().feed(stream), ENVELOPE)


@fuzz
@given(st.sampled_from(STREAMS), any_sizes)
def test_any_chunking_gives_the_same_events(stream: bytes, sizes: list[int]) -> None:
    assert decode(DIALECT, cut(stream, sizes)) == decode(DIALECT, [stream])


@fuzz
@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=20),
    st.sampled_from(["function_call", "custom_tool_call"]),
    st.sets(st.sampled_from(["added", "string_done", "item_done", "end"])),
)
def test_interleaved_calls_lose_no_character(
    texts: list[str], deals: list[tuple[int, int]], kind: str, told: set[str]
) -> None:
    field, stem = (
        ("arguments", "function_call_arguments") if kind == "function_call" else ("input", "custom_tool_call_input")
    )
    calls = [
        {"type": kind, "id": f"i{at}", "call_id": f"c{at}", "name": "f", field: text} for at, text in enumerate(texts)
    ]
    said = [{"type": "response.output_item.added", "output_index": at, "item": call | {field: ""}}
            for at, call in enumerate(calls) if "added" in told]  # fmt: skip
    rests = list(texts)
    for at, size in [*deals, *((at, 10**6) for at in range(len(texts)) if not told & {"item_done", "end"})]:
        if at < len(texts):
            said.append({"type": f"response.{stem}.delta", "output_index": at, "delta": rests[at][:size]})
            rests[at] = rests[at][size:]
    if "string_done" in told:
        said += [{"type": f"response.{stem}.done", "output_index": at, field: text} for at, text in enumerate(texts)]
    if "item_done" in told:
        said += [
            {"type": "response.output_item.done", "output_index": at, "item": call} for at, call in enumerate(calls)
        ]
    said.append({"type": "response.completed", "response": {"output": calls if "end" in told else []}})
    events = decode(DIALECT, [sse.encode(jsons.encode(row)) for row in said])
    check_grammar(events)
    choices = fold(events).choices
    found = sorted(part.arguments for part in choices[0].parts if isinstance(part, ToolCall)) if choices else []
    assert [text for text in found if text] == sorted(text for text in texts if text)


@fuzz
@given(st.binary(max_size=60) | responses.map(jsons.encode) | json.map(jsons.encode))
def test_any_answer_is_read_or_a_fault(body: bytes) -> None:
    try:
        reply = DIALECT.decode_reply(body)
    except Faulted as broken:
        assert broken.fault.message
        return
    closing = Closing(usage=reply.usage or Usage(), fault=reply.fault)
    for envelope in (ENVELOPE, HIDING):
        assert jsons.decode(DIALECT.relay_reply(body, envelope, closing))["id"] == "gen-1"


@fuzz
@given(st.integers(100, 599), st.binary(max_size=60) | json.map(jsons.encode))
def test_any_error_answer_is_a_fault(status: int, body: bytes) -> None:
    assert isinstance(DIALECT.decode_fault(status, body), Fault)


@fuzz
@given(bodies.map(jsons.encode), st.sets(st.sampled_from(sorted(QUIRKS))), st.none() | st.just(frozenset({"tools"})))
@example(b'{"model":"m","input":[{"type":"reasoning","encrypted_content":7}]}', set(), None)
def test_any_body_is_carried_or_refused(body: bytes, quirks: set[str], taken: frozenset[str] | None) -> None:
    target = Target(model="u", provider="box", quirks=frozenset(quirks), max_output=5, supported_parameters=taken)
    try:
        spliced = jsons.decode(DIALECT.splice(DIALECT.read(body), target).body)
        written = jsons.decode(DIALECT.encode_request(DIALECT.decode_request(body), target).body)
    except Faulted as refused:
        assert refused.fault.status == 400
        return
    for sent in (spliced, written):
        assert sent["model"] == "u"
        assert sent.get("store") is (None if "no_store" in quirks else False)
    assert b'"wideband@other:x"' not in jsons.encode(spliced["input"])
