"""What the client's side makes of one answer."""

from typing import Any

import pytest

from wideband.canon.events import Counted, Event, Failed, Finished, ReasoningDelta, Started, TextDelta
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.usage import Usage
from wideband.clock import monotonic_ns
from wideband.replay.prompts import request_for
from wideband.replay.tally import Result
from wideband.replay.traces import Arrival
from wideband.replay.watch import Watch

OPENED = Started(id="gen-1")
WORDS = TextDelta("four" * 5)
END = Finished("stop")
COUNT = Counted(Usage(prompt_tokens=30, completion_tokens=5))


def judged(*events: Event, model: str = "sandbox/storm", **options: Any) -> Result:
    arrival = Arrival(at_ns=0, prompt_tokens=30, completion_tokens=5)
    watch = Watch(request_for(arrival, 0, model), monotonic_ns() - 2_000_000)
    for event in events:
        watch.see(event)
    return watch.result(is_streamed=options.get("is_streamed", True))


def test_a_whole_answer_is_no_fault() -> None:
    result = judged(OPENED, WORDS, END, COUNT)
    assert result.fault is None
    assert (result.generation_id, result.prompt_tokens, result.completion_tokens) == ("gen-1", 30, 5)
    assert result.ttft_ms is not None
    assert result.late_ms >= 2.0


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ((OPENED, WORDS, COUNT), "unfinished"),
        ((OPENED, WORDS, END), "uncounted"),
        ((OPENED, WORDS, Finished("error"), COUNT), "unfinished"),
        ((OPENED, TextDelta("four" * 4), END, COUNT), "wrong_length"),
        ((OPENED, WORDS, WORDS, END, COUNT), "wrong_length"),
        ((OPENED, WORDS, Failed(Fault(kind=FaultKind.PROVIDER_CUT, message="cut"))), "provider_cut"),
        ((), "unfinished"),
    ],
)
def test_an_answer_that_is_not_whole_failed(events: tuple[Event, ...], fault: str) -> None:
    assert judged(*events).fault == fault


def test_thoughts_count_as_words() -> None:
    assert judged(OPENED, ReasoningDelta("four" * 2), TextDelta("four" * 3), END, COUNT).fault is None


def test_real_models_may_say_less() -> None:
    assert judged(OPENED, TextDelta("Hi"), END, COUNT, model="openai/gpt-4o").fault is None


def test_speed_is_measured_from_the_second_delivery_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = iter([0, 100_000_000, 600_000_000, 600_000_000])
    monkeypatch.setattr("wideband.replay.watch.monotonic_ns", lambda: next(now_ns))
    result = judged(OPENED, TextDelta("four"), TextDelta("four" * 4), END, COUNT)
    assert result.ttft_ms == 100.0
    assert result.tokens_per_s == 8.0


def test_words_that_come_in_one_burst_have_no_speed() -> None:
    assert judged(OPENED, TextDelta("four"), TextDelta("four" * 4), END, COUNT).tokens_per_s is None


def test_an_answer_in_one_piece_has_no_times() -> None:
    result = judged(OPENED, WORDS, END, COUNT, is_streamed=False)
    assert result.fault is None
    assert result.ttft_ms is result.tokens_per_s is None
