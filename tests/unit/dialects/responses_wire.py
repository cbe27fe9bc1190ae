"""What the tests of Responses for clients share: an envelope, a closing, and a reading of what was written."""

import json
from typing import Any

from wideband.canon.events import Event
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_responses.ask import read
from wideband.dialects.openai_responses.encoder import StreamEncoder
from wideband.wire import sse

CLOSING = Closing(
    usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=4, cache_write_tokens=1, reasoning_tokens=2),
    cost_nano=12300,
    prompt_cost_nano=9000,
    completion_cost_nano=3300,
)
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 12,
    "cost": 0.0000123,
    "is_byok": False,
    "cost_details": {
        "upstream_inference_cost": None,
        "upstream_inference_input_cost": 0.000009,
        "upstream_inference_output_cost": 0.0000033,
    },
}
TOOLS = [
    {"type": "function", "name": "f", "parameters": {}},
    {"type": "namespace", "name": "agents", "description": "", "tools": [{"type": "function", "name": "spawn"}]},
    {"type": "custom", "name": "patch"},
]


def envelope(*, hides_reasoning: bool = False, **asked: Any) -> Envelope:
    """Return what the gateway says of an answer to a request with these fields."""
    fields = read(json.dumps({"model": "m", "input": "Hi", **asked}).encode()).fields
    return Envelope(
        id="gen-1", model="acme/m1", provider="My Own Box", created_s=1763800000, asked=fields,
        hides_reasoning=hides_reasoning,
    )  # fmt: skip


def streamed(events: list[Event], closing: Closing = CLOSING, told: Envelope | None = None) -> list[dict[str, Any]]:
    """Return the events of a whole stream; their names and numbers are checked on the way."""
    encoder = StreamEncoder(told or envelope())
    return parsed(encoder.feed(events) + encoder.close(closing))


def parsed(written: bytes) -> list[dict[str, Any]]:
    """Read a stream's bytes, and check that it is well numbered and named."""
    decoder = sse.Decoder()
    frames = decoder.feed(written)
    events = [json.loads(frame.data) for frame in frames]
    assert [frame.event for frame in frames] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert decoder.close() == []
    return events


def items(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items that were told as done."""
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]
