"""Prompts made of a trace's numbers."""

from hypothesis import given, settings, strategies as st

from wideband.canon.request import Text
from wideband.replay.prompts import BLOCK_CHARS, request_for
from wideband.replay.traces import Arrival


def prompt(arrival: Arrival, index: int = 0, model: str = "sandbox/storm") -> str:
    (part,) = request_for(arrival, index, model).messages[0].parts
    assert isinstance(part, Text)
    return part.text


def arrival(prompt_tokens: int, blocks: tuple[int, ...] = (), completion_tokens: int = 9) -> Arrival:
    return Arrival(at_ns=0, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, blocks=blocks)


@given(st.integers(6, 20_000), st.integers(0, 99_999))
@settings(max_examples=50, deadline=None)
def test_a_prompt_has_exactly_its_tokens_and_says_how_long_the_answer_is(tokens: int, index: int) -> None:
    text = prompt(arrival(tokens), index)
    assert len(text) == tokens * 4
    assert text.endswith("[[sandbox tokens=9]]")


def test_a_prompt_too_short_for_its_direction_grows_to_hold_it() -> None:
    assert prompt(arrival(1)) == "[[sandbox tokens=9]]"


def test_real_models_get_no_directions() -> None:
    assert "sandbox" not in prompt(arrival(50), model="openai/gpt-4o")
    assert len(prompt(arrival(1), model="openai/gpt-4o")) == 4


def test_answers_are_capped_at_the_traces_length_and_never_empty() -> None:
    assert request_for(arrival(9), 0, "sandbox/storm").max_tokens == 9
    assert request_for(arrival(9, completion_tokens=0), 0, "sandbox/storm").max_tokens == 1


def test_prompts_of_different_requests_share_no_block() -> None:
    assert prompt(arrival(600), 1)[:BLOCK_CHARS] != prompt(arrival(600), 2)[:BLOCK_CHARS]


def test_equal_leading_blocks_are_equal_leading_text() -> None:
    one, other = prompt(arrival(1500, (0, 1, 2))), prompt(arrival(1500, (0, 1, 9)), 7)
    assert one[: 2 * BLOCK_CHARS] == other[: 2 * BLOCK_CHARS]
    assert one[2 * BLOCK_CHARS :] != other[2 * BLOCK_CHARS :]
    assert len(one) == 6000
