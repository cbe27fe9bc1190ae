"""What a Gemini client is told of an answer, however it came in: the same words, and calls byte for byte."""

import contextlib
import json
from typing import Any

from hypothesis import given, strategies as st

from wideband.canon.events import Event, Finished, TextDelta, ToolArgs, ToolOpened
from wideband.canon.faults import Faulted
from wideband.canon.reply import fold
from wideband.canon.request import Reasoning, Text, ToolCall
from wideband.canon.usage import Usage
from wideband.dialects.base import Closing, Envelope
from wideband.dialects.gemini_generate import DIALECT, words
from wideband.wire import jsons, sse

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
written = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    st.dictionaries(texts, values, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
CLOSING = Closing(usage=Usage(prompt_tokens=1, completion_tokens=1))


def envelope(alt: str) -> Envelope:
    asked = {"alt": jsons.Raw(jsons.encode(alt))}
    return Envelope(id="gen-1", model="m", provider="p", created_s=1, asked=asked)


def cut(draw: Any, text: str) -> list[str]:
    marks = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *marks], [*marks, len(text)], strict=True)]


@st.composite
def answers(draw: Any) -> tuple[str, list[str], list[Event]]:
    """Draw a text, the arguments of calls, and events that say them with pieces of the calls in any order."""
    said, arguments = draw(texts), draw(st.lists(written, min_size=1, max_size=3))
    pieces = {at: [ToolArgs(at, piece) for piece in cut(draw, text)] for at, text in enumerate(arguments)}
    events: list[Event] = [TextDelta(piece) for piece in cut(draw, said)]
    events.extend(ToolOpened(at, f"c{at}", f"f{at}") for at in pieces)
    while pieces:
        at = draw(st.sampled_from(sorted(pieces)))
        events.append(pieces[at].pop(0))
        if not pieces[at]:
            del pieces[at]
    return said, arguments, [*events, Finished("tool_calls")]


@given(answers(), st.sampled_from(["sse", "json"]))
def test_calls_are_whole_and_in_order_however_their_pieces_come(
    answer: tuple[str, list[str], list[Event]], alt: str
) -> None:
    said, arguments, events = answer
    encoder = DIALECT.stream_encoder(envelope(alt))
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(CLOSING)
    frames = sse.Decoder().feed(data) if alt == "sse" else []
    chunks = [json.loads(frame.data) for frame in frames] if alt == "sse" else json.loads(data)
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts if "text" in part) == said
    assert [part["functionCall"]["args"] for part in parts if "functionCall" in part] == [
        json.loads(text) for text in arguments
    ]
    assert encoder.losses == []
    for text in arguments:
        assert text.replace("\n", " ").encode() in data


@given(answers())
def test_what_is_written_is_read_back_by_the_same_protocol(answer: tuple[str, list[str], list[Event]]) -> None:
    said, arguments, events = answer
    encoder, decoder = DIALECT.stream_encoder(envelope("sse")), DIALECT.stream_decoder()
    data = b"".join(encoder.feed([event]) for event in events) + encoder.close(CLOSING)
    reply = fold([event for frame in sse.Decoder().feed(data) for event in decoder.feed(frame)] + decoder.close())
    (choice,) = reply.choices
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    assert "".join(part.text for part in choice.parts if isinstance(part, Text)) == said
    assert [call.arguments for call in calls] == [text.replace("\n", " ") for text in arguments]
    assert (choice.finish, reply.fault) == ("tool_calls", None)


blocks = st.builds(
    Reasoning,
    text=texts,
    signature=st.none() | texts,
    data=st.none() | texts,
    summary=st.booleans(),
    format=st.sampled_from(["anthropic-claude-v1", "openai-responses-v1", None]),
    id=st.none() | texts,
)


@given(st.lists(blocks, min_size=1, max_size=4))
def test_packed_thinking_comes_back_as_it_was_in_any_alphabet(thinking: list[Reasoning]) -> None:
    sealed = words.seal(*thinking)
    assert words.unseal(sealed) == tuple(thinking)
    assert words.unseal(sealed.replace("-", "+").replace("_", "/")) == tuple(thinking)


def some(*names: str) -> st.SearchStrategy[Any]:
    """Draw an object with some of the fields of these names, and anything in them."""
    return st.dictionaries(st.sampled_from(names), values, max_size=4)


parts = some("text", "thought", "thoughtSignature", "inlineData", "file_data", "functionCall", "functionResponse", "x")
blobs = some("mimeType", "data", "fileUri", "name", "id", "args", "response", "parts", "displayName")
whole_parts = st.dictionaries(st.sampled_from(["inlineData", "fileData", "functionCall", "functionResponse"]), blobs)
contents = st.fixed_dictionaries({"parts": st.lists(parts | whole_parts, max_size=3)}, optional={"role": values})
requests = st.fixed_dictionaries(
    {"model": st.just("m"), "contents": st.lists(contents, max_size=3) | values},
    optional={
        "generationConfig": values
        | some("topK", "maxOutputTokens", "thinkingConfig", "responseSchema", "stopSequences"),
        "tools": values | st.lists(some("functionDeclarations", "googleSearch"), max_size=2),
        "toolConfig": values | some("functionCallingConfig"),
        "systemInstruction": values | contents,
        "stream": values,
        "provider": values,
    },
)


@given(st.binary(max_size=200) | (values | requests).map(lambda value: json.dumps(value).encode()))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    for read in (DIALECT.read, DIALECT.decode_request):
        with contextlib.suppress(Faulted):
            read(body)
