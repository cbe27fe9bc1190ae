"""Whatever way a provider cuts and mixes what it says, a client of Responses is told all of it, in order."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, strategies as st
from tests.unit.dialects.responses_wire import CLOSING, TOOLS, envelope, parsed

from wideband.canon.events import Event, Finished, ReasoningDelta, RefusalDelta, TextDelta, ToolArgs, ToolOpened
from wideband.dialects.openai_responses.encoder import StreamEncoder

WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
ARGUMENTS = st.dictionaries(WORDS, st.one_of(WORDS, st.floats(allow_nan=False), st.none()), max_size=3)


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[str], list[Event]]:
    """Give the arguments of some calls, and the events of all of them, cut anywhere and mixed with other words."""
    texts = [
        json.dumps(told, indent=draw(st.sampled_from([None, 1]))) for told in draw(st.lists(ARGUMENTS, max_size=3))
    ]
    queues: list[list[Event]] = []
    for index, text in enumerate(texts):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)) | {0, len(text)})
        pieces = [text[a:b] for a, b in pairwise(cuts)]
        queues.append([ToolOpened(index, f"call_{index}", "f"), *(ToolArgs(index, piece) for piece in pieces)])
    others = st.one_of(st.builds(TextDelta, WORDS), st.builds(RefusalDelta, WORDS), st.builds(ReasoningDelta, WORDS))
    queues.append(draw(st.lists(others, max_size=6)))
    events: list[Event] = []
    while left := [queue for queue in queues if queue]:
        events.append(draw(st.sampled_from(left)).pop(0))
    return texts, events


def run(events: list[Event], batch: int) -> list[dict[str, Any]]:
    encoder = StreamEncoder(envelope(tools=TOOLS))
    told = [*events, Finished("stop")]
    written = b"".join(encoder.feed(told[at : at + batch]) for at in range(0, len(told), batch))
    assert encoder.losses == []
    return parsed(written + encoder.close(CLOSING))


@given(calls(), st.integers(1, 5))
def test_arguments_lose_no_byte_and_every_item_is_told_alike(given: tuple[list[str], list[Event]], batch: int) -> None:
    texts, events = given
    written = run(events, batch)
    output = written[-1]["response"]["output"]
    by_call = {item["call_id"]: item["arguments"] for item in output if item["type"] == "function_call"}
    assert by_call == {f"call_{index}": text for index, text in enumerate(texts)}
    for index in range(len(texts)):
        item_id = next(item["id"] for item in output if item.get("call_id") == f"call_{index}")
        deltas = [e["delta"] for e in written if e.get("item_id") == item_id and e["type"].endswith("arguments.delta")]
        assert "".join(deltas) == texts[index]
    done = {e["output_index"]: e["item"] for e in written if e["type"] == "response.output_item.done"}
    added = [e["output_index"] for e in written if e["type"] == "response.output_item.added"]
    assert [done[at] for at in range(len(output))] == output
    assert added == list(range(len(output)))


@given(calls())
def test_all_that_was_said_is_said(given: tuple[list[str], list[Event]]) -> None:
    _, events = given
    output = run(events, 1)[-1]["response"]["output"]
    content = [part for item in output for part in item.get("content", ())]
    texts = "".join(part["text"] for part in content if part["type"] == "output_text")
    refusals = "".join(part["refusal"] for part in content if part["type"] == "refusal")
    thoughts = "".join(part["text"] for item in output for part in item.get("summary", ()))
    assert texts == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert refusals == "".join(event.text for event in events if isinstance(event, RefusalDelta))
    assert thoughts == "".join(event.text for event in events if isinstance(event, ReasoningDelta))
