"""What each protocol's `read` says of a conversation: how it begins, what was asked last, how long it is kept."""

from typing import Any

import pytest
from tests.unit.dialects.conversations import GENERATE, HOLDERS, Body, body, result_turn

from wideband.dialects import openings
from wideband.dialects.base import OPENING_CHARS, Ask
from wideband.dialects.registry import DIALECTS
from wideband.wire import jsons


def read(dialect: str, asked: Body) -> Ask:
    return DIALECTS[dialect].read(jsons.encode(asked))


each_dialect = pytest.mark.parametrize("dialect", GENERATE)


@each_dialect
def test_a_conversation_begins_with_its_system_text_and_first_words_in_every_protocol(dialect: str) -> None:
    asked = body(dialect, [("user", "What is 2+2?"), ("assistant", "4"), ("user", "And 3+3?")])
    ask = read(dialect, asked)
    assert (ask.opening, ask.asking) == ("Be brief.\nWhat is 2+2?", "And 3+3?")


@each_dialect
def test_without_a_system_text_its_place_stays_empty(dialect: str) -> None:
    assert read(dialect, body(dialect, [("user", "Hi")], system=None)).opening == "\nHi"


@each_dialect
def test_long_texts_are_cut(dialect: str) -> None:
    ask = read(dialect, body(dialect, [("user", "u" * 5000)], system="s" * 5000))
    assert ask.opening == "s" * OPENING_CHARS + "\n" + "u" * OPENING_CHARS
    assert ask.asking == "u" * OPENING_CHARS


@each_dialect
def test_results_of_tools_are_no_words_of_the_users(dialect: str) -> None:
    asked = body(dialect, [("user", "Look at it")])
    call, result = result_turn(dialect)
    asked[HOLDERS[dialect]] += [*call, *result]
    ask = read(dialect, asked)
    assert (ask.opening, ask.asking) == ("Be brief.\nLook at it", "Look at it")


@each_dialect
@pytest.mark.parametrize("aside", openings.ASIDES)
def test_what_a_client_puts_beside_the_words_is_passed_over(dialect: str, aside: str) -> None:
    asked = body(dialect, [("user", [f"{aside} 1 May", "Fix it"]), ("assistant", "Done"), ("user", [f"{aside} 2 May"])])
    ask = read(dialect, asked)
    assert (ask.opening, ask.asking) == ("Be brief.\nFix it", "Fix it")


@each_dialect
def test_an_aside_alone_counts_as_words(dialect: str) -> None:
    ask = read(dialect, body(dialect, [("user", "<system-reminder>It is late.")]))
    assert ask.opening == "Be brief.\n<system-reminder>It is late."
    assert ask.asking == "<system-reminder>It is late."


@each_dialect
def test_words_that_come_after_the_first_answer_are_no_beginning(dialect: str) -> None:
    """A conversation that began with an image alone keeps its opening when words come later."""
    images: dict[str, Any] = {
        "openai_chat": {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
        "openai_responses": {"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]},
        "anthropic_messages": {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}],
        },
        "gemini_generate": {"role": "user", "parts": [{"fileData": {"fileUri": "https://x/y.png"}}]},
    }
    first = body(dialect, [])
    first[HOLDERS[dialect]].append(images[dialect])
    later = body(dialect, [("assistant", "A cat."), ("user", "Which one?")])
    at = 1 if dialect == "openai_chat" else 0
    later[HOLDERS[dialect]].insert(at, images[dialect])
    assert read(dialect, first).opening == read(dialect, later).opening == "Be brief.\n"
    assert read(dialect, later).asking == "Which one?"


def test_the_billing_header_and_moving_marks_of_claude_code_leave_the_opening_as_it_is() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}

    def turn(version: str, *words: Any) -> Ask:
        system = [
            {"type": "text", "text": f"x-anthropic-billing-header: cc_version={version}"},
            {"type": "text", "text": "You are Claude Code.", **mark},
            {"type": "text", "text": f"Today is {version}.", **mark},
        ]
        return read("anthropic_messages", body("anthropic_messages", [], None) | {"system": system, "messages": words})

    reminder = {"type": "text", "text": "<system-reminder>Today is 1 May</system-reminder>"}
    first = {"role": "user", "content": [reminder, {"type": "text", "text": "Mend the gate", **mark}]}
    again = {"role": "user", "content": "Mend the gate"}
    opening = "You are Claude Code.\nMend the gate"
    assert turn("1", first).opening == opening
    assert turn("2", again, {"role": "system", "content": "Be kind."}).opening == opening
    more = {"role": "assistant", "content": "How?"}, {"role": "user", "content": [{"type": "text", "text": "Well."}]}
    assert turn("3", again, *more).opening == opening


def test_the_developer_message_of_codex_is_its_system_text_and_its_surroundings_are_passed_over() -> None:
    items = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "You are Codex."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>/home"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Mend the gate"}]},
    ]
    asked = {"model": "a/b", "input": items, "prompt_cache_key": "thread-7"}
    ask = read("openai_responses", asked)
    assert (ask.opening, ask.cache_key) == ("You are Codex.\nMend the gate", "thread-7")


def test_plain_inputs_and_prompts_are_what_was_asked() -> None:
    for dialect, asked in (
        ("openai_responses", {"model": "a/b", "input": "Hi"}),
        ("openai_chat", {"model": "a/b", "prompt": "Hi"}),
        ("openai_completions", {"model": "a/b", "prompt": "Hi"}),
        ("gemini_generate", {"model": "a/b", "contents": "Hi"}),
        ("gemini_generate", {"model": "a/b", "contents": {"parts": "Hi"}}),
    ):
        ask = read(dialect, asked)
        assert (ask.opening, ask.asking) == ("\nHi", "Hi"), (dialect, asked)
    assert read("openai_completions", {"model": "a/b", "prompt": [1, 2]}).opening == "\n"


def test_a_system_instruction_that_cannot_be_read_is_left_to_its_reader() -> None:
    asked = body("gemini_generate", [("user", "Hi")], None, systemInstruction={"parts": 7})
    assert read("gemini_generate", asked).opening == "\nHi"


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_the_cache_key_is_the_callers(dialect: str) -> None:
    assert read(dialect, body(dialect, [("user", "Hi")], prompt_cache_key="k1")).cache_key == "k1"
    assert read(dialect, body(dialect, [("user", "Hi")])).cache_key is None


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({}, None),
        ({"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}}, 1800),
        ({"prompt_cache_options": {"ttl": "12h"}}, 43_200),
        ({"prompt_cache_options": {"mode": "explicit"}}, None),
        ({"prompt_cache_options": None}, None),
        ({"prompt_cache_retention": "24h"}, 86_400),
        ({"prompt_cache_retention": "in_memory"}, 300),
        ({"prompt_cache_retention": "for ever"}, None),
        ({"prompt_cache_retention": "999999d"}, 86_400),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3600),
        ({"cache_control": {"type": "ephemeral"}}, 300),
        ({"cache_control": None}, None),
        ({"cache_control": {"ttl": "1h"}, "prompt_cache_retention": "24h"}, 86_400),
    ],
)
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_the_longest_lifetime_asked_for_counts(dialect: str, more: Body, seconds: int | None) -> None:
    assert read(dialect, body(dialect, [("user", "Hi")], **more)).cache_ttl_s == seconds


HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
FIVE = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


@pytest.mark.parametrize(
    ("dialect", "asked"),
    [
        (
            "anthropic_messages",
            {"system": [{"type": "text", "text": "S", **HOUR}], "messages": [{"role": "user", "content": "Hi"}]},
        ),
        (
            "anthropic_messages",
            {
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **HOUR}]}],
                "tools": [{"name": "t", "input_schema": {}, **FIVE}],
            },
        ),
        (
            "anthropic_messages",
            {
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **FIVE}]}],
                "tools": [{"name": "t", "input_schema": {}, **HOUR}],
            },
        ),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", **HOUR}]}]}),
        (
            "openai_chat",
            {
                "messages": [{"role": "user", "content": "Hi"}],
                "tools": [{"type": "function", "function": {"name": "t"}, **HOUR}],
            },
        ),
        ("openai_responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi", **HOUR}]}]}),
        ("openai_responses", {"input": "Hi", "tools": [{"type": "function", "name": "t", **HOUR}]}),
    ],
)
def test_marks_are_found_wherever_they_stand(dialect: str, asked: Body) -> None:
    assert read(dialect, {"model": "a/b", "max_tokens": 9, **asked}).cache_ttl_s == 3600


@pytest.mark.parametrize(
    ("dialect", "more", "tier"),
    [
        ("openai_chat", {"service_tier": "flex"}, "flex"),
        ("openai_responses", {"service_tier": "priority"}, "priority"),
        ("anthropic_messages", {"service_tier": "standard_only"}, "standard_only"),
        ("gemini_generate", {"serviceTier": "SERVICE_TIER_FLEX"}, "flex"),
        ("gemini_generate", {"service_tier": "priority"}, "priority"),
        ("openai_chat", {"service_tier": None}, None),
        ("gemini_generate", {}, None),
    ],
)
def test_the_class_of_service_is_what_was_sent(dialect: str, more: Body, tier: str | None) -> None:
    assert read(dialect, body(dialect, [("user", "Hi")], **more)).service_tier == tier
