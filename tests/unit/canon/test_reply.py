"""Events fold into the answer they tell, and an answer unfolds into events that fold back to it."""

import itertools
from collections.abc import Sequence

from hypothesis import given, settings, strategies as st

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    Logprobs,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.reply import Choice, Reply, fold, unfold
from wideband.canon.request import Opaque, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage

CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="the stream broke off")


def parts(*events: Event) -> tuple[object, ...]:
    return fold(list(events)).choices[0].parts


def test_no_events_are_an_empty_reply() -> None:
    assert fold([]) == Reply()


def test_the_opening_names_the_answer() -> None:
    reply = fold([Started(id="a", model="m", created_s=7, extras={"service_tier": "flex"})])
    assert (reply.id, reply.model, reply.created_s, reply.extras) == ("a", "m", 7, {"service_tier": "flex"})


def test_text_continues_until_something_else_is_said() -> None:
    told = parts(TextDelta("a"), TextDelta("b"), ToolOpened(0, "1", "f"), TextDelta("c"), RefusalDelta("no"))
    assert told == (Text(text="ab"), ToolCall(id="1", name="f", arguments=""), Text(text="c"), Refusal(text="no"))


def test_parallel_calls_are_told_apart_by_index() -> None:
    told = parts(
        ToolOpened(0, "a", "f"),
        ToolOpened(1, "b", "g"),
        ToolArgs(0, "{"),
        ToolArgs(1, "["),
        ToolArgs(0, "}"),
        ToolArgs(1, "]"),
    )
    assert told == (ToolCall(id="a", name="f", arguments="{}"), ToolCall(id="b", name="g", arguments="[]"))


def test_arguments_without_an_opening_are_kept() -> None:
    assert parts(ToolArgs(0, "{}")) == (ToolCall(id="", name="", arguments="{}"),)


def test_reasoning_blocks_are_told_apart_and_sealed() -> None:
    told = parts(
        ReasoningDelta("a", block=0, format="x"),
        ReasoningDelta("b", block=1, summary=True),
        ReasoningSealed(signature="s", block=0),
        ReasoningSealed(data="d", block=2, id="r1"),
    )
    assert told == (
        Reasoning(text="a", signature="s", format="x"),
        Reasoning(text="b", summary=True),
        Reasoning(data="d", id="r1"),
    )


def test_choices_are_ordered_by_index_and_finish_apart() -> None:
    reply = fold([TextDelta("b", 1), TextDelta("a", 0), Finished("stop", "eos", 1), Finished("length", None, 0)])
    assert [(c.index, c.parts, c.finish, c.native_finish) for c in reply.choices] == [
        (0, (Text(text="a"),), "length", None),
        (1, (Text(text="b"),), "stop", "eos"),
    ]


def test_log_probabilities_are_joined() -> None:
    told = fold(
        [Logprobs(value={"content": [1]}), Logprobs(value={"content": [2], "refusal": None}), Logprobs(value=3)]
    )
    assert told.choices[0].logprobs == {"content": [1, 2], "refusal": None}


def test_later_counts_win_field_by_field() -> None:
    usage = fold(
        [Counted(Usage(prompt_tokens=9, cached_tokens=4)), Counted(Usage(prompt_tokens=9, completion_tokens=2))]
    ).usage
    assert usage == Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=2)


def test_nothing_is_read_after_a_failure() -> None:
    reply = fold([TextDelta("a"), Failed(CUT), TextDelta("b"), Counted(Usage(prompt_tokens=1))])
    assert (reply.choices[0].parts, reply.fault, reply.usage) == ((Text(text="a"),), CUT, None)


short = st.text(max_size=6)
maybe = st.none() | st.text(min_size=1, max_size=6)
reasoning = st.builds(Reasoning, text=short, signature=maybe, data=maybe, summary=st.booleans(), format=maybe, id=maybe)
spoken = st.one_of(
    st.builds(Text, text=short),
    st.builds(Refusal, text=short),
    st.builds(ToolCall, id=short, name=short, arguments=short),
    st.builds(Opaque, dialect=short, kind=short, raw=st.integers()),
    reasoning,
)


def apart(told: Sequence[object]) -> bool:
    """Neighbouring texts are one text once they are events."""
    return all(type(a) is not type(b) or not isinstance(a, Text | Refusal) for a, b in itertools.pairwise(told))


choices = st.builds(
    Choice,
    index=st.just(0),
    parts=st.lists(spoken, min_size=1, max_size=6).filter(apart).map(tuple),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    native_finish=maybe,
    stop_sequence=maybe,
    logprobs=st.none() | st.just({"content": [1]}),
)
replies = st.builds(
    Reply,
    id=maybe,
    model=maybe,
    created_s=st.none() | st.integers(0, 9),
    choices=st.tuples(choices),
    usage=st.none() | st.builds(Usage, prompt_tokens=st.integers(0, 9), completion_tokens=st.integers(0, 9)),
    fault=st.none() | st.just(CUT),
)


@settings(max_examples=100, deadline=None)
@given(replies)
def test_a_reply_survives_its_events(reply: Reply) -> None:
    assert fold(unfold(reply)) == reply
