"""The meter: what it counts, what it estimates, and the one record it closes with."""

from typing import Any

import pytest

from wideband.canon.events import (
    Counted,
    Event,
    Finished,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault, FaultKind
from wideband.canon.usage import Usage
from wideband.catalog.rows import Endpoint, Price, Provider, Rates
from wideband.metering.meter import Facts, Meter
from wideband.metering.record import Generation

MS = 1_000_000
BROKE = Fault(kind=FaultKind.PROVIDER_ERROR, message="It broke.")
CUT = Fault(kind=FaultKind.PROVIDER_CUT, message="It was cut.")


def endpoint(slug: str, *, simulated: bool = False) -> Endpoint:
    return Endpoint(
        id=f"id-{slug}",
        provider=Provider(slug=slug, name=slug.title(), dialect="openai_chat", base_url="http://x"),
        model="author/model",
        upstream_model="m",
        tag=slug,
        price=Price(base=Rates()),
        simulated=simulated,
    )


A, B = endpoint("a"), endpoint("b", simulated=True)


def meter(*events: Event) -> Meter:
    made = Meter(0)
    made.try_started(A, 0, 5)
    made.saw(events, 100)
    return made


def facts(usage: Usage, **over: Any) -> Facts:
    fields: dict[str, Any] = {
        "id": "gen-1",
        "created_ns": 7,
        "at_ns": 1000 * MS,
        "account_id": "acc",
        "key_hash": "hash",
        "api_type": "completions",
        "dialect_in": "openai_chat",
        "dialect_out": "anthropic_messages",
        "lane": "translated",
        "requested_model": "alias",
        "streamed": True,
        "status": 200,
        "usage": usage,
    }
    return Facts(**fields | over)


# -- usage ---------------------------------------------------------------------------------------------------------

COUNTED = Usage(prompt_tokens=9, completion_tokens=5, cached_tokens=3, reasoning_tokens=2)


def test_the_providers_counts_are_taken_as_they_are() -> None:
    assert meter(TextDelta("x" * 400), Finished("stop"), Counted(COUNTED)).usage(1000) == COUNTED


def test_counts_that_come_in_parts_are_joined_field_by_field() -> None:
    opening = Usage(prompt_tokens=9, cached_tokens=3, completion_tokens=1)
    made = meter(
        Counted(opening), TextDelta("hello"), Counted(Usage(completion_tokens=5, reasoning_tokens=2)), Finished("stop")
    )
    assert made.usage(1000) == COUNTED


def test_without_counts_everything_that_was_said_is_estimated() -> None:
    made = meter(
        Started(id="up"),
        TextDelta("12345678"),
        ReasoningDelta("1234"),
        RefusalDelta("1234"),
        ToolOpened(index=0, id="t", name="1234"),
        ToolArgs(index=0, fragment="12345"),
        Finished("tool_calls"),
    )
    assert made.usage(42) == Usage(prompt_tokens=11, completion_tokens=7, reasoning_tokens=1, source="estimated")
    assert made.tool_calls == 1


def test_an_answer_that_broke_off_counts_what_was_seen_beside_the_providers_prompt() -> None:
    made = meter(Counted(Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=1)), TextDelta("x" * 80))
    assert made.usage(1000) == Usage(prompt_tokens=9, cached_tokens=4, completion_tokens=20, source="estimated")


def test_an_answer_that_broke_off_keeps_running_counts_that_are_ahead_of_the_estimate() -> None:
    running = Usage(prompt_tokens=9, completion_tokens=30)
    assert meter(Counted(running), TextDelta("x" * 80)).usage(1000) == running


def test_a_provider_that_counts_nothing_of_what_it_said_is_not_believed() -> None:
    made = meter(TextDelta("x" * 80), Finished("stop"), Counted(Usage(prompt_tokens=9)))
    assert made.usage(1000) == Usage(prompt_tokens=9, completion_tokens=20, source="estimated")


def test_a_provider_that_counts_only_its_answer_gets_the_prompt_estimated() -> None:
    made = meter(TextDelta("x" * 80), Finished("stop"), Counted(Usage(completion_tokens=30, reasoning_tokens=4)))
    assert made.usage(40) == Usage(prompt_tokens=10, completion_tokens=30, reasoning_tokens=4, source="estimated")


@pytest.mark.parametrize("events", [(), (Started(id="x"),)])
def test_a_try_of_which_nothing_came_used_nothing(events: tuple[Event, ...]) -> None:
    assert meter(*events).usage(4000) == Usage(source="estimated")


def test_a_prompt_that_was_counted_is_charged_even_if_nothing_else_came() -> None:
    counted = Usage(prompt_tokens=9, completion_tokens=1)
    assert meter(Counted(counted)).usage(4000) == counted


def test_a_failed_trys_words_and_counts_are_forgotten() -> None:
    made = meter(TextDelta("x" * 80), Counted(COUNTED), ToolOpened(index=0, id="t", name="f"), Finished("stop"))
    made.try_ended(BROKE, 200)
    made.try_started(B, 300, 6)
    assert made.usage(1000) == Usage(source="estimated")
    assert (made.tool_calls, made.finish_reason, made.ttft_ns, made.generation_ns) == (0, None, None, None)


# -- times ---------------------------------------------------------------------------------------------------------


def test_the_first_meaningful_event_ends_the_wait() -> None:
    made = Meter(0)
    made.try_started(A, 10, 0)
    seen = []
    told: list[tuple[int, list[Event]]] = [
        (20, [Started()]),
        (40, [Counted(COUNTED), OpaqueDelta(dialect="d", kind="k", raw=1)]),
        (90, [TextDelta("x")]),
        (100, [Finished("stop")]),
    ]
    for at_ns, events in told:
        made.saw(events, at_ns)
        seen.append((made.ttft_ns, made.generation_ns, made.finish_reason))
    assert seen == [(None, None, None), (30, 0, None), (30, 50, None), (30, 60, "stop")]


# -- the record ----------------------------------------------------------------------------------------------------


def served_record(**over: Any) -> Generation:
    made = Meter(0)
    made.try_started(A, 10 * MS, 1010)
    made.headers(503, 20 * MS)
    made.try_ended(BROKE, 30 * MS)
    made.try_started(B, 40 * MS, 1040)
    made.headers(200, 60 * MS)
    made.saw([Started(id="up-2"), TextDelta("hi"), ToolOpened(index=0, id="t", name="f")], 140 * MS)
    made.saw([Finished("tool_calls", native="tool_use"), Counted(COUNTED)], 440 * MS)
    usage = made.usage(10)
    return made.close(facts(usage, served=B, cost_nano=11, rates={"prompt": 3}, losses=("seed",), user="u", **over))


def test_the_record_of_an_answer_after_a_failed_try() -> None:
    made = served_record()
    assert (made.provider, made.provider_name, made.endpoint_id, made.simulated) == ("b", "B", "id-b", True)
    assert (made.model, made.requested_model, made.upstream_id) == ("author/model", "alias", "up-2")
    assert (made.finish_reason, made.native_finish_reason, made.tool_calls) == ("tool_calls", "tool_use", 1)
    assert (made.latency_ms, made.ttft_ms, made.generation_ms, made.duration_ms) == (140, 100, 300, 1000)
    assert (made.prompt_tokens, made.completion_tokens, made.cached_tokens, made.reasoning_tokens) == (9, 5, 3, 2)
    assert (made.usage_source, made.cost_nano, made.rates, made.losses, made.user) == (
        "provider",
        11,
        {"prompt": 3},
        ("seed",),
        "u",
    )
    assert (made.fault, made.fault_message, made.status, made.cancelled) == (None, None, 200, False)


def test_the_record_tells_every_try() -> None:
    first, second = served_record().tries
    assert (first.provider, first.status, first.fault, first.message) == ("a", 503, "provider_error", "It broke.")
    assert (first.counted_as_down, first.started_ns, first.headers_ms, first.ttft_ms) == (True, 1010, 10, None)
    assert (first.duration_ms, second.duration_ms) == (20, 960)
    assert (second.status, second.fault, second.headers_ms, second.ttft_ms, second.upstream_id) == (
        200,
        None,
        20,
        100,
        "up-2",
    )


def test_an_answer_cut_in_the_middle_is_served_and_faulty() -> None:
    made = served_record(fault=CUT, status=200)
    assert (made.provider, made.fault, made.fault_message) == ("b", "provider_cut", "It was cut.")
    assert (made.tries[-1].fault, made.tries[-1].counted_as_down) == ("provider_cut", True)


def test_a_request_that_nobody_served_has_a_record_without_a_provider() -> None:
    made = Meter(0)
    made.try_started(A, 0, 0)
    made.saw([Started(id="up"), TextDelta("held back")], 5)
    made.try_ended(BROKE, 10)
    record = made.close(facts(Usage(source="estimated"), status=502, fault=BROKE))
    assert (record.provider, record.endpoint_id, record.upstream_id, record.finish_reason) == (None, None, None, None)
    assert (record.ttft_ms, record.latency_ms, record.generation_ms, record.tool_calls) == (None, None, None, 0)
    assert (record.fault, record.status, len(record.tries)) == ("provider_error", 502, 1)


def test_a_request_without_a_try_has_a_record_too() -> None:
    record = Meter(0).close(facts(Usage(), status=402, fault=Fault(kind=FaultKind.PAYMENT_REQUIRED, message="Pay.")))
    assert (record.tries, record.provider, record.duration_ms) == ((), None, 1000)


def test_waits_of_seconds_after_the_first_token_are_stalls() -> None:
    counting = Meter(0)
    counting.try_started(A, 0, 0)
    second = 1_000_000_000
    for at in (5, 6.9, 8.9, 10, 15):
        counting.saw([TextDelta("x")], int(at * second))
    assert counting.stalls == 2
    counting.kept_waiting(3 * second)
    counting.saw([TextDelta("x")], 19 * second)
    assert counting.stalls == 2
    counting.try_started(A, 20 * second, 0)
    assert counting.stalls == 0
