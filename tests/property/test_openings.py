"""A conversation's opening: the same at each of its turns, and the same in every protocol."""

from hypothesis import given, strategies as st
from tests.unit.dialects.conversations import GENERATE, HOLDERS, Body, body, result_turn

from wideband.dialects.base import OPENING_CHARS, Target
from wideband.dialects.openings import ASIDES
from wideband.dialects.registry import DIALECTS
from wideband.wire import jsons

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40).map(lambda t: t + ".")
LONG = TEXT.map(lambda text: text * (OPENING_CHARS // 2))
ASIDE = st.builds(lambda head, text: f"{head} {text}", st.sampled_from(ASIDES), TEXT)
PARTS = st.lists(ASIDE | TEXT | LONG, min_size=1, max_size=3)
dialects = st.sampled_from(GENERATE)


def opening(dialect: str, asked: Body) -> str:
    return DIALECTS[dialect].read(jsons.encode(asked)).opening


@given(
    dialects,
    st.none() | TEXT | LONG,
    PARTS,
    st.lists(st.tuples(TEXT, st.none() | PARTS), max_size=4),
)
def test_every_turn_of_a_growing_conversation_has_the_opening_of_its_first(
    dialect: str, system: str | None, first: list[str], rest: list[tuple[str, list[str] | None]]
) -> None:
    """Each turn is an answer and what the user says to it, or a call and its result where it says nothing."""
    asked = body(dialect, [("user", first)], system)
    begun = opening(dialect, asked)
    assert begun.count("\n") >= 1
    for answer, words in rest:
        if words is None:
            call, result = result_turn(dialect)
            asked[HOLDERS[dialect]] += [*call, *result]
        else:
            asked[HOLDERS[dialect]] += body(dialect, [("assistant", answer), ("user", words)], None)[HOLDERS[dialect]]
        assert opening(dialect, asked) == begun


@given(dialects, TEXT | LONG, TEXT | LONG, st.sampled_from([{"ttl": "1h"}, {}]))
def test_neither_a_mark_nor_the_form_of_a_text_changes_the_opening(
    dialect: str, system: str, words: str, lifetime: dict[str, str]
) -> None:
    """As clients move their cache marks on, a text turns from a string into a part and back."""
    plain = body(dialect, [("user", words)], system)
    parts = body(dialect, [("user", [words])], system)
    if dialect != "gemini_generate":
        part = parts[HOLDERS[dialect]][-1]["content"][0]
        part["cache_control"] = {"type": "ephemeral", **lifetime}
    assert opening(dialect, plain) == opening(dialect, parts) == f"{system[:OPENING_CHARS]}\n{words[:OPENING_CHARS]}"


@given(dialects, dialects, TEXT, TEXT | LONG, TEXT, TEXT)
def test_a_translated_conversation_has_the_same_opening(
    inward: str, outward: str, system: str, first: str, answer: str, last: str
) -> None:
    asked = jsons.encode(body(inward, [("user", first), ("assistant", answer), ("user", last)], system))
    request = DIALECTS[inward].decode_request(asked)
    sent = jsons.decode(DIALECTS[outward].encode_request(request, Target(model="a/b", provider="p")).body)
    ours, theirs = DIALECTS[inward].read(asked), DIALECTS[outward].read(jsons.encode({"model": "a/b", **sent}))
    assert (theirs.opening, theirs.asking) == (ours.opening, ours.asking)
