"""Seals of thinking on their way through clients: only who made one reads it back."""

import pytest

from wideband.canon.events import Event, ReasoningDelta, ReasoningSealed, TextDelta
from wideband.canon.reply import Choice, Reply
from wideband.canon.request import Loss, Message, Reasoning, Request, Text
from wideband.dialects import seals
from wideband.wire import jsons

GEMINI, CLAUDE = "google-gemini-v1", "anthropic-claude-v1"
THOUGHT = Reasoning(text="Hm — é", signature="c2ln", format=CLAUDE, id="r1")


def asked(*parts: Reasoning | Text) -> Request:
    return Request(dialect="openai_chat", model="m", messages=(Message(role="assistant", parts=parts),))


def test_a_tag_comes_off_as_it_went_on() -> None:
    assert seals.untag(seals.tag("a:b@c", "google-vertex")) == ("a:b@c", "google-vertex")
    assert seals.untag("bare") == ("bare", None)
    assert seals.untag("wideband@no-colon") == ("wideband@no-colon", None)


@pytest.mark.parametrize("spelled", [str, lambda text: text.replace("-", "+").replace("_", "/").rstrip("=")])
def test_a_packed_block_comes_out_whole_in_any_base64(spelled: type[str]) -> None:
    assert seals.unpack(spelled(seals.pack(THOUGHT))) == THOUGHT


@pytest.mark.parametrize(
    "text", ["", "c2ln", "d2lkZWJhbmQ6", "d2lkZWJhbmQ6!!", "d2lkZWJhbmQ6e30x", "skip_thought_signature_validator"]
)
def test_what_nobody_packed_is_no_block(text: str) -> None:
    assert seals.unpack(text) in {None, Reasoning()}


def test_the_last_seal_of_a_body_tells_who_has_to_go_on() -> None:
    early, late = seals.tag("s", "openai"), Reasoning(data=seals.tag("t", "google-vertex"), format=GEMINI)
    assert seals.last_provider(jsons.encode([early])) == "openai"
    assert seals.last_provider(jsons.encode([early, seals.pack(late)])) == "google-vertex"
    assert seals.last_provider(jsons.encode([seals.pack(late), early])) == "openai"
    assert seals.last_provider(b'{"messages":[]}') is None
    assert seals.last_provider(b'["wideband@') is None


def test_seals_are_marked_on_the_way_out_but_those_that_others_read_too() -> None:
    events: list[Event] = [
        TextDelta("a"),
        ReasoningDelta("b"),
        ReasoningSealed(data="x", format=GEMINI),
        ReasoningSealed(signature="y", format=CLAUDE),
    ]
    assert seals.tag_events(events, "p") == [
        *events[:2],
        ReasoningSealed(data="wideband@p:x", format=GEMINI),
        events[3],
    ]
    reply = Reply(choices=(Choice(parts=(Reasoning(data="x", format=GEMINI), THOUGHT)),))
    tagged = Reasoning(data="wideband@p:x", format=GEMINI)
    assert seals.tag_reply(reply, "p").choices[0].parts == (tagged, THOUGHT)


def test_a_provider_gets_its_own_seals_bare_and_none_of_others() -> None:
    own = Reasoning(data=seals.tag("x", "p"), format=GEMINI)
    other = Reasoning(data=seals.tag("y", "q"), format=GEMINI)
    untagged = Reasoning(data="z", format=GEMINI)
    request, losses = seals.for_provider(asked(own, other, untagged, Text(text="So.")), "p")
    assert request.messages[0].parts == (Reasoning(data="x", format=GEMINI), untagged, Text(text="So."))
    assert losses == [Loss("reasoning_seal", "1 blocks of another provider's")]


def test_a_turn_of_nothing_but_others_thinking_is_left_out() -> None:
    request, losses = seals.for_provider(asked(Reasoning(data=seals.tag("y", "q"))), "p")
    assert request.messages == ()
    assert [loss.feature for loss in losses] == ["reasoning_seal"]


def test_a_request_without_thinking_is_not_made_anew() -> None:
    request = asked(Text(text="Hi"))
    assert seals.for_provider(request, "p") == (request, [])
