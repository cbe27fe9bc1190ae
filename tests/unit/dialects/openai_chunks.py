"""Chunks as providers send them, odd ones among them, and the ways to read a stream back."""

from typing import Any

from wideband.canon.events import (
    Counted,
    Event,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.openai_chat import DIALECT
from wideband.wire import jsons, sse
from wideband.wire.sse import Frame

ENVELOPE = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", created_s=1763800000)
ASKED = Envelope(id="gen-1", model="acme/m1", provider="My Own Box", created_s=1763800000, include_usage=True)
COUNTS = Usage(prompt_tokens=9, completion_tokens=1)
CLOSING = Closing(usage=COUNTS, cost_nano=12300, prompt_cost_nano=9000, completion_cost_nano=3300)
DONE = Frame(b"[DONE]")


def chunk(*choices: dict[str, Any], **top: Any) -> Frame:
    told = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices)}
    return Frame(jsons.encode(told | top))


def said(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


def heard(*frames: Frame) -> list[Event]:
    """The events of a stream, without its opening."""
    decoder = DIALECT.stream_decoder()
    events = [event for frame in frames for event in decoder.feed(frame)] + decoder.close()
    return [event for event in events if not isinstance(event, Started)]


def call(**facts: Any) -> dict[str, Any]:
    function = {name: facts.pop(name) for name in ("name", "arguments") if name in facts}
    return facts | {"function": function}


def chunks(stream: bytes) -> list[Any]:
    reader = sse.Decoder()
    frames = reader.feed(stream)
    assert reader.close() == []
    assert frames[-1] == DONE
    return [jsons.decode(frame.data) for frame in frames[:-1]]


def written(events: list[Event], closing: Closing = CLOSING, envelope: Envelope = ENVELOPE) -> list[Any]:
    """The chunks that a client gets, read as JSON; the last one is `[DONE]`."""
    encoder = DIALECT.stream_encoder(envelope)
    stream = b"".join(encoder.feed([event]) for event in events) + encoder.close(closing)
    return chunks(stream)


STOP = Finished("stop", "stop")
ODDITIES: dict[str, tuple[list[Frame], list[Event]]] = {
    "no index": ([chunk({"delta": {"content": "a"}, "finish_reason": "stop"})], [TextDelta("a"), STOP]),
    "message in place of delta": (
        [chunk({"message": {"content": "a"}, "finish_reason": "stop"})],
        [TextDelta("a"), STOP],
    ),
    "no [DONE]": ([chunk(said("stop", content="a"))], [TextDelta("a"), STOP]),
    "[DONE] without a finish": ([chunk(said(content="a")), DONE], [TextDelta("a"), Finished("stop")]),
    "[DONE] with spaces": ([chunk(said(content="a")), Frame(b" [DONE] ")], [TextDelta("a"), Finished("stop")]),
    "an empty finish is none": ([chunk(said("", content="a")), chunk(said("stop"))], [TextDelta("a"), STOP]),
    "a finish said twice": ([chunk(said("stop")), chunk(said("stop"))], [STOP]),
    "nothing after [DONE]": ([chunk(said("stop")), DONE, chunk(said(content="x"))], [STOP]),
    "empty data": ([Frame(b""), chunk(said("stop"))], [STOP]),
    "a refusal": ([chunk(said("stop", refusal="No"))], [RefusalDelta("No"), STOP]),
    "both words for thinking": (
        [chunk(said("stop", reasoning="a", reasoning_content="a"))],
        [ReasoningDelta("a"), STOP],
    ),
    "details beside thinking": (
        [chunk(said("stop", reasoning="a", reasoning_details=[{"type": "reasoning.text", "text": "a", "index": 0}]))],
        [ReasoningDelta("a"), STOP],
    ),
    "details without index": (
        [
            chunk(said(reasoning_details=[{"type": "reasoning.text", "text": "a"}])),
            chunk(said(reasoning_details=[{"type": "reasoning.text", "text": "b"}])),
            chunk(said("stop", reasoning_details=[{"type": "reasoning.encrypted", "data": "d"}])),
        ],
        [ReasoningDelta("a"), ReasoningDelta("b"), ReasoningSealed(data="d", block=1), STOP],
    ),
    "a seal joins the block of its index once": (
        [
            chunk(
                said(
                    "stop",
                    reasoning_details=[
                        {"type": "reasoning.summary", "summary": "a", "index": 0},
                        {"type": "reasoning.encrypted", "data": "d", "index": 0},
                        {"type": "reasoning.encrypted", "data": "e", "index": 0},
                    ],
                )
            )
        ],
        [ReasoningDelta("a", summary=True), ReasoningSealed(data="d"), ReasoningSealed(data="e", block=1), STOP],
    ),
    "a kind of detail nobody knows": (
        [chunk(said("stop", reasoning_details=[{"type": "reasoning.new"}]))],
        [OpaqueDelta(dialect="openai_chat", kind="reasoning_detail", raw={"type": "reasoning.new"}), STOP],
    ),
    "content in parts": (
        [chunk(said("stop", content=[{"type": "text", "text": "a"}, {"type": "new"}, "b", 5]))],
        [
            TextDelta("a"),
            OpaqueDelta(dialect="openai_chat", kind="content_part", raw={"type": "new"}),
            TextDelta("b"),
            STOP,
        ],
    ),
    "images": (
        [chunk(said("stop", images=[{"image_url": {}}]))],
        [OpaqueDelta(dialect="openai_chat", kind="images", raw=[{"image_url": {}}]), STOP],
    ),
    "counts on every chunk": (
        [chunk(said(content="a"), usage={"prompt_tokens": 1}), chunk(said("stop"), usage={"prompt_tokens": 2})],
        [TextDelta("a"), Counted(Usage(prompt_tokens=1)), STOP, Counted(Usage(prompt_tokens=2))],
    ),
    "counts in x_groq": (
        [chunk(said("stop"), x_groq={"usage": {"prompt_tokens": 1}})],
        [STOP, Counted(Usage(prompt_tokens=1))],
    ),
    "a call in pieces": (
        [
            chunk(said(tool_calls=[call(index=0, id="a", name="f", arguments="")])),
            chunk(said(tool_calls=[call(index=0, arguments='{"x"')])),
            chunk(said("tool_calls", tool_calls=[call(index=0, arguments=":1}")])),
        ],
        [ToolOpened(0, "a", "f"), ToolArgs(0, '{"x"'), ToolArgs(0, ":1}"), Finished("tool_calls", "tool_calls")],
    ),
    "name and id repeated": (
        [
            chunk(said(tool_calls=[call(index=0, id="a", name="f", arguments="{")])),
            chunk(said("tool_calls", tool_calls=[call(index=0, id="a", name="f", arguments="}")])),
        ],
        [ToolOpened(0, "a", "f"), ToolArgs(0, "{"), ToolArgs(0, "}"), Finished("tool_calls", "tool_calls")],
    ),
    "ids in place of indexes": (
        [
            chunk(said(tool_calls=[call(id="a", name="f", arguments="{"), call(id="b", name="f", arguments="[")])),
            chunk(said("tool_calls", tool_calls=[call(id="a", arguments="}"), call(id="b", arguments="]")])),
        ],
        [
            ToolOpened(0, "a", "f"),
            ToolArgs(0, "{"),
            ToolOpened(1, "b", "f"),
            ToolArgs(1, "["),
            ToolArgs(0, "}"),
            ToolArgs(1, "]"),
            Finished("tool_calls", "tool_calls"),
        ],
    ),
    "indexes that start at 1": (
        [chunk(said("tool_calls", tool_calls=[call(index=1, id="a", name="f", arguments="{}")]))],
        [ToolOpened(0, "a", "f"), ToolArgs(0, "{}"), Finished("tool_calls", "tool_calls")],
    ),
    "the name comes last": (
        [
            chunk(said(tool_calls=[call(index=0, id="a", arguments="{")])),
            chunk(said("tool_calls", tool_calls=[call(index=0, name="f", arguments="}")])),
        ],
        [ToolOpened(0, "a", "f"), ToolArgs(0, "{}"), Finished("tool_calls", "tool_calls")],
    ),
    "the name never comes": (
        [chunk(said("tool_calls", tool_calls=[call(index=0, id="a", arguments="{}")]))],
        [ToolOpened(0, "a", ""), ToolArgs(0, "{}"), Finished("tool_calls", "tool_calls")],
    ),
    "arguments as an object": (
        [chunk(said("stop", tool_calls=[call(index=0, id="a", name="f", arguments={"x": 1})]))],
        [ToolOpened(0, "a", "f"), ToolArgs(0, '{"x":1}'), Finished("tool_calls", "stop")],
    ),
    "calls that are none": (
        [chunk(said("stop", tool_calls=[None, 5, "x"], function_call=None))],
        [STOP],
    ),
}
