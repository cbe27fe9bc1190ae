"""The meter, whatever comes in whatever pieces: the same counts, and never less than nothing."""

import itertools

from hypothesis import given, settings, strategies as st

from wideband.canon.events import Counted, Event, Finished, ReasoningDelta, Started, TextDelta, ToolArgs, ToolOpened
from wideband.canon.usage import Usage
from wideband.metering.meter import Meter

counts = st.builds(Usage, prompt_tokens=st.integers(0, 50), completion_tokens=st.integers(0, 50))
events = st.lists(
    st.one_of(
        st.builds(TextDelta, st.text(max_size=9)),
        st.builds(ReasoningDelta, st.text(max_size=9)),
        st.builds(ToolOpened, index=st.just(0), id=st.just("t"), name=st.text(max_size=5)),
        st.builds(ToolArgs, index=st.just(0), fragment=st.text(max_size=9)),
        st.builds(Counted, counts),
        st.just(Finished("stop")),
        st.just(Started()),
    ),
    max_size=20,
)


@settings(max_examples=100)
@given(told=events, cuts=st.lists(st.integers(0, 20), max_size=4), chars=st.integers(0, 1000))
def test_counts_do_not_depend_on_how_the_events_came(told: list[Event], cuts: list[int], chars: int) -> None:
    whole, pieces = Meter(0), Meter(0)
    whole.saw(told, 1)
    points = sorted({0, len(told), *(min(cut, len(told)) for cut in cuts)})
    for at_ns, (start, end) in enumerate(itertools.pairwise(points)):
        pieces.saw(told[start:end], at_ns)
    usage = whole.usage(chars)
    assert usage == pieces.usage(chars)
    assert whole.tool_calls == pieces.tool_calls == sum(isinstance(event, ToolOpened) for event in told)
    counted = [event.usage for event in told if isinstance(event, Counted)]
    assert usage.prompt_tokens >= next((one.prompt_tokens for one in reversed(counted) if one.prompt_tokens), 0)
    assert usage.completion_tokens >= next(
        (one.completion_tokens for one in reversed(counted) if one.completion_tokens), 0
    )
    assert usage.source == "estimated" or counted
