"""One modelled provider: what becomes of a try there."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.unit.simulate.worlds import provider

from wideband.canon.faults import FaultKind
from wideband.simulate.providers import Answer, Staff
from wideband.simulate.rows import Breaks, Cache, Capacity, Modelled, Outage, Peak
from wideband.simulate.traffic import DAY_NS, SECOND_NS, Conversation, Turn

DEADLINE_NS = 60 * SECOND_NS


def turn(
    prompt: int = 2000, output: int = 101, luck: float = 0.5, hit: float = 0.5, *, calls_tools: bool = False
) -> Turn:
    return Turn(prompt, output, 0, calls_tools, luck, hit, 0.0, 0.0, 1)


def talk(*turns: Turn, number: int = 1) -> Conversation:
    return Conversation(number, DAY_NS, turns or (turn(),))


def staff(**over: Any) -> Staff:
    plain: dict[str, Any] = {"ttft_s": 0.5, "tokens_per_s": 100.0, "prefill_tokens_per_s": 10_000.0}
    return Staff(provider("one", **plain | over), DAY_NS, 24.0, 1)


def ask(one: Staff, what: Conversation | None = None, at_s: float = 0.0, *, again: bool = False) -> Answer:
    now_ns = DAY_NS + int(at_s * SECOND_NS)
    return one.ask(what or talk(), now_ns, DEADLINE_NS, Random(1), again=again)


def kind(answer: Answer) -> FaultKind | None:
    return None if answer.fault is None else answer.fault.kind


def test_an_answer_takes_its_first_token_its_prompt_and_its_length() -> None:
    answer = ask(staff())
    assert answer.fault is None
    assert answer.first_ns == pytest.approx(0.7 * SECOND_NS)
    assert answer.ends_ns == pytest.approx(1.7 * SECOND_NS)
    assert answer.tokens == 101


def test_peak_hours_make_everything_slower() -> None:
    one = staff(peaks=(Peak(from_hour=22, to_hour=2, factor=2.0),))
    slow, usual = ask(one, at_s=1800), ask(one, at_s=2 * 3600)
    assert slow.first_ns == pytest.approx(2 * (usual.first_ns or 0))
    assert slow.ends_ns == pytest.approx(2 * usual.ends_ns)


def test_a_peak_from_midnight_to_midnight_lasts_all_day() -> None:
    one = staff(peaks=(Peak(from_hour=0, to_hour=24, factor=2.0),))
    (ends_ns,) = {ask(one, at_s=hour * 3600).ends_ns for hour in range(24)}
    assert ends_ns == pytest.approx(2 * ask(staff()).ends_ns)


@pytest.mark.parametrize(
    ("word", "expected", "seconds"),
    [
        ("500", FaultKind.PROVIDER_ERROR, 0.15),
        ("503", FaultKind.PROVIDER_OVERLOADED, 0.15),
        ("reset", FaultKind.PROVIDER_UNREACHABLE, 0.15),
        ("garbage", FaultKind.PROVIDER_GARBLED, 0.15),
        ("429", FaultKind.PROVIDER_RATE_LIMITED, 0.15),
        ("hang", FaultKind.PROVIDER_TIMEOUT, 60),
    ],
)
def test_what_fails_before_the_first_token_reaches_nobody(word: str, expected: FaultKind, seconds: float) -> None:
    answer = ask(staff(faults={word: 1.0}))
    assert kind(answer) is expected
    assert answer.first_ns is None
    assert answer.ends_ns == pytest.approx(seconds * SECOND_NS)


def test_a_cut_comes_midway_and_reaches_the_client() -> None:
    answer = ask(staff(faults={"cut_late": 1.0}))
    assert kind(answer) is FaultKind.PROVIDER_CUT
    assert answer.first_ns == pytest.approx(0.7 * SECOND_NS)
    assert answer.ends_ns == pytest.approx(1.2 * SECOND_NS)
    assert answer.tokens == 50
    assert ask(staff(faults={"cut_late": 1.0}), talk(turn(output=1))).tokens == 1


def test_a_cut_answer_gives_its_place_free_when_it_breaks_off() -> None:
    one = staff(faults={"cut_late": 0.5}, capacity=Capacity(concurrent=1))
    assert kind(ask(one, talk(turn(luck=0.1)))) is FaultKind.PROVIDER_CUT
    assert kind(ask(one, at_s=1.1)) is FaultKind.PROVIDER_RATE_LIMITED
    assert ask(one, at_s=1.3).fault is None


def test_luck_decides_by_shares_and_each_try_after_the_first_has_its_own() -> None:
    one = staff(faults={"500": 0.2, "429": 0.3})
    assert [kind(ask(one, talk(turn(luck=luck)))) for luck in (0.1, 0.3, 0.6)] == [
        FaultKind.PROVIDER_ERROR,
        FaultKind.PROVIDER_RATE_LIMITED,
        None,
    ]
    draw = Random(7)
    again = [one.ask(talk(turn(luck=0.0)), DAY_NS, DEADLINE_NS, draw, again=True) for _ in range(2000)]
    assert sum(kind(each) is FaultKind.PROVIDER_ERROR for each in again) == pytest.approx(400, rel=0.15)


def test_only_who_tells_says_when_to_come_back() -> None:
    silent, telling = ask(staff(faults={"429": 1.0})), ask(staff(faults={"429": 1.0}, retry_after_s=7.0))
    assert silent.fault is not None
    assert telling.fault is not None
    assert (silent.fault.retry_after_s, telling.fault.retry_after_s) == (None, 7.0)


def test_an_outage_fails_its_share_of_tries_while_it_lasts() -> None:
    one = staff(outages=(Outage(at_s=100, for_s=50, fault="503", share=0.6),))
    at = [(99, 0.1), (100, 0.1), (149, 0.59), (149, 0.7), (150, 0.1)]
    down = FaultKind.PROVIDER_OVERLOADED
    assert [kind(ask(one, talk(turn(luck=luck)), at_s=s)) for s, luck in at] == [None, down, down, None, None]


def test_a_slow_outage_only_makes_slower() -> None:
    one = staff(outages=(Outage(at_s=100, for_s=50, share=0.0, slower=3.0),))
    before, within = ask(one, at_s=99), ask(one, at_s=101)
    assert within.fault is None
    assert within.ends_ns == pytest.approx(3 * before.ends_ns)


def test_outages_by_chance_come_as_often_and_last_as_long_as_said() -> None:
    row = Modelled(name="one", price=provider("one").price, breaks=Breaks(every_s=300, for_s=60))
    outages = Staff(row, DAY_NS, 24 * 30, 3).outages
    lengths = [(end - begin) / SECOND_NS for begin, end, _ in outages]
    assert sum(lengths) / len(lengths) == pytest.approx(60, rel=0.1)
    assert 24 * 30 * 3600 / len(lengths) == pytest.approx(360, rel=0.1)
    assert all(end <= begin for (_, end, _), (begin, _, _) in pairwise(outages))
    assert Staff(row, DAY_NS, 24 * 30, 3).outages == outages
    assert Staff(row, DAY_NS, 24 * 30, 4).outages != outages


def test_who_refuses_answers_429_beyond_its_places_and_takes_more_when_one_is_free() -> None:
    one = staff(capacity=Capacity(concurrent=2, retry_after_s=3.0))
    answers = [ask(one), ask(one), ask(one)]
    assert [kind(each) for each in answers] == [None, None, FaultKind.PROVIDER_RATE_LIMITED]
    assert answers[2].fault is not None
    assert answers[2].fault.retry_after_s == 3.0
    assert ask(one, at_s=1.8).fault is None


def test_who_queues_makes_wait_until_a_place_is_free() -> None:
    one = staff(capacity=Capacity(concurrent=1, over="queue"))
    first, second, third = ask(one), ask(one), ask(one)
    assert second.first_ns == pytest.approx(first.ends_ns + (first.first_ns or 0))
    assert third.first_ns == pytest.approx(2 * first.ends_ns + (first.first_ns or 0))


def test_who_would_wait_beyond_the_deadline_gives_up_and_takes_no_place() -> None:
    one = staff(capacity=Capacity(concurrent=1, over="queue"))
    waits = [ask(one) for _ in range(40)]
    late = [each for each in waits if kind(each) is FaultKind.PROVIDER_TIMEOUT]
    assert 0 < len(late) < 40
    assert {each.ends_ns for each in late} == {DEADLINE_NS}
    assert ask(one, at_s=61).fault is None


def test_a_limit_by_the_second_lets_so_many_in_each_second() -> None:
    one = staff(capacity=Capacity(requests_per_s=5))
    taken = sum(ask(one, at_s=at / 20).fault is None for at in range(200))
    assert taken == 50


def test_a_conversation_is_read_from_the_cache_in_whole_blocks_while_it_lasts() -> None:
    one = staff(cache=Cache(lifetime_s=30, min_tokens=1024, block_tokens=128, hit=1.0))
    grows = talk(turn(2000), turn(2500), turn(3000))
    assert ask(one, grows).cached_tokens == 0
    grows.at = 1
    warm = ask(one, grows, at_s=20)
    assert warm.cached_tokens == 1920
    assert warm.first_ns == pytest.approx((0.5 + 580 / 10_000) * SECOND_NS)
    grows.at = 2
    assert ask(one, grows, at_s=20 + 30 + 1.6).cached_tokens == 0


def test_short_prompts_others_and_forgotten_ones_are_not_cached() -> None:
    one = staff(cache=Cache(lifetime_s=300, hit=1.0))
    short, long = talk(turn(1000), turn(1000), number=1), talk(turn(2000), turn(2000), number=2)
    for each in (short, long):
        ask(one, each)
    assert ask(one, short, at_s=1).cached_tokens == 0
    assert ask(one, talk(turn(2000), number=3), at_s=1).cached_tokens == 0
    assert ask(one, long, at_s=1).cached_tokens == 1920
    one.forget(long)
    assert ask(one, long, at_s=2).cached_tokens == 0


def test_what_is_new_in_the_cache_is_written_and_the_last_turn_leaves_no_trace() -> None:
    one = staff(cache=Cache(hit=1.0))
    grows = talk(turn(2000), turn(2500))
    assert ask(one, grows).written_tokens == 1920
    grows.at = 1
    last = ask(one, grows, at_s=5)
    assert (last.cached_tokens, last.written_tokens) == (1920, 2432 - 1920)
    assert ask(one, grows, at_s=10).cached_tokens == 1920
    assert ask(one, talk(turn(1000))).written_tokens == 0
    assert ask(staff(), talk(turn(2000), turn(2500))).written_tokens == 0


def test_whether_a_first_try_finds_what_is_cached_is_drawn_with_the_request_and_later_ones_draw_anew() -> None:
    one = staff(cache=Cache(hit=0.7))
    talks = talk(turn(), *(turn(hit=hit / 10) for hit in range(10)), turn())
    ask(one, talks)
    found = 0
    for talks.at in range(1, 11):
        found += ask(one, talks, at_s=talks.at).cached_tokens > 0
    assert found == 7
    draw, talks.at = Random(3), 1
    again = [one.ask(talks, DAY_NS + 20 * SECOND_NS, DEADLINE_NS, draw, again=True) for _ in range(500)]
    assert sum(each.cached_tokens > 0 for each in again) == pytest.approx(350, rel=0.1)


def test_the_planner_is_told_how_long_a_provider_keeps_prompts() -> None:
    assert staff().endpoint.cache_ttl_s is None
    assert staff(cache=Cache(lifetime_s=20)).endpoint.cache_ttl_s == 20


def test_tool_calls_go_wrong_as_often_as_said_and_only_where_there_are_any() -> None:
    one = staff(bad_tool_calls=0.25)
    lucks = [at / 100 for at in range(100)]
    assert sum(ask(one, talk(turn(luck=luck, calls_tools=True))).bad_call for luck in lucks) == 25
    assert not any(ask(one, talk(turn(luck=luck))).bad_call for luck in lucks)
