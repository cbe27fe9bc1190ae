"""Every way to break a stream of every protocol: nothing raises, and every client sees one proper end."""

import os
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from tests.conformance.broken import (
    ALL,
    ENVELOPE,
    NAMES,
    STREAMS,
    Told,
    cuts,
    frames_of,
    mistyped,
    oddities,
    reordered,
    tell,
)
from tests.conformance.proper import CHECKS, gemini_array

from wideband.canon.events import Event, Failed, Finished, ToolArgs, ToolOpened
from wideband.dialects.base import Envelope
from wideband.wire import jsons

# One in so many wrong values is tried, others in each protocol; all of them with WIDEBAND_EVERY=1, in some minutes.
EVERY = int(os.environ.get("WIDEBAND_EVERY", "400"))
EXAMPLES = max(40, 16_000 // EVERY)
LANES = [(other, False) for other in NAMES]
HIDING = msgspec.structs.replace(ENVELOPE, hides_reasoning=True, include_usage=False)
ARRAY = msgspec.structs.replace(ENVELOPE, asked={"alt": jsons.Raw(b'"json"')})
# The SDKs keep an eye on types that nobody counts on.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
fuzz = settings(max_examples=EXAMPLES, deadline=None)


def grammar(events: list[Event]) -> None:
    """Check what every decoder promises of its events."""
    failures = [at for at, event in enumerate(events) if isinstance(event, Failed)]
    assert failures in ([], [len(events) - 1])
    opened: dict[int, int] = {}
    finished: set[int] = set()
    for event in events:
        if isinstance(event, ToolOpened):
            assert event.index == opened.get(event.choice, 0)
            opened[event.choice] = event.index + 1
        elif isinstance(event, ToolArgs):
            assert event.index < opened[event.choice]
        elif isinstance(event, Finished):
            assert event.choice not in finished
            finished.add(event.choice)
    assert failures or finished


def ends(source: str, other: str, stream: bytes, *, fast: bool, envelope: Envelope = ENVELOPE) -> Told:
    told = tell(source, other, [stream], fast=fast, envelope=envelope)
    grammar(told.events)
    check = gemini_array if other == "gemini_generate" and envelope is ARRAY else CHECKS[other]
    # A provider's own odd values come back to clients of its own protocol, on whichever lane.
    failed = check(told.data, fast=fast or source == other == "gemini_generate")
    gave_up = any(isinstance(event, Finished) and event.reason == "error" for event in told.events)
    assert failed == (told.fault is not None or gave_up), told.fault
    return told


def check_all(source: str, streams: Iterator[bytes]) -> None:
    """Tell every client; of a few streams too many, each time other ones than the time before."""
    for number, stream in enumerate(streams):
        envelope = (ENVELOPE, HIDING)[number % 2]
        other, fast = source, True
        try:
            lanes = LANES if EVERY == 1 else (LANES[number % 4], LANES[(number + 2 - number // 4 % 2) % 4])
            for other, fast in [*lanes, (source, True)]:
                ends(source, other, stream, fast=fast, envelope=envelope)
            if number % 4 == 0:
                ends(source, "gemini_generate", stream, fast=source == "gemini_generate", envelope=ARRAY)
        except Exception as error:
            error.add_note(f"{number} {other} {'fast' if fast else ''}: {stream!r}")
            raise


@pytest.mark.parametrize(("source", "case"), ALL)
def test_cut(source: str, case: str) -> None:
    check_all(source, cuts(STREAMS[source][case]))


@pytest.mark.parametrize(("source", "case"), ALL)
def test_dropped_repeated_and_exchanged_frames(source: str, case: str) -> None:
    check_all(source, reordered(STREAMS[source][case]))


@pytest.mark.parametrize(("source", "case"), ALL)
def test_broken_framing(source: str, case: str) -> None:
    check_all(source, oddities(STREAMS[source][case]))


@pytest.mark.parametrize(("number", "source", "case"), [(number, *row) for number, row in enumerate(ALL)])
def test_wrong_values(number: int, source: str, case: str) -> None:
    check_all(source, mistyped(STREAMS[source][case], EVERY, number * 7))


@pytest.mark.parametrize(("source", "case"), ALL)
def test_line_ends_comments_and_a_mark_at_the_start_change_nothing(source: str, case: str) -> None:
    stream = STREAMS[source][case].replace(b"\r\n", b"\n")
    frames = frames_of(stream)
    for other, fast in [*LANES, (source, True)]:
        plain = tell(source, other, [stream], fast=fast).data
        for same in (
            stream.replace(b"\n", b"\r\n"),
            stream.replace(b"\n", b"\r"),
            b"\xef\xbb\xbf" + stream,
            b": hello\n\n" + b": more\n\n:\n".join(frames),
            b"id: 7\nretry: 10\n".join([b"", *frames]),
        ):
            assert tell(source, other, [same], fast=fast).data == plain


@fuzz
@given(st.sampled_from(ALL), st.data())
def test_any_cut_and_any_chunking(row: tuple[str, str], data: st.DataObject) -> None:
    source, case = row
    stream = STREAMS[source][case]
    end = data.draw(st.integers(0, len(stream)))
    marks = sorted({0, end, *data.draw(st.lists(st.integers(0, end), max_size=8))})
    chunks = [stream[a:b] for a, b in pairwise(marks)]
    for other, fast in [*LANES, (source, True)]:
        whole = ends(source, other, stream[:end], fast=fast)
        pieces = tell(source, other, chunks, fast=fast)
        assert (pieces.data, pieces.events) == (whole.data, whole.events)


@fuzz
@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=2), st.data())
def test_frames_of_several_streams_mixed_at_will(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    source = rows[0][0]
    frames = [frame for name, case in rows for frame in frames_of(STREAMS[name][case])]
    mixed = data.draw(st.lists(st.sampled_from(frames), max_size=12))
    for other, fast in [*LANES, (source, True)]:
        ends(source, other, b"".join(mixed), fast=fast)


@fuzz
@given(st.sampled_from(ALL), st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), min_size=1, max_size=4))
def test_any_bytes_in_any_place(row: tuple[str, str], damage: list[tuple[int, bytes]]) -> None:
    source, case = row
    stream = STREAMS[source][case]
    for at, patch in damage:
        at %= len(stream)
        stream = stream[:at] + patch + stream[at + len(patch) // 2 :]
    for other, fast in [*LANES, (source, True)]:
        ends(source, other, stream, fast=fast, envelope=HIDING)
    ends(source, "gemini_generate", stream, fast=False, envelope=ARRAY)
